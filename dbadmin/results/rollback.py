"""The rehearsal of a rollback, as facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from dbadmin.results.base import DatabaseInfo, Record, Result, Severity

Phase = Literal["upgrade", "downgrade", "reupgrade"]
Verdict = Literal["safe", "unproven", "residue", "irreversible", "lossy", "broken"]


@dataclass(frozen=True)
class Plan(Record):
    """Which revisions are walked. `start` is where the copy stands, `target` where the downgrade ends.

    `kind` is "pending" (up, down, up) or "head" (down, up); `upgrade` and `downgrade` list the revisions in
    the order in which they run; `default` says whether the target was chosen by dbadmin. `upgrade_to` is what
    `alembic upgrade` is given to apply what is pending, None where that is not what was rehearsed.
    """

    kind: Literal["pending", "head"]
    default: bool
    start: tuple[str, ...]
    upgrade: tuple[str, ...]
    downgrade: tuple[str, ...]
    target: tuple[str, ...]
    upgrade_to: str | None = None


@dataclass(frozen=True)
class Source(Record):
    """Where the data came from."""

    kind: Literal["database", "backup", "in-place", "copy-command"]
    url: str | None
    engine: str
    version: str | None
    name: str
    identity: str | None


@dataclass(frozen=True)
class CopyInfo(Record):
    """How the copy was made; seconds and bytes of the making. `name` is what `dbadmin copies` calls it.

    `left` says why the copy, or something of it, is still there although it was to be removed; None where it is gone.
    `url` leads into a copy that is kept; None where it is gone, or where it takes a password.
    """

    method: str
    seconds: float
    bytes: int | None
    kept: bool
    name: str
    left: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Lock(Record):
    """A lock that a step was the first to take, on something that others know.

    `seconds` is how long it was held, None where that was not measured: the middle between what is certain
    (`seconds_min`) and what is possible (`seconds_max`), without the time for which dbadmin held the migration up.
    `blocks` is what others could not do meanwhile: "schema changes", "writes" or "reads and writes", each including
    those before it. `statement` took it, as far as was seen; values of rows are left out of it.
    """

    object: str
    mode: str
    seconds: float | None
    blocks: str | None
    seconds_min: float | None = None
    seconds_max: float | None = None
    statement: str | None = None


@dataclass(frozen=True)
class Step(Record):
    """One revision in one phase, as it was observed. None means not measured, never zero.

    `rewrites` are tables and indexes that were written anew, with the engine's word for how where it has several;
    `bytes_before` and `bytes_after` are all tables and indexes of the copy together; `algorithms` says how each
    change of a table was carried out, on engines that have several ways.
    """

    phase: Phase
    revision: str
    message: str
    file: str | None
    state: Literal["ok", "failed", "skipped"]
    seconds: float | None = None
    statements: int | None = None
    rows_changed: Mapping[str, int] | None = None
    touched: tuple[str, ...] | None = None
    locks: tuple[Lock, ...] | None = None
    rewrites: tuple[str, ...] | None = None
    bytes_before: int | None = None
    bytes_after: int | None = None
    algorithms: tuple[str, ...] | None = None
    error: str | None = None
    committed: tuple[str, ...] | None = None
    failed_statement: str | None = None
    left_behind: tuple[str, ...] | None = None


@dataclass(frozen=True)
class RollbackFinding(Record):
    """A fact about the rollback. `rows` counts the rows concerned; `sample` holds keys only, unless revealed.

    `by_design` is None where the question has no sense; `blocks_verdict` says whether the verdict rests on it.
    `query` counts the rows that break a rule (`blocked-by-new-data`).
    """

    code: str
    severity: Severity
    phase: Phase | None
    revision: str | None
    object: str
    rows: int | None
    by_design: bool | None
    accepted: bool
    blocks_verdict: bool
    detail: str
    sample: tuple[Any, ...] | None = None
    remedy: str | None = None
    file: str | None = None
    line: int | None = None
    query: str | None = None


@dataclass(frozen=True)
class Excluded(Record):
    """Something that was not compared, and why."""

    object: str
    reason: str
    affects_verdict: bool


@dataclass(frozen=True)
class Compared(Record):
    """How much was compared; `empty` are the touched tables that held no rows.

    Of `tables`, `looked_at` were compared by what they hold, and `untouched` are proven to be as they were: the
    engine saw no write to them, and nothing in the schema that bears on them changed. `rows` counts the rows of the
    tables looked at; nobody counted the others.
    """

    tables: int
    rows: int
    empty: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    looked_at: int | None = None
    untouched: int | None = None


@dataclass(frozen=True)
class Scripts(Record):
    """Which migration scripts were rehearsed."""

    path: str
    git_commit: str | None
    dirty: bool | None


@dataclass(frozen=True)
class Versions(Record):
    """What ran."""

    dbadmin: str
    alembic: str
    sqlalchemy: str
    server: str
    source_server: str | None


@dataclass(frozen=True)
class Timings(Record):
    """Seconds; None for what did not happen."""

    copy: float | None
    snapshot: float | None
    upgrade: float | None
    downgrade: float | None
    reupgrade: float | None
    compare: float | None
    total: float


@dataclass(frozen=True)
class AfterUpgrade(Record):
    """What `--after-upgrade` did: `touched` are the tables that the script wrote (None: any), `seconds` its time.

    `skipped` says why it was not run; None where it was.
    """

    file: str
    skipped: str | None = None
    seconds: float | None = None
    touched: tuple[str, ...] | None = None


@dataclass(frozen=True)
class EachRevision(Record):
    """One revision by itself, up, down and up again on a copy of its own; `verdict` is None where that could not be
    done, and `skipped` says why. `findings` are all that this walk gives; new ones are among the report's too.
    """

    revision: str
    message: str
    verdict: Verdict | None
    skipped: str | None = None
    findings: tuple[RollbackFinding, ...] = ()


@dataclass(frozen=True)
class RollbackReport(Result):
    """The answer of `dbadmin verify-rollback`.

    `verdict` says what happened; `passed` (`ok`) whether every finding that leads to it is accepted and none
    was asked to fail besides. `source_unchanged` is None for backups.
    """

    kind = "verify-rollback"

    verdict: Verdict
    passed: bool
    summary: str
    started_at: datetime
    finished_at: datetime
    database: DatabaseInfo
    source: Source
    backup: Mapping[str, Any] | None
    scripts: Scripts
    versions: Versions
    copy: CopyInfo
    neutralised: tuple[str, ...]
    not_covered: tuple[str, ...]
    source_unchanged: bool | None
    plan: Plan
    steps: tuple[Step, ...]
    findings: tuple[RollbackFinding, ...]
    compared: Compared
    timings: Timings
    after_upgrade: AfterUpgrade | None = None
    each: tuple[EachRevision, ...] | None = None

    @property
    def ok(self) -> bool:
        """True where the rollback is safe, or all that speaks against it is accepted, and the copy was removed."""
        return self.passed and self.copy.left is None

    @property
    def exit_code(self) -> int:
        """0 good · 1 not safe · 5 unproven, or something of the copy could not be removed."""
        if self.ok:
            return 0
        return 5 if self.verdict == "unproven" or self.copy.left is not None else 1

    def to_dict(self) -> dict[str, Any]:
        """As `Result.to_dict`; `ok` stands in the envelope, so `passed` is left out."""
        data = super().to_dict()
        del data["passed"]
        return data


@dataclass(frozen=True)
class RollbackPlan(Result):
    """The answer of `dbadmin verify-rollback --dry-run`: sizes in bytes, None where nobody can tell.

    `plan` is None for a backup: where it stands is known once it is restored. `largest` is what `--max-copy` allows.
    `needed` and `free` are on this machine; `needed_there` is what a server of the user's must hold, whose free space
    nobody can tell.
    """

    kind = "verify-rollback"

    database: DatabaseInfo
    plan: Plan | None
    method: str
    size: int | None
    needed: int | None
    free: int | None
    largest: int | None = None
    needed_there: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the copies fit, and are not larger than allowed."""
        allowed = self.largest is None or self.size is None or self.size <= self.largest
        return allowed and (self.needed is None or self.free is None or self.needed <= self.free)

    @property
    def exit_code(self) -> int:
        """0 it fits · 2 it does not."""
        return 0 if self.ok else 2
