"""`--dry-run`: what a rehearsal would do, without doing it."""

from dbadmin.copies.make import SAME_SERVER
from dbadmin.dialects import Progress, named
from dbadmin.dialects.copying import Copying
from dbadmin.migrations.scripts import open_scripts
from dbadmin.results import DatabaseInfo, RollbackPlan
from dbadmin.rollback.options import Options
from dbadmin.rollback.origin import check
from dbadmin.rollback.rehearse import plan_route
from dbadmin.rollback.source import Rehearsed, named_database, refuse_in_place_of, refuse_protected_place


def plan_rehearsal(source: Rehearsed, options: Options, *, progress: Progress) -> RollbackPlan:
    """The plan, how the copy is made, and whether it fits; nothing is copied, restored or run.

    A backup is read and checked; where it stands, and so the plan, is known once it is restored.
    """
    check(options.origin, keep=options.keep)
    if options.origin.backup is not None:
        return _of_backup(source, options, progress)
    scripts = open_scripts(source.project)
    database = named_database(source)
    if options.origin.in_place:
        refuse_in_place_of(source, database, options.origin)
    refuse_protected_place(source, options.origin.scratch)
    route = plan_route(source, database.run(source.stand), scripts, options)
    copying = database.dialect.copying
    size = database.run(copying.size)
    return RollbackPlan(
        database=database.info,
        plan=route.plan,
        method=method(options, copying.method),
        largest=options.max_copy,
        **_room(options, copying, size),
    )


def _of_backup(source: Rehearsed, options: Options, progress: Progress) -> RollbackPlan:
    from dbadmin.copies.backups import open_backup

    open_scripts(source.project)
    refuse_protected_place(source, options.origin.scratch)
    assert options.origin.backup is not None
    with open_backup(options.origin.backup, progress=progress) as backup:
        copying = named(backup.engine).copying
        size = backup.restored_bytes or backup.bytes
        name = backup.database or backup.path.name
        return RollbackPlan(
            database=DatabaseInfo(str(backup.path), backup.engine, backup.server_version or "", name),
            plan=None,
            method=f"restore {backup.format}, {_where(options) or 'into a private place'}",
            largest=options.max_copy,
            **_room(options, copying, size),
        )


def method(options: Options, private: str) -> str:
    """How the copy would be made; `private` is what its engine does by itself."""
    if options.origin.kind == "copy-command":
        return "the copy command"
    if options.origin.kind == "in-place":
        return "none: the database itself is the copy, a second one is set aside beside it"
    where = _where(options)
    return private if where is None else f"{private.partition(',')[0]}, {where}"


def _where(options: Options) -> str | None:
    scratch = options.origin.scratch
    if scratch is None:
        return None
    if scratch == SAME_SERVER:
        return "into a marked database on the source's own server"
    return "into a marked database on the server that --scratch names"


def _copies(options: Options, copying: Copying) -> tuple[int, int]:
    """How many copies of the data need room on this machine, and on a server of the user's, whose room is not known.

    Copies on another server need a dump here first. Beside a copy that the user made stands what it is compared with,
    and what further walks go on.
    """
    if options.origin.kind in ("copy-command", "in-place"):
        beside = options.copies - 1
        return (beside, 0) if copying.on_this_machine else (0, beside)
    return (options.copies, 0) if options.origin.scratch is None else (1, options.copies)


def _room(options: Options, copying: Copying, size: int | None) -> dict[str, int | None]:
    """What the plan says of room."""
    here, there = _copies(options, copying)
    return {
        "size": size,
        "needed": here * size if here and size is not None else None,
        "free": copying.free_space() if here else None,
        "needed_there": there * size if there and size is not None else None,
    }
