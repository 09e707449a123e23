"""Statements on a driver's own cursors, which SQLAlchemy's events do not see, judged before they are sent.

For `engine.raw_connection()` and for connections that somebody opens by hand. An object's class is replaced by a
subclass of it, so that what the driver and SQLAlchemy expect of it stays as it is.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from dbadmin.errors import WriteRefused

Judge = Callable[[str], None]
"""Raises where a statement is refused."""

_TAKING = ("execute", "executemany", "copy", "stream", "copy_expert")
"""Methods of cursors whose first argument is a statement."""
_CALLS = {"kill": "KILL", "tpc_prepare": "PREPARE TRANSACTION"}
"""Methods of connections that make a statement, and how it begins."""
_RENEWING = ("connect", "reconnect", "reset", "cmd_reset_connection", "change_user", "cmd_change_user")
"""Methods of MySQL's connections that begin the session anew; pings, which connect where one was lost, call these."""
_BARE = re.compile(r"\s*(?:begin|commit|rollback|end|abort)(?:\s+(?:work|transaction))?\s*;?\s*", re.IGNORECASE)
"""What drivers and SQLAlchemy send to end a transaction; the next one of the session is read-only again."""


class Own(str):
    """A statement of dbadmin's own, which is not judged: the proof must be refused by the server."""

    __slots__ = ()


def judge_statements(
    dbapi_connection: Any, judge: Judge, *, whole: bool = False, renew: Callable[[Any], None] | None = None
) -> None:
    """From now on every statement on cursors of this connection is judged first.

    `whole`: also those that only end a transaction, and nobody commits by the connection's own method. `renew` is
    called with the connection where a method of its own has begun its session anew.
    """
    own: Any = dbapi_connection.__class__
    if is_judged(dbapi_connection):
        return
    try:
        dbapi_connection.__class__ = _judging_connection(own, judge, whole, renew)
    except TypeError:  # a connection made in C: psycopg2's, whose cursors can be chosen
        dbapi_connection.cursor_factory = _judging(cursor_class(dbapi_connection), judge, whole)


def is_judged(driver_object: Any) -> bool:
    """Whether statements on this connection or cursor are judged; of a connection made in C only its cursors know."""
    return bool(getattr(driver_object, "_dbadmin_judged", False))


def execute_own(dbapi_connection: Any, statement: str) -> None:
    """Run a statement of dbadmin's own, which is not judged, whether this connection's others are or not."""
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(Own(statement) if is_judged(cursor) else statement)
    finally:
        cursor.close()


def cursor_class(dbapi_connection: Any) -> Any:
    """The class of the cursors that a connection makes."""
    factory = getattr(dbapi_connection, "cursor_factory", None)
    if factory is not None:
        return factory
    cursor = dbapi_connection.cursor()
    try:
        return type(cursor)
    finally:
        cursor.close()


@cache
def _judging_connection(own: Any, judge: Judge, whole: bool, renew: Callable[[Any], None] | None) -> Any:
    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = own.cursor(self, *args, **kwargs)
        if not is_judged(made):
            made.__class__ = _judging(made.__class__, judge, whole)
        return made

    def commit(self: Any) -> None:
        judge("COMMIT")

    members: dict[str, Any] = {"cursor": cursor, **({"commit": commit} if whole else {})}
    for name, verb in _CALLS.items():
        if hasattr(own, name):
            members[name] = _named(verb, getattr(own, name), judge)
    for name in _RENEWING if renew is not None else ():
        if hasattr(own, name):
            members[name] = _renewed(getattr(own, name), renew)
    return _subclass_that_judges(own, members)


@cache
def _judging(own: Any, judge: Judge, whole: bool) -> Any:
    judged = {name: _judged(getattr(own, name), judge, whole) for name in _TAKING if hasattr(own, name)}
    called = {"callproc": _named("CALL", own.callproc, judge)} if hasattr(own, "callproc") else {}
    return _subclass_that_judges(own, {**judged, **called})


def _subclass_that_judges(own: Any, members: dict[str, Any]) -> Any:
    return subclass(own, {**members, "_dbadmin_judged": True})


def subclass(own: Any, members: dict[str, Any]) -> Any:
    """With other methods, and with the same layout, so that an object's class can be replaced by it."""
    return type(own)(own.__name__, (own,), {**members, "__slots__": (), "__module__": own.__module__})


def _judged(method: Any, judge: Judge, whole: bool) -> Any:
    def judged(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(statement, Own):
            statement = str(statement)  # asyncpg takes no other kind
        else:
            text = _text(statement, self)
            if whole or not _BARE.fullmatch(text):
                judge(text)
        return method(self, statement, *args, **kwargs)

    return judged


def _named(verb: str, method: Any, judge: Judge) -> Any:
    """A method that makes its statement itself, of a verb and what it is given first."""

    def judged(self: Any, *args: Any, **kwargs: Any) -> Any:
        judge(" ".join([verb, *map(str, args[:1])]))
        return method(self, *args, **kwargs)

    return judged


def _renewed(method: Any, renew: Any) -> Any:
    def renewed(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        renew(self)
        return result

    return renewed


def _text(statement: Any, context: Any) -> str:
    """The text of what drivers take for a statement: also bytes, and psycopg's composed SQL."""
    if isinstance(statement, bytes | bytearray):
        if not statement.isascii():  # a backslash or a quote may be half of a character
            raise WriteRefused("refused: bytes beyond ASCII cannot be checked", hint="give the statement as text")
        return statement.decode("ascii")
    return str(statement.as_string(context)) if hasattr(statement, "as_string") else str(statement)
