"""SQLite's facts about health, and how it mends. It counts no uses and has no sessions to look at."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.facts import ForeignKey, Index, Part, Table
from dbadmin.dialects.health import Health, names_by_table, quoter
from dbadmin.dialects.rules import bracketed, masked, parts
from dbadmin.dialects.sqlite import health_sql as sql
from dbadmin.dialects.sqlite.health_file import SqliteFile
from dbadmin.dialects.sqlite.health_sql import affinity
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

ROWID = "rowid"
"""What the primary key of an INTEGER PRIMARY KEY is called here: it is the table itself, and no index of its own."""
_COLLATED = re.compile(r"\bCOLLATE\b", re.IGNORECASE)
_WHERE = re.compile(r"\bWHERE\b", re.IGNORECASE)


class SqliteHealth(SqliteFile, Health):
    """Facts of the main database."""

    def tables(self, connection: "Connection") -> tuple[Table, ...]:
        """Ordinary tables; rows as the last ANALYZE found them."""
        estimates = _estimates(connection)
        shadows = tuple(f"{name}_" for name in connection.exec_driver_sql(sql.VIRTUAL).scalars())
        return tuple(
            Table(TableName(None, row.name), bool(row.has_key), estimates.get(row.name))
            for row in connection.exec_driver_sql(sql.TABLES)
            if not row.name.startswith(shadows or "\0")
        )

    def indexes(self, connection: "Connection") -> tuple[Index, ...]:
        """pragma_index_list; a rowid that a column names stands as the primary key's index."""
        columns = connection.exec_driver_sql(sql.COLUMNS).all()
        not_null = {(c.table_name, c.name) for c in columns if c.is_not_null or c.pk}
        quote = quoter(connection)
        rows = connection.exec_driver_sql(sql.INDEXES).all()
        found = [
            _index(list(grouped), not_null, quote)
            for _, grouped in groupby(rows, key=lambda row: (row.table_name, row.name))
        ]
        keyed = {index.table for index in found if index.primary}
        return (*found, *_rowids(columns, keyed, quote))

    def column_names(self, connection: "Connection") -> dict[TableName, tuple[str, ...]]:
        """Of every table, in their order."""
        return names_by_table(connection.exec_driver_sql(sql.COLUMNS))

    def same_type(self, one: str, other: str) -> bool:
        """Where the affinity is the same: lengths and precisions are not enforced."""
        kinds = [affinity(kind).replace("NUMERIC", "INTEGER") for kind in (one, other)]
        return kinds[0] == kinds[1]

    def foreign_keys(self, connection: "Connection") -> tuple[ForeignKey, ...]:
        """pragma_foreign_key_list; `types` are affinities, which is what SQLite compares by."""
        columns = connection.exec_driver_sql(sql.COLUMNS).all()
        named = {(c.table_name.lower(), c.name.lower()): c for c in columns}
        keys: dict[str, list[str]] = {}
        for column in sorted((c for c in columns if c.pk), key=lambda c: c.pk):
            keys.setdefault(column.table_name.lower(), []).append(column.name)
        tables = {c.table_name.lower(): c.table_name for c in columns}
        rows = connection.exec_driver_sql(sql.FOREIGN_KEYS).all()
        found = []
        for (table, _), grouped in groupby(rows, key=lambda row: (row.table_name, row.id)):
            key = list(grouped)
            to = tables.get(key[0].to_name.lower(), key[0].to_name)
            own = tuple(named[table.lower(), p.column_name.lower()].name for p in key)
            implied = keys.get(to.lower(), [])
            other = tuple(p.to_column for p in key) if key[0].to_column is not None else tuple(implied)
            types = tuple(_affinity(named, table, name) for name in own)
            to_types = tuple(_affinity(named, to, name) for name in other)
            found.append(ForeignKey(TableName(None, table), None, own, TableName(None, to), other, types, to_types))
        return tuple(found)


def _affinity(named: dict[tuple[str, str], Any], table: str, column: str) -> str:
    found = named.get((table.lower(), column.lower()))
    return affinity(found.type or "") if found is not None else ""


def _estimates(connection: "Connection") -> dict[str, int]:
    if not connection.exec_driver_sql(sql.HAS.format(name="sqlite_stat1")).scalar():
        return {}
    return {table: rows for table, rows in connection.exec_driver_sql(sql.ESTIMATES) if rows is not None}


def _index(rows: "list[Row[Any]]", not_null: set[tuple[str, str]], quote: Any) -> Index:
    first = rows[0]
    written, predicate = _written(first.definition, len(rows))
    made = []
    for row, text in zip(rows, written, strict=True):
        spelled = quote(row.column_name) if row.column_name is not None else text
        rest = f"{row.coll}{' DESC' if row.is_descending else ''}"
        made.append(Part(row.column_name, spelled, rest, row.column_name is not None and not _COLLATED.search(text)))
    return Index(
        table=TableName(None, first.table_name),
        name=first.name,
        parts=tuple(made),
        definition=first.definition or "",
        predicate=predicate if first.partial else None,
        unique=bool(first.is_unique),
        primary=first.origin == "pk",
        constraint=None if first.origin == "c" else "",
        all_not_null=all((row.table_name, row.column_name) in not_null for row in rows),
    )


def _written(definition: str | None, number: int) -> tuple[list[str], str | None]:
    """The key parts as they are written, and the condition."""
    blank = [""] * number
    if definition is None:
        return blank, None
    try:
        inside, after = bracketed(definition)
        where = _WHERE.search(masked(after))
        listed = parts(inside)
    except ValueError:  # names with odd quotes: told apart by the whole definition
        return [definition] * number, definition
    condition = " ".join(after[where.end() :].split()) if where else None
    return (listed if len(listed) == number else [inside] * number), condition


def _rowids(columns: "Sequence[Row[Any]]", keyed: set[TableName], quote: Any) -> list[Index]:
    found = []
    for table, grouped in groupby(columns, key=lambda c: c.table_name):
        name, key = TableName(None, table), [c for c in grouped if c.pk]
        if len(key) == 1 and name not in keyed and (key[0].type or "").upper() == "INTEGER":
            part = Part(key[0].name, quote(key[0].name), "BINARY")
            found.append(Index(name, ROWID, (part,), "", unique=True, primary=True, constraint="", all_not_null=True))
    return found
