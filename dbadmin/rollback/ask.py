"""What a user asks of a rehearsal, in the words of the command line and of Python, made into Options and a source."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.app import Settings
from dbadmin.app.load import Application
from dbadmin.copies.make import SAME_SERVER
from dbadmin.database import Database
from dbadmin.dialects import TableName, urls
from dbadmin.errors import ConfigError
from dbadmin.migrations.capture import Captured, capture
from dbadmin.migrations.script import checked
from dbadmin.rollback.options import Options
from dbadmin.rollback.origin import Origin
from dbadmin.rollback.source import Rehearsed
from dbadmin.rollback.verdict import Acceptance
from dbadmin.secrets import SENSITIVE_WORDS

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.migrations.project import Project


def options_of(
    settings: Settings,
    find: Callable[[Any], TableName] = lambda table: TableName.parse(str(table)),
    *,
    exclude: Sequence[Any] = (),
    no_data: bool = False,
    accept: Sequence[str | Mapping[str, str]] = (),
    fail_on: Sequence[str] = (),
    allow_connect: Sequence[str] = (),
    backup: "str | os.PathLike[str] | None" = None,
    scratch: "str | URL | None" = None,
    in_place: bool = False,
    yes_this_is_a_copy: str | None = None,
    trust_backup: bool = False,
    copy_command: str | None = None,
    drop_command: str | None = None,
    after_upgrade: "str | os.PathLike[str] | None" = None,
    **more: Any,
) -> Options:
    """The Options that these words mean; `find` knows tables by name or model, `more` is passed on as it is.

    URLs may be `env:NAME`.
    """
    place: URL | str | None = scratch
    if isinstance(scratch, str) and scratch != SAME_SERVER:
        place = urls.with_installed_driver(settings.read_url(scratch, "--scratch"))
    origin = Origin(
        backup=None if backup is None else Path(backup).expanduser(),
        in_place=in_place,
        named=yes_this_is_a_copy,
        copy_command=copy_command,
        drop_command=drop_command,
        scratch=place,
        trusted=trust_backup,
    )
    return Options(
        exclude=tuple(find(table) for table in exclude),
        data=not no_data,
        accept=tuple(Acceptance.read(one) for one in accept),
        fail_on=tuple(fail_on),
        allow_connect=tuple(allow_connect),
        origin=origin,
        after_upgrade=None if after_upgrade is None else checked(Path(after_upgrade).expanduser().absolute()),
        sensitive=tuple(settings.get("sensitive", SENSITIVE_WORDS)),
        **more,
    )


def source_of(application: Application, database: Database) -> Rehearsed:
    """An application's database with its migrations."""
    captured, settings = application.captured, application.settings
    return Rehearsed(
        database=database,
        project=project_of(settings),
        version_table=application.version_table,
        version_table_schema=application.version_table_schema,
        configured=_configured(captured),
        environment={**os.environ, **settings.exported},
        others=configured_urls(settings, None if settings.url_is_typed or database.has_creator else database.url),
        protected=tuple(settings.get("protected", ())),
        by_function=captured is not None and captured.by_function,
    )


def _configured(captured: Captured | None) -> "URL | None":
    """Where env.py says that it connects; None where it does not say."""
    return None if captured is None or captured.by_function else captured.url


def source_without_database(settings: Settings, captured: Captured | None = None) -> Rehearsed:
    """The migrations alone, for a backup: no database is connected to, none need be configured."""
    project = project_of(settings)
    environment = {**os.environ, **settings.exported}
    captured = captured or capture(project, environment=environment)
    others = configured_urls(settings, None)
    return Rehearsed(
        database=None,
        project=project,
        version_table=captured.version_table,
        version_table_schema=captured.version_table_schema,
        configured=_configured(captured) or next(iter(others), None),
        environment=environment,
        others=others,
        protected=tuple(settings.get("protected", ())),
    )


def project_of(settings: Settings) -> "Project":
    """The Alembic project; ConfigError where there is none."""
    if settings.project is None:
        raise ConfigError(
            f"no Alembic project found from {settings.start}",
            hint='set alembic = "path/to/alembic.ini" in [tool.dbadmin], or use --app DIR',
        )
    return settings.project


def configured_urls(settings: Settings, session: "URL | None") -> "tuple[URL, ...]":
    """URLs besides env.py's by which the application may mean its database: its session's, and DATABASE_URL."""
    found = [session] if session is not None else []
    configured = settings.configured_url
    if configured is not None:
        found.append(configured.value)
    try:
        of_environment = settings.database_url
    except ConfigError:
        of_environment = None  # what is no URL leads nowhere
    if of_environment is not None and not urls.is_placeholder(of_environment.value):
        found.append(of_environment.value)
    return tuple(found)
