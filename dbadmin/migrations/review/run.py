"""The review: scripts read, rules asked, what they found completed by sizes and locks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dbadmin.dialects import Dialect, Progress
from dbadmin.migrations.review import (
    constraints,
    downgrades,
    keys,
    limits,
    locks,
    losses,
    names,
    narrowing,
    restoring,
    reversing,
    squawk,
    surroundings,
    transactions,
)  # fmt: skip
from dbadmin.migrations.review.changing import Changing, changing
from dbadmin.migrations.review.choose import Choice
from dbadmin.migrations.review.comments import ignored
from dbadmin.migrations.review.measured import NONE, Measurements
from dbadmin.migrations.review.offline import Rendered, render_sql
from dbadmin.migrations.review.rule import RULES, Found, Look, Rule, Size
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import LEVELS, DatabaseInfo, Review, ReviewedRevision, ReviewFinding, Severity

FAMILIES = (
    names, keys, downgrades, reversing, restoring, narrowing, losses, limits, locks, constraints, transactions,
    surroundings,
)  # fmt: skip
"""The modules that register rules."""
LONG = 2.0
"""Seconds for which others may be kept out without anybody noticing: the default of verify-rollback's --lock-budget."""


@dataclass(frozen=True)
class Around:
    """What is known besides the scripts. `engine` is SQLAlchemy's name (mariadb is not mysql there), `version` the
    server's; all None where no database was asked. `naming` is called only where a script leaves a name out.
    """

    dialect: Dialect | None = None
    engine: str | None = None
    version: str | None = None
    database: DatabaseInfo | None = None
    sizes: Mapping[str, Size] | None = None
    measured: Measurements = NONE
    naming: Callable[[], frozenset[str]] = frozenset


def review(
    scripts: Scripts,
    choice: Choice,
    around: Around,
    *,
    fail_on: Severity = "error",
    notes: Sequence[str] = (),
    progress: Progress,
) -> Review:
    """Review the chosen revisions; nothing of theirs runs in this process, and nothing is written."""
    rendered: Mapping[Path, Rendered] = {}
    if around.engine is not None and choice.revisions:
        progress("writing the SQL that they would run", 0, None)
        rendered = render_sql(scripts.project, around.engine, [Path(r.file) for r in choice.revisions])
    progress("reading the scripts", 0, None)
    ones = list(changing(scripts, choice.revisions, around.dialect, around.sizes, around.naming, rendered))
    linter = squawk.available() if around.dialect is not None and around.dialect.changes.linter == "squawk" else None
    found: list[ReviewFinding] = []
    for number, one in enumerate(ones):
        progress("asking the rules", number, len(ones))
        found += _of_revision(one, rendered.get(one.path), linter, around, scripts)
    found.sort(key=lambda f: (f.ignored is not None, LEVELS.index(f.severity)))
    return Review(
        database=around.database,
        engine=around.dialect.name if around.dialect is not None else None,
        chosen=choice.chosen,
        revisions=tuple(_reviewed(one, rendered.get(one.path)) for one in ones),
        findings=tuple(found),
        fail_on=fail_on,
        linter="squawk" if linter else None,
        notes=tuple(_notes(choice, around, linter, notes)),
    )


def _notes(choice: Choice, around: Around, linter: str | None, notes: Sequence[str]) -> Iterator[str]:
    yield from notes
    if choice.note:
        yield choice.note
    if around.dialect is None:
        yield "no engine is known, so rules for one engine alone were left out: --engine names one"
    elif around.dialect.changes.linter and linter is None:
        yield "squawk's rules were left out: pip install 'dbadmin-toolkit[review]' adds them"


def _reviewed(one: Changing, rendered: Rendered | None) -> ReviewedRevision:
    revision = one.look.revision
    statements = len(rendered.statements) if rendered is not None else None
    why = rendered.stopped if rendered is not None else "no engine is known"
    return ReviewedRevision(revision.revision, revision.message, revision.file, statements, why)


def _of_revision(
    one: Changing, rendered: Rendered | None, linter: str | None, around: Around, scripts: Scripts
) -> list[ReviewFinding]:
    look = one.look
    rules = [rule for rule in RULES.values() if rule.runs_on(look.dialect)]
    found = [_finding(rule, each, look, around) for rule in rules for each in rule.find(look)]
    if linter is not None and rendered is not None and rendered.statements:
        name, directory = look.revision.revision, scripts.project.directory
        told = squawk.findings(linter, rendered, around.version, directory, name)
        found += [_foreign(code, each, look) for code, each in told]
    found.sort(key=lambda f: f.line or 0)
    return list(ignored(found, one.source, look.revision))


def _finding(rule: Rule, found: Found, look: Look, around: Around) -> ReviewFinding:
    finding = ReviewFinding(
        rule.code,
        found.severity or rule.level,
        found.object,
        found.detail,
        found.remedy or rule.remedy(look.dialect),
        look.revision.file,
        found.line,
        revision=look.revision.revision,
        direction=found.direction,
        why=rule.why,
    )
    if found.change is None:
        return finding
    size, effect = look.size(found.change), look.effect(found.change)
    if size is not None:
        finding = replace(finding, rows=size.rows, exact=size.exact, bytes=size.bytes)
    if effect is not None:
        seconds = look.engine.seconds(effect.work, finding.rows, finding.bytes) if effect.blocks else None
        finding = replace(finding, lock=effect.lock, blocks=effect.blocks, seconds=seconds)
    seen = around.measured.of(look.revision.revision, found.change.full_table)
    if seen is not None:
        finding = replace(finding, lock=seen.mode, blocks=seen.blocks, seconds=seen.seconds, measured=True)
    return replace(finding, severity=_timed(finding)) if rule.timed and found.severity is None else finding


def _timed(finding: ReviewFinding) -> Severity:
    """The level of what takes time, where the time is known: an error where others would notice, else a note."""
    if finding.seconds is None:
        return "note" if finding.lock is not None and finding.blocks is None else finding.severity
    return "error" if finding.seconds >= LONG else "note"


def _foreign(code: str, found: Found, look: Look) -> ReviewFinding:
    """A finding of squawk's."""
    return ReviewFinding(
        f"{squawk.PREFIX}{code}", found.severity or "warning", found.object, found.detail, found.remedy,
        look.revision.file, found.line, revision=look.revision.revision,
        why=f"https://squawkhq.com/docs/{code}",
    )  # fmt: skip
