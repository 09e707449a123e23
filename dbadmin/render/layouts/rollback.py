"""`dbadmin verify-rollback`: the verdict and why, what to do, what was walked and found, what it rests on."""

from collections.abc import Iterable

from dbadmin.render.document import Block, Callout, Cell, Code, Column, Document, KeyValues, Table, Text, Tone
from dbadmin.render.layouts.levels import tone_of
from dbadmin.render.values import duration, plural, size, text
from dbadmin.results import AfterUpgrade, Plan, RollbackFinding, RollbackPlan, RollbackReport, Step

VERDICT_TONES: dict[str, Tone] = {"safe": "good", "unproven": "warn"}
STATE_TONES: dict[str, Tone] = {"ok": "good", "failed": "bad", "skipped": "dim"}
MOST_KEYS = 5
NOTICEABLE = 0.5
"""Seconds; a shorter lock is not shown (JSON has it)."""
SMALL = 1024 * 1024
"""Bytes; a smaller change of size is not shown, nor one below a tenth of the whole that is not a hundred times this."""

UNKNOWN = "unknown"
LOOK_THERE = "free space on the server that holds the copies is unknown: look whether {} fit there"


def lay_out_report(result: RollbackReport, *, detail: bool = False) -> Document:
    """One screen; what it rests on comes last."""
    accepted = result.passed and result.verdict != "safe"
    word = result.verdict.upper() + (" (accepted)" if accepted else "")
    tone = "warn" if accepted else VERDICT_TONES.get(result.verdict, "bad")
    findings = findings_table(result)
    blocks: list[Block] = [Callout(word, result.summary, tone)]
    blocks += [Text(line) for line in what_to_do(result)]
    blocks += [KeyValues((("plan", plan_line(result.plan)),)), steps_table(result)]
    for step in result.steps:
        blocks += half_done(step)
    blocks += [findings, *each_table(result), grounds(result)]
    return Document(f"Rollback of {result.database.name}: {word}", tuple(blocks), findings, still_there(result))


def still_there(result: RollbackReport) -> tuple[str, ...]:
    """What could not be removed after the walk, which is bad news of its own (exit code 5)."""
    copy = result.copy
    return () if copy.left is None else (f"the copy {copy.name} could not be removed: {copy.left}",)


def what_to_do(result: RollbackReport) -> list[str]:
    """The remedies of what the verdict rests on, most urgent first, at most two; and what to type next."""
    open_ones = [f for f in result.findings if f.blocks_verdict and not f.accepted]
    remedies = list(dict.fromkeys(f.remedy for f in open_ones if f.remedy))
    lines = [f"to do: {remedy}" for remedy in remedies[:2]]
    if len(remedies) > 2:
        lines.append(f"and {plural(len(remedies) - 2, 'remedy', 'remedies')} more below")
    return [*lines, f"next: {what_to_type(result, open_ones)}"]


def what_to_type(result: RollbackReport, open_ones: list[RollbackFinding]) -> str:
    """One command that goes on from here."""
    if not open_ones:
        return "alembic upgrade head" if result.plan.kind == "pending" else "dbadmin status"
    first = open_ones[0]
    if result.verdict == "broken":
        return "mend it, then dbadmin verify-rollback"
    pattern = f"{first.revision}:{first.code}" if first.revision else first.code
    return f"mend it, then dbadmin verify-rollback; or accept it with --accept {pattern}"


def plan_line(plan: Plan) -> str:
    """`1 step: d4 → c3 (default), and up again`, or `2 pending: b2 → d4, back to b2, up again`."""
    chosen = " (default)" if plan.default and plan.kind == "head" else ""
    start, target = ends(plan.start), ends(plan.target)
    if plan.kind == "head":
        return f"{plural(len(plan.downgrade), 'step')}: {start} → {target}{chosen}, and up again"
    top = ends(plan.downgrade[:1] or plan.upgrade[-1:])
    return f"{len(plan.upgrade)} pending: {start} → {top}, back to {target}, up again"


def ends(revisions: tuple[str, ...]) -> str:
    """Where a walk stands; nothing applied is base."""
    return ", ".join(revisions) or "base"


