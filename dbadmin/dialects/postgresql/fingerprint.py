"""Fingerprints of PostgreSQL tables, computed by the server: one pass over a table for all of its columns."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.base import Fingerprints
from dbadmin.dialects.merge import Keyed, by_count, by_key
from dbadmin.dialects.postgresql import hashes
from dbadmin.dialects.postgresql.hashes import Table
from dbadmin.dialects.postgresql.look import ask, looking, qualified, quote, rows
from dbadmin.dialects.prints import fingerprint, unreadable
from dbadmin.dialects.values import RowDifferences, TableData, TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

COLUMNS_AT_ONCE = 300  # two aggregates each; a result may have 1664 columns

# Tables with rows of their own: partitions and not their parents, no foreign tables.
TABLES = """
    SELECT nullif(n.nspname, 'public'), c.relname
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
       AND n.nspname <> 'information_schema'
     ORDER BY n.nspname, c.relname
"""


class PostgresqlFingerprints(Fingerprints):
    """Hashes stored bytes where the session belongs to a superuser, text elsewhere; see `hashes`."""

    def table_names(self, connection: "Connection") -> tuple[TableName, ...]:
        """Every table with rows of its own."""
        with looking(connection):
            return tuple(TableName(*row) for row in rows(connection, TABLES))

    def table(self, connection: "Connection", table: TableName) -> TableData:
        """Fingerprint one table; a table that cannot be read says why in `unreadable`."""
        return self.tables(connection, [table])[table]

    def tables(self, connection: "Connection", tables: Sequence[TableName]) -> Mapping[TableName, TableData]:
        """Fingerprint several tables in one look; one that fails ends the look, and another begins after it."""
        from sqlalchemy.exc import DBAPIError

        done: dict[TableName, TableData] = {}
        waiting = list(dict.fromkeys(tables))
        while waiting:
            with looking(connection):
                image = _prepare(connection)
                known = hashes.tables(connection, waiting)
                while waiting:
                    name = waiting.pop(0)
                    try:
                        done[name] = _fingerprint(connection, known[name], image)
                    except KeyError:
                        done[name] = unreadable("no such table")
                    except DBAPIError as error:
                        if error.connection_invalidated:
                            raise
                        done[name] = unreadable(str(error.orig).strip().split("\n")[0])
                        break  # the transaction is aborted up to the savepoint
        return done

    def row_differences(
        self, before: "Connection", after: "Connection", table: TableName, columns: Sequence[str]
    ) -> RowDifferences:
        """Compare two states of a table by streaming keys and hashes from both; big values stay on the server."""
        with ExitStack() as stack:
            for connection in dict.fromkeys((before, after)):
                stack.enter_context(looking(connection))
            prepared = [_prepare(connection) for connection in dict.fromkeys((before, after))]
            image = all(prepared)
            old = hashes.tables(before, [table])[table]
            new = hashes.tables(after, [table])[table]
            later = {frozenset(key) for key in new.keys}
            shared = [key for key in old.keys if frozenset(key) in later]
            if not shared:
                return _counted(before, old, after, new, columns, image)
            return _by_key(before, old, after, new, shared[0], columns, image)

    def values_held(self, connection: "Connection", table: TableName, column: str) -> int:
        """How many rows have a value other than NULL in this column."""
        with looking(connection):
            query = f"SELECT count({quote(column)}) FROM ONLY {qualified(*table)}"
            return int(ask(connection, query).scalar())


def _prepare(connection: "Connection") -> bool:
    workers = min(4, (os.cpu_count() or 1) - 1)
    setting = "max_parallel_workers_per_gather"
    ask(
        connection,
        f"SELECT set_config('{setting}', greatest({workers}, current_setting('{setting}')::int)::text, true)",
    )
    return hashes.prepare(connection)


def _fingerprint(connection: "Connection", table: Table, image: bool) -> TableData:
    key = table.keys[0] if table.keys else ()
    seed = table.seed(key, image) if key else None
    source = f"FROM ONLY {qualified(table.name.schema, table.name.name)}"
    return fingerprint(
        table.columns,
        key,
        aggregates=lambda column: _aggregates(column, seed, image),
        row_hash=None if key else table.row_hash(list(table.columns), image),
        ask=lambda wanted: ask(connection, f"SELECT {wanted} {source}").one(),
        at_once=COLUMNS_AT_ONCE,
        method="image" if image else "text",
    )


def _aggregates(column: hashes.Column, seed: str | None, image: bool) -> tuple[str, str]:
    """Values and NULLs. Bound to the key, equal terms cannot meet, and xor does; else a sum, which counts."""
    if seed is None:
        return f"sum({column.hash('0', image)})", f"count(*) - count({quote(column.name)})"
    values = f"bit_xor({column.hash(seed, image)})"
    if column.never_null:
        return values, "NULL::bigint"
    return values, f"bit_xor(hashint4extended(0, {seed})) FILTER (WHERE {quote(column.name)} IS NULL)"


def _by_key(
    before: "Connection", old: Table, after: "Connection", new: Table, key: Sequence[str],
    columns: Sequence[str], image: bool,
) -> RowDifferences:  # fmt: skip
    others = [column for column in columns if column not in key]
    numbers = all(t.columns[name].is_integer for t in (old, new) for name in key)

    def stream(connection: "Connection", table: Table) -> Iterator[Keyed]:
        width = len(key)
        places = [_place(table.columns[name], numbers) for name in key]
        wanted = [*places, *(table.columns[name].hash("0", image) for name in others)]
        order = ", ".join(str(i + 1) for i in range(width))
        query = f"SELECT {', '.join(wanted)} FROM ONLY {qualified(table.name.schema, table.name.name)} ORDER BY {order}"
        for row in ask(connection, query, stream=True):
            yield tuple(bytes(v) if not numbers else v for v in row[:width]), tuple(row[width:])

    return by_key(others, stream(before, old), stream(after, new))


def _place(column: hashes.Column, as_number: bool) -> str:
    """A key in a form that sorts alike in both servers and here: an integer, or the bytes of its text."""
    return f"{column.sql}::int8" if as_number else f"convert_to({column.text}, 'UTF8')"


def _counted(
    before: "Connection", old: Table, after: "Connection", new: Table, columns: Sequence[str], image: bool
) -> RowDifferences:
    """Whole rows by content, counted on the server."""

    def stream(connection: "Connection", table: Table) -> Iterator[tuple[Any, int]]:
        query = (
            f"SELECT {table.row_hash(columns, image)} AS h, count(*)"
            f" FROM ONLY {qualified(table.name.schema, table.name.name)} GROUP BY 1 ORDER BY 1"
        )
        return ((row[0], int(row[1])) for row in ask(connection, query, stream=True))

    return by_count(stream(before, old), stream(after, new))
