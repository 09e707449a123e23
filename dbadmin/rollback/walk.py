"""The walk itself: each phase in a guarded process on the copy, and a look at what stands after it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dbadmin.copies import Copy
from dbadmin.copies.make import connect
from dbadmin.dialects import Progress, TableName
from dbadmin.migrations.protocol import WalkRequest, WalkResult
from dbadmin.migrations.runner import walk
from dbadmin.results import Phase
from dbadmin.rollback import evidence
from dbadmin.rollback.blame import Leg, Moment
from dbadmin.rollback.facts import Evidence
from dbadmin.rollback.options import Options
from dbadmin.rollback.plan import Route
from dbadmin.rollback.source import Rehearsed
from dbadmin.state import Difference, Snapshot, compare, snapshot, update

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
    where the deciding pair does not tell.
    """

    start: Snapshot
    from_head: bool = False
    results: dict[Phase, WalkResult] = field(default_factory=dict)
    legs: dict[Phase, Leg] = field(default_factory=dict)
    failed: Phase | None = None
    after_failure: Snapshot | None = None
    differences: tuple[Difference, ...] = ()
    repeated: tuple[Difference, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    held: Mapping[tuple[TableName, str], int] = field(default_factory=dict)

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


class Walker:
    """Walks a copy along a route."""

    def __init__(
        self, source: Rehearsed, copy: Copy, route: Route, options: Options, clock: Clock, progress: Progress
    ) -> None:
        self.source, self.copy, self.route, self.options = source, copy, route, options
        self.clock, self.progress = clock, progress
        self.exclude = (source.version_name, *options.exclude)
        self.pristine: URL | None = None
        self.record = Walk(self._look(), from_head=route.plan.kind == "head")

    def run(self) -> Walk:
        """Walk the whole route; a phase that fails ends it."""
        if self.route.plan.kind == "pending":
            self._run_pending()
        else:
            self._run_head()
        return self.record

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
        if self._phase("reupgrade", route.up_again, route.top):
            self._decide(head, record.legs["reupgrade"].after)
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
        mark = self._mark()
        with self.clock.of(phase):
            result = walk(request)
        self.record.results[phase] = result
        if result.state == "failed" or sorted(result.revisions) != sorted(expected):
            self.record.failed = phase
            self.copy.end_sessions()
            self.record.after_failure = self._look()
            return False
        after = self._look_again(before, self._written(result, mark))
        moments = [Moment(step.revision, step.snapshot) for step in result.steps]
        if len(moments) == 1 or (moments and moments[-1].snapshot is None):
            moments[-1] = Moment(moments[-1].revision, after)  # what was committed, seen from outside
        self.record.legs[phase] = Leg(phase, before, tuple(moments), after)
        return True

    def _mark(self) -> Any:
        """Where the copy's counters stand before a phase; None where only its own process can tell."""
        observe = self.source.database.dialect.observe
        if not observe.sees_other_sessions:
            return None
        with connect(self.copy.url) as connection:
            return observe.mark(connection)

    def _written(self, result: WalkResult, mark: Any) -> frozenset[TableName] | None:
        """Every table that a phase wrote, seen from inside and from outside; None: any may have been."""
        observe = self.source.database.dialect.observe
        seen = [result.touched_after, *(step.touched for step in result.steps)]
        if observe.sees_other_sessions:
            with connect(self.copy.url) as connection:
                observe.settle(connection)
                seen.append(observe.touched(connection, mark))
        tables: set[TableName] = set()
        for some in seen:
            if some is None:
                return None
            tables |= some
        return frozenset(tables)

    def _request(self, phase: Phase, destination: str, before: Snapshot) -> WalkRequest:
        source = self.source
        return WalkRequest(
            project=source.project,
            copy_url=self.copy.url,
            source=source.address,
            copy_identity=self.copy.identity,
            direction="downgrade" if phase == "downgrade" else "upgrade",
            destination=destination,
            source_files=source.files,
            version_table=source.version_table,
            version_table_schema=source.version_table_schema,
            timeout=self.options.timeout,
            allow=self.options.allow_connect,
            environment=source.environment,
            look=True,
            exclude=self.exclude,
            before=before,
        )

    def _look(self) -> Snapshot:
        with self.clock.of("snapshot"), connect(self.copy.url) as connection:
            return snapshot(connection, exclude=self.exclude, data=self.options.data)

    def _look_again(self, before: Snapshot, touched: frozenset[TableName] | None) -> Snapshot:
        with self.clock.of("snapshot"), connect(self.copy.url) as connection:
            return update(connection, before, touched, exclude=self.exclude, data=self.options.data)

    def _decide(self, before: Snapshot, after: Snapshot) -> None:
        """Compare the deciding pair while both of its states are there to look at."""
        with self.clock.of("compare"), self._both() as (pristine, now):
            self.record.differences = evidence.without_spelling(now, compare(before, after))
            self.record.evidence = evidence.gather(pristine, now, before, after)

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
