"""What the judges know, apart from snapshots: numbers of rows, and what a revision's script says of itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dbadmin.dialects import RowDifferences, TableData, TableName

MOST_SHOWN = 5


@dataclass(frozen=True)
class Evidence:
    """Two states compared row by row, where their fingerprints differ.

    `rows` has the tables that both states have; `held` counts the values of columns that the later one lacks.
    `between` compares the earlier state with the one after the downgrade, where plan H has to tell rows that the
    downgrade changed from those that it left alone. `history` counts, by table, rows that were deleted or changed
    long before and that the table's own history has no longer (system versioning).
    """

    rows: Mapping[TableName, RowDifferences] = field(default_factory=dict)
    held: Mapping[tuple[TableName, str], int] = field(default_factory=dict)
    between: Mapping[TableName, RowDifferences] = field(default_factory=dict)
    history: Mapping[TableName, int] = field(default_factory=dict)

    def apart(self, table: TableName, column: str | None) -> "Apart | None":
        """The rows that differ in the end, in a column or (None) by being gone, by what the downgrade had done.

        None where rows cannot be told one by one: too many, or without a key.
        """
        ends, between = self.rows.get(table), self.between.get(table)
        if ends is None or between is None or between.lost_keys is None:
            return None
        if column is None:
            if ends.lost_keys is None or any(_too_many(between, name) for name in between.values_changed):
                return None
            touched = {key for keys in between.keys.values() for key in keys}
            return Apart.of(dict.fromkeys(ends.lost_keys, True), between.lost_keys, touched)
        if _too_many(ends, column) or _too_many(between, column):
            return None
        return Apart.of(ends.keys.get(column, {}), between.lost_keys, set(between.keys.get(column, {})))


def _too_many(differences: RowDifferences, column: str) -> bool:
    counted = differences.values_lost.get(column, 0) + differences.values_changed.get(column, 0)
    return bool(counted) and column not in differences.keys


@dataclass(frozen=True)
class Apart:
    """Rows that differ in the end, by key: those that the downgrade had deleted, those that it had changed, and how
    many it had left alone. The values say whether the row, or its value, is gone.
    """

    deleted: Mapping[Any, bool]
    changed: Mapping[Any, bool]
    alone: int

    @classmethod
    def of(cls, ends: Mapping[Any, bool], deleted: frozenset[Any], changed: set[Any]) -> "Apart":
        """Sort the keys of `ends` by what the downgrade did to their rows."""
        by_deleted = {key: gone for key, gone in ends.items() if key in deleted}
        by_changed = {key: gone for key, gone in ends.items() if key in changed and key not in deleted}
        return cls(by_deleted, by_changed, len(ends) - len(by_deleted) - len(by_changed))


def shown(keys: Iterable[Any]) -> tuple[Any, ...]:
    """The first few of some keys."""
    return tuple(islice(keys, MOST_SHOWN))


def comparable(one: TableData, other: TableData) -> bool:
    """Whether equal fingerprints of these two mean equal values: bound to the same key, by the same method."""
    return (one.key, one.method) == (other.key, other.method)


@dataclass(frozen=True)
class Script:
    """A revision's script: where it is, why it cannot be rolled back by its own word (None: it can), and its text."""

    revision: str
    message: str
    file: str | None
    irreversible: str | None
    text: str = field(default="", repr=False)

    @property
    def downgrade_is_empty(self) -> bool:
        """Whether its downgrade does nothing while its upgrade does something."""
        return self.irreversible is not None and "empty" in self.irreversible