def steps_table(result: RollbackReport) -> Table:
    """Every revision in every phase, as it was observed."""
    columns = [
        Column("phase"),
        Column("revision"),
        Column("message", wrap=True),
        Column("state"),
        Column("time", "right"),
        Column("rows changed", wrap=True),
    ]
    large = large_rewrites(result)
    costly = any(what_it_cost(step, large) for step in result.steps)
    if costly:
        columns.append(Column("others meanwhile", wrap=True))
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
    """Tables with the rows a step wrote; a table that was touched without a count stands by its name."""
    if step.rows_changed is None and step.touched is None:
        return None
    counted = dict(step.rows_changed or {})
    parts = [f"{table} {rows}" for table, rows in counted.items() if rows]
    parts += [table for table in step.touched or () if table not in counted]
    return ", ".join(parts) or "none"


def half_done(step: Step) -> Iterable[Block]:
    """For a failed step: the statement, what went through before it, and what is left lying about."""
    if step.failed_statement:
        yield Text(f"failed statement of {step.phase} {step.revision}:")
        yield Code(step.failed_statement.strip(), "sql")
    if step.committed:
        yield Text(f"committed before it: {'; '.join(step.committed)}", "warn")
    if step.left_behind:
        yield Text(f"left behind: {', '.join(step.left_behind)}", "warn")


def findings_table(result: RollbackReport) -> Table:
    """What was found, most of it in the words of the finding itself."""
    columns = [
        Column("severity"),
        Column("finding"),
        Column("phase"),
        Column("revision"),
        Column("object", wrap=True),
        Column("rows", "right"),
        Column("detail", wrap=True, below=True),
        Column("remedy", wrap=True, below=True),
        Column("file", wrap=True, below=True),
    ]
    rows = [finding_cells(finding) for finding in result.findings]
    return Table(tuple(columns), rows, title="Findings", empty="no findings")


def finding_cells(finding: RollbackFinding) -> tuple[object, ...]:
    """The cells of one finding."""
    severity = f"{finding.severity}, accepted" if finding.accepted else finding.severity
    tone: Tone = "dim" if finding.accepted else tone_of(finding.severity)
    where = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
    return (
        Cell(severity, tone),
        finding.code,
        finding.phase,
        finding.revision,
        finding.object,
        finding.rows,
        with_keys(finding),
        finding.remedy,
        where,
    )


def with_keys(finding: RollbackFinding) -> str:
    """The detail, and the keys of some rows concerned."""
    if not finding.sample:
        return finding.detail
    keys = ", ".join(revealed(item) for item in finding.sample[:MOST_KEYS])
    more = ", …" if len(finding.sample) > MOST_KEYS else ""
    return f"{finding.detail} ({'rows' if isinstance(finding.sample[0], dict) else 'keys'}: {keys}{more})"


def revealed(item: object) -> str:
    """A key; or with --reveal its row or value, before and after.

    >>> revealed(3), revealed({"key": 3, "before": "a", "after": None})
    ('3', '3: a → –')
    """
    if not isinstance(item, dict):
        return text(item)
    key = text(item["key"])
    return f"{key}: {text(item['before'])} → {text(item['after'])}" if "before" in item else key


def each_table(result: RollbackReport) -> list[Block]:
    """Every revision by itself, where that was asked for; what it found is among the findings."""
    if result.each is None:
        return []
    columns = (Column("revision"), Column("message", wrap=True), Column("verdict"), Column("why", wrap=True))
    rows = []
    for one in result.each:
        decisive = next((f.detail for f in one.findings if f.blocks_verdict), None) if one.verdict != "safe" else None
        tone: Tone = VERDICT_TONES.get(one.verdict, "bad") if one.verdict else "dim"
        rows.append((one.revision, one.message or None, Cell(one.verdict or "skipped", tone), one.skipped or decisive))
    return [Table(columns, tuple(rows), title="Each revision by itself")]


def grounds(result: RollbackReport) -> KeyValues:
    """What the verdict rests on: source, copy, comparison, scripts."""
    scripts = result.scripts
    commit = (
        f" at {scripts.git_commit[:12]}{' with local changes' if scripts.dirty else ''}" if scripts.git_commit else ""
    )
    pairs: list[tuple[str, object]] = [
        ("source", source_line(result)),
        ("copy", Cell(copy_line(result), "bad" if result.copy.left is not None else None)),
        ("compared", compared_line(result)),
    ]
    pairs += [("not compared", f"{e.object}: {e.reason}") for e in result.compared.excluded]
    if result.neutralised:
        pairs.append(("neutralised", ", ".join(result.neutralised)))
    if result.not_covered:
        pairs.append(("not covered", ", ".join(result.not_covered)))
    if result.after_upgrade is not None:
        pairs.append(("after upgrade", after_line(result.after_upgrade)))
    pairs.append(("scripts", f"{scripts.path}{commit}"))
    pairs.append(("time", time_line(result)))
    return KeyValues(tuple(pairs))


