"""What dbadmin's runs left on MariaDB servers of the user's, and its dropping; see `marked` for the marks."""

from contextlib import suppress
from typing import TYPE_CHECKING

from dbadmin.dialects.left import Left, Told
from dbadmin.dialects.marks import PREFIX as MARKED
from dbadmin.dialects.mysql import databases, owner
from dbadmin.dialects.mysql.databases import connected
from dbadmin.dialects.mysql.look import ask, literal
from dbadmin.errors import ConnectionFailed, DbadminError, NotFinished
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PREFIX = "dbadmin-on-my-"
# Sessions of an account; those of others are seen, and ended, by whoever may.
_SESSIONS = "SELECT id FROM information_schema.processlist WHERE user = {user}"


def drop_of(admin: "Connection", token: str, told: Told) -> None:
    """Drop what has this token in its name: databases, and the account that owns them."""
    from sqlalchemy.exc import DBAPIError

    for (number,) in ask(admin, _SESSIONS.format(user=literal(owner.name(token)))).all():
        with suppress(DBAPIError):
            ask(admin, f"KILL {int(number)}")
    failed: DbadminError | None = None
    for name, is_marked in list(databases.names(admin, token)):
        if not is_marked:  # a migration gave it another comment; ours by its token, which nobody else knows
            databases.mark(admin, name, {"name": PREFIX + token})
        try:
            databases.drop_marked(admin, token, name)
        except NotFinished as error:
            failed = error
    if failed is not None:
        raise failed
    if told.get("account_host"):
        owner.drop(admin, token, str(told["account_host"]))


def administrative(url: "URL", avoid: str | None) -> "URL":
    """The URL to give orders by: without the source's database, which nothing of ours has to do with."""
    from sqlalchemy.exc import DBAPIError

    from dbadmin.dialects.mysql.address import MysqlAddressing

    url = MysqlAddressing().with_driver(url, "pymysql")
    if url.database in (avoid, ""):
        url = url._replace(database=None)
    try:
        with connected(url):
            return url
    except DBAPIError as error:
        shown = mask(url.render_as_string(hide_password=True))
        raise ConnectionFailed(f"cannot connect to {shown}: {mask(str(error.orig))}", hint="dbadmin doctor") from error


LEFT = Left(PREFIX, "mysql", drop_of, connected, "an option file (read_default_file in the URL, or env:NAME)")

__all__ = ["LEFT", "MARKED", "PREFIX", "administrative", "connected", "drop_of"]
