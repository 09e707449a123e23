"""Ending the running statement of a connection, from another one, and leaving its answer unread."""

from functools import cache
from typing import Any

from dbadmin.dialects.cursors import execute_own, subclass
from dbadmin.errors import NotFinished

C_DRIVERS = ("mysqldb", "mysqlconnector", "mariadbconnector")
"""Drivers that may wait for the server in C."""
NAME = "SELECT CONNECTION_ID(), @@server_id, @@hostname, @@port, @@socket, @@datadir"
"""One row, readable by every user: the connection's number, and what tells the servers behind one address apart.

Asked of the server, because what a proxy tells the driver at connecting may be its own number.
"""


def name_on_server(dbapi_connection: Any) -> tuple[Any, ...]:
    """See `NAME`."""
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(NAME)
        return tuple(cursor.fetchone())
    finally:
        cursor.close()


def kill_query(dbapi_connection: Any, name: tuple[Any, ...]) -> None:
    """End the statement of another connection with this name, if this one leads to the same server.

    Every user may end its own; the other connection stays.
    """
    number, *server = name
    if list(name_on_server(dbapi_connection)[1:]) == server:
        execute_own(dbapi_connection, f"KILL QUERY {number:d}")


def unread(driver_connection: Any) -> Any:
    """The streamed result of which rows are still to come, or None. PyMySQL's and its asynchronous kin's."""
    result = getattr(driver_connection, "_result", None)
    return result if getattr(result, "unbuffered_active", False) else None


def forget_cursors(dbapi_connection: Any) -> None:
    """From now on a cursor that is forgotten leaves such rows to others: PyMySQL's would read them, and hold Ctrl-C."""
    dbapi_connection.__class__ = _forgetting(dbapi_connection.__class__)


@cache
def _forgetting(own: Any) -> Any:
    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = own.cursor(self, *args, **kwargs)
        made.__class__ = _forgotten(made.__class__)
        return made

    return subclass(own, {"cursor": cursor})


@cache
def _forgotten(own: Any) -> Any:
    return subclass(own, {"__del__": lambda cursor: None}) if hasattr(own, "__del__") else own


def abandon(driver_connection: Any) -> None:
    """Leave such rows unread. Who goes on reading is told so: the driver would say that these were all."""
    result = unread(driver_connection)
    try:
        result._read_rowdata_packet_unbuffered = _gone
    except AttributeError:  # made in C (asyncmy), which tells it by itself once the connection is closed
        return
    result.unbuffered_active = False


def _gone() -> None:
    raise NotFinished(
        "the transaction of this result has ended before all of its rows were read",
        hint="read them in the statement that asks for them",
    )
