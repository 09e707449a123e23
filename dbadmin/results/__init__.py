"""Frozen answers: what every command returns, whoever asked."""

from dbadmin.results.backups import BackupProof, BackupReport, RestoreReport, TableProof
from dbadmin.results.base import DatabaseInfo, Finding, Record, Result, Severity
from dbadmin.results.diagram import Diagram, DiagramColumn, DiagramRelation, DiagramTable
from dbadmin.results.health import LEVELS, CheckInfo, CheckList, CheckRun, HealthFinding, Inspection
from dbadmin.results.notebooks import Notebooks
from dbadmin.results.plans import PlanStep, QueryPlan
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
from dbadmin.results.status import (
    Copies,
    Demo,
    Doctor,
    DoctorCheck,
    Drift,
    Init,
    PrivateCopy,
    Revision,
    State,
    Status,
    UnknownRevision,
)
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

__all__ = [
    "LEVELS", "AfterUpgrade", "BackupProof", "BackupReport", "CheckInfo", "CheckList", "CheckRun", "Column",
    "ColumnInfo", "Compared", "ConstraintInfo", "Copies", "CopyInfo", "Counts", "DatabaseInfo", "Demo", "Diagram",
    "DiagramColumn", "DiagramRelation", "DiagramTable", "Doctor", "DoctorCheck", "Drift", "EachRevision", "Excluded",
    "Finding", "HealthFinding", "IndexInfo", "Init", "Inspection", "Lock", "ModelInfo", "Models", "Notebooks",
    "Phase", "Plan", "PlanStep", "PrivateCopy", "QueryPlan", "Record", "Relation", "RestoreReport", "Result",
    "Revision", "RollbackFinding", "RollbackPlan", "RollbackReport", "RowSets", "Rows", "Scripts", "Severity",
    "Source", "State", "Status", "Step", "TableCount", "TableDescription", "TableInfo", "TableProof", "Tables",
    "Timings", "UnknownRevision", "Verdict", "Versions",
]  # fmt: skip
