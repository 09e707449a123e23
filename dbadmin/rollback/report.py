"""The report, from what happened: plain assembly, and the sentence that stands under the verdict."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dbadmin.copies import Copy
from dbadmin.dialects import TableName
from dbadmin.dialects.names import table_of
from dbadmin.errors import DbadminError
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import (
    Compared,
    DatabaseInfo,
    Excluded,
    Plan,
    RollbackReport,
    Timings,
    Versions,
)
from dbadmin.results import Scripts as ScriptsInfo
from dbadmin.rollback.options import Options
from dbadmin.rollback.plan import Route
from dbadmin.rollback.source import Opened
from dbadmin.rollback.steps import steps
from dbadmin.rollback.verdict import Judgement, effect
from dbadmin.rollback.walk import Clock, Walk
from dbadmin.secrets import mask
from dbadmin.state import compare
from dbadmin.version import __version__

NOT_COVERED = (
    "side effects outside the database (requests, mail, queues, files)",
    "behaviour under concurrent traffic",
    "replicas, and objects of the whole server such as roles",
)


def write_report(
    opened: Opened, route: Route, scripts: Scripts, walk: Walk, judgement: Judgement,
    unchanged: bool | None, options: Options, clock: Clock,
) -> RollbackReport:  # fmt: skip
    """Put the report together; nothing is decided here."""
    copy, database = opened.copy, opened.database
    compared = what_was_compared(walk, options)
    finished = datetime.now(UTC)
    return RollbackReport(
        verdict=judgement.verdict,
        passed=judgement.passed,
        summary=way_down(route.plan) + summary(judgement, compared, walk),
        started_at=finished - timedelta(seconds=clock.total),
        finished_at=finished,
        database=database,
        source=opened.told,
        backup=backup_info(opened, route),
        scripts=scripts_info(scripts.path),
        versions=versions(copy, database),
        copy=replace(copy.info, url=way_into(copy)),
        neutralised=copy.neutralised,
        not_covered=(*NOT_COVERED, *ways_out(walk), *copy.not_covered, *(opened.backup.notes if opened.backup else ())),
        source_unchanged=unchanged,
        plan=route.plan,
        steps=steps(route, scripts, walk),
        findings=judgement.findings,
        compared=compared,
        timings=timings(clock, copy),
    )


def way_into(copy: Copy) -> str | None:
    """The URL of a copy that is kept and takes no password: those that dbadmin made up are known to nobody."""
    return mask(copy.url.render_as_string()) if copy.info.kept and copy.url.password is None else None


def with_copy_left(report: RollbackReport, error: Exception) -> RollbackReport:
    """The report of a walk whose copy could not be removed afterwards: what was found is not lost for that."""
    name = report.copy.name
    if isinstance(error, DbadminError):
        told, hint = error.message, error.hint
    else:
        told, hint = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}", None
    if hint is None and report.source.kind in ("database", "backup"):
        hint = f"dbadmin copies --drop {name}"
    left = mask(f"{told}; {hint}" if hint else told)
    return replace(report, copy=replace(report.copy, kept=True, left=left))


def ways_out(walk: Walk) -> tuple[str, ...]:
    """What stands around C drivers and programs, which Python's hooks do not see: what was in force in every phase."""
    if not walk.results:
        return ()
    first, *others = (result.sandbox for result in walk.results.values())
    held = [name for name in first if all(name in other for other in others)]
    in_force = ", ".join(held) or "nothing of the kernel's"
    return (f"gaps of the guard, which the documentation's page on safety lists (in force: hooks, {in_force})",)


def backup_info(opened: Opened, route: Route) -> Mapping[str, Any] | None:
    """What the backup is; None where there was none."""
    backup = opened.backup
    if backup is None:
        return None
    return {
        "path": str(backup.path),
        "format": backup.format,
        "sha256": backup.sha256,
        "server_version": backup.server_version,
        "revision": ", ".join(route.plan.start) or None,
    }


