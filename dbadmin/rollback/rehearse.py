"""The rehearsal: make the copy, look, upgrade, look, downgrade, look, upgrade again, look, compare, judge, drop."""

from dbadmin.copies import Copy
from dbadmin.copies.make import connect
from dbadmin.dialects import Progress
from dbadmin.errors import EmptyPlan, NotFinished
from dbadmin.migrations.process import nursery
from dbadmin.migrations.scripts import Scripts, open_scripts
from dbadmin.migrations.status import loose_heads
from dbadmin.results import RollbackReport
from dbadmin.rollback.besides import walk_besides
from dbadmin.rollback.git import chosen_target
from dbadmin.rollback.judge import compared_with_reference, judge_walk
from dbadmin.rollback.options import Options
from dbadmin.rollback.origin import check
from dbadmin.rollback.plan import Route, make_route
from dbadmin.rollback.reference import build_reference
from dbadmin.rollback.report import with_copy_left, write_report
from dbadmin.rollback.source import Opened, Rehearsed, Stand, Witness, named_database, open_source
from dbadmin.rollback.verdict import judge
from dbadmin.rollback.walk import Clock, Walker
from dbadmin.secrets import first_line


def rehearse(source: Rehearsed, options: Options, *, progress: Progress) -> RollbackReport:
    """Rehearse a rollback on a copy, as the options say where it comes from, and report what happened.

    A source is only read. Raises EmptyPlan or UsageError where there is nothing to rehearse, the target is not clear
    or a place is refused, and another DbadminError where the rehearsal cannot be finished. The copy is gone
    afterwards, unless it is to be kept, or was the user's own; where removing it fails after the walk, the report says
    so (`copy.left`).
    """
    clock = Clock()
    check(options.origin, keep=options.keep)
    scripts = open_scripts(source.project)
    planned = planned_before(source, scripts, options)
    report: RollbackReport | None = None
    try:
        with (
            nursery(source.environment),
            Witness(source, options) as witness,
            open_source(source, options, progress=progress) as opened,
        ):
            report = walked(opened, planned, scripts, witness, options, clock, progress)
    except Exception as error:
        if report is None:
            _tell_of_the_copy(error)
            raise
        return with_copy_left(report, error)
    return report


def _tell_of_the_copy(error: Exception) -> None:
    """Raise NotFinished for what SQLAlchemy raises about the copy (somebody removed it, its disk is full)."""
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, SQLAlchemyError):
        said = first_line(error)
        hint = "run it again; dbadmin copies shows what is there"
        raise NotFinished(f"the copy cannot be used any more: {said}", hint=hint) from error


def walked(
    opened: Opened, planned: Route | None, scripts: Scripts, witness: Witness, options: Options, clock: Clock,
    progress: Progress,
) -> RollbackReport:  # fmt: skip
    """Walk the copy, look, compare and judge."""
    source, copy = opened.source, opened.copy
    route = plan_route(source, stand_of(source, copy), scripts, options)
    refuse_moved_on(planned, route)
    walk = Walker(source, copy, route, options, clock, progress).run()
    reference = build_reference(source, copy, route, scripts, options) if walk.needs_reference else None
    reference = compared_with_reference(copy, walk, reference)
    besides = walk_besides(source, copy, route, scripts, walk, reference, options, clock, progress)
    unchanged = witness.unchanged()
    findings = judge_walk(
        route, scripts, walk, reference, options, source_unchanged=unchanged, incomplete=opened.incomplete,
        rules=copy.dialect.rules, costs=copy.dialect.costs,
    )  # fmt: skip
    judgement = judge(besides.merged(findings), options.accept, options.fail_on)
    return besides.told(write_report(opened, route, scripts, walk, judgement, unchanged, options, clock))


def planned_before(source: Rehearsed, scripts: Scripts, options: Options) -> Route | None:
    """The route from where the source stands, so that an empty plan copies nothing; None where only a copy tells."""
    if options.origin.kind != "database":
        return None
    return plan_route(source, named_database(source).run(source.stand), scripts, options)


def stand_of(source: Rehearsed, copy: Copy) -> Stand:
    """Where the copy stands."""
    with connect(copy.url) as connection:
        return source.stand(connection)


def refuse_moved_on(planned: Route | None, route: Route) -> None:
    """Raise NotFinished where somebody migrated the source between the plan and the copy."""
    if planned is not None and planned.plan.start != route.plan.start:
        raise NotFinished(
            f"the database was at {', '.join(planned.plan.start) or 'base'}, and its copy is at "
            f"{', '.join(route.plan.start) or 'base'}: it was migrated meanwhile",
            hint="run it again when nobody migrates the database",
        )


def plan_route(source: Rehearsed, stand: Stand, scripts: Scripts, options: Options) -> Route:
    """The route from where a database stands; EmptyPlan where it stands nowhere that the scripts know."""
    known = {revision.revision for revision in scripts.revisions}
    unknown = [revision for revision in stand.current or () if revision not in known]
    if unknown:
        raise EmptyPlan(
            f"the database stands at {', '.join(unknown)}, which no script in {scripts.path} has",
            hint="dbadmin status shows the nearest; check out the scripts that this database was made with",
        )
    if not stand.current and stand.has_tables:
        raise EmptyPlan(
            f"the database has tables, but no revision in {source.version_name}: where it stands is not known",
            hint="alembic stamp REVISION says where it stands",
        )
    chosen = options.upgrade_to != "heads" or options.to is not None or options.to_git is not None
    if len(loose_heads(scripts)) > 1 and not chosen:
        heads = ", ".join(loose_heads(scripts))
        raise EmptyPlan(
            f"the scripts have several heads: {heads}",
            hint="merge them (alembic merge heads), or choose with --upgrade-to and --to",
        )
    to = chosen_target(scripts, stand.current or (), options)
    return make_route(scripts, stand.current or (), to=to, steps=options.steps, upgrade_to=options.upgrade_to)
