"""What is risky in migration scripts before they run."""

from dataclasses import dataclass
from typing import Literal

from dbadmin.results.base import DatabaseInfo, Finding, Record, Result, Severity
from dbadmin.results.levels import bad_news

Chosen = Literal["asked", "pending", "all", "git", "heads"]
Direction = Literal["upgrade", "downgrade"]


@dataclass(frozen=True)
class ReviewFinding(Finding):
    """One thing in a script that somebody should look at. `code` is the rule's name, `remedy` what to write instead.

    `why` is the rule's reason. `rows` and `bytes` are the table's (None: not known), `exact` says whether the rows were
    counted. `seconds` is how long `lock` keeps others from what `blocks` names: measured by a rehearsal where
    `measured`, else an estimate. `ignored` is the reason that the script gives for ignoring it.
    """

    revision: str = ""
    direction: Direction = "upgrade"
    why: str = ""
    rows: int | None = None
    exact: bool = False
    bytes: int | None = None
    lock: str | None = None
    blocks: str | None = None
    seconds: float | None = None
    measured: bool = False
    ignored: str | None = None

    @property
    def key(self) -> str:
        """What stays the same from run to run."""
        return f"{self.revision}:{self.code}:{self.object}"


@dataclass(frozen=True)
class ReviewedRevision(Record):
    """A script that was read. `statements` counts the SQL that it would run, as far as it could be written without a
    database; `not_rendered` says why not all of it could.
    """

    revision: str
    message: str
    file: str
    statements: int | None = None
    not_rendered: str | None = None


@dataclass(frozen=True)
class Review(Result):
    """The answer of `dbadmin review`.

    `database` is None where none was asked; sizes are null then. `engine` is the engine that the scripts were read for,
    None where nothing tells: rules of one engine alone are left out then. `chosen` says how the revisions were chosen,
    `fail_on` from which level on findings are bad news.
    """

    kind = "review"

    database: DatabaseInfo | None
    engine: str | None
    chosen: Chosen
    revisions: tuple[ReviewedRevision, ...]
    findings: tuple[ReviewFinding, ...]
    fail_on: Severity = "error"
    linter: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[ReviewFinding, ...]:
        """Findings that no script gives a reason to ignore."""
        return tuple(finding for finding in self.findings if finding.ignored is None)

    @property
    def ok(self) -> bool:
        """False where an open finding is at or above `fail_on`."""
        return not bad_news(self.open, self.fail_on)


@dataclass(frozen=True)
class RuleInfo(Record):
    """What a rule is: `level` unless sizes say otherwise, `engines` for which it is, why, and what to write instead."""

    code: str
    level: Severity
    engines: tuple[str, ...]
    why: str
    instead: str


@dataclass(frozen=True)
class RuleList(Result):
    """Every rule that there is, by `dbadmin review --list`."""

    kind = "review"

    rules: tuple[RuleInfo, ...]
