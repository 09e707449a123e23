"""`dbadmin inspect`: what was found, what mends it, and which checks could not run."""

from dbadmin.render.document import Block, Callout, Column, Document, Table, Text
from dbadmin.render.layouts.levels import counted, in_words, level_cell, tone_of
from dbadmin.render.values import duration, plural
from dbadmin.results import CheckList, HealthFinding, Inspection

COLUMNS = (
    Column("level", whole=True),
    Column("check", whole=True),
    Column("object", wrap=True, yields=1),
    Column("detail", wrap=True, below=True),
    Column("mend", wrap=True, below=True),
    Column("undo", wrap=True, below=True),
)


def lay_out_inspection(result: Inspection, *, detail: bool = False) -> Document:
    """The answer in a line, the findings with their SQL, what was ignored, and what could not be looked at."""
    main = Table(COLUMNS, [cells(finding) for finding in result.open])
    blocks: list[Block] = [answer(result)]
    if result.revision:
        blocks.append(Text(f"written: {result.revision}; read it, then: dbadmin verify-rollback", "good"))
    blocks += [Text(note) for note in result.notes]
    blocks.append(main)
    ignored = [f for f in result.findings if f.ignored is not None]
    if ignored:
        accepted = (Column("ignored", whole=True), Column("because", wrap=True, yields=1))
        blocks.append(Table(accepted, [(f.key, f.ignored) for f in ignored]))
    blocks += [Text(f"ignore {pattern!r} met no finding", "warn") for pattern in result.unmatched]
    skipped = [run for run in result.checks if run.state == "skipped"]
    if skipped:
        columns = (
            Column("skipped", whole=True),
            Column("because", wrap=True, yields=1),
            Column("to enable it", wrap=True, below=True),
        )
        blocks.append(Table(columns, [(run.name, run.reason, run.enable) for run in skipped]))
    return Document(f"Inspection of {result.database.name}", tuple(blocks), main)


def answer(result: Inspection) -> Callout:
    """One line: well or not, how many checks ran, and how old the statistics are."""
    ran = sum(run.state != "skipped" for run in result.checks)
    parts = [f"{plural(ran, 'check')} of {result.database.name} ({result.database.server})"]
    if len(result.checks) > ran:
        parts.append(f"{len(result.checks) - ran} skipped")
    if result.statistics_seconds is not None:
        parts.append(f"statistics since {duration(result.statistics_seconds)}")
    if not result.open:
        return Callout("WELL" if ran else "NOT LOOKED AT", "; ".join(parts), "good" if ran else "warn")
    worst = result.open[0].severity
    word = {"error": "NOT WELL", "note": "NOTES"}.get(worst, "LOOK AT")
    return Callout(word, "; ".join([in_words(counted(result.open)), *parts]), tone_of(worst))


def cells(finding: HealthFinding) -> tuple[object, ...]:
    """The cells of one finding, as COLUMNS."""
    about = f" ({finding.model})" if finding.model else ""
    return (
        level_cell(finding.severity),
        finding.code,
        f"{finding.object}{about}",
        finding.detail,
        mending(finding),
        statements(finding.undo),
    )


def mending(finding: HealthFinding) -> str | None:
    """The statements; before them the advice, where it says more than they do (what else has to be known or done)."""
    sql, advice = statements(finding.sql), finding.remedy
    if sql is None or advice is None:
        return sql or advice
    return f"{advice}: {sql}" if {",", ";"} & set(advice) else sql


def statements(sql: tuple[str, ...]) -> str | None:
    """Statements in one line, each with its end."""
    return " ".join(f"{one};" for one in sql) or None


def lay_out_checks(result: CheckList, *, detail: bool = False) -> Document:
    """Every check with what it reads, why, and how it is mended."""
    columns = (
        Column("check", whole=True),
        Column("level", whole=True),
        Column("engines", wrap=True, yields=1),
        Column("reads", wrap=True, below=True),
        Column("why", wrap=True, below=True),
        Column("threshold", wrap=True, below=True),
        Column("mend", wrap=True, below=True),
        Column("live", whole=True, yields=1),
    )
    rows = [
        (c.name, level_cell(c.level), ", ".join(c.engines), c.reads, c.why, c.threshold, c.mend,
         "yes" if c.live else "no")
        for c in result.checks
    ]  # fmt: skip
    table = Table(columns, rows)
    return Document("Checks", (table,), table)
