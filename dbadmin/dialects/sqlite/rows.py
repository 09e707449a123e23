"""Two states of one SQLite table, row by row, in constant memory.

Two files are compared by SQLite itself, one attached to the other, and only rows that may differ come here; states
that are not committed are read from both connections and merged.
"""

import marshal
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from dbadmin.dialects.merge import RowComparison, merged
from dbadmin.dialects.sqlite.fingerprint import WORD, _hash, batches, keys_of, select
from dbadmin.dialects.sqlite.raw import quote
from dbadmin.dialects.values import RowDifferences

MOST_DIGESTS = 500_000  # counted in memory before they go to the temporary file


def differences(
    before: sqlite3.Connection, after: sqlite3.Connection, table: str, columns: Sequence[str]
) -> RowDifferences:
    """Compare by the first key that both states have; without one, whole rows are counted."""
    later = {frozenset(key) for key in keys_of(after, table)}
    shared = [key for key in keys_of(before, table) if frozenset(key) in later]
    if not shared or not all(_is_utf8(raw) for raw in (before, after)):
        return _counted(before, after, table, columns)
    key = shared[0]
    others = [column for column in columns if column not in key]
    if _attachable(before, after) and _types(before, table, key) == _types(after, table, key):
        return _attached(before, after, table, key, others)
    query = select(table, [*key, *others], key)
    comparison = RowComparison(others)
    for old, new in merged(_by_key(before, query, len(key)), _by_key(after, query, len(key))):
        comparison.add(_shown(old or new), old and old[1], new and new[1])
    return comparison.result()


def _attachable(before: sqlite3.Connection, after: sqlite3.Connection) -> bool:
    """Whether both are files of their own, with nothing in them that is not committed."""
    files = [_file(raw) for raw in (before, after)]
    return all(files) and files[0] != files[1] and not (before.in_transaction or after.in_transaction)


def _file(raw: sqlite3.Connection) -> str:
    return str(next(row[2] for row in raw.execute("PRAGMA database_list").fetchall() if row[1] == "main"))


def _types(raw: sqlite3.Connection, table: str, columns: Sequence[str]) -> list[str]:
    info = {row[1]: str(row[2]) for row in raw.execute(f"PRAGMA main.table_xinfo({quote(table)})").fetchall()}
    return [info[name].upper() for name in columns]


def _affinity(declared: str) -> str:
    """What values of a column are made of as they are stored (sqlite.org/datatype3.html, 3.1; ANY: of STRICT tables).

    >>> [_affinity(declared) for declared in ("BIGINT", "VARCHAR(9)", "DOUBLE", "DECIMAL(9, 2)", "", "ANY")]
    ['INTEGER', 'TEXT', 'REAL', 'NUMERIC', 'NONE', 'NONE']
    """
    for word, affinity in (("INT", "INTEGER"), ("CHAR", "TEXT"), ("CLOB", "TEXT"), ("TEXT", "TEXT"), ("BLOB", "NONE"),
                           ("REAL", "REAL"), ("FLOA", "REAL"), ("DOUB", "REAL")):  # fmt: skip
        if word in declared:
            return affinity
    return "NONE" if declared in ("", "ANY") else "NUMERIC"


def _attached(
    before: sqlite3.Connection, after: sqlite3.Connection, table: str, key: Sequence[str], others: Sequence[str]
) -> RowDifferences:
    comparison = RowComparison(others)
    after.execute("ATTACH ? AS dbadmin_before", (_file(before),))
    try:
        old, new = f"dbadmin_before.{quote(table)}", f"main.{quote(table)}"
        paired = " AND ".join(f"n.{quote(name)} = o.{quote(name)} COLLATE BINARY" for name in key)
        order = ", ".join(f"o.{quote(name)} COLLATE BINARY" for name in key)
        shown = ", ".join(f"+{side}.{quote(name)}" for side in "on" for name in (*key, *others))
        gone = f"n.{quote(key[0])} IS NULL"
        kinds = zip(*([_affinity(kind) for kind in _types(raw, table, others)] for raw in (before, after)), strict=True)
        told = [_may_differ(quote(name), *affinities) for name, affinities in zip(others, kinds, strict=True)]
        differs = " OR ".join([gone, *told])
        query = f"SELECT {shown} FROM {old} AS o LEFT JOIN {new} AS n ON {paired} WHERE {differs} ORDER BY {order}"
        width, half = len(key), len(key) + len(others)
        for rows in batches(after, query):
            for row in rows:
                lost = row[half] is None  # a key is never NULL
                comparison.add(
                    _key(row[:width]), _exact(row[width:half]), None if lost else _exact(row[half + width :])
                )
        sizes = [after.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in (old, new)]
        if sizes[0] - comparison.lost != sizes[1]:
            shown = ", ".join(f"+o.{quote(name)}" for name in key)
            absent = f"NOT EXISTS (SELECT 1 FROM {old} AS n WHERE {paired})"
            with closing(after.execute(f"SELECT {shown} FROM {new} AS o WHERE {absent} ORDER BY {order}")) as added:
                for row in added:
                    comparison.add(_key(row), None, ())
    finally:
        after.execute("DETACH dbadmin_before")
    return comparison.result()


