"""`--after-upgrade`: what becomes of what the new version writes.

The deciding walk goes without the script, so nothing that the script does can look like a loss there. A second walk
begins where the first one did: up, then the script, then down and up again; it is judged as from a head (`head.py`),
the head being the state after the script. So a value that the downgrade drops is lost by design unless the upgrade
makes the same again, and one that it changes is a loss unless the upgrade changes it back; that a downgrade turns
new values into those that the old version knows is none. What the deciding walk has told already is not told again,
and what it has shown to differ from one upgrade to the next is no loss where the script did not write. A downgrade
that fails only here fails on what the script wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.copies.make import connect
from dbadmin.dialects import TableName
from dbadmin.errors import NotFinished, StatementFailed
from dbadmin.migrations.protocol import WalkResult
from dbadmin.results import AfterUpgrade, Plan, RollbackFinding
from dbadmin.rollback.again import States, migrate, new_findings
from dbadmin.rollback.facts import Script
from dbadmin.rollback.head import judge_head
from dbadmin.rollback.options import Options
from dbadmin.rollback.origin import TRUST
from dbadmin.rollback.plan import Route
from dbadmin.rollback.relaxed import judge_relaxed, relaxed
from dbadmin.rollback.source import Rehearsed
from dbadmin.rollback.verdict import LEADS_TO
from dbadmin.rollback.walk import Clock, Walk, Walker

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dbadmin.copies import Copy
    from dbadmin.dialects import Progress

LOSSES = ("rows-lost", "values-lost", "values-changed", "rows-added")
JUDGED = (*LOSSES, "sequence-changed")
"""What the second walk is judged by; the schema is the deciding walk's."""


@dataclass(frozen=True)
class Written:
    """The second walk: what it found, and how many rows break each of the rules that the downgrade restores."""

    told: AfterUpgrade
    findings: tuple[RollbackFinding, ...] = ()

    def merged(self, known: Sequence[RollbackFinding]) -> list[RollbackFinding]:
        """With the deciding walk's findings: a risk that has become a fact, or was counted, is told once."""
        if self.told.skipped:
            return list(known)
        counted = {f.object for f in self.findings if f.code == "blocked-by-new-data"}
        lost = {f.object for f in self.findings if f.code in LOSSES}
        kept = [
            f
            for f in known
            if not (f.code == "data-at-risk" and f.object in lost)
            and not (f.code == "blocked-by-new-data" and f.object in counted)
        ]
        return kept + new_findings(self.findings, kept)


def walk_after(
    source: Rehearsed, states: States, route: Route, walk: Walk, options: Options, facts: Mapping[str, Script],
    progress: "Progress",
) -> Written:  # fmt: skip
    """The second walk. Raises StatementFailed, naming file and line, where the script fails."""
    path = options.after_upgrade
    assert path is not None
    if "downgrade" not in walk.legs:
        reason = f"the {walk.failed} fails without it"
        return Written(AfterUpgrade(str(path), skipped=reason))
    copy = states.fresh()
    if route.plan.kind == "pending":
        assert route.up is not None
        _expect(migrate(source, copy, "upgrade", route.up, options), "the upgrade succeeded once and failed again")
    clock = Clock()
    with clock.of("script"):
        touched = run_script(source, copy, path, options)
    rules = copy.dialect.rules
    down = walk.legs["downgrade"]
    with connect(copy.url) as connection:
        counted = {r.query: count(connection, r.query) for r in relaxed(rules, down.after.schema, down.before.schema)}
    blocked = judge_relaxed(down, rules, facts, counted)
    again = Walker(source, copy, route_down(route), options, clock, progress).run()
    copy.drop_pristine()
    told = AfterUpgrade(
        str(path), seconds=clock.spent["script"],
        touched=None if touched is None else tuple(sorted(map(str, touched - {source.version_name}))),
    )  # fmt: skip
    found = [*_losses(again, walk, touched, path, facts), *_failures(again, blocked, path, facts), *blocked]
    return Written(told, tuple(found))


