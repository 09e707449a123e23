"""Which revision made a difference: pure functions over what stood after each revision on the way up and down.

A facet is one thing that can differ: a schema object, the rows of a table, the values of a column. `value` reads
it from a snapshot. A revision's downgrade should bring back what stood before its upgrade; the revision to blame
is the first on the way back that does not, and after which no later one mends it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from dbadmin.dialects import ColumnPrint, ObjectKey, TableData, TableName
from dbadmin.results import Phase
from dbadmin.state import Snapshot


class Facet(NamedTuple):
    """A schema object (`key`), or the rows (`table`) or one column's values (`table`, `column`)."""

    key: ObjectKey | None = None
    table: TableName | None = None
    column: str | None = None


class Culprit(NamedTuple):
    """Who made a difference; None where it cannot be told."""

    revision: str | None
    phase: Phase | None


Value = str | ColumnPrint | tuple[Any, ...] | None


@dataclass(frozen=True)
class Moment:
    """What stood right after one revision; `snapshot` is None where nobody could look."""

    revision: str
    snapshot: Snapshot | None


@dataclass(frozen=True)
class Leg:
    """One phase of a walk: what stood before it, after each revision in the order they ran, and at its end."""

    phase: Phase
    before: Snapshot
    moments: tuple[Moment, ...]
    after: Snapshot

    def around(self, revision: str) -> tuple[Snapshot | None, Snapshot | None]:
        """What stood right before and right after a revision in this leg; None where nobody could look."""
        previous: Snapshot | None = self.before
        for moment in self.moments:
            if moment.revision == revision:
                return previous, moment.snapshot
            previous = moment.snapshot
        return None, None

    @property
    def revisions(self) -> tuple[str, ...]:
        """In the order they ran."""
        return tuple(moment.revision for moment in self.moments)

    @property
    def states(self) -> tuple[Snapshot, ...]:
        """Every state that somebody looked at, in order."""
        return (self.before, *(m.snapshot for m in self.moments if m.snapshot is not None), self.after)

    def mapped(self, change: Callable[[Snapshot], Snapshot]) -> "Leg":
        """The leg with every state changed by a function."""
        moments = tuple(Moment(m.revision, m.snapshot and change(m.snapshot)) for m in self.moments)
        return Leg(self.phase, change(self.before), moments, change(self.after))


def value(snapshot: Snapshot, facet: Facet) -> Value:
    """What the snapshot says of a facet; None where it is absent.

    Of a table's rows: how many there are, and which, by their keys or as a whole. A table that was looked at by
    the schema but not by its rows has no value either.
    """
    if facet.key is not None:
        return snapshot.schema.get(facet.key)
    assert facet.table is not None
    data = snapshot.data.get(facet.table)
    if data is None:
        return None
    if facet.column is not None:
        return data.columns.get(facet.column)
    return data.rows, data.row, tuple(data.columns.get(name) for name in data.key)


def not_brought_back(there: Leg, back: Leg, facet: Facet) -> Culprit:
    """The revision whose way back does not undo its way there, for a facet that differs at the ends.

    `there` and `back` walk the same revisions in opposite orders. The phase is `there`'s where it dropped rows or
    values (nothing can bring those back), else `back`'s.
    """
    culprit: str | None = None
    for revision in reversed(back.revisions):
        before, _ = there.around(revision)
        _, after = back.around(revision)
        if before is None or after is None:
            return _only(there, back, facet) if culprit is None else _told(there, back, culprit, facet)
        if value(before, facet) == value(after, facet):
            break
        culprit = revision
    return Culprit(None, None) if culprit is None else _told(there, back, culprit, facet)


def first_change(leg: Leg, facet: Facet) -> Culprit:
    """The first revision of a leg after which the facet is not what it was before the leg."""
    start = value(leg.before, facet)
    for moment in leg.moments:
        if moment.snapshot is None:
            break
        if value(moment.snapshot, facet) != start:
            return Culprit(moment.revision, leg.phase)
    return Culprit(leg.revisions[0], leg.phase) if len(leg.revisions) == 1 else Culprit(None, leg.phase)


def remover(leg: Leg, facet: Facet) -> str | None:
    """The revision of a leg after which the facet is gone for good; None where none was seen to remove it."""
    found = None
    previous: Snapshot | None = leg.before
    for moment in leg.moments:
        if previous is not None and moment.snapshot is not None and value(previous, facet) is not None:
            found = moment.revision if value(moment.snapshot, facet) is None else found
        previous = moment.snapshot
    return found


def first_appearance(leg: Leg, facet: Facet) -> str | None:
    """The revision of a leg that made the facet what it is at the leg's end (the last one to change it)."""
    previous: Snapshot | None = leg.before
    found = None
    for moment in leg.moments:
        if (
            previous is not None
            and moment.snapshot is not None
            and value(previous, facet) != value(moment.snapshot, facet)
        ):
            found = moment.revision
        previous = moment.snapshot
    return found


def changed_in(leg: Leg, revision: str, facet: Facet) -> bool | None:
    """Whether this revision changed the facet in this leg; None where nobody could look."""
    before, after = leg.around(revision)
    return None if before is None or after is None else value(before, facet) != value(after, facet)


def moved(before: Snapshot, after: Snapshot, facet: Facet) -> Facet | None:
    """Where the rows of a table, or the values of a column, stand in a later state under a new name.

    Told by equal fingerprints, so None where a revision changed what it renamed.
    """
    assert facet.table is not None
    data = before.data.get(facet.table)
    if data is None or not data.rows:
        return None
    if facet.column is None:
        found = (Facet(table=t) for t, held in after.data.items() if t not in before.data and _same(data, held))
        return next(found, None)
    later = after.data.get(facet.table)
    if later is None or later.method != data.method:
        return None
    new = (name for name in later.columns if name not in data.columns)
    return next((facet._replace(column=n) for n in new if later.columns[n] == data.columns.get(facet.column)), None)


def _same(one: TableData, other: TableData) -> bool:
    return (one.rows, one.row, one.method, one.columns) == (other.rows, other.row, other.method, other.columns)


def was_dropped(leg: Leg, revision: str | None, facet: Facet) -> bool:
    """Whether this revision removed the facet in this leg."""
    if revision is None:
        return value(leg.before, facet) is not None and value(leg.after, facet) is None
    before, after = leg.around(revision)
    return before is not None and after is not None and value(before, facet) is not None and value(after, facet) is None


def _told(there: Leg, back: Leg, revision: str, facet: Facet) -> Culprit:
    dropped = facet.key is None and was_dropped(there, revision, facet)
    return Culprit(revision, there.phase if dropped else back.phase)


def _only(there: Leg, back: Leg, facet: Facet) -> Culprit:
    """Where nobody could look between: the only revision of the walk, else nobody."""
    if len(back.revisions) != 1:
        return Culprit(None, back.phase)
    return _told(there, back, back.revisions[0], facet)
