"""Fingerprints of SQLite tables, every storage class distinct: 1, 1.0, '1', x'31', -0.0 and NUL characters.

Rows are read in the order of the key, so that a column is one sequence of values. The bytes that are hashed are
those of `marshal`, version 2: it writes type and bits of every value, at the speed of C, without references.
A fingerprint is the hash of the key columns' sequence and the column's own: equal ones mean that every key has
the same value. They do not depend on the order of rows in the file, nor on how many rows are read at a time.
"""

import marshal
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

from dbadmin.dialects.base import Fingerprints
from dbadmin.dialects.sqlite.raw import quote, reading
from dbadmin.dialects.sqlite.schema import tables_of
from dbadmin.dialects.values import ColumnPrint, RowDifferences, TableData, TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")
METHOD = "marshal"
BATCH_BYTES = 4 << 20  # values held at a time, as marshalled
MOST_ROWS = 5_000  # larger batches are no faster
HEADER = 5  # of a marshalled tuple: its type and its length, which depend on the batch
WORD = 16  # bytes of a hash
_hash = partial(blake2b, digest_size=WORD)


class SqliteFingerprints(Fingerprints):
    """Reads each table once, in constant memory, on the sqlite3 connection itself."""

    def table_names(self, connection: "Connection") -> tuple[TableName, ...]:
        """Ordinary and virtual tables, without those that virtual tables keep their own data in.

        A full-text index is compared by what it gives back: its segments differ from run to run.
        """
        return reading(connection, lambda raw: tuple(TableName(None, name) for name in tables_of(raw)))

    def table(self, connection: "Connection", table: TableName) -> TableData:
        """Fingerprint one table; a table that cannot be read says why in `unreadable`."""
        return reading(connection, lambda raw: _readable(raw, table.name))

    def row_differences(
        self, before: "Connection", after: "Connection", table: TableName, columns: Sequence[str]
    ) -> RowDifferences:
        """Compare two states of a table, merging both in the order of their key."""
        from dbadmin.dialects.sqlite.rows import differences

        def compare(old: sqlite3.Connection, new: sqlite3.Connection) -> RowDifferences:
            return any_text(new, lambda: any_text(old, lambda: differences(old, new, table.name, columns)))

        return reading(before, lambda old: reading(after, lambda new: compare(old, new)))

    def values_held(self, connection: "Connection", table: TableName, column: str) -> int:
        """How many rows have a value other than NULL in this column."""
        query = f"SELECT count({quote(column)}) FROM main.{quote(table.name)}"
        number: int = reading(connection, lambda raw: raw.execute(query).fetchall())[0][0]
        return number


def any_text(raw: sqlite3.Connection, work: Callable[[], T]) -> T:
    """Call `work`; where it meets TEXT that is not UTF-8, once more with bytes kept as lone surrogates.

    Both ways give the same string for valid text; the second costs a Python call per value.
    """
    try:
        return work()
    except (sqlite3.OperationalError, UnicodeDecodeError) as error:
        if "decode" not in str(error):
            raise
    raw.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        return work()
    finally:
        raw.text_factory = str


def columns_of(raw: sqlite3.Connection, table: str) -> dict[str, bool]:
    """Columns of a table in its order, generated ones too, and whether each is NOT NULL."""
    rows = raw.execute(f"PRAGMA main.table_xinfo({quote(table)})").fetchall()
    return {row[1]: bool(row[3]) for row in rows if row[6] != 1}


def keys_of(raw: sqlite3.Connection, table: str) -> list[tuple[str, ...]]:
    """Keys without NULLs, best first: the primary key, then unique ones by their columns' names."""
    info = raw.execute(f"PRAGMA main.table_xinfo({quote(table)})").fetchall()
    never_null = {row[1] for row in info if row[3]}
    primary = tuple(row[1] for row in sorted((r for r in info if r[5]), key=lambda r: r[5]))
    indexes = raw.execute(f"PRAGMA main.index_list({quote(table)})").fetchall()
    if primary and not any(index[3] == "pk" for index in indexes):
        never_null.update(primary)  # an alias of the rowid
    found = []
    for _, index, unique, _, partial_index in (row[:5] for row in indexes):
        listed = [row[2] for row in raw.execute(f"PRAGMA main.index_info({quote(index)})").fetchall()]
        if unique and not partial_index and None not in listed:
            found.append(tuple(sorted(listed)))
    candidates = ([primary] if primary else []) + sorted(set(found) - {primary, tuple(sorted(primary))})
    return [key for key in candidates if never_null.issuperset(key)]


