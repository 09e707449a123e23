"""Models against the catalog: what a model promises and the database does not hold, and the other way round.

What the database lacks is a warning, with the SQL that adds it; what a model does not mention is a note.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import TableName
from dbadmin.dialects.facts import ForeignKey, Index
from dbadmin.dialects.health import Mend
from dbadmin.health.check import Find, Found, check
from dbadmin.health.declared import (
    Pair,
    declared_foreign_keys,
    declared_uniques,
    has_default,
    numbers_itself,
    plain_columns,
    unique_in_database,
)
from dbadmin.health.indexes import covers, free_name
from dbadmin.health.look import Look
from dbadmin.migrations.types import types_that_differ
from dbadmin.results import Severity

if TYPE_CHECKING:
    from sqlalchemy import Connection

IN_MODEL = "declare it in the model, or drop it from the database"
BY_ALEMBIC = "alembic revision --autogenerate writes it"
READS = "the models' metadata and the catalog"


def pairs(look: Look) -> Sequence[Pair]:
    """Every table of the models beside the database's; read once."""
    return look.once("models", lambda connection: _pairs(look, connection))


def _pairs(look: Look, connection: "Connection") -> Sequence[Pair]:
    default = connection.dialect.default_schema_name
    tables = {
        TableName(None if t.schema == default else t.schema, t.name): t
        for m in look.metadata
        for t in m.tables.values()
    }
    columns = _columns(connection, tables)
    indexes: dict[TableName, list[Index]] = {}
    keys: dict[TableName, list[ForeignKey]] = {}
    for index in look.indexes:
        indexes.setdefault(index.table, []).append(index)
    for key in look.foreign_keys:
        keys.setdefault(key.table, []).append(key)
    return [
        Pair(name, table, columns.get(name), indexes.get(name, ()), keys.get(name, ()))
        for name, table in sorted(tables.items(), key=lambda item: str(item[0]))
    ]


