"""Running checks: each by itself, so that one that cannot run or takes too long keeps no other from its answer."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from dbadmin.database import Database
from dbadmin.dialects import Dialect, Progress, TableName, of
from dbadmin.dialects.facts import CannotTell
from dbadmin.errors import ConnectionFailed, NotSupported, UnknownName, UsageError
from dbadmin.health.check import CHECKS, ENGINES, Check
from dbadmin.health.clock import Clock
from dbadmin.health.look import Look, Place, nowhere
from dbadmin.results import LEVELS, CheckList, CheckRun, HealthFinding, Inspection, Severity
from dbadmin.secrets import SENSITIVE_WORDS, mask

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

SECONDS = 10.0
"""How long a check may take where nothing else is said."""

Ignore = str | Mapping[str, str]
"""A pattern of keys, or {key, reason}."""


@dataclass(frozen=True)
class Asked:
    """What is to be looked at. `names` empty: every check that this engine can answer; `live`: of those that change."""

    names: tuple[str, ...] = ()
    ignore: tuple[Ignore, ...] = ()
    fail_on: Severity | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    live: bool = False
    metadata: "tuple[MetaData, ...]" = ()
    place_of: Callable[[TableName], Place | None] = nowhere
    sensitive: tuple[str, ...] = SENSITIVE_WORDS
    version_table: TableName = field(default_factory=lambda: TableName(None, "alembic_version"))


def checks(names: Sequence[str] = ()) -> CheckList:
    """Every check, or those that are named, as `--list` shows them. Raises UnknownName."""
    return CheckList(tuple(check.info() for check in named(names) or every_check().values()))


def every_check() -> Mapping[str, Check]:
    """Every check by name; the modules register theirs when they are imported."""
    from dbadmin.health.families import FAMILIES

    place = {family.__name__: at for at, family in enumerate(FAMILIES)}
    return dict(sorted(CHECKS.items(), key=lambda item: place[item[1].find.__module__]))


def live() -> tuple[str, ...]:
    """Names of the checks whose answer changes from second to second."""
    return tuple(check.name for check in every_check().values() if check.live)


def named(names: Sequence[str]) -> tuple[Check, ...]:
    """Checks by name. Raises UnknownName with the nearest."""
    known = every_check()
    for name in names:
        if name not in known:
            raise UnknownName("check", name, known, hint="dbadmin inspect --list shows every check")
    return tuple(known[name] for name in known if name in names)


def inspect(database: Database, asked: Asked, *, progress: Progress | None = None) -> Inspection:
    """Run checks on a database, read-only, each with its own time limit (the statement timeout, else 10 s).

    Raises ConnectionFailed where the connection is lost; whatever else a check meets makes it `skipped`.
    """
    named(tuple(asked.thresholds))
    for check in named(asked.names):
        if asked.live and not check.live:
            raise UsageError(f"{check.name} does not change by the second", hint=f"live checks: {', '.join(live())}")
    chosen = named(asked.names) or tuple(
        check
        for check in every_check().values()
        if check.runs_on(database.dialect) and (check.live or not asked.live) and (asked.metadata or not check.models)
    )
    if not chosen:
        raise NotSupported("this engine has no sessions to watch", hint="dbadmin inspect, without --watch")
    limit = database.statement_timeout or SECONDS

    def work(connection: "Connection") -> tuple[list[CheckRun], list[HealthFinding], float | None]:
        look = Look(
            connection, asked.thresholds, asked.metadata, asked.place_of, asked.sensitive, asked.version_table
        )  # fmt: skip
        runs, findings = [], []
        with Clock(connection, limit, database.lock_timeout).running() as clock:
            for at, check in enumerate(chosen):
                if progress is not None:
                    progress(f"inspecting: {check.name}", at, len(chosen))
                run, found = _one(check, look, clock)
                runs.append(run)
                findings += found
        known = look.fact("statistics")
        return runs, findings, known.seconds if known is not None else None

    runs, findings, age = database.run(work)
    judged, unmatched = ignored(findings, asked.ignore)
    order = {check.name: at for at, check in enumerate(chosen)}
    ranked = {check.name for check in chosen if check.ranked}
    judged.sort(
        key=lambda f: (
            f.ignored is not None, LEVELS.index(f.severity), order[f.code], "" if f.code in ranked else f.object
        )
    )  # fmt: skip
    return Inspection(
        database.info, tuple(runs), tuple(judged), age, unmatched, fail_on=asked.fail_on, named=bool(asked.names)
    )


def _one(check: Check, look: Look, clock: Clock) -> tuple[CheckRun, list[HealthFinding]]:
    started = time.perf_counter()
    dialect = of(look.connection)
    try:
        clock.start()
        if not check.runs_on(dialect):
            raise CannotTell(_not_here(check, dialect))
        if check.models and not look.metadata:
            raise CannotTell("no models were found", "set models in [tool.dbadmin], or use --app DIR")
        found = check.run(look)
    except CannotTell as why:
        seconds = time.perf_counter() - started
        return CheckRun(check.name, "skipped", 0, seconds, mask(why.reason), why.enable), []
    except Exception as error:
        reason, enable = _failed(error, look.connection, clock)
        look.connection.rollback()
        return CheckRun(check.name, "skipped", 0, time.perf_counter() - started, reason, enable), []
    seconds = time.perf_counter() - started
    return CheckRun(check.name, "found" if found else "ok", len(found), seconds), found


def _not_here(check: Check, dialect: Dialect) -> str:
    engines = " and ".join(check.info().engines)
    return f"it asks what only {engines} can tell, and this is {ENGINES.get(dialect.name, dialect.name)}"


def answers(connection: "Connection") -> bool:
    """Whether a connection still answers, whatever its last statement met (a damaged page, say)."""
    from sqlalchemy.exc import DBAPIError

    try:
        connection.rollback()
        return bool(connection.exec_driver_sql("SELECT 1").scalar())
    except DBAPIError:
        return False


def _failed(error: Exception, connection: "Connection", clock: Clock) -> tuple[str, str | None]:
    """Why a check did not come to its end, and what would let it; raises where nothing else could run either."""
    from sqlalchemy.exc import DBAPIError

    if not isinstance(error, DBAPIError) or error.orig is None:
        raise error
    dialect = of(connection)
    known = dialect.session.explain(error.orig)
    if error.connection_invalidated or (isinstance(known, ConnectionFailed) and not answers(connection)):
        raise error
    message = mask(dialect.session.message(error.orig))
    if dialect.session.is_denied(error.orig):
        connection.rollback()  # of the statement that was refused
        return f"this login lacks a right: {message}", dialect.health.right(connection)
    if known is not None and "--statement-timeout" in (known.hint or ""):
        return clock.spent(), known.hint
    return mask(known.message) if known is not None else message, known.hint if known is not None else None


def ignored(
    findings: Sequence[HealthFinding], patterns: Sequence[Ignore]
) -> tuple[list[HealthFinding], tuple[str, ...]]:
    """Findings with those marked that a pattern names, and the patterns that named none."""
    said = [(p, p) if isinstance(p, str) else (str(p["key"]), p.get("reason") or str(p["key"])) for p in patterns]
    used: set[str] = set()
    judged = []
    for finding in findings:
        met = [(key, reason) for key, reason in said if matches(finding.key, key)]
        used |= {key for key, _ in met}
        judged.append(replace(finding, ignored=met[0][1]) if met else finding)
    return judged, tuple(key for key, _ in said if key not in used)


def matches(key: str, pattern: str) -> bool:
    """Whether a pattern means a finding: its key, a check's name, or a glob over keys.

    >>> [matches("unused-index:posts.ix_a", p) for p in ("unused-index", "unused-index:posts.*", "unused-index:ix_a")]
    [True, True, False]
    """
    return pattern in (key, key.partition(":")[0]) or fnmatchcase(key, pattern)


__all__ = ["Asked", "checks", "inspect"]
