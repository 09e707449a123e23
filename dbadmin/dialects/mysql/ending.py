"""Ending the running statement of a connection, from another one."""

from typing import Any

from dbadmin.dialects.cursors import execute_own

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
