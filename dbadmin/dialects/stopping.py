"""An interrupt ends on the server, too, what it ends here: Ctrl-C, a notebook's interrupt, SIGTERM, a cancelled task.

So does a rollback where rows are still to come: an interrupt may hit the code that reads them, and not the driver.

SQLAlchemy gives up a connection whose statement was interrupted. Before it is closed, the engine's rules stop what the
server still does for it. Where that fails or takes too long, nobody is told: the server's own time limit, if there is
one, has the last word.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from dbadmin.dialects.deaf import hear_interrupts

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from dbadmin.dialects.base import Dialect
    from dbadmin.dialects.sessions import SessionRules

SECONDS = 3.0
"""So long an interrupt waits at most for a server that does not answer."""
_NAME, _STOPPED = "dbadmin_name_on_server", "dbadmin_stopped"
_looked_after: "WeakSet[Any]" = WeakSet()
"""SQLAlchemy's dialects of the engines."""


def stop_when_interrupted(engine: "Engine", dialect: "Dialect") -> None:
    """From now on a statement of this engine that is interrupted here does not go on there; see `SessionRules.stop`."""
    from sqlalchemy import event

    rules = dialect.session
    if engine.dialect in _looked_after:
        return
    _looked_after.add(engine.dialect)

    def opened(dbapi_connection: Any, record: Any) -> None:
        record.info.pop(_NAME, None)
        with suppress(Exception):
            record.info[_NAME] = rules.name_on_server(dbapi_connection)
        rules.forget_cursors(dbapi_connection)
        if engine.dialect.driver in rules.deaf_drivers:
            itself, info = ref(dbapi_connection), record.info
            hear_interrupts(dbapi_connection, lambda: heard(itself(), info))

    def heard(dbapi_connection: Any, info: dict[str, Any]) -> None:
        info[_STOPPED] = True
        stop(dbapi_connection, info)

    def given_up(dbapi_connection: Any, record: Any, error: BaseException | None) -> None:
        if not record.info.pop(_STOPPED, False) and is_interrupt(error):
            stop(record.driver_connection, record.info)
        _leaves_unread(rules, record.driver_connection)  # once forgotten, it would read on from what is closed

    def stop(driver_connection: Any, info: dict[str, Any]) -> None:
        name = info.get(_NAME)
        _quietly_within(SECONDS, lambda: rules.stop(driver_connection, name, lambda work: _anew(engine, work)))

    def rolled_back(connection: "Connection") -> None:
        if connection.closed or connection.invalidated:
            return
        driver_connection = connection.connection.driver_connection
        if _leaves_unread(rules, driver_connection):
            stop(driver_connection, connection.info)
            connection.invalidate()

    event.listen(engine, "connect", opened)
    event.listen(engine, "rollback", rolled_back)
    event.listen(engine, "invalidate", given_up)


def _leaves_unread(rules: "SessionRules", driver_connection: Any) -> bool:
    """Whether rows of a streamed result were still to come; they are left to nobody."""
    unread = rules.is_unread(driver_connection)
    if unread:
        rules.abandon(driver_connection)
    return unread


def is_interrupt(error: BaseException | None) -> bool:
    """Whether somebody wants the work to end, which nobody does where a generator or a greenlet is put away.

    >>> is_interrupt(KeyboardInterrupt()), is_interrupt(OSError()), is_interrupt(GeneratorExit()), is_interrupt(None)
    (True, False, False, False)
    """
    return isinstance(error, BaseException) and not (
        isinstance(error, Exception | GeneratorExit) or type(error).__name__ == "GreenletExit"
    )


def _anew(engine: "Engine", work: Callable[[Any], None]) -> None:
    """Call `work` with a second connection, made as the engine makes its own, and not of its pool: that may be full."""
    pool = engine.pool.recreate()

    def connected() -> None:
        proxy = pool.connect()
        try:
            work(proxy.dbapi_connection)
        finally:
            proxy.invalidate()

    if engine.dialect.is_async:
        import asyncio

        from sqlalchemy.util import greenlet_spawn

        asyncio.run(greenlet_spawn(connected))  # on a loop of this thread: the engine's own is busy ending its work
    else:
        connected()


def _quietly_within(seconds: float, work: Callable[[], None]) -> None:
    """Do it in a thread of its own, which is waited for no longer than that."""

    def quietly() -> None:
        with suppress(Exception):
            work()

    thread = threading.Thread(target=quietly, name="dbadmin-stop", daemon=True)
    thread.start()
    thread.join(seconds)
