"""Whether a database is well: what was looked at, what was found, and what mends it."""

from dataclasses import dataclass, field
from typing import Literal

from dbadmin.results.base import DatabaseInfo, Finding, Record, Result, Severity
from dbadmin.results.levels import bad_news


@dataclass(frozen=True)
class HealthFinding(Finding):
    """Something that is not as it should be. `code` is the check's name.

    `key` stays the same from run to run, for the list of what is ignored; `ignored` is the reason given there, or the
    pattern where none was. `sql` mends it, `undo` takes that back; both are empty where nothing can be typed.
    `outside`: the statements may not run inside a transaction. `lasting`: they change the schema, so that
    `--write-revision` takes them; `up` and `down` are the same as Alembic's operations, where it has some. `file` and
    `line` are where the model stands.
    """

    key: str = ""
    sql: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    outside: bool = False
    lasting: bool = False
    up: tuple[str, ...] = field(default=(), repr=False)
    down: tuple[str, ...] = field(default=(), repr=False)
    model: str | None = None
    ignored: str | None = None


@dataclass(frozen=True)
class CheckRun(Record):
    """What became of one check. `reason` and `enable` say why it was skipped, and what makes it run."""

    name: str
    state: Literal["ok", "found", "skipped"]
    findings: int = 0
    seconds: float | None = None
    reason: str | None = None
    enable: str | None = None


@dataclass(frozen=True)
class Inspection(Result):
    """The answer of `dbadmin inspect`.

    `statistics_seconds` is how old the server's statistics of use are. `unmatched` are patterns of the ignore list that
    met no finding. `fail_on` is the level from which findings are bad news. `revision` is the file that was written;
    `named`: the checks were asked for by name.
    """

    kind = "inspect"

    database: DatabaseInfo
    checks: tuple[CheckRun, ...]
    findings: tuple[HealthFinding, ...]
    statistics_seconds: float | None = None
    unmatched: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fail_on: Severity | None = None
    revision: str | None = None
    named: bool = False

    @property
    def open(self) -> tuple[HealthFinding, ...]:
        """Findings that nobody chose to ignore."""
        return tuple(finding for finding in self.findings if finding.ignored is None)

    @property
    def ok(self) -> bool:
        """False where an open finding is at or above `fail_on`."""
        return not bad_news(self.open, self.fail_on)


@dataclass(frozen=True)
class CheckInfo(Record):
    """What a check is: `level` of its worst finding, `engines` on which it runs, and why one would care."""

    name: str
    level: Severity
    engines: tuple[str, ...]
    reads: str
    why: str
    threshold: str | None
    mend: str
    live: bool = False


@dataclass(frozen=True)
class CheckList(Result):
    """Every check that there is, by `dbadmin inspect --list`."""

    kind = "inspect"

    checks: tuple[CheckInfo, ...]
