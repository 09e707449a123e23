"""The facade: one short method per command. `dbadmin.connect()` and the command line both talk to it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dbadmin.answers import Answers, frame_of
from dbadmin.app import Settings, load_application, load_settings
from dbadmin.app.load import Application
from dbadmin.database import Database, Mode
from dbadmin.database import echo as echo_statements
from dbadmin.dialects import Progress
from dbadmin.errors import ConfigError
from dbadmin.protected import refuse_write
from dbadmin.results import BackupReport, RestoreReport, RollbackPlan, RollbackReport, Status

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import URL, Executable
    from sqlalchemy.orm import Session

    from dbadmin.frames.frame import Backend, Numerics
    from dbadmin.migrations.project import Project
    from dbadmin.migrations.scripts import Scripts
    from dbadmin.queries import Entities, Query
    from dbadmin.rollback import Options, Rehearsed

DEFAULT_LOCK_TIMEOUT = 2.0


class Admin:
    """An application's database: read-only unless it was opened to write.

    Made by `dbadmin.connect()`. Helpers give DataFrames without a limit unless one is given, with the statement
    in `attrs["sql"]`; `status`, `verify_rollback` … give frozen results that draw themselves as tables in a
    notebook. `answers` gives the same helpers as plain `Rows`, as the command line prints them.
    """

    def __init__(self, application: Application, database: Database) -> None:
        self.application = application
        self.database = database

    def __enter__(self) -> "Admin":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close pooled connections; the object may not be used afterwards."""
        self.database.close()

    @property
    def settings(self) -> Settings:
        """Every configured value with where it came from."""
        return self.application.settings

    @cached_property
    def answers(self) -> Answers:
        """The helpers as the command line asks them: results instead of DataFrames."""
        return Answers(self.application, self.database)

    @property
    def entities(self) -> "Entities":
        """Models and tables by name."""
        return self.answers.entities

    # Questions about rows.

    def counts(self, *tables: Any, where: Any = None, estimate: bool = False) -> "pd.DataFrame":
        """Row counts: `table`, `rows`, `exact`; every table unless some are named (models or names)."""
        return frame_of(self.answers.counts(*tables, where=where, estimate=estimate))

    def count(self, table: Any, *, by: Any = None, where: Any = None) -> "int | pd.DataFrame":
        """The number of rows of a table; with `by`, a DataFrame with one count per value."""
        from dbadmin.queries import count, count_by_query

        entities = self.answers.known(table)
        if by is not None:
            return self.answers.frame(count_by_query(table, by, where=where, entities=entities))
        statement = count(table, where=where, entities=entities)
        return int(self.database.run(lambda connection: connection.scalar(statement)) or 0)

    def recent(self, table: Any, **options: Any) -> "pd.DataFrame":
        """The newest rows, newest first; options as `dbadmin.queries.recent` (days, limit, columns, where …)."""
        return self.answers.frame(self.answers.recent_query(table, **options))

    def group(self, table: Any, *, by: Any, **options: Any) -> "pd.DataFrame":
        """Aggregates per parent, value or period; options as `dbadmin.queries.group`.

        `db.group(BlogPost, by=BlogPost.author, posts="count", latest="max(created_at)")`
        """
        return self.answers.frame(self.answers.group_query(table, by=by, **options))

    def join(self, *tables: Any, **options: Any) -> "pd.DataFrame":
        """Rows of tables joined along their foreign keys; options as `dbadmin.queries.join`."""
        return self.answers.frame(self.answers.join_query(*tables, **options))

    def sql(self, statement: str, /, **parameters: Any) -> "pd.DataFrame":
        """Rows of any SQL with `:name` parameters: `db.sql("select … where id = :id", id=3)`."""
        frame: pd.DataFrame = self.frame(statement, parameters)
        return frame

    def frame(
        self,
        statement: "Executable | Query | str",
        parameters: Mapping[str, Any] | None = None,
        *,
        chunks: int | None = None,
        numeric: "Numerics" = "decimal",
        dtype_backend: "Backend" = "numpy_nullable",
        progress: Progress | None = None,
    ) -> Any:
        """Any statement (SQLAlchemy's, or SQL text) as a typed DataFrame; options as `dbadmin.frames.frame`.

        With `chunks`, an iterator of frames of so many rows, in constant memory.
        """
        from dbadmin.frames import frame

        given: dict[str, Any] = {"numeric": numeric, "dtype_backend": dtype_backend, "progress": progress}
        return frame(self.database, statement, params=parameters, chunks=chunks, **given)

    def export(
        self,
        statement: "Executable | Query | str",
        path: "str | os.PathLike[str]",
        parameters: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        numeric: "Numerics" = "decimal",
        progress: Progress | None = None,
    ) -> int:
        """Write the rows of a query (all, or `limit`) to a file, and give their number.

        The suffix decides: .parquet in constant memory, types as in `dbadmin.frames.arrow`; .csv .json .md .html as
        the command line writes them. `statement` is SQLAlchemy's, SQL text, or what `dbadmin.queries` makes.
        """
        from dbadmin.frames import export

        given: dict[str, Any] = {"limit": limit, "numeric": numeric, "progress": progress}
        return export(self.database, statement, path, params=parameters, **given)

    @contextmanager
    def session(self) -> "Iterator[Session]":
        """A session of the application's own factory, closed afterwards; an AsyncSession cannot be had here."""
        if self.database.is_async:
            raise ConfigError(
                "this application is asynchronous: its sessions are awaited",
                hint="async with db.async_session() as session: …",
            )
        with self.application.make_session() as session:
            yield session

    def async_session(self) -> Any:
        """An AsyncSession of the application's own factory, to be used with `async with`."""
        if not self.database.is_async:
            raise ConfigError("this application is synchronous", hint="with db.session() as session: …")
        return self.application.make_session()

    # Questions about the database.

    def tables(self, *, exact: bool = False) -> "pd.DataFrame":
        """Every table with rows (from statistics unless `exact`), sizes, columns, indexes and its model."""
        return frame_of(self.answers.tables(exact=exact))

    def describe(self, table: Any) -> "pd.DataFrame":
        """The columns of a table; `attrs` has its indexes, constraints, relations, rows and sizes.

        `answers.describe(table)` gives all of it as one result.
        """
        return frame_of(self.answers.describe(table))

    def models(self) -> "pd.DataFrame":
        """Every mapped class with its table, columns, relationships, and whether Alembic sees it."""
        return frame_of(self.answers.models())

    # Questions about migrations.

    @property
    def project(self) -> "Project":
        """The Alembic project; ConfigError where there is none."""
        if self.application.project is None:
            raise ConfigError(
                f"no Alembic project found from {self.settings.start}",
                hint='set alembic = "path/to/alembic.ini" in [tool.dbadmin], or use --app DIR',
            )
        return self.application.project

    @cached_property
    def scripts(self) -> "Scripts":
        """The project's revision scripts."""
        from dbadmin.migrations.scripts import open_scripts

        return open_scripts(self.project)

    def status(self, *, check: bool = False) -> Status:
        """Where the database stands against its migrations; `check` makes being behind bad news."""
        from dbadmin.migrations.status import status

        return status(
            self.database,
            self.scripts,
            version_table=self.application.version_table,
            version_table_schema=self.application.version_table_schema,
            checked=check,
        )

    def verify_rollback(
        self,
        *,
        to: str | None = None,
        steps: int | None = None,
        upgrade_to: str = "heads",
        exclude: Sequence[Any] = (),
        no_data: bool = False,
        timeout: float | None = None,
        accept: Sequence[str | Mapping[str, str]] = (),
        fail_on: Sequence[str] = (),
        allow_connect: Sequence[str] = (),
        keep: bool = False,
        max_copy: int | None = None,
        backup: "str | os.PathLike[str] | None" = None,
        scratch: "str | URL | None" = None,
        in_place: bool = False,
        yes_this_is_a_copy: str | None = None,
        trust_backup: bool = False,
        copy_command: str | None = None,
        drop_command: str | None = None,
        to_git: str | None = None,
        after_upgrade: "str | os.PathLike[str] | None" = None,
        each: bool = False,
        reveal: bool = False,
        lock_budget: float | None = 2.0,
        progress: Progress | None = None,
    ) -> RollbackReport:
        """Rehearse a rollback on a private copy: up, down, up again; the database itself is only read.

        Parameters are the options of `dbadmin verify-rollback`; times in seconds (None: no limit), `max_copy` in bytes.
        With `backup` this database is not connected to (`trust_backup`: what the backup holds may run as a superuser
        of the private server); with `in_place` it is itself the copy. `to_git` is a commit,
        tag or branch: the downgrade ends where its scripts end. `after_upgrade`, a .sql or .py file, writes as the new
        version would (in a walk of its own: what the downgrade then loses or fails on is found; a .py has `engine`,
        `connection` and `session`). `each` rehearses every revision by itself besides, `reveal` puts values into the
        samples of findings, where they hold keys only.
        """
        from dbadmin.rollback import rehearse

        asked = {name: value for name, value in locals().items() if name not in ("self", "progress", "rehearse")}
        return rehearse(*self._asked(asked), progress=progress or silent)

    def plan_rollback(self, *, progress: Progress | None = None, **options: Any) -> RollbackPlan:
        """What `verify_rollback` would do: which revisions, how the copy is made, its size and the free space."""
        from dbadmin.rollback import plan_rehearsal

        return plan_rehearsal(*self._asked(options), progress=progress or silent)

    def backup(
        self,
        path: "str | os.PathLike[str]",
        *,
        verify: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> BackupReport:
        """Back up the database to `path`, whose suffix says how; `verify` restores it in private, and compares.

        Nothing stands under that name unless it is whole. `force` replaces a file that is there.
        """
        from dbadmin.copies.backups.write import write_backup

        return write_backup(self.database, os.fspath(path), force=force, verify=verify, progress=progress or silent)

    def _asked(self, asked: Mapping[str, Any]) -> "tuple[Rehearsed, Options]":
        from dbadmin.rollback import ask

        if asked.get("backup") is not None:
            source = ask.source_without_database(self.settings, self.application.captured)
            return source, ask.options_of(self.settings, **asked)
        options = ask.options_of(self.settings, lambda table: self.answers.find(table).name, **asked)
        return ask.source_of(self.application, self.database), options


def silent(what: str, done: float, total: float | None) -> None:
    """Progress that nobody is told of."""


def open_admin(
    *,
    url: Any = None,
    app: Any = None,
    config: Any = None,
    env_file: Any = None,
    models: Any = None,
    session: Any = None,
    echo: bool | None = None,
    statement_timeout: float | None = None,
    lock_timeout: float | None = None,
    write: bool = False,
    confirm: str | None = None,
    import_models: bool = True,
) -> Admin:
    """Find the application and open its database; parameters as the global options of the command line.

    Timeouts in seconds, 0 for none. Nothing is connected to before the first question. Without `import_models`
    the application's models stay where they are, for questions about migrations alone. To `write` to a protected
    database `confirm` has to be its name, at a terminal: UsageError otherwise.
    """
    given = {
        "url": url, "app": app, "config": config, "env_file": env_file, "models": models, "session": session,
        "echo": echo, "statement_timeout": statement_timeout, "lock_timeout": lock_timeout,
    }  # fmt: skip
    settings = load_settings(given)
    application = load_application(settings, models=import_models)
    if write:
        refuse_write(application.engine.url, settings.get("protected", ()), confirmed=confirm)
    mode: Mode = "write" if write else "read-only"
    database = Database(
        application.engine,
        mode=mode,
        statement_timeout=settings.get("statement_timeout"),
        lock_timeout=settings.get("lock_timeout", DEFAULT_LOCK_TIMEOUT),
    )
    if settings.get("echo"):
        echo_statements(database.sync_engine)
    return Admin(application, database)


def restore(
    path: "str | os.PathLike[str]",
    to: "str | URL",
    *,
    confirm: str | None = None,
    app: Any = None,
    config: Any = None,
    progress: Progress | None = None,
) -> RestoreReport:
    """Restore a backup into the empty database at `to` (a URL, or env:NAME).

    One that is not empty, is protected or is the configured one is refused unless `confirm` repeats its name; what it
    holds is lost then. `app` and `config` say where the application is whose database is not to be hit by mistake.
    """
    from dbadmin.backup import restore as restored

    found = load_settings({"app": app, "config": config})
    return restored(path, to=to, settings=found, confirm=confirm, progress=progress or silent)


def connect(
    url: Any = None,
    *,
    app: Any = None,
    models: Any = None,
    session: Any = None,
    config: Any = None,
    write: bool = False,
    **options: Any,
) -> Admin:
    """Open the application's database from Python, found by the same search as the command line.

    Parameters: `url`, any database, also without an application; `app`, the application's directory; `models`,
    modules, a Base or a MetaData; `session`, a session factory or an engine, or "module:name"; `write`, commit
    what is written instead of refusing it; `options`, further global options (env_file, lock_timeout …).
    """
    return open_admin(url=url, app=app, models=models, session=session, config=config, write=write, **options)
