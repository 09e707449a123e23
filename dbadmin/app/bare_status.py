"""status as it is asked again: over the bare driver where all is as last time, without importing SQLAlchemy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbadmin.app.config import Settings
from dbadmin.dialects import bare
from dbadmin.dialects.bare import Way
from dbadmin.results import DatabaseInfo, Status

if TYPE_CHECKING:
    from dbadmin.app.load import Application
    from dbadmin.database import Database

OURS = ("dbadmin.", "sqlalchemy.")


def status_as_known(settings: Settings, *, checked: bool = False) -> Status | None:
    """The status of a project's database; None wherever it cannot be told that way, whatever the reason.

    Then it has to be asked the ordinary way, which also says what is wrong.
    """
    from dbadmin.app.known import known
    from dbadmin.migrations.scripts import open_scripts
    from dbadmin.migrations.status import Standing, status_of

    if settings.project is None:
        return None
    try:
        found = known(settings)
        if found is None:
            return None
        looked = bare.look(found.way, found.version_table, found.version_table_schema, found.lock_timeout)
        info = DatabaseInfo(found.url, looked.engine, looked.version, looked.name)
        schema = f"{found.version_table_schema}." if found.version_table_schema else ""
        scripts = open_scripts(settings.project, remember=True)
        standing = Standing(looked.revisions, ())
        return status_of(standing, info, scripts, version_table=schema + found.version_table, checked=checked)
    except Exception:
        return None


@contextmanager
def kept(application: "Application", database: "Database") -> Iterator[None]:
    """See how this database is connected to, and keep it for `status_as_known` once that went well.

    For one question just after the application was loaded: what is kept is what it was loaded from.
    """
    from sqlalchemy import event

    from dbadmin.app.known import keep

    engine = database.sync_engine
    ways: list[Way | None] = []

    def connecting(dialect: Any, record: Any, cargs: list[Any], cparams: dict[str, Any]) -> None:
        ways.append(bare.parameters(dialect.driver, cargs, cparams))

    event.listen(engine, "do_connect", connecting)
    yield
    event.remove(engine, "do_connect", connecting)
    if ways and not _has_more(engine):
        keep(application, database, ways[-1])


def _has_more(engine: Any) -> bool:
    """Whether somebody has changed how this engine connects, or what its statements mean."""
    own_classes = (type(engine), type(engine.dialect), type(engine.pool))
    if engine.get_execution_options() or not all(f"{one.__module__}.".startswith(OURS) for one in own_classes):
        return True
    listeners = (
        listener
        for target in (engine, engine.pool, engine.dialect)
        for name in target.dispatch._event_names
        for listener in getattr(target.dispatch, name)
    )
    return any(not f"{getattr(listener, '__module__', None)}.".startswith(OURS) for listener in listeners)
