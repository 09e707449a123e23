"""One layout per result: which blocks it shows, in which order. A new result registers one function here."""

from collections.abc import Callable
from importlib import import_module

from dbadmin.render.document import Document
from dbadmin.results import Result

LAYOUTS: dict[str, str] = {
    "Status": "status.lay_out_status",
    "Init": "setup.lay_out_init",
    "Doctor": "setup.lay_out_doctor",
    "Demo": "setup.lay_out_demo",
    "QueryPlan": "plans.lay_out_plan",
    "Notebooks": "setup.lay_out_notebooks",
    "Copies": "setup.lay_out_copies",
    "BackupReport": "backups.lay_out_backup",
    "RestoreReport": "backups.lay_out_restore",
    "Inspection": "health.lay_out_inspection",
    "CheckList": "health.lay_out_checks",
    "Review": "review.lay_out_review",
    "RuleList": "review.lay_out_rules",
    "Diagram": "diagram.lay_out_diagram",
    "Counts": "tables.lay_out_counts",
    "Tables": "tables.lay_out_tables",
    "TableDescription": "tables.lay_out_description",
    "Models": "tables.lay_out_models",
    "Rows": "rows.lay_out_rows",
    "RowSets": "rows.lay_out_row_sets",
    "RollbackReport": "rollback.lay_out_report",
    "RollbackPlan": "rollback_plan.lay_out_plan",
}
"""Result → the function that lays it out, loaded when first used."""


def document(result: Result, *, detail: bool = False) -> Document:
    """The Document of a result. `detail` adds what is shown on request only (status: the history)."""
    for kind in type(result).__mro__:
        if kind.__name__ in LAYOUTS:
            return layout_of(kind.__name__)(result, detail=detail)
    raise TypeError(f"no layout for {type(result).__name__}")


def layout_of(kind: str) -> Callable[..., Document]:
    """The function that lays out results of this kind."""
    module, _, function = LAYOUTS[kind].partition(".")
    found: Callable[..., Document] = getattr(import_module(f"dbadmin.render.layouts.{module}"), function)
    return found