def source_line(result: RollbackReport) -> Cell:
    """Where the data came from, and whether it is proven that nothing there changed."""
    source = result.source
    name = source.url or str((result.backup or {}).get("path") or source.name)
    engine = f"{source.engine} {source.version}" if source.version else source.engine
    proof, tone = SOURCE_PROOF[result.source_unchanged]
    if source.kind == "in-place":
        proof, tone = "itself the copy: not what it was", "warn"
    return Cell(f"{name} ({engine}), {proof}", tone)


def after_line(after: AfterUpgrade) -> str:
    """What `--after-upgrade` did, in a walk of its own."""
    if after.skipped is not None:
        return f"{after.file} was not run: {after.skipped}"
    wrote = "any table" if after.touched is None else ", ".join(after.touched) or "nothing"
    return f"{after.file} ({duration(after.seconds)}) wrote {wrote}, in a walk of its own"


SOURCE_PROOF: dict[bool | None, tuple[str, Tone | None]] = {
    True: ("unchanged: proven", None),
    False: ("CHANGED during the rehearsal", "bad"),
    None: ("never connected to", None),
}


def copy_line(result: RollbackReport) -> str:
    """How the copy was made, how big, and whether it is still there."""
    copy = result.copy
    made = [copy.method, *filter(None, (size(copy.bytes), duration(copy.seconds)))]
    if result.source.kind == "in-place":
        return ", ".join([*made, f"{copy.name} stays as it is now"])
    if copy.left is not None:
        return ", ".join([*made, f"{copy.name} is still there"])
    return ", ".join([*made, f"kept as {copy.name}" if copy.kept else "removed"])


def compared_line(result: RollbackReport) -> str:
    """How much was looked at."""
    compared = result.compared
    line = f"{plural(compared.tables, 'table')}, {plural(compared.rows, 'row')}"
    if compared.untouched and compared.looked_at is not None:
        looked = f"{plural(compared.looked_at, 'table')} ({plural(compared.rows, 'row')}) looked at"
        line = f"{looked}, {compared.untouched:,} proven untouched"
    if compared.empty:
        line += f"; touched, but without rows: {', '.join(compared.empty)}"
    return line


def time_line(result: RollbackReport) -> str:
    """The whole, and its parts where they were measured."""
    timings = result.timings
    parts = [
        f"{name} {duration(seconds)}"
        for name in ("copy", "snapshot", "upgrade", "downgrade", "reupgrade", "compare")
        if (seconds := getattr(timings, name)) is not None
    ]
    whole = str(duration(timings.total))
    return f"{whole} ({', '.join(parts)})" if parts else whole


def lay_out_plan(result: RollbackPlan, *, detail: bool = False) -> Document:
    """What a rehearsal would do, and whether its copies fit."""
    plan = result.plan
    walk: tuple[tuple[str, object], ...] = (("plan", "known once the backup is restored"),)
    if plan is not None:
        walk = (
            ("plan", plan_line(plan)),
            ("upgrade", ", ".join(plan.upgrade) or None),
            ("downgrade", ", ".join(plan.downgrade)),
        )
    there = (
        () if result.needed_there is None else (("needed there", size(result.needed_there)), ("free there", UNKNOWN))
    )
    pairs = (
        ("database" if plan else "backup", result.database.url),
        *walk,
        ("copy", result.method),
        ("size", size(result.size)),
        ("needed", size(result.needed)),
        ("free", size(result.free)),
        *there,
    )
    verdict = Callout("FITS", "nothing was copied", "good")
    if result.largest is not None and result.size is not None and result.size > result.largest:
        verdict = Callout("TOO LARGE", f"--max-copy allows {size(result.largest)}", "bad")
    elif not result.ok:
        verdict = Callout("TOO LARGE", "the copies do not fit: set TMPDIR to a directory with more room", "bad")
    blocks: tuple[Block, ...] = (verdict, KeyValues(pairs))
    asides = (LOOK_THERE.format(size(result.needed_there)),) if there else ()
    return Document(f"Plan for {result.database.name}", blocks, asides=asides)
