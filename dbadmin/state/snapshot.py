"""A snapshot, how it is taken, brought up to date, and sent through a pipe."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import ColumnPrint, ObjectKey, Schema, TableData, TableName
from dbadmin.dialects.names import table_of
from dbadmin.dialects.values import UNREAD
from dbadmin.state import data as data_
from dbadmin.state import schema as schema_

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Kinds whose change may change what columns read, without a write to any table.
_BELOW_COLUMNS = frozenset({"enum", "domain", "range", "composite-type", "collation", "type", "function", "extension"})
# Kinds of a table's objects that have no say in its rows or in the key that fingerprints are bound to.
_BESIDE_ROWS = frozenset({"trigger", "rule", "grant", "column-grant", "policy", "not-null-name", "column-order"})


@dataclass(frozen=True)
class Snapshot:
    """What a database holds at one moment.

    `excluded` tables are in neither map; without `with_data` the second map is empty because nobody looked. A table
    that is `UNREAD` holds what it held at the first snapshot, where nobody had looked at it either.
    """

    schema: Schema
    data: Mapping[TableName, TableData]
    excluded: frozenset[TableName] = field(default=frozenset())
    with_data: bool = True

    @property
    def not_compared(self) -> dict[TableName, str]:
        """Tables that could not be read, with the reason."""
        return {name: table.unreadable for name, table in self.data.items() if table.unreadable}


def snapshot(
    connection: "Connection", *, exclude: Iterable[TableName] = (), data: bool = True, later: bool = False
) -> Snapshot:
    """Look at everything but the tables to exclude; a name without a schema also stands for the default schema.

    With `later`, tables are left `UNREAD`: what one held can be read from a second copy once something writes to it.
    """
    excluded = _with_default_schema(connection, exclude)
    schema = _without(schema_.read(connection), excluded)
    if not data:
        return Snapshot(schema, {}, excluded, with_data=False)
    tables = [name for name in data_.names(connection) if name not in excluded]
    return Snapshot(schema, dict.fromkeys(tables, UNREAD) if later else data_.read(connection, tables), excluded)


def update(
    connection: "Connection",
    previous: Snapshot,
    touched: frozenset[TableName] | None,
    *,
    exclude: Iterable[TableName] = (),
    data: bool = True,
) -> Snapshot:
    """Look again: at the whole schema, and at tables that were touched or whose schema objects changed.

    `touched` None means that any table may have been. What `previous` left out stays out, besides `exclude`.
    """
    excluded = previous.excluded | _with_default_schema(connection, exclude)
    schema = _without(schema_.read(connection), excluded)
    if not (previous.with_data and data):
        return Snapshot(schema, {}, excluded, with_data=False)
    names = [name for name in data_.names(connection) if name not in excluded]
    if touched is None:
        again = set(names)
    else:
        again = set(touched) | _changed_tables(previous.schema, schema)
    looked = data_.read(connection, [name for name in names if name in again or name not in previous.data])
    return Snapshot(
        schema,
        {name: looked[name] if name in looked else previous.data[name] for name in names},
        excluded,
    )


def first_read(start: Snapshot, states: Iterable[Snapshot]) -> tuple[TableName, ...]:
    """Tables that are unread in the first snapshot and were looked at in a later one."""
    unread = {name for name, table in start.data.items() if table.is_unread}
    looked = {name for state in states for name in unread if not state.data.get(name, _GONE).is_unread}
    return tuple(sorted(looked, key=str))


def completed(snapshot: Snapshot, held: Mapping[TableName, TableData]) -> Snapshot:
    """The snapshot with what unread tables held at the first one, as far as it is known by now."""
    known = {name: held[name] for name, table in snapshot.data.items() if table.is_unread and name in held}
    return replace(snapshot, data={**snapshot.data, **known}) if known else snapshot


_GONE = TableData(0, {})


def _with_default_schema(connection: "Connection", names: Iterable[TableName]) -> frozenset[TableName]:
    default = connection.dialect.default_schema_name
    named = set(names)
    if default is not None:
        named |= {TableName(default, name.name) for name in named if name.schema is None}
        named |= {TableName(None, name.name) for name in named if name.schema == default}
    return frozenset(named)


def _without(schema: Schema, excluded: frozenset[TableName]) -> dict[ObjectKey, str]:
    if not excluded:
        return dict(schema)
    return {key: text for key, text in schema.items() if table_of(key) not in excluded}


def _changed_tables(before: Schema, after: Schema) -> set[TableName]:
    """Tables whose own objects differ, and those with a column of a type that differs or that uses one.

    >>> old = {ObjectKey("column", "t.m"): "public.mood", ObjectKey("enum", "mood"): "'a'"}
    >>> _changed_tables(old, {**old, ObjectKey("enum", "mood"): "'b'"})
    {TableName(schema=None, name='t')}
    """
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    tables = {table_of(key) for key in changed if not _is_beside_rows(key, before, after)}
    below = {key for key in changed if key.kind in _BELOW_COLUMNS}
    if below:
        tables |= _using(below, {**before, **after})
    return {table for table in tables if table is not None}


def _is_beside_rows(key: ObjectKey, before: Schema, after: Schema) -> bool:
    if key.kind == "index":  # one that could be no key of the table's
        return not any(
            re.search("unique|primary", text, re.IGNORECASE) for text in (before.get(key), after.get(key)) if text
        )
    return key.kind in _BESIDE_ROWS


def _using(below: set[ObjectKey], schema: Schema) -> set[TableName | None]:
    """Tables with a column whose definition names one of these objects, directly or through another type.

    Names are looked for as words in the definitions: too many tables may be found, never too few.
    """
    reached = set(below)
    while True:
        words = {_word(key.name) for key in reached}
        if None in words:  # a name that is not one word: look everywhere
            return {table_of(key) for key in schema if key.kind == "table"}
        mention = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(filter(None, words))))
        more = {
            key
            for key, text in schema.items()
            if key.kind in _BELOW_COLUMNS and key not in reached and mention.search(text)
        }
        if not more:
            return {table_of(key) for key, text in schema.items() if key.kind == "column" and mention.search(text)}
        reached |= more


def _word(name: str) -> str | None:
    last = re.split(r"\.(?![^(]*\))", name.partition("(")[0].lstrip('"'))[-1]
    return last if re.fullmatch(r"\w+", last) else None


def encode(snapshot: Snapshot, previous: Snapshot | None = None) -> dict[str, Any]:
    """Plain data for JSON; with `previous`, only what differs from it."""
    old_schema: Schema = previous.schema if previous else {}
    old_data: Mapping[TableName, TableData] = previous.data if previous else {}
    return {
        "delta": previous is not None,
        "schema": [[*key, text] for key, text in snapshot.schema.items() if old_schema.get(key) != text],
        "schema_gone": [list(key) for key in old_schema if key not in snapshot.schema],
        "data": [[*name, _plain(table)] for name, table in snapshot.data.items() if old_data.get(name) != table],
        "data_gone": [list(name) for name in old_data if name not in snapshot.data],
        "excluded": sorted([list(name) for name in snapshot.excluded], key=str),
        "with_data": snapshot.with_data,
    }


def decode(encoded: Mapping[str, Any], previous: Snapshot | None = None) -> Snapshot:
    """The inverse of `encode`; ValueError where a difference comes without what it differs from."""
    if encoded["delta"] and previous is None:
        raise ValueError("this snapshot is a difference from another, which is not given")
    base = previous if encoded["delta"] else None
    gone = {ObjectKey(*key) for key in encoded["schema_gone"]}
    gone_tables = {TableName(*name) for name in encoded["data_gone"]}
    schema = {key: text for key, text in base.schema.items() if key not in gone} if base else {}
    data = {name: table for name, table in base.data.items() if name not in gone_tables} if base else {}
    schema.update((ObjectKey(kind, name), text) for kind, name, text in encoded["schema"])
    data.update((TableName(schema_name, name), _table(table)) for schema_name, name, table in encoded["data"])
    return Snapshot(schema, data, frozenset(TableName(*name) for name in encoded["excluded"]), encoded["with_data"])


def _plain(table: TableData) -> dict[str, Any]:
    return {
        "rows": table.rows,
        "columns": {name: [prints.values, prints.nulls] for name, prints in table.columns.items()},
        "key": list(table.key),
        "not_compared": dict(table.not_compared),
        "row": table.row,
        "method": table.method,
    }


def _table(plain: Mapping[str, Any]) -> TableData:
    return TableData(
        rows=plain["rows"],
        columns={name: ColumnPrint(*prints) for name, prints in plain["columns"].items()},
        key=tuple(plain["key"]),
        not_compared=dict(plain["not_compared"]),
        row=plain["row"],
        method=plain["method"],
    )
