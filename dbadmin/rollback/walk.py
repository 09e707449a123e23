"""The walk itself: each phase in a guarded process on the copy, and a look at what stands after it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dbadmin.copies import Copy
from dbadmin.copies.make import connect
from dbadmin.dialects import Progress, TableData, TableName
from dbadmin.migrations.protocol import WalkRequest, WalkResult
from dbadmin.migrations.runner import Child, walk
from dbadmin.migrations.scripts import Direction
from dbadmin.results import Phase
from dbadmin.rollback import evidence
from dbadmin.rollback.blame import Leg, Moment
from dbadmin.rollback.facts import Evidence
from dbadmin.rollback.options import Options
from dbadmin.rollback.plan import Route
from dbadmin.rollback.reveal import Values, read_values
from dbadmin.rollback.source import Rehearsed
from dbadmin.state import Difference, Snapshot, compare, completed, first_read, snapshot, update
from dbadmin.state.data import read

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection


class Clock:
    """Seconds spent, by heading."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.spent: dict[str, float] = {}

    @contextmanager
    def of(self, heading: str) -> Iterator[None]:
        """Add the time spent inside to a heading."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[heading] = self.spent.get(heading, 0.0) + time.monotonic() - began

    @property
    def total(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began


@dataclass
class Walk:
    """What happened, phase by phase.

    `results` has every phase that was begun; `legs` those that ended well, with what stood before and after.
    `after_failure` is what a failed phase left. `differences`, `evidence` belong to the deciding pair,
    `repeated` to the two upgraded states of plan P; `held` counts the values of columns that the upgrade dropped,
    where the deciding pair does not tell; `dropped` those of columns that the downgrade from a head dropped.
    `values` are read where they are to be revealed. `confined`: the walk may lack rights that it has in production.

    A table is unread in every state as long as no step was seen to touch it, and read in every state from then on.
    """

    start: Snapshot
    from_head: bool = False
    confined: bool = False
    results: dict[Phase, WalkResult] = field(default_factory=dict)
    legs: dict[Phase, Leg] = field(default_factory=dict)
    failed: Phase | None = None
    after_failure: Snapshot | None = None
    differences: tuple[Difference, ...] = ()
    repeated: tuple[Difference, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    held: Mapping[tuple[TableName, str], int] = field(default_factory=dict)
    dropped: Mapping[tuple[TableName, str], int] = field(default_factory=dict)
    values: Values = field(default_factory=dict, repr=False)

    @property
    def needs_reference(self) -> bool:
        """Whether the state after the downgrade has nothing of its own to be compared with (plan H)."""
        return self.from_head and "downgrade" in self.legs

    @property
    def compared_with(self) -> Snapshot:
        """The state that decides: at the head in plan H, else at the start."""
        down = self.legs.get("downgrade")
        return down.before if self.from_head and down is not None else self.start

    def last(self) -> Snapshot:
        """What stood after the last phase that ended well."""
        return list(self.legs.values())[-1].after if self.legs else self.start

    def touched_first(self) -> tuple[TableName, ...]:
        """Tables that a step touched, and whose contents before it nobody has looked at yet."""
        states = [self.after_failure] if self.after_failure else []
        states += [state for leg in self.legs.values() for state in leg.states]
        states += [step.snapshot for result in self.results.values() for step in result.steps if step.snapshot]
        return first_read(self.start, states)

    def complete(self, held: Mapping[TableName, TableData]) -> None:
        """Put what these tables held before any step into every state in which they are unread."""

        def known(state: Snapshot) -> Snapshot:
            return completed(state, held)

        self.start = known(self.start)
        self.legs = {phase: leg.mapped(known) for phase, leg in self.legs.items()}
        if self.after_failure is not None:
            self.after_failure = known(self.after_failure)
        for phase, result in self.results.items():
            steps = tuple(replace(s, snapshot=s.snapshot and known(s.snapshot)) for s in result.steps)
            self.results[phase] = replace(result, steps=steps)


class Walker:
    """Walks a copy along a route.

    No table is looked at before something touched it: what it held until then is read from the pristine copy.
    """

    def __init__(
        self, source: Rehearsed, copy: Copy, route: Route, options: Options, clock: Clock, progress: Progress
    ) -> None:
        self.source, self.copy, self.route, self.options = source, copy, route, options
        self.clock, self.progress = clock, progress
        self.exclude = (source.version_name, *options.exclude)
        self.pristine: URL | None = None
        self._ready: Child | None = None
        self.record = Walk(self._first_look(), from_head=route.plan.kind == "head", confined=copy.confined)

    def run(self) -> Walk:
        """Walk the whole route; a phase that fails ends it."""
        try:
            self._start_process()
            if self.route.plan.kind == "pending":
                self._run_pending()
            else:
                self._run_head()
        finally:
            if self._ready is not None:
                self._ready.close()
        return self.record

    def _start_process(self) -> None:
        """Have a process get ready for the next phase; each phase has one of its own."""
        self._ready = Child(self._request("upgrade", "", self.record.start))

    def _run_pending(self) -> None:
        route, record = self.route, self.record
        self._keep_pristine()
        assert route.up is not None
        if not self._phase("upgrade", route.up, route.top):
            return
        if not self._phase("downgrade", route.down, route.plan.target):
            self._count_dropped()
            return
        self._decide(record.legs["upgrade"].before, record.legs["downgrade"].after)
        if self._phase("reupgrade", route.up_again, route.top):
            self._repeat()

    def _run_head(self) -> None:
        route, record = self.route, self.record
        self._keep_pristine()
        if route.up is not None:
            if not self._phase("upgrade", route.up, route.top):
                return
            self._count_dropped()
            self._keep_pristine()
        if not self._phase("downgrade", route.down, route.plan.target):
            return
        head = record.legs["downgrade"].before
        with self.clock.of("compare"), self._both() as (pristine, now):
            between = evidence.changed_between(pristine, now, head, record.legs["downgrade"].after)
            record.dropped = evidence.held_by_gone(pristine, head, record.legs["downgrade"].after)
        if self._phase("reupgrade", route.up_again, route.top):
            self._decide(record.legs["downgrade"].before, record.legs["reupgrade"].after)
            record.evidence = replace(record.evidence, between=between)

    def _keep_pristine(self) -> None:
        with self.clock.of("copy"):
            if self.pristine is not None:
                self.copy.drop_pristine()
            self.pristine = self.copy.keep_pristine()

    def _count_dropped(self) -> None:
        """Count what the columns held that the upgrade dropped, while the state before it is there to look at."""
        leg = self.record.legs["upgrade"]
        assert self.pristine is not None
        with self.clock.of("compare"), connect(self.pristine) as pristine:
            self.record.held = evidence.held_by_gone(pristine, leg.before, leg.after)

    def _phase(self, phase: Phase, destination: str, expected: tuple[str, ...]) -> bool:
        """Run one phase and look at its end; whether it ended where it should."""
        before = self.record.last()
        request = self._request(phase, destination, before)
        self.progress(phase, 0, None)
        mark = self.copy.mark()
        child, self._ready = self._ready, None
        if phase != "reupgrade":
            self._start_process()
        with self.clock.of(phase):
            result = walk(request, child=child)
        self.record.results[phase] = result
        failed = result.state == "failed" or sorted(result.revisions) != sorted(expected)
        if failed:
            self.copy.end_sessions()
        after = self._look_again(before, self._written(result, mark))
        if failed:
            self.record.failed, self.record.after_failure = phase, after
        else:
            moments = [Moment(step.revision, step.snapshot) for step in result.steps]
            if moments:
                moments[-1] = Moment(moments[-1].revision, after)  # what was committed, seen from outside
            self.record.legs[phase] = Leg(phase, before, tuple(moments), after)
        self._complete()
        return not failed

    def _complete(self) -> None:
        """Look back, on the pristine copy, at tables that were touched for the first time."""
        wanted = self.record.touched_first()
        if not wanted:
            return
        assert self.pristine is not None
        with self.clock.of("snapshot"), connect(self.pristine) as connection:
            self.record.complete(read(connection, wanted))

    def _written(self, result: WalkResult, mark: Any) -> frozenset[TableName] | None:
        """Every table that a phase wrote, seen from inside and from outside; None: any may have been."""
        outside = self.copy.dialect.observe.sees_other_sessions
        # What a failed step wrote is told by what came after the last look, or from outside.
        seen = [step.touched for step in result.steps if step.state == "ok" or step.touched is not None]
        if result.touched_after is not None or not outside:
            seen.append(result.touched_after)
        if outside:
            seen.append(self.copy.written_since(mark))
        tables: set[TableName] = set()
        for some in seen:
            if some is None:
                return None
            tables |= some
        return frozenset(tables)

    def _request(self, phase: Phase, destination: str, before: Snapshot) -> WalkRequest:
        direction: Direction = "downgrade" if phase == "downgrade" else "upgrade"
        return self.source.request(
            self.copy.url, self.copy.identity, direction, destination, self.options,
            look=True, look_at_last=False, exclude=self.exclude, before=before,
        )  # fmt: skip

    def _first_look(self) -> Snapshot:
        with self.clock.of("snapshot"), connect(self.copy.url) as connection:
            return snapshot(connection, exclude=self.exclude, data=self.options.data, later=self.copy.place.alike)

    def _look_again(self, before: Snapshot, touched: frozenset[TableName] | None) -> Snapshot:
        with self.clock.of("snapshot"), connect(self.copy.url) as connection:
            return update(connection, before, touched, exclude=self.exclude, data=self.options.data)

    def _decide(self, before: Snapshot, after: Snapshot) -> None:
        """Compare the deciding pair while both of its states are there to look at."""
        with self.clock.of("compare"), self._both() as (pristine, now):
            self.record.differences = evidence.without_spelling(now, compare(before, after))
            self.record.evidence = evidence.gather(pristine, now, before, after)
            if self.options.reveal:
                self.record.values = read_values(pristine, now, self.record.evidence.rows, before, after)

    def _repeat(self) -> None:
        legs = self.record.legs
        with self.clock.of("compare"), connect(self.copy.url) as now:
            pair = compare(legs["upgrade"].after, legs["reupgrade"].after)
            self.record.repeated = evidence.without_spelling(now, pair)

    @contextmanager
    def _both(self) -> "Iterator[tuple[Connection, Connection]]":
        assert self.pristine is not None
        with connect(self.pristine) as pristine, connect(self.copy.url) as now:
            yield pristine, now
