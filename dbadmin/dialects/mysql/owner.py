"""The account that owns a copy on a server that others use: limited to dbadmin's databases, and dropped with them.

Everything in the copy runs as it: views, triggers, routines and events have it as their definer, and so has what
migrations make. Without SET USER it could not name another one. So what the copy's code names elsewhere is denied by
the server, whatever its author was.
"""

import secrets
from typing import TYPE_CHECKING

from dbadmin.dialects.marks import PREFIX
from dbadmin.dialects.mysql.look import ask, literal, login, quote
from dbadmin.errors import InternalError, NotSupported
from dbadmin.secrets import remember

if TYPE_CHECKING:
    from sqlalchemy import Connection

# The host that this session comes from, as the server sees it; accounts are told apart by it.
_FROM = "SELECT SUBSTRING_INDEX(USER(), '@', -1)"


def host(admin: "Connection") -> str:
    """The host that our sessions come from."""
    return str(ask(admin, _FROM).scalar_one())


def name(token: str) -> str:
    """What the account of a place is called: nothing else is ever dropped."""
    return f"{PREFIX}{token}"


def account(token: str, at: str) -> str:
    """The account, quoted, with its host."""
    return f"{quote(name(token))}@{quote(at)}"


def make(admin: "Connection", token: str, at: str) -> str:
    """Make the account, which may do nothing yet; gives its password. NotSupported where ours may not."""
    password = secrets.token_urlsafe(24) + "-aA1"  # as validation plugins want it
    remember(password)
    _may(admin, f"CREATE USER {account(token, at)} IDENTIFIED BY {literal(password)}")
    return password


def give(admin: "Connection", token: str, at: str, database: str) -> None:
    """Let the account do everything in one database, but pass nothing on."""
    pattern = database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    _may(admin, f"GRANT ALL PRIVILEGES ON {quote(pattern)}.* TO {account(token, at)}")


def drop(admin: "Connection", token: str, at: str) -> None:
    """Drop the account, where it is still there."""
    if not token:
        raise InternalError("an account without a token is none of dbadmin's")
    ask(admin, f"DROP USER IF EXISTS {account(token, at)}")


def _may(admin: "Connection", statement: str) -> None:
    from sqlalchemy.exc import DBAPIError

    try:
        ask(admin, statement)
    except DBAPIError as error:
        refuse_denied(admin, error)
        raise


def refuse_denied(admin: "Connection", error: BaseException) -> None:
    """Raise NotSupported where the server denied this, with what to grant."""
    from dbadmin.dialects.mysql.errors import DENIED, error_number

    original = getattr(error, "orig", None) or error
    if error_number(original) not in DENIED:
        return
    mine = login(admin)
    raise NotSupported(
        f"the account {mine} may not make databases and an account of their own on that server",
        hint=f"GRANT CREATE USER ON *.* TO {mine}; GRANT ALL ON `dbadmin\\_%`.* TO {mine} WITH GRANT OPTION",
    ) from error
