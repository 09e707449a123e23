"""Which revision made a difference: pure functions over what stood after each revision on the way up and down.

A facet is one thing that can differ: a schema object, the rows of a table, the values of a column. `value` reads
it from a snapshot. A revision's downgrade should bring back what stood before its upgrade; the revision to blame
is the first on the way back that does not, and after which no later one mends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dbadmin.dialects import ColumnPrint, ObjectKey, TableName
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


Value = str | int | ColumnPrint | None


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


def value(snapshot: Snapshot, facet: Facet) -> Value:
    """What the snapshot says of a facet; None where it is absent.

    A table that was looked at by the schema but not by its rows has no value either.
    """
    if facet.key is not None:
        return snapshot.schema.get(facet.key)
    assert facet.table is not None
    data = snapshot.data.get(facet.table)
    if data is None:
        return None
    return data.rows if facet.column is None else data.columns.get(facet.column)


def not_brought_back(there: Leg, back: Leg, facet: Facet) -> Culprit:
    """The revision whose way back does not undo its way there, for a facet that differs at the ends.

    `there` and `back` walk the same revisions in opposite orders. The phase is `there`'s where it removed the
    facet (nothing can bring back what was dropped), else `back`'s.
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


def was_dropped(leg: Leg, revision: str | None, facet: Facet) -> bool:
    """Whether this revision removed the facet in this leg."""
    if revision is None:
        return value(leg.before, facet) is not None and value(leg.after, facet) is None
    before, after = leg.around(revision)
    return before is not None and after is not None and value(before, facet) is not None and value(after, facet) is None


def _told(there: Leg, back: Leg, revision: str, facet: Facet) -> Culprit:
    return Culprit(revision, there.phase if was_dropped(there, revision, facet) else back.phase)


def _only(there: Leg, back: Leg, facet: Facet) -> Culprit:
    """Where nobody could look between: the only revision of the walk, else nobody."""
    if len(back.revisions) != 1:
        return Culprit(None, back.phase)
    return _told(there, back, back.revisions[0], facet)


def revisions_between(legs: Sequence[Leg]) -> tuple[str, ...]:
    """Every revision of these legs, once, in the order of the first leg that has it."""
    return tuple(dict.fromkeys(revision for leg in legs for revision in leg.revisions))
