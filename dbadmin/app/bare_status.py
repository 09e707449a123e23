"""status over the bare driver, without importing SQLAlchemy here: as the database was connected to last time, or, the
first time, as the process that runs env.py says that SQLAlchemy would connect to it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbadmin.app import sessions
from dbadmin.app.config import Settings
from dbadmin.app.values import DEFAULT_LOCK_TIMEOUT
from dbadmin.dialects import bare
from dbadmin.dialects.bare import Way
from dbadmin.migrations import process

if TYPE_CHECKING:
    from dbadmin.app.known import Known
    from dbadmin.app.load import Application, Loader
    from dbadmin.app.session_way import SessionWay
    from dbadmin.database import Database
    from dbadmin.migrations.scripts import Scripts
    from dbadmin.results import Status

ANOTHER_WAY = ("url", "echo", "statement_timeout")
"""Settings with which there is more to do than to connect to the database that env.py names."""


def status_as_known(settings: Settings, *, checked: bool = False) -> "Status | None":
    """The status of a project's database; None wherever it cannot be told that way, whatever the reason.

    Then it has to be asked the ordinary way, which also says what is wrong.
    """
    from dbadmin.app.known import known

    if settings.project is None:
        return None
    try:
        found = known(settings)
        if found is None:
            return None
        from dbadmin.migrations.scripts import open_scripts

        return _look(found, open_scripts(settings.project, remember=True), checked)
    except Exception:
        return None


def status_at_first(loader: "Loader", *, checked: bool = False) -> "Status | None":
    """As `status_as_known` where nothing is known: the scripts are read while env.py is asked, and the answer is kept.

    None too where the application has a session that cannot be asked elsewhere how it connects. What env.py says stays
    in the loader, errors included, so that it is asked once.
    """
    from dbadmin.app.known import keep
    from dbadmin.app.seen import seen_by
    from dbadmin.migrations.scripts import open_scripts

    settings = loader.settings
    if settings.project is None or any(name in settings.values for name in ANOTHER_WAY):
        return None
    try:
        session = loader.session
        way = None
        if session is not None:
            from dbadmin.app.session_way import SessionWay

            if not isinstance(session.value, str) or not process.is_open(os.environ):
                return None
            way = SessionWay(loader, session.value)
        scripts = open_scripts(settings.project, remember=True)
        found, seen = _told(loader, way)
        if found is None:
            return None
        status = _look(found, scripts, checked)
        keep(settings, seen_by(loader, seen), found)
        return status
    except Exception:
        return None


def _told(loader: "Loader", session: "SessionWay | None") -> "tuple[Known | None, Mapping[str, Any] | None]":
    """The database that is meant, where env.py names one only, and what its session was made from."""
    from dbadmin.app.known import Known
    from dbadmin.secrets import remember

    answer = loader.env_py.answer
    if answer is None or len(answer["databases"]) > 1:
        return None, None
    told = answer.get("way") if session is None else session.answer(answer)
    if told is None:
        return None, None
    for name in bare.PASSWORDS:
        remember(told["cparams"].get(name))
    way = bare.way_of(told["driver"], told["cargs"], told["cparams"])
    if way is None:
        return None, None
    lock = loader.settings.get("lock_timeout", DEFAULT_LOCK_TIMEOUT)
    found = Known(way, told["shown"], answer["version_table"], answer["version_table_schema"], lock or None)
    return found, told.get("seen")


def _look(found: "Known", scripts: "Scripts", checked: bool) -> "Status":
    from dbadmin.migrations.status import Standing, status_of
    from dbadmin.results import DatabaseInfo

    looked = bare.look(found.way, found.version_table, found.version_table_schema, found.lock_timeout)
    info = DatabaseInfo(found.url, looked.engine, looked.version, looked.name)
    schema = f"{found.version_table_schema}." if found.version_table_schema else ""
    standing = Standing(looked.revisions, ())
    return status_of(standing, info, scripts, version_table=schema + found.version_table, checked=checked)


@contextmanager
def kept(application: "Application", database: "Database") -> Iterator[None]:
    """See how this database is connected to, and keep it for `status_as_known` once that went well.

    For one question just after the application was loaded: what is kept is what it was loaded from.
    """
    from sqlalchemy import event

    from dbadmin.app.known import Known, keep

    engine = database.sync_engine
    ways: list[Way | None] = []

    def connecting(dialect: Any, record: Any, cargs: list[Any], cparams: dict[str, Any]) -> None:
        ways.append(bare.parameters(dialect.driver, cargs, cparams))

    event.listen(engine, "do_connect", connecting)
    yield
    event.remove(engine, "do_connect", connecting)
    way = ways[-1] if ways else None
    if way is None or sessions.has_more(engine) or _is_more(application, database):
        return
    table, schema = application.version_table, application.version_table_schema
    keep(application.settings, application.seen, Known(way, database.shown_url, table, schema, database.lock_timeout))


def _is_more(application: "Application", database: "Database") -> bool:
    """Whether more was asked of this application than to connect to the one database that env.py migrates."""
    captured = application.captured
    if captured is None or captured.databases > 1 or application.notes:
        return True
    return bool(application.settings.get("echo")) or database.statement_timeout is not None
