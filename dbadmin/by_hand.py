"""Connections that code of the user's opens with a driver, past SQLAlchemy's engines: read-only as those are.

For sessions at a prompt: `readonly` alone sees every engine, and nothing of what a driver opens by itself.
"""

import functools
import sys
import threading
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING, Any

from dbadmin import readonly
from dbadmin.dialects import named
from dbadmin.dialects.isolation import RawDriver, each
from dbadmin.dialects.wrapping import Connect, wrap_functions
from dbadmin.errors import WriteRefused

if TYPE_CHECKING:
    from sqlalchemy import Engine

LIBRARIES = ("sqlalchemy.", "dbadmin.", "aiosqlite.")
"""Who calls drivers for engines, which are judged by themselves, or is dbadmin."""
_PASSING_ON = (f"{wrap_functions.__module__}.", "sqlalchemy.engine.default.", "sqlalchemy.dialects.")
"""What connects for somebody else: `engine.dialect.connect` for a pool, and for whoever calls it."""
_lock = threading.Lock()
_for_a_pool: "ContextVar[bool]" = ContextVar("dbadmin_for_a_pool", default=False)
_watching = False
_wrapped = False


def watch_drivers() -> None:
    """From now on connections that code of the user's opens without SQLAlchemy are read-only too.

    Their statements are judged like others; those that are made later, by `await`, are refused. For sessions at a
    prompt: it changes the drivers' modules for the whole process.
    """
    global _watching, _wrapped
    with _lock:
        if not _wrapped:
            drivers = ((name, d) for name, one in each().items() for d in (*one.raw_drivers, *one.other_drivers))
            wrap_functions(drivers, _by_hand)
        _watching = _wrapped = True


def let_connect(engine: "Engine") -> None:
    """Let the application's own function (`async_creator`) open the connections of its engine."""
    pool = engine.pool
    creator: Any = pool._creator
    if creator.__module__ == __name__:
        return

    def creating() -> Any:
        token = _for_a_pool.set(True)
        try:
            return creator()
        finally:
            _for_a_pool.reset(token)

    pool._creator = creating


def let_drivers_be() -> None:
    """Take `watch_drivers` back: connections that are opened by hand from now on are nobody's business."""
    global _watching
    _watching = False


def _by_hand(engine: str, driver: RawDriver, name: str, connect: Connect) -> Connect:
    """What is called in the place of a driver's `connect`."""

    @functools.wraps(connect)
    def connecting(*args: Any, **kwargs: Any) -> Any:
        if not (_watching and readonly.protects_any()) or _caller().startswith(LIBRARIES):
            return connect(*args, **kwargs)
        dialect = named(engine)
        cargs, cparams = list(args), dict(kwargs)
        if driver.positional:
            cargs, cparams = [], {**dict(zip(driver.positional, args, strict=False)), **kwargs}
        if not readonly.is_protected(dialect.address.of_parameters(driver.driver, cargs, cparams)):
            return connect(*args, **kwargs)
        if name in driver.awaited:
            if _for_a_pool.get():
                return connect(*args, **kwargs)  # the engine's session is made read-only when the pool hands it out
            raise WriteRefused(
                f"refused in a read-only session: {driver.module}.{name} would open a connection that takes writes",
                hint="ask through session or engine, which are read-only; or open the session with --write",
            )
        dialect.session.read_only_parameters(driver.driver, cargs, cparams)
        connection = connect(*(cargs or args[len(driver.positional) :]), **cparams)
        dialect.session.make_read_only(connection)
        return connection

    return connecting


def _caller() -> str:
    """The module that called a driver."""
    frame = sys._getframe(2)
    while frame.f_back is not None and _module(frame).startswith(_PASSING_ON):
        frame = frame.f_back
    return _module(frame)


def _module(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__')}."
