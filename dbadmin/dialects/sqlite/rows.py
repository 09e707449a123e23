"""Two states of one SQLite table, row by row, in constant memory."""

import marshal
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from dbadmin.dialects.merge import RowComparison, merged
from dbadmin.dialects.sqlite.fingerprint import WORD, _hash, batches, keys_of, select
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
    query = select(table, [*key, *others], key)
    comparison = RowComparison(others)
    for old, new in merged(_by_key(before, query, len(key)), _by_key(after, query, len(key))):
        comparison.add(_shown(old or new), old and old[1], new and new[1])
    return comparison.result()


Row = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


def _by_key(raw: sqlite3.Connection, query: str, width: int) -> Iterator[Row]:
    """Rows as (sort key, exact bytes of each value or None, the key itself)."""
    for rows in batches(raw, query):
        for row in rows:
            exact = tuple(None if v is None else marshal.dumps(v, 2) for v in row[width:])
            yield tuple(_place(value) for value in row[:width]), exact, row[:width]


def _shown(row: Row | None) -> Any:
    assert row is not None
    return row[2] if len(row[2]) > 1 else row[2][0]


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
