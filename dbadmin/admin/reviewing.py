"""Review of an application's migrations: with its database where it can be asked, else of the scripts alone."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.app.load import Application
from dbadmin.database import Database
from dbadmin.dialects import Dialect, Progress, named
from dbadmin.errors import ConnectionFailed, DbadminError, NotSupported
from dbadmin.migrations.review import NONE, Around, Measurements, Size, choose, read_report, review
from dbadmin.migrations.scripts import Scripts, open_scripts
from dbadmin.migrations.status import applied_revisions
from dbadmin.results import Review, Severity, level_named

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

    from dbadmin.app import Settings
    from dbadmin.migrations.capture import Captured

Naming = Callable[[], frozenset[str]]


@dataclass(frozen=True)
class Asked:
    """What is to be reviewed: `name` is a revision or FROM:TO; `measured` a JSON report of verify-rollback."""

    name: str | None = None
    pending: bool = False
    every: bool = False
    fail_on: Severity = "error"
    measured: "str | os.PathLike[str] | None" = None

    def __post_init__(self) -> None:
        level_named(self.fail_on)

    @property
    def needs_database(self) -> bool:
        """Whether only the database tells what is meant."""
        return self.pending


def review_application(
    application: Application, database: Database, scripts: Scripts, asked: Asked, progress: Progress
) -> Review:
    """Review with the application's database; without it where it cannot be reached, unless it was asked for."""
    try:
        return _with_database(application, database, scripts, asked, progress)
    except ConnectionFailed as error:
        if asked.needs_database:
            raise
        return review_scripts(scripts, asked, database.url.get_backend_name(), error, progress, _named_by(application))


def _with_database(
    application: Application, database: Database, scripts: Scripts, asked: Asked, progress: Progress
) -> Review:
    table, schema = application.version_table, application.version_table_schema
    progress("asking the database", 0, None)
    current = database.run(lambda c: applied_revisions(c, table, schema)) or ()
    sizes = database.run(lambda c: _sizes(c, database.dialect))
    unknown = [revision for revision in current if revision not in {r.revision for r in scripts.revisions}]
    notes = [f"the database holds {', '.join(unknown)}, which no script has"] if unknown else []
    around = Around(
        database.dialect,
        database.url.get_backend_name(),
        database.info.version,
        database.info,
        sizes,
        _measured(asked),
        naming=_named_by(application),
    )
    choice = choose(scripts, asked.name, pending=asked.pending, every=asked.every, current=current)
    return review(scripts, choice, around, fail_on=asked.fail_on, notes=notes, progress=progress)


def review_scripts(
    scripts: Scripts,
    asked: Asked,
    engine: str | None,
    why: DbadminError,
    progress: Progress,
    naming: Naming = frozenset,
) -> Review:
    """Review the scripts alone, for an engine by SQLAlchemy's name; `why` no database was asked."""
    dialect: Dialect | None = None
    with suppress(NotSupported):
        dialect = named(engine) if engine is not None else None
    around = Around(dialect, engine if dialect is not None else None, measured=_measured(asked), naming=naming)
    choice = choose(scripts, asked.name, pending=asked.pending, every=asked.every, current=None)
    notes = [f"no database was asked, sizes are not known: {why.message}"]
    return review(scripts, choice, around, fail_on=asked.fail_on, notes=notes, progress=progress)


def review_settings(
    settings: "Settings", asked: Asked, why: DbadminError, progress: Progress, *, engine: str | None = None
) -> Review:
    """Review the scripts of a project whose application could not be opened; or is not to be, for an `engine`."""
    from dbadmin.migrations.capture import capture
    from dbadmin.rollback.ask import project_of

    project = project_of(settings)

    @cache
    def captured() -> "Captured | None":
        with suppress(DbadminError):
            return capture(project, environment={**os.environ, **settings.exported})
        return None

    def naming() -> frozenset[str]:
        found = captured()
        return frozenset(found.naming if found is not None else ())

    url: URL | None = settings.url.value if settings.url is not None else None
    if url is None and engine is None and (found := captured()) is not None:
        url = found.url
    engine = engine or (url.get_backend_name() if url is not None else None)
    return review_scripts(open_scripts(project), asked, engine, why, progress, naming)


def _named_by(application: Application) -> Naming:
    """What env.py's metadata names by a convention, asked when a script leaves a name out."""
    return lambda: frozenset(application.captured.naming if application.captured is not None else ())


def _measured(asked: Asked) -> Measurements:
    return NONE if asked.measured is None else read_report(Path(asked.measured))


def _sizes(connection: "Connection", dialect: Dialect) -> Mapping[str, Size]:
    """Rows as the statistics have them, and bytes with indexes; never counted is None."""
    return {
        table.table: Size(
            table.rows, table.exact, None if table.bytes is None else table.bytes + (table.index_bytes or 0)
        )
        for table in dialect.catalog.tables(connection, exact=False)
    }
