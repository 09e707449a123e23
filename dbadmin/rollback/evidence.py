"""Looking closer where two states differ: numbers of rows and keys, from the copy and its untouched twin."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from dbadmin.dialects import ObjectKey, RowDifferences, TableData, TableName, of
from dbadmin.dialects.names import join
from dbadmin.rollback.facts import Evidence, comparable
from dbadmin.state import Difference, Snapshot

if TYPE_CHECKING:
    from sqlalchemy import Connection


def gather(pristine: "Connection", now: "Connection", before: Snapshot, after: Snapshot) -> Evidence:
    """Compare row by row the tables whose fingerprints differ, and count what dropped columns held.

    `before` describes the database at `pristine`, `after` the one at `now`.
    """
    prints = of(now).fingerprint
    rows = {}
    for table, data in before.data.items():
        later = after.data.get(table)
        if later is None or later == data:
            continue
        if data.unreadable or later.unreadable:
            continue
        columns = differing(data, later)
        if columns or later.rows != data.rows or later.row != data.row:
            rows[table] = prints.row_differences(pristine, now, table, columns)
    history = {table: lost for table, lost in prints.history_lost(pristine, now).items() if table in after.data}
    return Evidence(rows, held_by_gone(pristine, before, after), history=history)


def held_by_gone(
    pristine: "Connection", before: Snapshot, after: Snapshot
) -> dict[tuple[TableName, str], int]:  # fmt: skip
    """How many values the columns held that a later state lacks, of tables that it has."""
    prints = of(pristine).fingerprint
    return {
        (table, column): prints.values_held(pristine, table, column)
        for table, data in before.data.items()
        if (later := after.data.get(table)) is not None and not data.unreadable and not later.unreadable
        for column in data.columns
        if column not in later.columns
    }


def changed_between(
    pristine: "Connection", now: "Connection", before: Snapshot, after: Snapshot
) -> dict[TableName, RowDifferences]:
    """Which rows of which columns a downgrade changed, where rows can be told by the same key in both states."""
    found = {}
    for table, data in before.data.items():
        later = after.data.get(table)
        if later is None or data.unreadable or later.unreadable or not data.key or not comparable(data, later):
            continue
        columns = differing(data, later)
        if columns and _same_key(table, data.key, before, after):
            found[table] = of(now).fingerprint.row_differences(pristine, now, table, columns)
    return found


def _same_key(table: TableName, key: Iterable[str], before: Snapshot, after: Snapshot) -> bool:
    """Whether the key's columns have the same types in both states: else equal keys may look otherwise."""
    named = [ObjectKey("column", join([table.schema, table.name, column])) for column in key]
    return all(before.schema.get(name) == after.schema.get(name) for name in named)


def differing(before: TableData, after: TableData) -> list[str]:
    """Columns of both states that may differ: all of them where the fingerprints are bound to other keys."""
    both = [column for column in before.columns if column in after.columns]
    if not comparable(before, after):
        return both
    if not before.key and before.row != after.row:
        return both  # without a key, columns tell only which values there are
    return [column for column in both if before.columns[column] != after.columns[column]]


def without_spelling(connection: "Connection", differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Leave out objects whose two definitions only spell the same thing otherwise.

    `connection` leads to a database that has the objects' tables; nothing is left there.
    """
    differences = tuple(differences)
    pairs = {
        d.key: (str(d.before), str(d.after))
        for d in differences
        if d.scope == "schema" and d.change == "changed" and d.key is not None
    }
    if not pairs:
        return differences
    canonical = of(connection).schema.canonical(connection, pairs)
    kept = []
    for difference in differences:
        pair = canonical.get(difference.key) if difference.key in pairs and difference.key else None
        if pair is None:
            kept.append(difference)
        elif pair[0] != pair[1]:
            kept.append(replace(difference, before=pair[0], after=pair[1]))
    return tuple(kept)
