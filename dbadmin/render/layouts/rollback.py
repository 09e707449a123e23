"""`dbadmin verify-rollback`: the verdict and why, what to do, what was walked and found, what it rests on."""

from dbadmin.render.document import Block, Callout, Cell, Column, Document, KeyValues, Table, Text, Tone
from dbadmin.render.layouts.levels import tone_of
from dbadmin.render.layouts.rollback_grounds import grounds
from dbadmin.render.layouts.rollback_plan import plan_line
from dbadmin.render.layouts.rollback_steps import half_done, steps_table
from dbadmin.render.values import plural, text
from dbadmin.results import RollbackFinding, RollbackReport

VERDICT_TONES: dict[str, Tone] = {"safe": "good", "unproven": "warn"}
MOST_KEYS = 5
MOST_PATTERNS = 3


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
    if copy.left is None:
        return ()
    beside = result.source.kind in ("in-place", "copy-command")  # it may be what stood beside a copy of the user's
    what = f"something of the rehearsal on {copy.name}" if beside else f"the copy {copy.name}"
    return (f"{what} could not be removed: {copy.left}",)


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
        return f"alembic upgrade {result.plan.upgrade_to}" if result.plan.upgrade_to else "dbadmin status"
    if result.verdict == "broken":
        return "mend it, then dbadmin verify-rollback"
    patterns = list(dict.fromkeys(f"{f.revision}:{f.code}" if f.revision else f.code for f in open_ones))
    if len(patterns) > MOST_PATTERNS:
        return "mend it, then dbadmin verify-rollback; or accept each finding with --accept REVISION:FINDING"
    it = "it" if len(patterns) == 1 else "them"
    return f"mend {it}, then dbadmin verify-rollback; or accept {it} with --accept {','.join(patterns)}"


def findings_table(result: RollbackReport) -> Table:
    """What was found, most of it in the words of the finding itself."""
    columns = [
        Column("severity", whole=True),
        Column("finding", whole=True),
        Column("phase", whole=True, yields=1),
        Column("revision", whole=True, yields=2),
        Column("object", wrap=True, yields=3),
        Column("rows", "right"),
        Column("detail", wrap=True, below=True),
        Column("remedy", wrap=True, below=True),
        Column("file", wrap=True, below=True, path=True),
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
    columns = (
        Column("revision", whole=True),
        Column("message", wrap=True),
        Column("verdict", whole=True),
        Column("why", wrap=True, yields=1),
    )
    rows = []
    for one in result.each:
        decisive = next((f.detail for f in one.findings if f.blocks_verdict), None) if one.verdict != "safe" else None
        tone: Tone = VERDICT_TONES.get(one.verdict, "bad") if one.verdict else "dim"
        rows.append((one.revision, one.message or None, Cell(one.verdict or "skipped", tone), one.skipped or decisive))
    return [Table(columns, tuple(rows), title="Each revision by itself")]
