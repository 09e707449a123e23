"""Find an application and open its database."""

from typing import TYPE_CHECKING, Any

from dbadmin.admin.facade import Admin
from dbadmin.admin.operations import silent
from dbadmin.app import load_application, load_settings
from dbadmin.app.load import Application, Loader
from dbadmin.app.values import DEFAULT_LOCK_TIMEOUT
from dbadmin.database import Database, Mode
from dbadmin.database import echo as echo_statements
from dbadmin.dialects import Progress
from dbadmin.dialects.connecting import has_creator
from dbadmin.protected import refuse_write

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from sqlalchemy import URL

    from dbadmin.results import RestoreReport


def open_admin(
    *,
    url: Any = None,
    app: Any = None,
    config: Any = None,
    env_file: Any = None,
    x: "Sequence[str]" = (),
    models: Any = None,
    session: Any = None,
    echo: bool | None = None,
    statement_timeout: float | None = None,
    lock_timeout: float | None = None,
    write: bool = False,
    sandbox: bool = False,
    sandbox_limit: float | None = None,
    confirm: str | None = None,
    import_models: bool = True,
    remember: bool = False,
    loader: Loader | None = None,
) -> Admin:
    """Find the application and open its database; parameters as the global options of the command line.

    Timeouts in seconds, 0 for none. Nothing is connected to before the first question. Without `import_models`
    the application's models stay where they are, for questions about migrations alone; with `remember`, what was read
    of a project's migrations and has not changed since is not read again. In a `sandbox` everything may be written, and
    is rolled back in the end; it ends by itself after `sandbox_limit` seconds (None: the usual ones, 0: no limit). To
    write to a protected database, in a sandbox too, `confirm` has to be its name, at a terminal: UsageError otherwise.
    A `loader` has read the settings, from the same options, and has begun.
    """
    given = {
        "url": url, "app": app, "config": config, "env_file": env_file, "x": tuple(x), "models": models,
        "session": session, "echo": echo, "statement_timeout": statement_timeout, "lock_timeout": lock_timeout,
    }  # fmt: skip
    settings = loader.settings if loader is not None else load_settings(given)
    application = load_application(settings, models=import_models, remember=remember, loader=loader)
    mode: Mode = "write" if write else "sandbox" if sandbox else "read-only"
    return open_application(application, mode, confirm=confirm, sandbox_limit=sandbox_limit, remember=remember)


def open_application(
    application: Application,
    mode: Mode,
    *,
    confirm: str | None = None,
    sandbox_limit: float | None = None,
    remember: bool = False,
) -> Admin:
    """Open the database of an application that is loaded; parameters as in `open_admin`."""
    settings = application.settings
    if mode != "read-only":
        refuse_write(_place(application), settings.get("protected", ()), confirmed=confirm)
    database = Database(
        application.engine,
        mode=mode,
        statement_timeout=settings.get("statement_timeout"),
        lock_timeout=settings.get("lock_timeout", DEFAULT_LOCK_TIMEOUT),
    )
    if sandbox_limit is not None:
        database.sandbox_limit = sandbox_limit or None
    if settings.get("echo"):
        echo_statements(database.sync_engine)
    return Admin(application, database, remember=remember)


def _place(application: Application) -> "URL":
    """Where it would be written to; where the URL tells nothing, and it matters, the database is asked."""
    engine = application.engine
    if not (application.settings.get("protected") and has_creator(engine)):
        return engine.url
    asked = Database(engine)
    try:
        return asked.place
    finally:
        asked.close()


def restore(
    path: "str | os.PathLike[str]",
    to: "str | URL",
    *,
    confirm: str | None = None,
    app: Any = None,
    config: Any = None,
    progress: Progress | None = None,
) -> "RestoreReport":
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
    what is written instead of refusing it; `options`, further global options (env_file, x, lock_timeout …).
    """
    return open_admin(url=url, app=app, models=models, session=session, config=config, write=write, **options)
