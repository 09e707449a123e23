"""One layout per result: which blocks it shows, in which order. A new result registers one function here."""

from functools import singledispatch

from dbadmin.render.document import Document
from dbadmin.render.layouts import backups, diagram, health, plans, rollback, rows, setup, status, tables
from dbadmin.results import (
    BackupReport,
    CheckList,
    Copies,
    Counts,
    Demo,
    Diagram,
    Doctor,
    Init,
    Inspection,
    Models,
    Notebooks,
    QueryPlan,
    RestoreReport,
    Result,
    RollbackPlan,
    RollbackReport,
    Rows,
    RowSets,
    Status,
    TableDescription,
    Tables,
)


@singledispatch
def document(result: Result, *, detail: bool = False) -> Document:
    """The Document of a result. `detail` adds what is shown on request only (status: the history)."""
    raise TypeError(f"no layout for {type(result).__name__}")


document.register(Status, status.lay_out_status)
document.register(Init, setup.lay_out_init)
document.register(Doctor, setup.lay_out_doctor)
document.register(Demo, setup.lay_out_demo)
document.register(QueryPlan, plans.lay_out_plan)
document.register(Notebooks, setup.lay_out_notebooks)
document.register(Copies, setup.lay_out_copies)
document.register(BackupReport, backups.lay_out_backup)
document.register(RestoreReport, backups.lay_out_restore)
document.register(Inspection, health.lay_out_inspection)
document.register(CheckList, health.lay_out_checks)
document.register(Diagram, diagram.lay_out_diagram)
document.register(Counts, tables.lay_out_counts)
document.register(Tables, tables.lay_out_tables)
document.register(TableDescription, tables.lay_out_description)
document.register(Models, tables.lay_out_models)
document.register(Rows, rows.lay_out_rows)
document.register(RowSets, rows.lay_out_row_sets)
document.register(RollbackReport, rollback.lay_out_report)
document.register(RollbackPlan, rollback.lay_out_plan)