def route_down(route: Route) -> Route:
    """The way down and up again, from the top."""
    plan = Plan("head", False, route.top, (), route.plan.downgrade, route.plan.target)
    return Route(plan, None, route.down, route.up_again, route.top)


def run_script(source: Rehearsed, copy: "Copy", path: Path, options: Options) -> frozenset[TableName] | None:
    """Run the script in the guarded process; the tables that it wrote, None where any may have been."""
    mark = copy.mark()
    result = migrate(source, copy, "upgrade", "", options, script=path)
    if result.error is not None:
        where = f"{path}:{result.error.line}" if result.error.line else str(path)
        allow = f"--allow-connect {result.refused[0]} if it is not the source" if result.refused else None
        if copy.confined and result.error.denied:
            allow = TRUST
        raise StatementFailed(
            f"{where}: {result.error.message}",
            hint=allow or "correct the script: it runs on the copy, where the upgrade ends",
        )
    return copy.written_since(mark) if copy.dialect.observe.sees_other_sessions else result.touched_after


def count(connection: "Connection", query: str) -> int | None:
    """How many rows a query counts; None where it cannot be asked."""
    from sqlalchemy.exc import DBAPIError

    try:
        number = connection.exec_driver_sql(query, execution_options={"no_parameters": True}).scalar()
    except DBAPIError:
        connection.rollback()
        return None
    return int(number or 0)


def _expect(result: WalkResult, what: str) -> None:
    if result.error is not None:
        raise NotFinished(f"{what}: {result.error.message}", hint="is there something that it leaves outside?")


def _losses(
    again: Walk, first: Walk, touched: frozenset[TableName] | None, path: Path, facts: Mapping[str, Script]
) -> list[RollbackFinding]:
    """What the second walk lost, sequences too, but for what differs from one upgrade to the next anyhow."""
    if "reupgrade" not in again.legs:
        return []
    found = judge_head(again.legs["downgrade"], again.legs["reupgrade"], again.differences, again.evidence, facts)
    unsteady = not_steady(first)
    written = None if touched is None else {str(table) for table in touched}
    kept = []
    for one in found:
        if one.code not in JUDGED or one.severity == "note":
            continue
        one = replace(one, detail=f"{one.detail} (in the walk with {path.name})")
        table = unsteady.get(one.object)
        if table is None:
            kept.append(one)
        elif one.code != "rows-added" and (written is None or table in written):
            # Which of the rows differ because of the script cannot be told from the numbers.
            kept.append(replace(one, rows=None, sample=None))
    return kept


def not_steady(walk: Walk) -> dict[str, str]:
    """What two upgrades made differently: the names that findings have for it → the table."""
    found: dict[str, str] = {}
    for difference in walk.repeated:
        if difference.table is None or difference.scope == "schema":
            continue
        table = str(difference.table)
        data = walk.legs["upgrade"].after.data.get(difference.table)
        if difference.column is not None:
            found[f"{table}.{difference.column}"] = table
        if difference.column is None or (data is not None and difference.column in data.key):
            found[table] = table
    return found


def _failures(
    again: Walk, blocked: Sequence[RollbackFinding], path: Path, facts: Mapping[str, Script]
) -> list[RollbackFinding]:
    """A phase that fails with what the script wrote, and the rules that it breaks."""
    from dbadmin.rollback.judge import failures

    broken = [f"{f.object} ({f.rows:,} row{'' if f.rows == 1 else 's'})" for f in blocked if f.rows]
    why = f"; rules that it breaks: {', '.join(broken)}" if broken else ""
    only_here = f"; it fails on what {path.name} had written, and not without{why}"
    return [
        replace(one, detail=one.detail + only_here) if LEADS_TO.get(one.code) in ("broken", "irreversible") else one
        for one in failures(again, facts, None)
    ]
