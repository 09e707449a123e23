"""Frozen answers: what every command returns, whoever asked. Most are loaded when first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dbadmin.results.base import DatabaseInfo, Finding, Record, Result, Severity
from dbadmin.results.levels import LEVELS, bad_news, level_named
from dbadmin.results.status import (
    Candidate,
    Drift,
    Revision,
    State,
    Status,
    UnknownRevision,
    ancestors,
    loose,
    upgrade_target,
)

if TYPE_CHECKING:
    from dbadmin.results.backups import BackupProof, BackupReport, RestoreReport, TableProof
    from dbadmin.results.diagram import Diagram, DiagramColumn, DiagramRelation, DiagramTable
    from dbadmin.results.health import CheckInfo, CheckList, CheckRun, HealthFinding, Inspection
    from dbadmin.results.notebooks import Notebooks
    from dbadmin.results.plans import PlanStep, QueryPlan
    from dbadmin.results.review import Review, ReviewedRevision, ReviewFinding, RuleInfo, RuleList
    from dbadmin.results.rollback import (
        AfterUpgrade,
        Compared,
        CopyInfo,
        EachRevision,
        Excluded,
        Lock,
        Phase,
        Plan,
        RollbackFinding,
        RollbackPlan,
        RollbackReport,
        Scripts,
        Source,
        Step,
        Timings,
        Verdict,
        Versions,
    )
    from dbadmin.results.setup import Copies, Demo, Doctor, DoctorCheck, Init, PrivateCopy
    from dbadmin.results.tables import (
        Column,
        ColumnInfo,
        ConstraintInfo,
        Counts,
        IndexInfo,
        ModelInfo,
        Models,
        Relation,
        Rows,
        RowSets,
        TableCount,
        TableDescription,
        TableInfo,
        Tables,
    )

_LATER = {
    "backups": ("BackupProof", "BackupReport", "RestoreReport", "TableProof"),
    "diagram": ("Diagram", "DiagramColumn", "DiagramRelation", "DiagramTable"),
    "health": ("CheckInfo", "CheckList", "CheckRun", "HealthFinding", "Inspection"),
    "notebooks": ("Notebooks",),
    "plans": ("PlanStep", "QueryPlan"),
    "review": ("Review", "ReviewFinding", "ReviewedRevision", "RuleInfo", "RuleList"),
    "rollback": (
        "AfterUpgrade", "Compared", "CopyInfo", "EachRevision", "Excluded", "Lock", "Phase", "Plan", "RollbackFinding",
        "RollbackPlan", "RollbackReport", "Scripts", "Source", "Step", "Timings", "Verdict", "Versions",
    ),
    "setup": ("Copies", "Demo", "Doctor", "DoctorCheck", "Init", "PrivateCopy"),
    "tables": (
        "Column", "ColumnInfo", "ConstraintInfo", "Counts", "IndexInfo", "ModelInfo", "Models", "Relation", "Rows",
        "RowSets", "TableCount", "TableDescription", "TableInfo", "Tables",
    ),
}  # fmt: skip
"""Modules of this package whose records take a while to make, each with the names that it is loaded for."""


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            found = getattr(import_module(f"dbadmin.results.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'dbadmin.results' has no attribute {name!r}")


__all__ = [
    "LEVELS", "AfterUpgrade", "BackupProof", "BackupReport", "Candidate", "CheckInfo", "CheckList", "CheckRun",
    "Column", "ColumnInfo", "Compared", "ConstraintInfo", "Copies", "CopyInfo", "Counts", "DatabaseInfo", "Demo",
    "Diagram", "DiagramColumn", "DiagramRelation", "DiagramTable", "Doctor", "DoctorCheck", "Drift", "EachRevision",
    "Excluded", "Finding", "HealthFinding", "IndexInfo", "Init", "Inspection", "Lock", "ModelInfo", "Models",
    "Notebooks", "Phase", "Plan", "PlanStep", "PrivateCopy", "QueryPlan", "Record", "Relation", "RestoreReport",
    "Result", "Review", "ReviewFinding", "ReviewedRevision", "Revision", "RollbackFinding", "RollbackPlan",
    "RollbackReport", "RowSets", "Rows", "RuleInfo", "RuleList", "Scripts", "Severity", "Source", "State", "Status",
    "Step", "TableCount", "TableDescription", "TableInfo", "TableProof", "Tables", "Timings", "UnknownRevision",
    "Verdict", "Versions", "ancestors", "bad_news", "level_named", "loose", "upgrade_target",
]  # fmt: skip
