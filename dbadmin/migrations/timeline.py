"""Which revision took which lock, and for how long: computed from what was seen at single moments.

A lock was taken between the last moment when it was not there and the first when it was, and released likewise.
Moments are those of the monotonic clock, which every process of the machine shares.
"""

import re
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from dbadmin.dialects.costs import Held, Known, OwnLock
from dbadmin.results import Lock

_LATE = 0.5
"""Seconds by which what another process saw may come later than what was seen here meanwhile."""


class Look(NamedTuple):
    """Locks that were held at one moment between two; of one session, or (None) of all.

    `ends`: at this moment the session's transaction is about to end, and all that it holds with it.
    """

    began: float
    ended: float
    session: int | None
    held: frozenset[Held]
    ends: bool = False


@dataclass
class Span:
    """A lock from beginning to end: last not there, first there, last there, first gone."""

    held: Held
    absent: float
    first: float
    last: float
    gone: float | None = None


@dataclass
class Told:
    """A statement of a revision: when it began and, where that is known, ended."""

    at: float
    revision: str
    text: str
    until: float | None = None


@dataclass
class Begun:
    """A revision: when it began, and what other sessions knew at that time (None: not asked)."""

    at: float
    revision: str
    known: Mapping[int | str, Known] | None = None


@dataclass
class Timeline:
    """Everything seen in one walk. `modes` are the engine's, weakest first, with what they block."""

    modes: Mapping[str, str]
    revisions: list[Begun] = field(default_factory=list)
    statements: list[Told] = field(default_factory=list)
    pauses: list[tuple[float, float]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    _waiting: list[Look] = field(default_factory=list)
    _open: dict[Held, Span] = field(default_factory=dict)
    _ending: list[Span] = field(default_factory=list)
    _ended: float = 0.0
    _looked: dict[int | None, float] = field(default_factory=dict)

    def begin(self, at: float, revision: str, known: Mapping[int | str, Known] | None) -> None:
        """A revision begins."""
        self.revisions.append(Begun(at, revision, known))

    def statement(self, at: float, text: str) -> None:
        """A statement begins, the first of its kind in its transaction."""
        if not self.revisions:
            return
        revision, last = self.revisions[-1].revision, self.statements[-1] if self.statements else None
        if last is not None and (last.revision, last.text) == (revision, text):
            last.until = None  # a loop
        else:
            self.statements.append(Told(at, revision, text))

    def statement_ended(self, at: float) -> None:
        """The last statement that was told has ended."""
        if self.statements:
            self.statements[-1].until = at

    def pause(self, began: float, ended: float) -> None:
        """Between these moments dbadmin itself held the migration up: not counted."""
        self.pauses.append((began, ended))

    def look(self, look: Look) -> None:
        """Take in a look; those of other processes may come a little late."""
        insort(self._waiting, look, key=lambda waiting: waiting.began)
        while self._waiting and self._waiting[0].ended < look.ended - _LATE:
            self._apply(self._waiting.pop(0))

    def own(self, lock: OwnLock) -> None:
        """A lock that its session itself has told, as a whole."""
        held = Held(lock.session, lock.object, lock.mode)
        self.spans.append(Span(held, lock.taken[0], lock.taken[1], lock.released[0], lock.released[1]))

    def close(self, at: float) -> None:
        """The walk is over, and every lock with it."""
        for look in self._waiting:
            self._apply(look)
        self._waiting.clear()
        self._end((*self._open.values(), *self._ending), at)
        self._open.clear()
        self._ending.clear()
        for told, following in pairwise(self.statements):
            told.until = following.at if told.until is None else told.until

    def _apply(self, look: Look) -> None:
        if look.ends:
            for held in [held for held in self._open if held.session == look.session]:
                self._open[held].last = max(self._open[held].last, look.began)
                self._ending.append(self._open.pop(held))
            self._ended = look.began
            return
        lasting = self._lasting(look)
        self._end([span for span in self._ending if span not in lasting], look.ended)
        self._ending = lasting
        for held in look.held - {span.held for span in lasting}:
            if held in self._open:
                self._open[held].last = look.began
            else:
                looked = max(self._looked.get(None, 0.0), self._looked.get(held.session, 0.0)) or look.began
                self._open[held] = Span(held, min(looked, look.began), look.ended, look.began)
        gone = [held for held in self._open if held not in look.held and look.session in (None, held.session)]
        self._end([self._open.pop(held) for held in gone], look.ended)
        self._looked[look.session] = look.began

    def _lasting(self, look: Look) -> list[Span]:
        """Locks of a transaction that was about to end and has not yet: nothing began since that could have them."""
        for happened in (self.revisions, self.statements):
            after = bisect_right(happened, self._ended, key=lambda one: one.at)
            if after < len(happened) and happened[after].at < look.began:
                return []
        found = [span for span in self._ending if span.held in look.held]
        for span in found:
            span.last = max(span.last, look.began)
        return found

    def _end(self, spans: Iterable[Span], at: float) -> None:
        for span in spans:
            span.gone = at
            self.spans.append(span)

    # What came of it.

    def locks(self, leave_out: Iterable[str] = ()) -> Mapping[str, tuple[Lock, ...]]:
        """The locks that each revision was the first to take, on what others knew before it began.

        An object has its strongest lock, and weaker ones where they were held clearly longer; an index is named only
        where its lock is stronger than its table's.
        """
        left_out: set[str | None] = set(leave_out)
        found: dict[str, dict[tuple[str, str], tuple[Lock, str | None]]] = {}
        for span in self.spans:
            begun, statement = self._origin(span)
            if begun is None or span.held.mode not in self.modes:
                continue
            name = Known(str(span.held.object)) if begun.known is None else begun.known.get(span.held.object)
            if name is None or {name.name, name.table} & left_out:
                continue
            lock = self._lock(span, name.name, statement)
            of_revision = found.setdefault(begun.revision, {})
            other = of_revision.get((lock.object, lock.mode))
            if other is None or (other[0].seconds or 0.0) < (lock.seconds or 0.0):
                of_revision[lock.object, lock.mode] = lock, name.table
        return {revision: self._worth_telling(locks.values()) for revision, locks in found.items()}

    def _lock(self, span: Span, name: str, statement: str | None) -> Lock:
        gone = span.last if span.gone is None else span.gone
        least = max(0.0, span.last - span.first - self._paused(span.first, span.last))
        most = max(least, gone - span.absent - self._paused(span.absent, gone))
        return Lock(
            name, span.held.mode, round((least + most) / 2, 4), self.modes[span.held.mode],
            round(least, 4), round(most, 4), statement,
        )  # fmt: skip

    def _paused(self, began: float, ended: float) -> float:
        return sum(max(0.0, min(ended, to) - max(began, since)) for since, to in self.pauses)

    def _origin(self, span: Span) -> tuple[Begun | None, str | None]:
        """The revision that took a lock, and its statement: one that ran or began before it was first seen.

        Of several, one that names the object, or the table of an index; else the last.
        """
        running = self._running(span.absent, span.first)
        begun = [begun for begun in self.revisions if begun.at <= span.first]
        if not begun:
            return None, None
        known = begun[-1].known or {}
        meant = known.get(span.held.object, Known(str(span.held.object)))
        naming = [told for told in running if _mentions(told.text, meant.name)]
        if not naming and meant.table:
            naming = [told for told in running if _mentions(told.text, meant.table)]
        told = naming[0] if naming else running[-1] if running else None
        if told is None:
            return begun[-1], None
        return next(b for b in reversed(begun) if b.revision == told.revision), told.text

    def _running(self, since: float, to: float) -> list[Told]:
        """Statements that ran at some time in between; they follow each other."""
        found = []
        for told in reversed(self.statements[: bisect_right(self.statements, to, key=lambda told: told.at)]):
            if told.until is not None and told.until < since:
                break
            found.append(told)
        return found[::-1]

    def _worth_telling(self, locks: Iterable[tuple[Lock, str | None]]) -> tuple[Lock, ...]:
        strength = {mode: number for number, mode in enumerate(self.modes)}
        kept: list[Lock] = []
        # Tables before their indexes, the strongest lock first.
        for lock, table in sorted(locks, key=lambda one: (one[1] is not None, -strength[one[0].mode])):
            stronger = [k for k in kept if k.object in (lock.object, table) and strength[k.mode] >= strength[lock.mode]]
            if not any(_covers(other, lock) for other in stronger):
                kept.append(lock)
        return tuple(sorted(kept, key=lambda lock: (lock.object, -strength[lock.mode])))


def _covers(stronger: Lock, weaker: Lock) -> bool:
    """Whether a weaker lock was hardly held longer than a stronger one."""
    return (weaker.seconds or 0.0) <= 1.25 * (stronger.seconds or 0.0) + 0.05


def _mentions(text: str, name: str) -> bool:
    bare = re.escape(name.rpartition(".")[2].strip('"'))
    return re.search(rf"(?<!\w){bare}(?!\w)", text, re.IGNORECASE) is not None
