"""`dbadmin review`: the answer in a line, the findings with what to write instead, and what was read."""

from pathlib import Path

from dbadmin.render.document import Block, Callout, Column, Document, Table, Text
from dbadmin.render.layouts.levels import counted, in_words, level_cell
from dbadmin.render.values import duration, number, plural, size
from dbadmin.results import Review, ReviewFinding, RuleList

COLUMNS = (
    Column("level", whole=True),
    Column("rule", whole=True),
    Column("where", whole=True, yields=1),
    Column("object", wrap=True, yields=2),
    Column("detail", wrap=True, below=True),
    Column("write instead", wrap=True, below=True),
)
CHOSEN = {
    "asked": "as asked",
    "pending": "pending",
    "all": "all",
    "git": "new in this branch",
    "heads": "heads",
}


_ENGINES = {"mysql": "MariaDB or MySQL"}
"""Engines that have more than one name."""


def lay_out_review(result: Review, *, detail: bool = False) -> Document:
    """Findings first; `detail` adds why each matters."""
    columns = (*COLUMNS, Column("why", wrap=True, below=True)) if detail else COLUMNS
    main = Table(columns, [cells(finding, detail) for finding in result.open])
    blocks: list[Block] = [answer(result), main]
    accepted = [finding for finding in result.findings if finding.ignored is not None]
    if accepted:
        headers = (
            Column("ignored", whole=True),
            Column("where", whole=True, yields=1),
            Column("object", wrap=True, yields=2),
            Column("because", wrap=True, yields=1),
        )
        blocks.append(Table(headers, [(f.code, place(f), f.object, f.ignored) for f in accepted]))
    partly = [revision for revision in result.revisions if revision.not_rendered and result.engine]
    if partly:
        reasons = (Column("revision", whole=True), Column("its SQL was not written to the end, because", wrap=True))
        blocks.append(Table(reasons, [(r.revision, r.not_rendered) for r in partly], fold=True))
    if result.open:
        blocks.append(Text(next_step(result)))
    return Document("Review of migrations", tuple(blocks), main, result.notes)


def next_step(result: Review) -> str:
    """What to type next."""
    if result.chosen == "pending":
        return "next: dbadmin verify-rollback rehearses them on a copy, and measures what is estimated here"
    return "accept a finding in its script: # dbadmin: ignore=RULE reason"


def answer(result: Review) -> Callout:
    """One line: how many findings of which level, in how many revisions, for which engine."""
    chosen = CHOSEN.get(result.chosen, result.chosen)
    read = f"{plural(len(result.revisions), 'revision')} ({chosen})"
    engine = f" for {_ENGINES.get(result.engine, result.engine)}" if result.engine else ""
    if result.database is not None:
        engine = f" for {result.database.engine} with the tables of {result.database.name}"
    if not result.revisions:
        return Callout("NOTHING TO REVIEW", f"no revision is {chosen}", "good")
    counts = counted(result.open)
    if not counts:
        return Callout("CLEAN", f"{read}{engine}", "good")
    word = "RISKY" if not result.ok else "NOTES" if set(counts) == {"note"} else "LOOK AT"
    return Callout(word, f"{in_words(counts)} in {read}{engine}", "bad" if not result.ok else "warn")


def cells(finding: ReviewFinding, detail: bool) -> tuple[object, ...]:
    """The cells of one finding, as COLUMNS."""
    more = (finding.why,) if detail else ()
    told = "; ".join([finding.detail, *costs(finding)])
    level = level_cell(finding.severity)
    return (level, finding.code, place(finding), finding.object, told, finding.remedy, *more)


def costs(finding: ReviewFinding) -> list[str]:
    """What the change keeps others from and for how long, and how large the table is; an estimate has its ~."""
    told = []
    if finding.blocks is not None and finding.lock is not None:
        time = duration(finding.seconds)
        if time is not None:
            time = f" for {time} (measured)" if finding.measured else f" for ~{time} (estimate)"
        told.append(f"{finding.lock} keeps others from {finding.blocks}{time or ''}")
    amount = []
    if finding.rows is not None:
        amount.append(f"{number(finding.rows, exact=finding.exact)} {'row' if finding.rows == 1 else 'rows'}")
    if finding.bytes is not None:
        amount.append(str(size(finding.bytes)))
    return [*told, *([", ".join(amount)] if amount else [])]


def place(finding: ReviewFinding) -> str:
    """File name and line."""
    name = Path(finding.file).name if finding.file else "–"
    return f"{name}:{finding.line}" if finding.line else name


def lay_out_rules(result: RuleList, *, detail: bool = False) -> Document:
    """Every rule with why it matters, and what to write instead."""
    columns = (
        Column("rule", whole=True),
        Column("level", whole=True),
        Column("engines", wrap=True, yields=1),
        Column("why", wrap=True, below=True),
        Column("write instead", wrap=True, below=True),
    )
    rows = [(r.code, level_cell(r.level), ", ".join(r.engines), r.why, r.instead) for r in result.rules]
    main = Table(columns, rows)
    return Document("Rules of review", (main,), main)
