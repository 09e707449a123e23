"""`--each`: every revision of the plan rehearsed by itself, on a copy that stands where it begins.

With something pending, the copy climbs one revision at a time, and each goes up, down and up again from there. From
the head, the copy goes down one revision at a time, and each goes down and up again with the data that it has.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbadmin.errors import UsageError
from dbadmin.migrations.scripts import Direction, Scripts
from dbadmin.results import EachRevision, Plan, RollbackFinding
from dbadmin.rollback.again import States, migrate
from dbadmin.rollback.judge import compared_with_reference, judge_walk
from dbadmin.rollback.options import Options
from dbadmin.rollback.plan import BASE, Route
from dbadmin.rollback.reference import Reference
from dbadmin.rollback.source import Rehearsed
from dbadmin.rollback.verdict import judge
from dbadmin.rollback.walk import Clock, Walker

if TYPE_CHECKING:
    from dbadmin.dialects import Progress

NO_WAY = "no single command goes down over this revision alone from where the copy stands"


def walk_each(
    source: Rehearsed, states: States, route: Route, scripts: Scripts, reference: Reference | str | None,
    options: Options, progress: "Progress",
) -> tuple[EachRevision, ...]:  # fmt: skip
    """Round-trip every revision of the plan; what fails in one does not keep the others from being rehearsed."""
    pending = route.plan.kind == "pending"
    order = route.plan.upgrade if pending else route.plan.downgrade
    stands = tuple(sorted(route.plan.start if pending else route.top))
    found: list[EachRevision] = []
    for number, revision in enumerate(order):
        own = (single_up if pending else single_down)(scripts, stands, revision)
        message = scripts.get(revision).message
        if own is None:
            found.append(EachRevision(revision, message, None, NO_WAY))
        else:
            findings = _round_trip(source, states, own, scripts, _part(reference, own), options, progress)
            judged = judge(findings, options.accept)
            told = tuple(f for f in judged.findings if f.code != "acceptance-unused")
            found.append(EachRevision(revision, message, judged.verdict, None, told))
        if number + 1 == len(order):
            break
        unreachable = _advance(source, states, revision, own, pending, options)
        if unreachable is not None:
            rest = order[number + 1 :]
            found += [EachRevision(r, scripts.get(r).message, None, unreachable) for r in rest]
            break
        stands = _next(scripts, stands, revision, own, pending)
    return tuple(found)


def single_up(scripts: Scripts, stands: tuple[str, ...], revision: str) -> Route | None:
    """Up over one revision, down and up again; None where no command goes over it alone."""
    up = _plan(scripts, "upgrade", revision, stands)
    if up is None or up[0] != (revision,):
        return None
    for down in _candidates(scripts, up[1], revision, stands):
        if _plan(scripts, "downgrade", down, up[1]) == ((revision,), stands):
            plan = Plan("pending", False, stands, (revision,), (revision,), stands)
            return Route(plan, revision, down, revision, up[1])
    return None


def single_down(scripts: Scripts, stands: tuple[str, ...], revision: str) -> Route | None:
    """Down over one revision and up again; None where no command goes over it alone."""
    for down in _candidates(scripts, stands, revision, scripts.get(revision).down_revisions):
        planned = _plan(scripts, "downgrade", down, stands)
        if planned is not None and planned[0] == (revision,):
            plan = Plan("head", False, stands, (), (revision,), planned[1])
            if _plan(scripts, "upgrade", revision, planned[1]) == ((revision,), stands):
                return Route(plan, None, down, revision, stands)
    return None


def _candidates(
    scripts: Scripts, top: Sequence[str], revision: str, below: Sequence[str]
) -> list[str]:  # fmt: skip
    """Destinations that `alembic downgrade` may be given, plainest first."""
    labels = scripts.get(revision).branch_labels
    plain = [
        *(below or [BASE]),
        *(["-1"] if len(top) == 1 else []),
        f"{revision}@-1",
        *(f"{label}@-1" for label in labels),
    ]
    return [*plain, *(f"{label}@{BASE}" for label in labels), BASE]


def _plan(
    scripts: Scripts, direction: Direction, to: str, stands: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    try:
        planned = scripts.plan(direction, to, stands)
    except UsageError:
        return None
    return planned.revisions, tuple(sorted(planned.end))


def _round_trip(
    source: Rehearsed, states: States, own: Route, scripts: Scripts, reference: Reference | None, options: Options,
    progress: "Progress",
) -> tuple[RollbackFinding, ...]:  # fmt: skip
    copy = states.fresh()
    walker = Walker(source, copy, own, options, Clock(), progress)
    walk = walker.run()
    copy.drop_pristine()
    compared = compared_with_reference(copy, walk, reference)
    return judge_walk(own, scripts, walk, compared, options, source_unchanged=True, rules=copy.dialect.rules)


def _part(reference: Reference | str | None, own: Route) -> Reference | None:
    """What the scripts make below and above one revision, where the climb of the reference passed both."""
    if not isinstance(reference, Reference):
        return None
    (revision,) = own.plan.downgrade
    for leg in reference.legs:
        before, after = leg.around(revision)
        if after is None and leg.revisions[-1:] == (revision,):
            after = leg.after
        if before is not None and after is not None:
            return replace(reference, target=before, head=after, differences=(), drift=())
    return None


def _advance(
    source: Rehearsed, states: States, revision: str, own: Route | None, pending: bool, options: Options
) -> str | None:
    """Bring the kept state to where the next revision begins; a reason where that fails."""
    if not pending and own is None:
        return f"{revision} cannot be gone down over alone"
    copy = states.fresh()
    if pending:
        result = migrate(source, copy, "upgrade", revision, options)
    else:
        assert own is not None
        result = migrate(source, copy, "downgrade", own.down, options)
    if result.error is not None:
        return f"it begins where {revision} ends, which fails: {result.error.message}"
    states.keep()
    return None


def _next(
    scripts: Scripts, stands: tuple[str, ...], revision: str, own: Route | None, pending: bool
) -> tuple[str, ...]:  # fmt: skip
    if own is not None:
        return own.top if pending else own.plan.target
    planned = _plan(scripts, "upgrade", revision, stands)
    return planned[1] if planned is not None else stands
