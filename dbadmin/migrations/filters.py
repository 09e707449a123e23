"""What env.py leaves out of autogenerate, by include_name and include_object: asked in env.py's own process."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table


def left_out(call: Mapping[str, Any], objects: Iterable[Sequence[Any]]) -> list[bool]:
    """For each of `objects` (kind, schema, table, name or None) whether `call`, the arguments of context.configure(),
    leaves it out; kinds are "table", "column" and "index", and what is in a table goes with it.

    A filter that raises here leaves nothing out: it may ask what only a real connection could tell.
    """
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import MetaData

    from dbadmin.migrations.harvest import metadata_in

    if not (call.get("include_object") or call.get("include_name")):
        return [False for _ in objects]
    known = metadata_in(call.get("target_metadata"))
    nowhere = MigrationContext.configure(dialect_name="sqlite")  # filters see names and objects, and no connection
    context = AutogenContext(nowhere, known or MetaData(), opts=dict(call), autogenerate=False)
    return [_is_left_out(context, known, *one) for one in objects]


def _is_left_out(
    context: Any, known: "Sequence[MetaData]", kind: str, schema: str | None, table: str, name: Any
) -> bool:
    full = table if schema is None else f"{schema}.{table}"
    declared = next((one.tables[full] for one in known if full in one.tables), None)
    try:
        if not _passes_table(context, declared, schema, table):
            return True
        return kind != "table" and not _passes(context, declared, kind, schema, table, str(name))
    except Exception:
        return False


def _passes_table(context: Any, declared: "Table | None", schema: str | None, table: str) -> bool:
    if schema is not None and not context.run_name_filters(schema, "schema", {}):
        return False
    if not context.run_name_filters(table, "table", {"schema_name": schema}):
        return False
    return _accepted(context, declared, _reflected(schema, table), table, "table")


def _passes(context: Any, declared: "Table | None", kind: str, schema: str | None, table: str, name: str) -> bool:
    from sqlalchemy import Column, Index
    from sqlalchemy.types import NullType

    if not context.run_name_filters(name, kind, {"schema_name": schema, "table_name": table}):
        return False
    there = Column(name, NullType())
    _reflected(schema, table).append_column(there)
    mine: Any = None
    if declared is not None:
        mine = declared.c.get(name) if kind == "column" else next((i for i in declared.indexes if i.name == name), None)
    return _accepted(context, mine, there if kind == "column" else Index(name, there), name, kind)


def _accepted(context: Any, declared: Any, there: Any, name: str, kind: str) -> bool:
    """Asked as autogenerate does: the model's object beside the database's, or the database's alone."""
    if declared is None:
        return bool(context.run_object_filters(there, name, kind, True, None))
    return bool(context.run_object_filters(declared, name, kind, False, there))


def _reflected(schema: str | None, table: str) -> "Table":
    """A table as a filter may see one that the database has: its name and schema."""
    from sqlalchemy import MetaData, Table

    return Table(table, MetaData(), schema=schema)