def _columns(connection: "Connection", tables: Mapping[TableName, Any]) -> dict[TableName, dict[str, Any]]:
    """The inspector's columns of tables and views, in one question per schema."""
    from sqlalchemy import inspect
    from sqlalchemy.engine.reflection import ObjectKind

    inspector = inspect(connection)
    found: dict[TableName, dict[str, Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "did not recognize type", one per column
        for schema in dict.fromkeys(name.schema for name in tables):
            asked: Any = {"schema": schema, "kind": ObjectKind.ANY}
            for (_, name), columns in inspector.get_multi_columns(**asked).items():
                found[TableName(schema, name)] = {column["name"]: column for column in columns}
    return found


def model_check(name: str, level: Severity, why: str, mend: str) -> Callable[[Find], Find]:
    """A check that needs models."""
    return check(name, level, "indexes", "foreign_keys", reads=READS, why=why, mend=mend, models=True)


def told(
    look: Look, pair: Pair, part: str, detail: str, remedy: str, mend: Mend | None = None, *,
    level: Severity | None = None,
) -> Found:  # fmt: skip
    """What was found about a part of a table."""
    object = f"{pair.name}.{part}" if part else str(pair.name)
    return Found(object, detail, remedy, mend, level, about=look.about(pair.name))


@model_check(
    "model-table",
    "error",
    "every question about the model fails",
    "upgrade the database, or write the revision that makes the table",
)
def model_table(look: Look) -> Iterator[Found]:
    """A table that a model has and the database does not."""
    for pair in pairs(look):
        if pair.found is None:
            yield told(look, pair, "", "the database has no such table", BY_ALEMBIC)


@model_check(
    "model-column",
    "error",
    "reading the model fails where the column is missing; writing does where one is required that the model lacks",
    "upgrade the database, or write the revision that adds the column",
)
def model_column(look: Look) -> Iterator[Found]:
    """A column that only one of both has."""
    for pair in pairs(look):
        if pair.found is None:
            continue
        declared = {column.name for column in pair.table.columns}
        for name in sorted(declared - set(pair.found)):
            yield told(look, pair, name, "the table has no such column", BY_ALEMBIC)
        for name in sorted(set(pair.found) - declared):
            found = pair.found[name]
            required = not found["nullable"] and not has_default(found) and found.get("autoincrement") is not True
            if required and not found.get("identity") and not found.get("computed"):
                detail = "the model has no such column, and no row can be added without it"
                yield told(look, pair, name, detail, "declare it in the model", level="warning")
            else:
                yield told(look, pair, name, "the model has no such column", IN_MODEL, level="note")


@model_check(
    "model-not-null",
    "warning",
    "code that relies on a value meets None; code that leaves it out meets an error",
    "SET NOT NULL once no row lacks a value, or nullable=True in the model",
)
def model_not_null(look: Look) -> Iterator[Found]:
    """A column that is NOT NULL on one side only."""
    for pair in pairs(look):
        for column, found in pair.columns():
            generated = column.computed is not None or found.get("computed")
            if column.primary_key or generated or bool(column.nullable) == bool(found["nullable"]):
                continue
            if not column.nullable:
                mend = look.health.set_not_null(look.connection, look.quote, pair.name, column.name)
                said = ("the model says NOT NULL, the table allows NULL", "count its NULLs first", mend)
                yield told(look, pair, column.name, *said)
            else:
                detail = "the table says NOT NULL, the model allows None"
                yield told(look, pair, column.name, detail, "nullable=False in the model", level="note")


@model_check(
    "model-unique",
    "warning",
    "what the application takes for unique can be there twice",
    "make the unique index, once no two rows have the same",
)
def model_unique(look: Look) -> Iterator[Found]:
    """Columns that are unique on one side only."""
    for pair in pairs(look):
        if pair.found is None:
            continue
        declared, found = declared_uniques(pair.table), unique_in_database(pair)
        for columns, name in declared.items():
            if frozenset(columns) in found or not set(columns) <= set(pair.found):
                continue
            wanted = free_name(name or f"uq_{pair.name.name}_{'_'.join(columns)}", pair.indexes)
            divided = look.is_partitioned(pair.name)
            mend = look.health.add_index(look.quote, pair.name, wanted, columns, unique=True, partitioned=divided)
            detail = "the model says unique, the database does not hold it"
            said = (detail, "count its duplicates first", mend)
            yield told(look, pair, ",".join(columns), *said)
        mentioned = {frozenset(columns) for columns in declared} | {frozenset(c.name for c in pair.table.primary_key)}
        for held, index in found.items():
            if held not in mentioned and not index.primary:
                detail = f"{index.name} holds it unique, the model does not say so"
                yield told(look, pair, ",".join(map(str, index.columns)), detail, IN_MODEL, level="note")


@model_check(
    "model-foreign-key",
    "warning",
    "rows can lose their parents without anybody noticing",
    "add the foreign key, once every row has its parent",
)
def model_foreign_key(look: Look) -> Iterator[Found]:
    """A foreign key that only one side has."""
    default = look.connection.dialect.default_schema_name
    for pair in pairs(look):
        if pair.found is None:
            continue
        declared = declared_foreign_keys(pair.table, default)
        found = {(key.columns, key.to, key.to_columns): key for key in pair.foreign_keys}
        for (columns, to, others), name in declared.items():
            if (columns, to, others) in found or not set(columns) <= set(pair.found):
                continue
            wanted = name or f"fk_{pair.name.name}_{'_'.join(columns)}"[:63]
            covered = any(covers(index, columns) for index in pair.indexes)
            mend = look.health.add_foreign_key(look.quote, pair.name, wanted, columns, to, others, covered=covered)
            detail = f"the model refers to {to}, the database does not hold it"
            said = (detail, "count rows without a parent first", mend)
            yield told(look, pair, ",".join(columns), *said)
        for columns, to, _ in set(found) - set(declared):
            detail = f"the database refers to {to}, the model does not say so"
            yield told(look, pair, ",".join(columns), detail, IN_MODEL, level="note")


@model_check(
    "model-index",
    "warning",
    "statements that were written with the index in mind scan the table",
    "make the index",
)
def model_index(look: Look) -> Iterator[Found]:
    """An index that only one side has; indexes with expressions or conditions are told apart by name."""
    for pair in pairs(look):
        if pair.found is None:
            continue
        names = {index.name for index in pair.indexes}
        columns_found = {index.columns for index in pair.indexes if index.valid and index.predicate is None}
        declared: set[object] = set()
        for index in pair.table.indexes:
            columns, name = plain_columns(index), str(index.name)
            declared |= {columns, name}
            if index.unique or name in names or columns in columns_found:
                continue
            if columns is None:
                said: tuple[Any, ...] = (f"the model has the index {name}, the database does not", BY_ALEMBIC)
                yield told(look, pair, name, *said)
            elif set(columns) <= set(pair.found):
                wanted, divided = free_name(name, pair.indexes), look.is_partitioned(pair.name)
                mend = look.health.add_index(look.quote, pair.name, wanted, columns, unique=False, partitioned=divided)
                said = (f"the model has the index {name}, the database does not", "create the index", mend)
                yield told(look, pair, ",".join(columns), *said)
        keys = {frozenset(key.columns) for key in pair.foreign_keys}
        for found in pair.indexes:
            of_key = frozenset(map(str, found.columns)) in keys  # InnoDB makes those itself, and others are right to
            if found.unique or found.constraint is not None or of_key or {found.name, found.columns} & declared:
                continue
            detail = f"the database has the index {found.name}, the model does not"
            yield told(look, pair, found.name, detail, IN_MODEL, level="note")


@model_check(
    "model-type",
    "warning",
    "values are cut, rounded or refused that the application takes for stored",
    "change the column's type, or the model's",
)
def model_type(look: Look) -> Iterator[Found]:
    """A column whose type differs, as Alembic's autogenerate compares types."""
    dialect = look.connection.dialect
    for pair in pairs(look):
        both = [(found, column) for column, found in pair.columns() if column.computed is None]
        for found, column in types_that_differ(look.connection, both):
            now, wanted = (str(kind.compile(dialect=dialect)) for kind in (found["type"], column.type))
            if look.health.same_type(now, wanted):
                continue
            mend, besides = look.change_type(pair.name, column.name, wanted, now)
            remedy = f"see whether every value fits first{besides}"
            said = (f"{now} in the database, {wanted} in the model", remedy, mend)
            yield told(look, pair, column.name, *said)


@model_check(
    "model-default",
    "warning",
    "rows that others write have no value; or have one of which the model does not know",
    "set the default, or declare it with server_default",
)
def model_default(look: Look) -> Iterator[Found]:
    """A server default that only one side has; whether two are equal is for `status --drift` to say."""
    from sqlalchemy import DefaultClause

    for pair in pairs(look):
        for column, found in pair.columns():
            declared = isinstance(column.server_default, DefaultClause)
            if declared == has_default(found) or numbers_itself(column, found):
                continue
            if declared:
                said = ("the model has a server default, the table does not", *_default(look, pair, column))
                yield told(look, pair, column.name, *said)
            elif column.server_default is None:
                detail = f"the table has the default {found['default']}, the model does not say so"
                yield told(look, pair, column.name, detail, "server_default in the model", level="note")


def _default(look: Look, pair: Pair, column: Any) -> tuple[str, Mend | None]:
    dialect: Any = look.connection.dialect
    default = dialect.ddl_compiler(dialect, None).get_column_default_string(column)
    mend = look.health.set_default(look.quote, pair.name, column.name, default) if default else None
    return "set the default", mend
