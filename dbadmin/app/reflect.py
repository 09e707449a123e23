"""A URL and no code: tables read from the catalog in a few queries, and light classes for them."""

import re
import shlex
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import of
from dbadmin.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData, Table

    from dbadmin.dialects.values import Reference

Key = tuple[str | None, str]


def reflect(connection: "Connection") -> "MetaData":
    """Every ordinary table with columns, keys, uniques and relations; key (schema, name) as SQLAlchemy
    has it.

    Set-based (`Inspector.get_multi_*`), and without following relations: a chain of a thousand foreign keys,
    which `MetaData.reflect` cannot take, is read like any other. Relations to tables that the role may
    not see are left out, as are types that SQLAlchemy does not know (such columns have NullType).
    """
    from sqlalchemy import MetaData, Table, inspect
    from sqlalchemy.engine.reflection import ObjectKind

    metadata = MetaData()
    schemas = dict.fromkeys([None, *(table.schema for table in of(connection).catalog.table_names(connection))])
    inspector = inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "did not recognize type", one per column
        for schema in schemas:
            asked: dict[str, Any] = {"schema": schema, "kind": ObjectKind.TABLE}
            columns = of(connection).catalog.columns(inspector, schema)
            keys: Mapping[Any, Any] = inspector.get_multi_pk_constraint(**asked)
            for (in_schema, name), described in columns.items():
                if not all(column["name"] for column in described):
                    continue  # SQLAlchemy has no way to name it; see `not_a_table`
                primary = keys.get((in_schema, name), {}).get("constrained_columns") or []
                Table(name, metadata, *_columns(described, primary), schema=in_schema)
            uniques = inspector.get_multi_unique_constraints(**asked)
            # Where a UNIQUE is only known by the index that the engine made for it (SQLite), that one too.
            indexes = inspector.get_multi_indexes(**asked, include_auto_indexes=True)
            for key in columns:
                _add_uniques(_table(metadata, key), uniques.get(key, []), indexes.get(key, []))
        for schema in schemas:
            for reference in of(connection).catalog.references(inspector, schema):
                _add_reference(metadata, reference)
    return metadata


def not_a_table(connection: "Connection", name: str) -> UsageError | None:
    """The error for a name of what is there, and no table that one can ask: a view, or a column of it has no name.

    `schema.name` where needed; None where nothing is called so.
    """
    from sqlalchemy import inspect
    from sqlalchemy.engine.reflection import ObjectKind

    schema, _, view = name.rpartition(".")
    inspector = inspect(connection)
    asked: dict[str, Any] = {"schema": schema or None, "filter_names": [view]}
    quote = connection.dialect.identifier_preparer.quote
    written = ".".join(quote(part) or '""' for part in ([schema, view] if schema else [view]))
    statement = f"SELECT * FROM {written}"
    hint = f"dbadmin sql {shlex.quote(statement)} reads it"
    if inspector.get_multi_columns(**asked, kind=ObjectKind.ANY_VIEW):
        return UsageError(f"{name!r} is a view, and this takes a table", hint=hint)
    if inspector.get_multi_columns(**asked, kind=ObjectKind.TABLE):
        return UsageError(f"a column of {name!r} has no name, and cannot be asked for by one", hint=hint)
    return None


def _columns(described: Any, primary: list[str]) -> list[Any]:
    from sqlalchemy import Column, PrimaryKeyConstraint

    made: list[Any] = [
        Column(c["name"], c["type"], nullable=c["nullable"], comment=c.get("comment"), key=c["name"]) for c in described
    ]
    return [*made, PrimaryKeyConstraint(*primary)] if primary else made


def _table(metadata: "MetaData", key: Key) -> "Table | None":
    schema, name = key
    return metadata.tables.get(f"{schema}.{name}" if schema else name)


def _add_uniques(table: "Table | None", constraints: Any, indexes: Any) -> None:
    from sqlalchemy import UniqueConstraint

    if table is None:
        return
    sets = {tuple(c["column_names"]) for c in constraints}
    for index in indexes:
        names = index["column_names"]
        partial = any(option.endswith("_where") for option in index.get("dialect_options", {}))
        if index["unique"] and not partial and all(names):
            sets.add(tuple(names))
    for names in sorted(sets):
        if all(name in table.c for name in names):
            table.append_constraint(UniqueConstraint(*names))


def _add_reference(metadata: "MetaData", key: "Reference") -> None:
    """A foreign key by column object: names with dots in them need no quoting that way."""
    from sqlalchemy import ForeignKeyConstraint

    table, target = _table(metadata, key.table), _table(metadata, key.referred)
    if table is None or target is None or any(name not in target.c for name in key.referred_columns):
        return
    if all(name in table.c for name in key.columns):
        target_columns = [target.c[name] for name in key.referred_columns]
        table.append_constraint(ForeignKeyConstraint(key.columns, target_columns, name=key.name))


def classes(metadata: "MetaData") -> tuple[type, ...]:
    """A mapped class for each table with a primary key, called as the table in CamelCase, without
    relationships.

    Two tables that would be called the same get their schema's name in front.
    """
    from sqlalchemy.orm import registry

    tables = [t for t in metadata.tables.values() if t.primary_key.columns]
    names = [class_name(t.name) for t in tables]
    mapping = registry(metadata=metadata)
    made: list[type] = []
    for table, name in zip(tables, names, strict=True):
        if names.count(name) > 1:
            name = class_name(f"{table.schema}_{table.name}" if table.schema else f"{table.name}_table")
        made.append(mapping.map_imperatively(type(name, (), {}), table).class_)
    return tuple(sorted(made, key=lambda c: c.__name__))


def class_name(table: str) -> str:
    """A class's name for a table's.

    >>> class_name("blog_posts"), class_name("2024 sales")
    ('BlogPosts', 'T2024Sales')
    """
    name = "".join(part[:1].upper() + part[1:] for part in re.split(r"\W+|_", table) if part)
    return name if name[:1].isalpha() else f"T{name}"
