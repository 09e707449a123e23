"""What env.py leaves out of autogenerate, by include_name and include_object: asked in env.py's own process."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table


class Asked(NamedTuple):
    """An object that a filter is asked about, as autogenerate calls its `kind`: "schema", "table", "column", "index",
    "unique_constraint", "foreign_key_constraint" or "check_constraint". `name` is None where nobody gave one; `columns`
    are those of an index or a constraint, `referred` the table that a foreign key leads to, with its schema.
    """

    kind: str
    schema: str | None
    table: str
    name: str | None = None
    columns: Sequence[str] = ()
    referred: str | None = None


def left_out(call: Mapping[str, Any], objects: Iterable[Sequence[Any]]) -> list[bool]:
    """For each of `objects` (the fields of `Asked`) whether `call`, the arguments of context.configure(), leaves it
    out; what is in a table goes with it.

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
    return [_is_left_out(context, known, Asked(*one)) for one in objects]


def _is_left_out(context: Any, known: "Sequence[MetaData]", one: Asked) -> bool:
    if one.kind == "schema":
        return _refuses_schema(context, one.schema)
    full = one.table if one.schema is None else f"{one.schema}.{one.table}"
    declared = next((metadata.tables[full] for metadata in known if full in metadata.tables), None)
    try:
        if not _passes_table(context, declared, one.schema, one.table):
            return True
        return one.kind != "table" and not _passes(context, declared, one)
    except Exception:
        return False


def _refuses_schema(context: Any, schema: str | None) -> bool:
    try:
        return not context.run_name_filters(schema, "schema", {})
    except Exception:
        return False


def _passes_table(context: Any, declared: "Table | None", schema: str | None, table: str) -> bool:
    if schema is not None and not context.run_name_filters(schema, "schema", {}):
        return False
    if not context.run_name_filters(table, "table", {"schema_name": schema}):
        return False
    return _accepted(context, declared, _reflected(schema, table), table, "table")


def _passes(context: Any, declared: "Table | None", one: Asked) -> bool:
    mine = _declared(declared, one) if declared is not None else None
    kind = one.kind if mine is None else _kind(mine, one.kind)
    if not context.run_name_filters(one.name, kind, {"schema_name": one.schema, "table_name": one.table}):
        return False
    return _accepted(context, mine, _there(one, kind), one.name, kind)


def _declared(table: "Table", one: Asked) -> Any:
    """The model's object of this name; a constraint without one by its columns."""
    if one.kind == "column":
        return table.c.get(str(one.name))
    objects: list[Any] = [*table.indexes, *table.constraints]
    if one.name is not None and (named := [other for other in objects if other.name == one.name]):
        return named[0]
    alike = [c for c in objects if _kind(c, "") == one.kind and list(c.columns.keys()) == list(one.columns)]
    return alike[0] if alike and alike[0].name is None and one.kind != "check_constraint" else None


def _kind(declared: Any, otherwise: str) -> str:
    """What autogenerate calls an object: some engines have one kind of what models tell apart."""
    from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint

    kinds = {
        Index: "index", UniqueConstraint: "unique_constraint", ForeignKeyConstraint: "foreign_key_constraint",
        CheckConstraint: "check_constraint",
    }  # fmt: skip
    return next((kind for of, kind in kinds.items() if isinstance(declared, of)), otherwise)


def _there(one: Asked, kind: str) -> Any:
    """The object as the database has it, in a table that has its columns."""
    from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, UniqueConstraint
    from sqlalchemy.types import NullType

    table = _reflected(one.schema, one.table)
    names = [one.name] if kind == "column" else one.columns
    columns = [Column(name, NullType()) for name in names]
    for column in columns:
        table.append_column(column)
    match kind:
        case "column":
            return columns[0]
        case "index":
            return Index(one.name, *columns, _table=table)
        case "foreign_key_constraint":
            there: Any = ForeignKeyConstraint(one.columns, [f"{one.referred}.{name}" for name in names], name=one.name)
        case "check_constraint":
            there = CheckConstraint("", name=one.name)
        case _:
            there = UniqueConstraint(*columns, name=one.name)
    table.append_constraint(there)
    return there


def _accepted(context: Any, declared: Any, there: Any, name: str | None, kind: str) -> bool:
    """Asked as autogenerate does: the model's object beside the database's, or the database's alone."""
    if declared is None:
        return bool(context.run_object_filters(there, name, kind, True, None))
    return bool(context.run_object_filters(declared, name, kind, False, there))


def _reflected(schema: str | None, table: str) -> "Table":
    """A table as a filter may see one that the database has: its name and schema."""
    from sqlalchemy import MetaData, Table

    return Table(table, MetaData(), schema=schema)
