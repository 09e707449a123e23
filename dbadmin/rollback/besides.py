"""Walks besides the deciding one: `--after-upgrade` and `--each`. What they find joins the report's findings."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbadmin.copies import Copy
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import EachRevision, RollbackFinding, RollbackReport
from dbadmin.rollback.after import Written, walk_after
from dbadmin.rollback.again import States, new_findings
from dbadmin.rollback.each import walk_each
from dbadmin.rollback.judge import script_facts, worst_first
from dbadmin.rollback.options import Options
from dbadmin.rollback.plan import Route
from dbadmin.rollback.reference import Reference
from dbadmin.rollback.source import Rehearsed
from dbadmin.rollback.walk import Clock, Walk

if TYPE_CHECKING:
    from dbadmin.dialects import Progress


@dataclass(frozen=True)
class Besides:
    """What further walks found; None for those that were not asked for."""

    written: Written | None = None
    each: tuple[EachRevision, ...] | None = None

    def merged(self, known: Sequence[RollbackFinding]) -> tuple[RollbackFinding, ...]:
        """The deciding walk's findings and what is new in the others, worst first."""
        found = list(known)
        for one in self.each or ():
            found += new_findings(one.findings, found)
        return worst_first(self.written.merged(found) if self.written is not None else found)

    def told(self, report: RollbackReport) -> RollbackReport:
        """The report with what was done besides."""
        return replace(report, after_upgrade=self.written.told if self.written else None, each=self.each)


def walk_besides(
    source: Rehearsed, copy: Copy, route: Route, scripts: Scripts, walk: Walk, reference: Reference | str | None,
    options: Options, clock: Clock, progress: "Progress",
) -> Besides:  # fmt: skip
    """Walk what was asked for besides; the deciding walk is over and looked at."""
    if options.after_upgrade is None and not options.each:
        return Besides()
    with clock.of("besides"), closing(States(copy)) as states:
        written, each = None, None
        if options.after_upgrade is not None:
            written = walk_after(source, states, route, walk, options, script_facts(scripts), progress)
        if options.each:
            each = walk_each(source, states, route, scripts, reference, options, progress)
    return Besides(written, each)
