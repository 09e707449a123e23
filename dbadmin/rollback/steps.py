"""The steps of a report: every revision in every phase, and what a failed one left in the database."""

from dbadmin.dialects import TableData
from dbadmin.migrations.protocol import StepSeen
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import Phase, Step
from dbadmin.rollback.plan import Route
from dbadmin.rollback.walk import Walk
from dbadmin.secrets import mask
from dbadmin.state import Snapshot, compare


def steps(route: Route, scripts: Scripts, walk: Walk) -> tuple[Step, ...]:
    """Every revision of the plan in every phase; what did not run is skipped."""
    up_again = tuple(reversed(route.plan.downgrade))
    planned: dict[Phase, tuple[str, ...]] = {
        "upgrade": route.plan.upgrade, "downgrade": route.plan.downgrade, "reupgrade": up_again,
    }  # fmt: skip
    found = []
    for phase, revisions in planned.items():
        result = walk.results.get(phase)
        seen = {step.revision: step for step in result.steps} if result else {}
        for revision in [*seen, *(r for r in revisions if r not in seen)]:
            info = scripts.get(revision)
            if revision in seen:
                found.append(_step(phase, info.message, seen[revision], walk))
            else:
                found.append(Step(phase, revision, info.message, info.file, "skipped"))
    return tuple(found)


def _step(phase: Phase, message: str, seen: StepSeen, walk: Walk) -> Step:
    failed = seen.state == "failed"
    return Step(
        phase=phase,
        revision=seen.revision,
        message=message,
        file=seen.file,
        state=seen.state,
        seconds=seen.seconds,
        statements=seen.statements,
        rows_changed=seen.rows_changed,
        touched=tuple(sorted(map(str, seen.touched))) if seen.touched is not None else None,
        locks=seen.locks,
        rewrites=None if seen.rewrites is None else tuple(map(str, seen.rewrites)),
        bytes_before=seen.bytes_before,
        bytes_after=seen.bytes_after,
        algorithms=seen.algorithms,
        error=mask(seen.error.message) if seen.error else None,
        failed_statement=mask(seen.failed_statement) if seen.failed_statement else None,
        committed=seen.committed,
        left_behind=left_behind(walk) if failed else None,
    )


def left_behind(walk: Walk) -> tuple[str, ...] | None:
    """What a failed step left in the database; None where nobody looked, right before it or afterwards."""
    before = _before_failure(walk)
    if walk.after_failure is None or before is None:
        return None
    after = walk.after_failure
    differences = compare(before, after)
    words = {"added": "made", "missing": "gone", "changed": "changed"}
    schema = [f"{d.key.kind} {d.key.name} {words[d.change]}" for d in differences if d.key is not None]
    data = {
        f"rows of {d.table} changed"
        for d in differences
        if d.scope != "schema" and d.table and _may_have_changed(before.data.get(d.table), after.data.get(d.table))
    }
    return (*schema, *sorted(data))


def _may_have_changed(before: TableData | None, after: TableData | None) -> bool:
    """Whether a table that is there both times had rows at one of them, or nobody looked."""
    return before is not None and after is not None and any(data.rows or data.is_unread for data in (before, after))


def _before_failure(walk: Walk) -> Snapshot | None:
    """What stood before the failed step where earlier ones of its phase were committed, else before the phase."""
    assert walk.failed is not None
    result = walk.results[walk.failed]
    for step in reversed(result.steps):
        if step.state == "ok" and step.stands == result.revisions:
            return step.snapshot
    return walk.last()