def is_virtual(raw: sqlite3.Connection, table: str) -> bool:
    """Whether a table is virtual."""
    query = "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ? AND sql LIKE 'CREATE VIRTUAL%'"
    return bool(raw.execute(query, (table,)).fetchall())


def select(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """A query for columns in the order of the key.

    Unary plus takes the declared type away, which the application may have bound to a converter.
    """
    shown = ", ".join(f"+{quote(column)} AS c{i}" for i, column in enumerate(columns)) or "1"
    order = f" ORDER BY {', '.join(f'{quote(column)} COLLATE BINARY' for column in key)}" if key else ""
    return f"SELECT {shown} FROM main.{quote(table)}{order}"


def batches(raw: sqlite3.Connection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of a query, a few megabytes at a time."""
    cursor = raw.cursor()
    cursor.row_factory = None
    try:
        cursor.execute(query)
        rows = cursor.fetchmany(16)
        while rows:
            yield rows
            some = rows[:: len(rows) // 16 + 1]
            size = len(marshal.dumps(some, 2)) // len(some) + 1
            rows = cursor.fetchmany(max(1, min(MOST_ROWS, BATCH_BYTES // size)))
    finally:
        cursor.close()


def _readable(raw: sqlite3.Connection, table: str) -> TableData:
    try:
        return any_text(raw, lambda: _fingerprint(raw, table))
    except sqlite3.DatabaseError as error:
        return TableData(0, {}, not_compared={"": str(error)}, method=METHOD)


def _fingerprint(raw: sqlite3.Connection, table: str) -> TableData:
    columns = columns_of(raw, table)
    keys = keys_of(raw, table)
    if not keys and is_virtual(raw, table):
        keys = [("rowid",)]  # what a full-text index and an R*Tree bind their rows to
        columns = {"rowid": True, **columns}
    if not keys:
        return _counted(raw, table, sorted(columns))
    return _in_order(raw, table, columns, keys[0])


def _in_order(raw: sqlite3.Connection, table: str, columns: Mapping[str, bool], key: tuple[str, ...]) -> TableData:
    """Hash each column as one sequence."""
    names = list(columns)
    values, nulls = [_hash() for _ in names], [_hash() for _ in names]
    nullable = [i for i, name in enumerate(names) if not columns[name] and name not in key]
    count = 0
    for rows in batches(raw, select(table, names, key)):
        by_column = list(zip(*rows, strict=True))
        for hasher, column in zip(values, by_column, strict=True):
            hasher.update(memoryview(marshal.dumps(column, 2))[HEADER:])
        for i in nullable:
            if None in by_column[i]:
                places = [place for place, value in enumerate(by_column[i], count) if value is None]
                nulls[i].update(memoryview(marshal.dumps(places, 2))[HEADER:])
        count += len(rows)
    of_key = b"".join(values[names.index(name)].digest() for name in key)
    return TableData(
        rows=count,
        columns={
            name: ColumnPrint(_bound(of_key, value), _bound(of_key, null))
            for name, value, null in zip(names, values, nulls, strict=True)
        },
        key=key,
        method=METHOD,
    )


def _bound(key: bytes, hasher: Any) -> str:
    return _hash(key + hasher.digest()).hexdigest()


def _counted(raw: sqlite3.Connection, table: str, names: Sequence[str]) -> TableData:
    """A table without a key: sums of 128-bit hashes, of whole rows and of each column's values.

    Sums count, so that two equal rows do not cancel.
    """
    count, row_sum = 0, 0
    sums, nulls = [0] * len(names), [0] * len(names)
    for rows in batches(raw, select(table, names, ())):
        count += len(rows)
        row_sum += sum(_number(row) for row in rows)
        for i, column in enumerate(zip(*rows, strict=True)):
            sums[i] += sum(_number(value) for value in column)
            nulls[i] += sum(value is None for value in column)
    columns = {name: ColumnPrint(_word(value), str(null)) for name, value, null in zip(names, sums, nulls, strict=True)}
    return TableData(count, columns, row=_word(row_sum), method=METHOD)


def _number(value: Any) -> int:
    return int.from_bytes(_hash(marshal.dumps(value, 2)).digest())


def _word(number: int) -> str:
    return (number % (1 << 8 * WORD)).to_bytes(WORD).hex()
