"""Sessions on MySQL and MariaDB: read-only for the session, and again in every transaction."""

import asyncio
import math
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.cursors import Own, judge_statements
from dbadmin.dialects.marks import PREFIX
from dbadmin.dialects.mysql import ending, timeouts
from dbadmin.dialects.mysql.errors import (
    DENIED,
    READ_ONLY_ERROR,
    SERVER_TAKES_NO_WRITES,
    error_number,
    meaning,
    plain_message,
)
from dbadmin.dialects.mysql.statements import refused, whole_server
from dbadmin.dialects.sessions import SessionRules
from dbadmin.dialects.values import CONNECT_SECONDS, Identity
from dbadmin.errors import ConnectionFailed, DbadminError, NotFinished

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

ASYNCHRONOUS = ("aiomysql", "asyncmy")
READ_ONLY_SESSION = "SET SESSION TRANSACTION READ ONLY"
READ_ONLY_TRANSACTION = "START TRANSACTION READ ONLY"
MULTI_STATEMENTS = 1 << 16
"""The client flag CLIENT_MULTI_STATEMENTS: several statements in one text."""

IDENTITY = """
    SELECT
        DATABASE(),
        {server},
        @@hostname,
        @@port,
        @@socket,
        @@datadir,
        @@lower_case_table_names
"""
"""One row, readable by every user. `{server}` is @@server_uuid (MySQL), which lies in the data directory and is
copied with it, or @@server_uid (MariaDB 10.5; computed from the network card and the port). So neither tells
servers on one machine apart, which their data directories and sockets do.
"""

READING_RIGHTS = {
    "USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "SHOW CREATE ROUTINE", "PROCESS", "REPLICATION CLIENT",
    "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR",
}  # fmt: skip
_GRANT = re.compile(r"^GRANT (?P<rights>.+?) ON .+? TO (?P<user>.+?)(?: IDENTIFIED .*| REQUIRE .*| WITH .*)?$")
_IN_BRACKETS = re.compile(r"\s*\([^)]*\)")


