"""The rehearsal: make the copy, look, upgrade, look, downgrade, look, upgrade again, look, compare, judge, drop."""

from dbadmin.copies import Copy, open_copy
from dbadmin.copies.make import connect
from dbadmin.dialects import Progress
from dbadmin.errors import EmptyPlan, NotFinished
from dbadmin.migrations.scripts import Scripts, open_scripts
from dbadmin.migrations.status import loose_heads
from dbadmin.results import RollbackPlan, RollbackReport
from dbadmin.rollback.judge import compared_with_reference, judge_walk
from dbadmin.rollback.options import Options
from dbadmin.rollback.plan import Route, make_route
from dbadmin.rollback.reference import build_reference
from dbadmin.rollback.report import write_report
from dbadmin.rollback.source import Rehearsed, Witness
from dbadmin.rollback.verdict import judge
from dbadmin.rollback.walk import Clock, Walker


def rehearse(source: Rehearsed, options: Options, *, progress: Progress) -> RollbackReport:
    """Rehearse a rollback of `source` on a private copy and report what happened; the source is only read.

    Raises EmptyPlan or UsageError where there is nothing to rehearse or the target is not clear, and another
    DbadminError where the rehearsal cannot be finished. The copy is gone afterwards, unless it is to be kept.
    """
    clock = Clock()
    scripts = open_scripts(source.project)
    route = plan_route(source, scripts, options)
    copying = open_copy(source.database, progress=progress, keep=options.keep, max_bytes=options.max_copy)
    with Witness(source) as witness, copying as copy:
        refuse_moved_on(source, copy, route)
        walk = Walker(source, copy, route, options, clock, progress).run()
        reference = build_reference(source, copy, route, scripts, options) if walk.needs_reference else None
        reference = compared_with_reference(copy, walk, reference)
        unchanged = witness.unchanged()
        findings = judge_walk(route, scripts, walk, reference, options, source_unchanged=unchanged)
        judgement = judge(findings, options.accept, options.fail_on)
        return write_report(source, copy, route, scripts, walk, judgement, unchanged, options, clock)


def refuse_moved_on(source: Rehearsed, copy: Copy, route: Route) -> None:
    """Raise NotFinished where somebody migrated the source between the plan and the copy."""
    with connect(copy.url) as connection:
        stands = tuple(sorted(source.read_current(connection) or ()))
    if stands != route.plan.start:
        raise NotFinished(
            f"the database was at {', '.join(route.plan.start) or 'base'}, and its copy is at "
            f"{', '.join(stands) or 'base'}: it was migrated meanwhile",
            hint="run it again when nobody migrates the database",
        )


def plan_route(source: Rehearsed, scripts: Scripts, options: Options) -> Route:
    """The route from where the source stands; EmptyPlan where it stands nowhere that the scripts know."""
    current = source.current()
    known = {revision.revision for revision in scripts.revisions}
    unknown = [revision for revision in current or () if revision not in known]
    if unknown:
        raise EmptyPlan(
            f"the database stands at {', '.join(unknown)}, which no script in {scripts.path} has",
            hint="dbadmin status shows the nearest; check out the scripts that this database was made with",
        )
    if not current and source.database.run(source.has_tables):
        raise EmptyPlan(
            f"the database has tables, but no revision in {source.version_name}: where it stands is not known",
            hint="alembic stamp REVISION says where it stands",
        )
    if len(loose_heads(scripts)) > 1 and options.upgrade_to == "heads" and options.to is None:
        heads = ", ".join(loose_heads(scripts))
        raise EmptyPlan(
            f"the scripts have several heads: {heads}",
            hint="merge them (alembic merge heads), or choose with --upgrade-to and --to",
        )
    return make_route(scripts, current or (), to=options.to, steps=options.steps, upgrade_to=options.upgrade_to)


def plan_rehearsal(source: Rehearsed, options: Options) -> RollbackPlan:
    """What `rehearse` would do, without doing it: the plan, how the copy is made, and whether it fits."""
    scripts = open_scripts(source.project)
    route = plan_route(source, scripts, options)
    copying = source.database.dialect.copying
    size = source.database.run(copying.size)
    return RollbackPlan(
        database=source.database.info,
        plan=route.plan,
        method=copying.method,
        size=size,
        needed=None if size is None else 2 * size,
        free=copying.free_space(),
    )
