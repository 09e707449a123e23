"""What the server's and the drivers' errors mean, by their numbers, and what of their messages may be told."""

import re

from dbadmin.dialects.sessions import MISSING_COLUMN, MISSING_TABLE
from dbadmin.errors import ConnectionFailed, DbadminError, MissingColumn, StatementFailed, TimedOut

READ_ONLY_ERROR = 1792
SERVER_TAKES_NO_WRITES = (1290, 1836, 3989)
_LOGIN = (1044, 1045, 1130, 1251, 1524, 1698, 4151)
_LOST = (1053, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2014, 2055, 4031)
_UNREACHABLE = (2002, 2003, 2005)
DENIED = (1044, 1142, 1143, 1227, 1370, 1410, 1419)
"""Errors of a statement that the account may not run."""
_TIMED_OUT = (1969, 3024)
_NO_ANSWER = "ConnectionTimeoutError"
"""mysql-connector's own error when a server says nothing; it has the number of a statement that took too long."""
_LOCKED = (1205, 3572)

_VALUES = (
    (re.compile(r"^Duplicate entry '.*' for key", re.DOTALL), "Duplicate entry for key"),
    (re.compile(r"(value): '.*' (for (?:column|function))", re.DOTALL), r"\1 \2"),
    (re.compile(r"^(Truncated incorrect \S+ value): '.*'$", re.DOTALL), r"\1"),
    (re.compile(r"(Table has no partition for value) .*", re.DOTALL), r"\1"),
    (re.compile(r"(value is out of range) in '.*'$", re.DOTALL), r"\1"),
)
"""Parts of messages that hold values of rows, and what stays of them."""
_NEAR = re.compile(r" near '(?P<word>[A-Za-z_]\w*)?.*' at line", re.DOTALL)


def plain_message(error: BaseException) -> str:
    """The server's message without values of rows and more of the statement than one word; empty where it has none."""
    text = _text(error)
    for pattern, kept in _VALUES:
        text = pattern.sub(kept, text)
    return _NEAR.sub(lambda found: f" near '{found['word'] or '…'}' at line", text).strip()


def meaning(error: BaseException, message: str) -> DbadminError | None:
    """What an error number means for somebody who has never seen it."""
    code = error_number(error)
    if code in _LOGIN:
        return ConnectionFailed(message, hint="check user, password and grants; dbadmin doctor")
    if code == 1049:
        return ConnectionFailed(message, hint="check the database's name; dbadmin doctor")
    if type(error).__name__ == _NO_ANSWER:
        return ConnectionFailed("the server does not answer", hint="is the server running there? dbadmin doctor")
    if code in _UNREACHABLE:
        return ConnectionFailed(message, hint="is the server running there? dbadmin doctor")
    if code in _LOST:
        return ConnectionFailed(f"the connection was lost: {message}", hint="dbadmin doctor")
    if code in _TIMED_OUT:
        return TimedOut(message, hint="allow more with --statement-timeout 5m")
    if code in _LOCKED:
        return TimedOut(
            f"another session holds a lock: {message}",
            hint="try again, or wait longer with --lock-timeout 30s",
        )
    if code in SERVER_TAKES_NO_WRITES:
        return StatementFailed(f"the server takes no writes: {message}", hint="is it a replica?")
    if code == 1054:
        return MissingColumn(message, hint=MISSING_COLUMN)
    if code == 1146:
        return StatementFailed(message, hint=MISSING_TABLE)
    return None


def _innermost(error: BaseException) -> BaseException:
    """Some of SQLAlchemy's adapters put the driver's error into their own."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    return error


def error_number(error: BaseException) -> int:
    """The server's error number, 0 where there is none."""
    error = _innermost(error)
    number = getattr(error, "errno", None)
    if not isinstance(number, int) and error.args:
        number = error.args[0]
    return number if isinstance(number, int) else 0


def _text(error: BaseException) -> str:
    error = _innermost(error)
    if isinstance(getattr(error, "msg", None), str):  # mysql-connector
        return str(error.msg)  # type: ignore[attr-defined]
    if len(error.args) > 1 and isinstance(error.args[0], int):
        return str(error.args[1])
    return ""