class MysqlSession(SessionRules):
    """How sessions behave on MySQL and MariaDB."""

    deaf_drivers = ending.C_DRIVERS

    def read_only_parameters(self, driver: str, cargs: list[Any], cparams: dict[str, Any]) -> None:
        """Nothing asks for it at connecting; only texts of several statements are switched off where they can be."""
        if driver == "mysqldb":
            cparams["multi_statements"] = False
        elif driver == "pymysql" and cparams.get("client_flag"):
            cparams["client_flag"] &= ~MULTI_STATEMENTS

    def make_read_only(self, dbapi_connection: Any) -> None:
        """Make every transaction of the session READ ONLY, statements in autocommit mode included."""
        _renew(dbapi_connection)
        judge_statements(dbapi_connection, self.judge, renew=_renew)

    def begin_read_only(self, connection: "Connection") -> None:
        """Say it again for this transaction, which then cannot be made READ WRITE."""
        connection.exec_driver_sql(READ_ONLY_TRANSACTION)

    def prove_read_only(self, connection: "Connection") -> None:
        """Try CREATE TEMPORARY TABLE, which the server refuses before it looks at rights; ends the transaction."""
        proxy = connection.connection
        if not connection.in_transaction():
            connection.begin()
        try:
            # Beside SQLAlchemy's events: what is proven is the server's refusal, and not ours.
            _execute(proxy.dbapi_connection, Own("CREATE TEMPORARY TABLE dbadmin_read_only_proof (id INTEGER)"))
        except Exception as error:  # each driver has an error of its own
            if error_number(error) == READ_ONLY_ERROR or error_number(error) in SERVER_TAKES_NO_WRITES:
                return
            raise self.explain(error) or NotFinished(
                f"whether this session is read-only could not be proven: {self.message(error)}",
                hint="use a login that may only read; dbadmin doctor shows what this one may do",
            ) from error
        finally:
            connection.rollback()
        _execute(proxy.dbapi_connection, Own("DROP TEMPORARY TABLE IF EXISTS dbadmin_read_only_proof"))
        raise NotFinished(
            "this session takes writes although it was opened read-only; the proof was removed",
            hint="use a login that may only read; dbadmin doctor shows what this one may do",
        )

    def refused(self, statement: str) -> str | None:
        """See `statements.refused`."""
        return refused(statement)

    def check_target(self, url: "URL") -> None:
        """Raise ConnectionFailed where no database is named: nothing there could be looked at."""
        from dbadmin.dialects.mysql.address import MysqlAddressing

        if not MysqlAddressing().of_url(url).database:
            raise ConnectionFailed(
                f"{url.render_as_string(hide_password=True)} names a server and no database",
                hint="put its name at the end: mysql://user@host/name",
            )

    def may_write(self, connection: "Connection") -> str | None:
        """Any right beyond reading, by SHOW GRANTS, which every user may ask about itself."""
        rights: set[str] = set()
        for line in connection.exec_driver_sql("SHOW GRANTS").scalars():
            found = _GRANT.match(str(line))
            if found is not None:
                rights |= {right.strip() for right in _IN_BRACKETS.sub("", found["rights"]).split(",")}
        beyond = sorted(rights - READING_RIGHTS)
        if not beyond:
            return None
        user = connection.exec_driver_sql("SELECT CURRENT_USER()").scalar_one()
        shown = ", ".join(beyond[:3]) + (", …" if len(beyond) > 3 else "")
        return (
            f"login {user} has {shown}: dbadmin keeps the session read-only, the server would not; "
            "safer: a user with SELECT alone"
        )

    def connect_options(self, driver: str, cparams: Mapping[str, Any]) -> dict[str, Any]:
        """connect_timeout, which the drivers written in Python count until the network answers, and not the server.

        So PyMySQL limits what it reads, until it is connected, and the asynchronous drivers are limited as a whole.
        """
        seconds = float(cparams.get("connect_timeout") or CONNECT_SECONDS)
        if driver in ASYNCHRONOUS:
            return {} if "async_creator_fn" in cparams else {"async_creator_fn": _limited(driver, seconds)}
        if driver == "pymysql":
            return {} if "read_timeout" in cparams else {"read_timeout": seconds, "connect_timeout": seconds}
        if {"connect_timeout", "connection_timeout"} & cparams.keys():
            return {}
        if driver == "mysqlconnector":  # counts until the login is done, in whole seconds
            return {"connection_timeout": math.ceil(CONNECT_SECONDS)}
        return {"connect_timeout": CONNECT_SECONDS} if driver in ("mysqldb", "mariadbconnector") else {}

    def connected(self, dbapi_connection: Any) -> None:
        """Give PyMySQL all the time it wants to read what statements give."""
        if hasattr(dbapi_connection, "_read_timeout"):
            dbapi_connection._read_timeout = None

    def name_on_server(self, dbapi_connection: Any) -> tuple[Any, ...]:
        """See `ending.NAME`."""
        return ending.name_on_server(dbapi_connection)

    def stop(self, driver_connection: Any, name: Any, anew: Callable[[Callable[[Any], None]], None]) -> None:
        """See `ending.kill_query`."""
        if name is not None:
            anew(lambda other: ending.kill_query(other, name))

    def forget_cursors(self, dbapi_connection: Any) -> None:
        """See `ending.forget_cursors`; no other driver's cursors read anything when they are forgotten."""
        if hasattr(dbapi_connection, "_read_timeout"):
            ending.forget_cursors(dbapi_connection)

    def is_unread(self, driver_connection: Any) -> bool:
        """See `ending.unread`."""
        return ending.unread(driver_connection) is not None

    def abandon(self, driver_connection: Any) -> None:
        """See `ending.abandon`."""
        ending.abandon(driver_connection)

    def set_timeouts(self, connection: "Connection", statement: float | None, lock: float | None) -> None:
        """See `timeouts.set_timeouts`."""
        timeouts.set_timeouts(connection, statement, lock)

    def identity(self, connection: "Connection") -> Identity:
        """Database name, and the server by its id, host, port, socket and data directory; see `IDENTITY`."""
        rows = connection.exec_driver_sql("SHOW VARIABLES WHERE Variable_name IN ('server_uid', 'server_uuid')").all()
        server = f"@@{rows[0][0]}" if rows else "''"
        row = connection.exec_driver_sql(IDENTITY.format(server=server)).one()
        name, *key, folds = ("" if value is None else str(value) for value in row)
        if folds != "0":
            name = name.lower()
        _, host, port, socket, _ = key
        place = f"{host}:{port}" if port != "0" else f"{host}:{socket}"
        return Identity("mysql", name, (*key, name), f"{name} on {place} (data in {key[-1]})", tuple(key))

    def server_version(self, connection: "Connection") -> str:
        """Such as "8.0.36" or "10.11.6-MariaDB"; the distribution's addition is left out."""
        version = str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())
        number = version.removeprefix("5.5.5-").split("-")[0]
        return f"{number}-MariaDB" if "mariadb" in version.lower() else number

    def product(self, connection: "Connection") -> str | None:
        """ "mariadb" for MariaDB, whatever the URL calls it."""
        return "mariadb" if getattr(connection.dialect, "is_mariadb", False) else None

    def is_denied(self, error: BaseException) -> bool:
        """Errors that say which right the account lacks."""
        return error_number(error) in DENIED

    def shares_server(self, copy: Identity) -> bool:
        """Only copies on servers of the user's are called so; see `marked`."""
        return copy.name.startswith(PREFIX)

    def whole_server(self, statement: str) -> str | None:
        """See `statements.whole_server`."""
        return whole_server(statement)

    def is_read_only_error(self, error: BaseException) -> bool:
        """Error 1792, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION."""
        return error_number(error) == READ_ONLY_ERROR

    def message(self, error: BaseException) -> str:
        """The server's message without its number; see `errors.plain_message`."""
        text = plain_message(error) or super().message(error).strip()
        return text.splitlines()[0] if text else type(error).__name__

    def explain(self, error: BaseException) -> DbadminError | None:
        """See `errors.meaning`."""
        return meaning(error, self.message(error))


def _limited(driver: str, seconds: float) -> Callable[..., Any]:
    """What connects with an asynchronous driver, and gives up after so many seconds."""

    async def connect(*cargs: Any, **cparams: Any) -> Any:
        async with asyncio.timeout(seconds):
            return await import_module(driver).connect(*cargs, **cparams)

    return connect


def _execute(dbapi_connection: Any, statement: str) -> None:
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def _renew(dbapi_connection: Any) -> None:
    _execute(dbapi_connection, READ_ONLY_SESSION)
