"""The steps of a rehearsal: what each changed, what it cost others, what a failed one left lying about."""

from collections.abc import Iterable

from dbadmin.render.document import Block, Cell, Code, Column, Table, Text, Tone
from dbadmin.render.values import duration, size
from dbadmin.results import RollbackReport, Step

STATE_TONES: dict[str, Tone] = {"ok": "good", "failed": "bad", "skipped": "dim"}
NOTICEABLE = 0.5
"""Seconds; a shorter lock is not shown (JSON has it)."""
SMALL = 1024 * 1024
"""Bytes; a smaller change of size is not shown, nor one below a tenth of the whole that is not a hundred times this."""


def steps_table(result: RollbackReport) -> Table:
    """Every revision in every phase, as it was observed."""
    columns = [
        Column("phase", whole=True),
        Column("revision", whole=True),
        Column("message", wrap=True, yields=1),
        Column("state", whole=True),
        Column("time", "right", yields=3),
        Column("rows changed", wrap=True, yields=2),
    ]
    large = large_rewrites(result)
    costly = any(what_it_cost(step, large) for step in result.steps)
    if costly:
        columns.append(Column("others meanwhile", wrap=True, yields=2))
    failed = any(step.error for step in result.steps)
    if failed:
        columns.append(Column("error", wrap=True, below=True))
    rows = []
    for s in result.steps:
        state = Cell(s.state, STATE_TONES[s.state])
        cells = [s.phase, s.revision, s.message or None, state, duration(s.seconds), rows_changed(s)]
        rows.append(tuple(cells + [what_it_cost(s, large)] * costly + [s.error] * failed))
    return Table(tuple(columns), rows, title="Steps", fold=True)


def large_rewrites(result: RollbackReport) -> frozenset[tuple[str | None, str]]:
    """Revisions with tables that they wrote anew and that are large enough for a finding."""
    return frozenset((f.revision, f.object) for f in result.findings if f.code == "table-rewritten")


def what_it_cost(step: Step, large: frozenset[tuple[str | None, str]]) -> str | None:
    """What matters to those who work with the database meanwhile; None where nothing does.

    Locks that keep others from writing, for as long as people notice; large tables written anew; a size that changed.
    """
    parts = [
        f"no {'reads or writes' if lock.blocks == 'reads and writes' else 'writes'} of {lock.object} "
        f"for {duration(lock.seconds)}"
        for lock in step.locks or ()
        if lock.blocks in ("writes", "reads and writes") and (lock.seconds or 0.0) >= NOTICEABLE
    ]
    rewritten = [name for name in step.rewrites or () if (step.revision, name.partition(" (")[0]) in large]
    if rewritten:
        parts.append(f"written anew: {', '.join(rewritten)}")
    return "; ".join([*parts, *filter(None, [size_change(step)])]) or None


def size_change(step: Step) -> str | None:
    """By how much all tables and indexes grew or shrank, where that is much; of a large database also a part."""
    if step.bytes_before is None or step.bytes_after is None:
        return None
    change = step.bytes_after - step.bytes_before
    if abs(change) < SMALL or (abs(change) < step.bytes_before / 10 and abs(change) < 100 * SMALL):
        return None
    return f"{'+' if change > 0 else '−'}{size(abs(change))}"


def rows_changed(step: Step) -> str | None:
    """Tables with the rows a step wrote, and those that it touched otherwise: made, dropped, with a new index."""
    if step.rows_changed is None and step.touched is None:
        return None
    counted = {table: rows for table, rows in (step.rows_changed or {}).items() if rows}
    parts = [", ".join(f"{table} {rows}" for table, rows in counted.items())]
    if besides := [table for table in step.touched or () if table not in (step.rows_changed or {})]:
        parts.append(f"touched: {', '.join(besides)}")
    return "; ".join(filter(None, parts)) or "none"


def half_done(step: Step) -> Iterable[Block]:
    """For a failed step: the statement, what went through before it, and what is left lying about."""
    if step.failed_statement:
        yield Text(f"failed statement of {step.phase} {step.revision}:")
        yield Code(step.failed_statement.strip(), "sql")
    if step.committed:
        yield Text(f"committed before it: {'; '.join(step.committed)}", "warn")
    if step.left_behind:
        yield Text(f"left behind: {', '.join(step.left_behind)}", "warn")
