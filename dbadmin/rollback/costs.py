"""What a rollback costs those who work with the database meanwhile, as findings: none has an effect on the verdict.

Times are those of a copy that nobody else uses, on this machine: under load, a statement waits for its lock first, and
everybody who comes after it waits too.
"""

from collections.abc import Iterator, Mapping

from dbadmin.dialects import TableData
from dbadmin.dialects.costs import Costs, Rewrite
from dbadmin.dialects.names import join
from dbadmin.migrations.protocol import StepSeen
from dbadmin.results import Lock, Phase, RollbackFinding
from dbadmin.rollback.blame import Culprit
from dbadmin.rollback.findings import Scripts, finding
from dbadmin.rollback.walk import Walk

_MEGABYTE = 1024 * 1024
REWRITTEN = (_MEGABYTE, 10_000)
"""A table that is written anew is worth a note from so many bytes on; where its size is not known, rows."""
REWRITTEN_LARGE = (100 * _MEGABYTE, 1_000_000)
"""And a warning from so many on."""


def cost_findings(walk: Walk, costs: Costs, budget: float | None, scripts: Scripts) -> list[RollbackFinding]:
    """Locks that were held longer than the budget (None: any time is well), and large tables written anew."""
    found = []
    for phase, step in _steps(walk):
        culprit = Culprit(step.revision, phase)
        for lock in sorted(step.locks or (), key=lambda lock: -(lock.seconds or 0.0)):
            if budget is not None and _keeps_others(lock) and (lock.seconds or 0.0) > budget:
                remedy = costs.remedy(lock.mode, lock.statement or "")
                found.append(
                    finding("lock-held", lock.object, _held(lock), culprit, scripts, severity="warning", remedy=remedy)
                )
        for rewrite in step.rewrites or ():
            told = _rewritten(rewrite, culprit, _rows(walk, phase, rewrite.object), scripts)
            found += [told] if told is not None else []
    return found


def outside_connections(walk: Walk, scripts: Scripts) -> list[RollbackFinding]:
    """Where user code was allowed to connect to, besides the copy."""
    places = {target: phase for phase in reversed(walk.results) for target in walk.results[phase].outside}
    return [
        finding(
            "outside-connection", target,
            f"user code connected to {target}, as --allow-connect says: what it did there was not watched",
            Culprit(None, phase), scripts, severity="note",
        )
        for target, phase in sorted(places.items())
    ]  # fmt: skip


def _steps(walk: Walk) -> Iterator[tuple[Phase, StepSeen]]:
    """Each revision once in each direction."""
    seen: set[tuple[bool, str]] = set()
    for phase, result in walk.results.items():
        for step in result.steps:
            if (phase == "downgrade", step.revision) not in seen:
                seen.add((phase == "downgrade", step.revision))
                yield phase, step


def _keeps_others(lock: Lock) -> bool:
    return lock.blocks in ("writes", "reads and writes")


def _held(lock: Lock) -> str:
    verb = "read or write" if lock.blocks == "reads and writes" else "write"
    statement = f": {lock.statement}" if lock.statement else ""
    return f"nobody else could {verb} {lock.object} for {lock.seconds:.1f} s ({lock.mode} lock{statement})"


def _rewritten(rewrite: Rewrite, culprit: Culprit, rows: int | None, scripts: Scripts) -> RollbackFinding | None:
    if rewrite.table is not None:
        return None  # an index is written anew with its table, or by itself without harm
    kind = 0 if rewrite.bytes is not None else 1
    amount = rewrite.bytes if rewrite.bytes is not None else rows
    if amount is None or amount < REWRITTEN[kind]:
        return None
    large = amount >= REWRITTEN_LARGE[kind]
    size = [] if rewrite.bytes is None else [f"{rewrite.bytes / _MEGABYTE:,.1f} MB"]
    count = [] if rows is None else [f"{rows:,} rows"]
    how = f" ({rewrite.method})" if rewrite.method else ""
    detail = f"{rewrite.object} was written anew{how}: {', '.join(size + count)}"
    return finding(
        "table-rewritten", rewrite.object, detail, culprit, scripts,
        severity="warning" if large else "note", rows=rows,
        remedy="on a busy database: add a new column, fill it in batches, then exchange the two" if large else None,
    )  # fmt: skip


def _rows(walk: Walk, phase: Phase, table: str) -> int | None:
    """How many rows a table had before a phase, or after it; None where nobody counted."""
    leg = walk.legs.get(phase)
    for state in (leg.before, leg.after) if leg is not None else (walk.last(),):
        data: Mapping[str, TableData] = {join([name.schema, name.name]): told for name, told in state.data.items()}
        if table in data and not data[table].is_unread:
            return data[table].rows
    return None