def _may_differ(column: str, was: str, is_now: str) -> str:
    """Never false where values differ. What differs indeed is told from bytes.

    To SQLite 1 is 1.0, and 0.0 is -0.0. A column's affinity lets only one of each be stored, but for -2^63, which
    stays REAL where it was given as such.
    """
    old, new = f"o.{column}", f"n.{column}"
    unequal = f"+{old} IS NOT +{new} COLLATE BINARY"
    if was == is_now in ("TEXT", "REAL"):
        return unequal
    if was == is_now in ("INTEGER", "NUMERIC"):
        return f"{unequal} OR +{new} = -9223372036854775808"
    return f"{unequal} OR typeof({old}) <> typeof({new}) OR (typeof({new}) = 'real' AND {new} = 0)"


def _exact(values: Sequence[Any]) -> tuple[bytes | None, ...]:
    return tuple(None if value is None else marshal.dumps(value, 2) for value in values)


def _key(values: tuple[Any, ...]) -> Any:
    return values if len(values) > 1 else values[0]


Row = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


def _by_key(raw: sqlite3.Connection, query: str, width: int) -> Iterator[Row]:
    """Rows as (sort key, exact bytes of each value or None, the key itself)."""
    for rows in batches(raw, query):
        for row in rows:
            yield tuple(_place(value) for value in row[:width]), _exact(row[width:]), row[:width]


def _shown(row: Row | None) -> Any:
    assert row is not None
    return _key(row[2])


def _place(value: Any) -> tuple[int, Any]:
    """Where SQLite sorts a value: numbers, then text and blobs by their bytes."""
    if value is None:
        return (0, 0)
    if isinstance(value, str):
        return (2, value.encode("utf-8", "surrogateescape"))
    return (3, value) if isinstance(value, bytes) else (1, value)


def _is_utf8(raw: sqlite3.Connection) -> bool:
    return bool(raw.execute("PRAGMA encoding").fetchall()[0][0] == "UTF-8")


def _counted(
    before: sqlite3.Connection, after: sqlite3.Connection, table: str, columns: Sequence[str]
) -> RowDifferences:
    """Whole rows by content: how many of each there were and are; the counts live in a temporary file."""
    query = select(table, sorted(columns), ())
    counts = sqlite3.connect("")  # a private file that SQLite removes, in memory while small
    try:
        counts.execute("CREATE TABLE n (digest BLOB PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID")
        for raw, sign in ((before, 1), (after, -1)):
            found: Counter[bytes] = Counter()
            for rows in batches(raw, query):
                found.update(_hash(marshal.dumps(row, 2)).digest()[:WORD] for row in rows)
                if len(found) > MOST_DIGESTS:
                    _store(counts, found, sign)
            _store(counts, found, sign)
        lost, added = counts.execute("SELECT sum(max(n, 0)), sum(max(-n, 0)) FROM n").fetchone()
    finally:
        counts.close()
    return RowDifferences(lost or 0, added or 0, {}, {}, {})


def _store(counts: sqlite3.Connection, found: Counter[bytes], sign: int) -> None:
    counts.executemany(
        "INSERT INTO n VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET n = n + excluded.n",
        ((digest, sign * number) for digest, number in found.items()),
    )
    found.clear()