def what_was_compared(walk: Walk, options: Options) -> Compared:
    """Tables and rows of the state that was compared with, and what was left out.

    A table that is still unread was touched by no step: it counts as compared, its rows were not counted.
    """
    before = walk.compared_with
    touched = touched_tables(walk)
    looked = {table: data for table, data in before.data.items() if not data.is_unread}
    empty = sorted(str(t) for t, data in looked.items() if str(t) in touched and data.rows == 0)
    left_out = [Excluded(str(table), "excluded by --exclude", True) for table in options.exclude]
    if not options.data:
        left_out.append(Excluded("all rows", "left out by --no-data", True))
    for (table, column), reason in _not_read(walk).items():
        name = f"{table}.{column}" if column else str(table)
        left_out.append(Excluded(name, reason, str(table) in touched))
    rows = sum(data.rows for data in looked.values())
    untouched = len(before.data) - len(looked)
    return Compared(len(before.data), rows, tuple(empty), tuple(left_out), len(looked), untouched)


def _not_read(walk: Walk) -> dict[tuple[TableName, str], str]:
    """Tables ("") and columns that could not be read in one state or another, with the reason."""
    states = [walk.start, *(state for leg in walk.legs.values() for state in (leg.before, leg.after))]
    return {
        (table, column): reason
        for state in states
        for table, data in state.data.items()
        for column, reason in data.not_compared.items()
    }


def touched_tables(walk: Walk) -> frozenset[str]:
    """Tables whose rows or definition a step changed, as far as was seen."""
    found: set[str] = set()
    for result in walk.results.values():
        for step in result.steps:
            found |= {str(table) for table in step.touched or ()}
    for leg in walk.legs.values():
        for difference in compare(leg.before, leg.after):
            owner = difference.table or (table_of(difference.key) if difference.key else None)
            if owner is not None:
                found.add(str(owner))
    return frozenset(found)


def way_down(plan: Plan) -> str:
    """`1 step: d4 → c3 (default): `, where nothing was pending: how far down the verdict reaches."""
    if plan.kind == "pending":
        return ""
    number = len(plan.downgrade)
    top = (plan.downgrade[0],) if plan.upgrade else plan.start
    ends = " → ".join(", ".join(revisions) or "base" for revisions in (top, plan.target))
    return f"{number} step{'' if number == 1 else 's'}: {ends}{' (default)' if plan.default else ''}: "


def summary(judgement: Judgement, compared: Compared, walk: Walk) -> str:
    """One sentence: why the verdict is what it is."""
    if judgement.verdict == "safe":
        touched = touched_tables(walk)
        note = f" ({len(compared.empty)} of {len(touched)} touched tables had no rows)" if compared.empty else ""
        return f"safe for the data in this copy{note}"
    decisive = [f for f in judgement.findings if effect(f) == judgement.verdict]
    first = decisive[0]
    others = len(decisive) - 1
    more = f", and {others} more finding{'s' if others > 1 else ''}" if others else ""
    who = f"{first.phase} of {first.revision}: " if first.revision and first.phase else ""
    return f"{who}{first.detail}{more}"


def versions(copy: Copy, database: DatabaseInfo) -> Versions:
    """What ran."""
    from importlib.metadata import version

    of_source = database.version or None
    return Versions(__version__, version("alembic"), version("sqlalchemy"), copy.place.server_version, of_source)


def scripts_info(path: Path) -> ScriptsInfo:
    """The scripts' folder, and the commit it stands at where git knows it."""
    commit = _git(path, "rev-parse", "HEAD")
    changes = _git(path, "status", "--porcelain", "--", ".") if commit else None
    return ScriptsInfo(str(path), commit or None, None if changes is None else bool(changes))


def _git(path: Path, *arguments: str) -> str | None:
    # A git hook that runs us says by GIT_DIR which repository it belongs to; that need not be the scripts'.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(path), *arguments], capture_output=True, text=True, check=False, timeout=10,
            stdin=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def timings(clock: Clock, copy: Copy) -> Timings:
    """Seconds by heading; None for what did not happen."""
    spent: Mapping[str, float] = clock.spent
    return Timings(
        copy=copy.info.seconds + spent.get("copy", 0.0),
        snapshot=spent.get("snapshot"),
        upgrade=spent.get("upgrade"),
        downgrade=spent.get("downgrade"),
        reupgrade=spent.get("reupgrade"),
        compare=spent.get("compare"),
        total=clock.total,
    )
