"""What the judges know, apart from snapshots: numbers of rows, and what a revision's script says of itself."""

from collections.abc import Mapping
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
    downgrade changed from those that it left alone.
    """

    rows: Mapping[TableName, RowDifferences] = field(default_factory=dict)
    held: Mapping[tuple[TableName, str], int] = field(default_factory=dict)
    between: Mapping[TableName, RowDifferences] = field(default_factory=dict)

    def lost(self, table: TableName) -> int:
        """Rows that are gone."""
        return self.rows[table].lost if table in self.rows else 0

    def sample(self, table: TableName, heading: str) -> tuple[Any, ...] | None:
        """A few keys of the rows concerned, None where there are none."""
        return (self.rows[table].sample.get(heading) or None) if table in self.rows else None

    def changed_by_downgrade(self, table: TableName, column: str) -> RowDifferences | None:
        """Of the rows that differ in the end, those that the downgrade had changed in this column.

        None where rows cannot be told one by one: too many, or without a key.
        """
        if table not in self.between or table not in self.rows:
            return None
        ends, between = self.rows[table].keys.get(column), self.between[table].keys.get(column)
        if ends is None or between is None:
            return None
        changed = {key: gone for key, gone in ends.items() if key in between}
        lost = sum(changed.values())
        sample = tuple(islice(changed, MOST_SHOWN))
        return RowDifferences(0, 0, {column: lost}, {column: len(changed) - lost}, {column: sample})


def comparable(one: TableData, other: TableData) -> bool:
    """Whether equal fingerprints of these two mean equal values: bound to the same key, by the same method."""
    return (one.key, one.method) == (other.key, other.method)


@dataclass(frozen=True)
class Script:
    """A revision's script: where it is, and why it cannot be rolled back by its own word (None: it can)."""

    revision: str
    message: str
    file: str | None
    irreversible: str | None

    @property
    def downgrade_is_empty(self) -> bool:
        """Whether its downgrade does nothing while its upgrade does something."""
        return self.irreversible is not None and "empty" in self.irreversible
