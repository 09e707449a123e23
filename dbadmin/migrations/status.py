"""Where a database stands against its migrations. Only looks: no version table is made by it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbadmin.errors import nearest
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import DatabaseInfo, Revision, State, Status, UnknownRevision, ancestors, loose

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dbadmin.database import Database
    from dbadmin.dialects import TableName

ALEMBIC_TABLE = "alembic_version"


@dataclass(frozen=True)
class Standing:
    """What the database says: revisions in its version table (None: no such table).

    Its other tables tell where it stands only where there are no revisions, and are not asked for otherwise.
    """

    revisions: tuple[str, ...] | None
    tables: "tuple[TableName, ...]"


def applied_revisions(
    connection: "Connection", version_table: str = ALEMBIC_TABLE, schema: str | None = None
) -> tuple[str, ...] | None:
    """The revisions in the version table, sorted; None where the database has no version table."""
    from sqlalchemy import Column, MetaData, String, Table, inspect, select

    if not inspect(connection).has_table(version_table, schema=schema):
        return None
    table = Table(version_table, MetaData(), Column("version_num", String), schema=schema)
    return tuple(sorted(connection.scalars(select(table.c.version_num))))


def read_standing(connection: "Connection", version_table: str, schema: str | None) -> Standing:
    """Where the database at `connection` stands."""
    from dbadmin.dialects import of

    revisions = applied_revisions(connection, version_table, schema)
    if revisions:
        return Standing(revisions, ())
    own = {(schema, version_table), (None, version_table)}
    tables = of(connection).catalog.table_names(connection)
    return Standing(revisions, tuple(t for t in tables if (t.schema, t.name) not in own))


def status(
    database: "Database",
    scripts: Scripts,
    *,
    version_table: str = ALEMBIC_TABLE,
    version_table_schema: str | None = None,
    key: str | None = None,
    checked: bool = False,
) -> Status:
    """Compare the database's version table with the scripts; see `Status` for what each part means.

    `key` is the database's name in env.py where that has several; `checked` makes anything but up to date bad news
    (`--check`).
    """
    standing = database.run(lambda c: read_standing(c, version_table, version_table_schema))
    table = f"{version_table_schema}.{version_table}" if version_table_schema else version_table
    return status_of(standing, database.info, scripts, version_table=table, key=key, checked=checked)


def status_of(
    standing: Standing,
    info: DatabaseInfo,
    scripts: Scripts,
    *,
    version_table: str,
    key: str | None = None,
    checked: bool = False,
) -> Status:
    """As `status`, from what the database has told; where it names a revision that no script has, git is asked."""
    current = standing.revisions or ()
    known = {revision.revision for revision in scripts.revisions}
    unknown = tuple(revision for revision in current if revision not in known)
    applied = ancestors(scripts.revisions, [r for r in current if r in known])
    history = tuple(
        replace(r, applied=r.revision in applied or (None if unknown else False)) for r in scripts.revisions
    )
    pending = pending_revisions(scripts, history, current) if not unknown else ()
    return Status(
        database=info,
        state=state_of(standing, unknown, pending, scripts),
        current=current,
        heads=scripts.heads,
        applied=len(applied) if applied or not unknown else None,
        total=len(history),
        pending=pending,
        point_of_no_return=point_of_no_return(history, pending),
        history=history,
        unknown=tuple(UnknownRevision(r, tuple(nearest(r, known)), _elsewhere(scripts, r)) for r in unknown),
        version_table=version_table,
        checked=checked,
        database_key=key,
    )


def _elsewhere(scripts: Scripts, revision: str) -> str | None:
    from dbadmin.migrations.git import script_of

    found = (script_of(folder, revision) for folder in scripts.project.version_locations)
    return next((one for one in found if one is not None), None)


def state_of(standing: Standing, unknown: Sequence[str], pending: Sequence[Revision], scripts: Scripts) -> State:
    """The first state of the contract's order that holds."""
    if unknown:
        return "unknown-revision"
    if not standing.revisions:
        return "unmanaged" if standing.tables else "empty"
    if pending:
        return "behind"
    return "multiple-heads" if loose_heads(scripts) else "up-to-date"


def loose_heads(scripts: Scripts) -> tuple[str, ...]:
    """Heads that are neither merged nor told apart by a branch label; empty where there is one head."""
    return loose(scripts.heads, scripts.revisions) if len(scripts.heads) > 1 else ()


def pending_revisions(scripts: Scripts, history: Sequence[Revision], current: Sequence[str]) -> tuple[Revision, ...]:
    """Revisions that `alembic upgrade heads` would run, in the order in which they would run."""
    by_name = {revision.revision: revision for revision in history}
    return tuple(by_name[r] for r in scripts.pending(current))


def point_of_no_return(history: Sequence[Revision], pending: Sequence[Revision]) -> str | None:
    """The newest applied or pending revision that cannot be rolled back by its own word."""
    waiting = {revision.revision for revision in pending}
    for revision in history:
        if revision.irreversible and (revision.applied or revision.revision in waiting):
            return revision.revision
    return None
