"""Fingerprints of MySQL and MariaDB tables, computed by the server: one pass over a table for all of its columns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.base import Fingerprints
from dbadmin.dialects.merge import Keyed, by_count, by_key
from dbadmin.dialects.mysql import hashes, history
from dbadmin.dialects.mysql.hashes import CONSTANT, Method, Seed, Table
from dbadmin.dialects.mysql.look import ask, database_of, literal, looking, qualified, quote, rows
from dbadmin.dialects.prints import fingerprint, unreadable
from dbadmin.dialects.values import RowDifferences, TableData, TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

COLUMNS_AT_ONCE = 500  # two aggregates each; a result may have 4096 columns


class MysqlFingerprints(Fingerprints):
    """Hashes values with their row's key, see `hashes`.

    Tables of the connection's own database. Of a system-versioned table the current rows count: its history grows
    by every UPDATE, and no migration can take that back (what it loses, `history_lost` tells). Sequences and views
    hold no rows.
    """

    def table_names(self, connection: "Connection") -> tuple[TableName, ...]:
        """Every table with rows of its own; one with partitions is one table."""
        with looking(connection):
            query = hashes.TABLES.format(database=literal(database_of(connection)))
            return tuple(TableName(None, row["table_name"]) for row in rows(connection, query))

    def table(self, connection: "Connection", table: TableName) -> TableData:
        """Fingerprint one table; a table that cannot be read says why in `unreadable`."""
        return self.tables(connection, [table])[table]

    def tables(self, connection: "Connection", tables: Sequence[TableName]) -> Mapping[TableName, TableData]:
        """Fingerprint several tables in one look."""
        from sqlalchemy.exc import DBAPIError

        done: dict[TableName, TableData] = {}
        with looking(connection):
            database, method = database_of(connection), hashes.method_of(connection)
            known = hashes.tables(connection, database, tables)
            for name in tables:
                try:
                    done[name] = _fingerprint(connection, database, known[name], method)
                except KeyError:
                    done[name] = unreadable("no such table")
                except DBAPIError as error:
                    if error.connection_invalidated:
                        raise
                    done[name] = unreadable(_message(error.orig))
        return done

    def row_differences(
        self, before: "Connection", after: "Connection", table: TableName, columns: Sequence[str]
    ) -> RowDifferences:
        """Compare two states of a table by streaming keys and hashes from both; big values stay on the server."""
        with ExitStack() as stack:
            for connection in dict.fromkeys((before, after)):
                stack.enter_context(looking(connection))
            old, new = (hashes.tables(c, database_of(c), [table])[table] for c in (before, after))
            method = min(hashes.method_of(before), hashes.method_of(after), key=("reversed", "crc").index)
            later = {frozenset(key) for key in new.keys}
            shared = [key for key in old.keys if frozenset(key) in later]
            if not shared:
                return _counted(before, old, after, new, columns, method)
            return _by_key(before, old, after, new, shared[0], columns, method)

    def values_held(self, connection: "Connection", table: TableName, column: str) -> int:
        """How many rows have a value other than NULL in this column."""
        with looking(connection):
            source = qualified(database_of(connection), table.name)
            return int(ask(connection, f"SELECT count({quote(column)}) FROM {source}").scalar())

    def history_lost(self, before: "Connection", after: "Connection") -> Mapping[TableName, int]:
        """How many rows the histories of system-versioned tables have lost, by table."""
        return history.lost(before, after)


def _message(error: Any) -> str:
    words = [str(part) for part in getattr(error, "args", ()) if not isinstance(part, int)]
    return (words[0] if words else str(error)).strip().split("\n")[0]


def _fingerprint(connection: "Connection", database: str, table: Table, method: Method) -> TableData:
    key = table.keys[0] if table.keys else ()
    seed = table.seed(key, method) if key else None
    source = f"FROM {qualified(database, table.name.name)}"
    return fingerprint(
        table.columns,
        key,
        aggregates=lambda column: _aggregates(column, seed, method),
        row_hash=None if key else table.row_hash(list(table.columns), method),
        ask=lambda wanted: ask(connection, f"SELECT {wanted} {source}").one(),
        at_once=COLUMNS_AT_ONCE,
        method=seed.method_told if seed else method,
    )


def _aggregates(column: hashes.Column, seed: Seed | None, method: Method) -> tuple[str, str]:
    """Values and NULLs. Bound to the key, equal terms cannot meet, and xor does; else a sum, which counts."""
    name = quote(column.name)
    if seed is None:
        return f"sum({CONSTANT[method].hash(column)})", f"count(*) - count({name})"
    nulls = "0" if column.never_null else f"bit_xor(CASE WHEN {name} IS NULL THEN {seed.alone} END)"
    return f"bit_xor({seed.hash(column)})", nulls


def _by_key(
    before: "Connection", old: Table, after: "Connection", new: Table, key: Sequence[str],
    columns: Sequence[str], method: Method,
) -> RowDifferences:  # fmt: skip
    others = [column for column in columns if column not in key]
    numbers = all(t.columns[name].is_integer for t in (old, new) for name in key)

    def stream(connection: "Connection", table: Table) -> Iterator[Keyed]:
        width = len(key)
        places = [quote(name) if numbers else table.columns[name].text for name in key]
        wanted = [*places, *(CONSTANT[method].hash(table.columns[name]) for name in others)]
        order = ", ".join(str(i + 1) for i in range(width))
        source = qualified(database_of(connection), table.name.name)
        query = f"SELECT {', '.join(wanted)} FROM {source} ORDER BY {order}"
        for row in ask(connection, query, stream=True):
            yield tuple(row[:width] if numbers else map(_bytes, row[:width])), tuple(row[width:])

    return by_key(others, stream(before, old), stream(after, new))


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _counted(
    before: "Connection", old: Table, after: "Connection", new: Table, columns: Sequence[str], method: Method
) -> RowDifferences:
    """Whole rows by content, counted on the server."""

    def stream(connection: "Connection", table: Table) -> Iterator[tuple[Any, int]]:
        source = qualified(database_of(connection), table.name.name)
        query = f"SELECT {table.row_hash(columns, method)} AS h, count(*) FROM {source} GROUP BY 1 ORDER BY 1"
        return ((row[0], int(row[1])) for row in ask(connection, query, stream=True))

    return by_count(stream(before, old), stream(after, new))
