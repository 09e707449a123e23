"""Cancelling the running statement of a connection, from beside it."""

import socket
import struct
from typing import Any

CANCEL_REQUEST = 80877102
"""The code of a CancelRequest (Message Formats, in PostgreSQL's documentation)."""
SECONDS = 2.0


def cancel_statement(driver_connection: Any) -> None:
    """Have the server cancel what runs on this connection: psycopg and psycopg2 can, for pg8000 it is done here.

    Nothing happens where nothing runs any more. May raise what a driver or a socket raises.
    """
    cancel = getattr(driver_connection, "cancel", None)
    if cancel is not None:
        cancel()
    elif getattr(driver_connection, "_backend_key_data", None):
        _request(driver_connection._usock, driver_connection._backend_key_data)


def _request(connected: socket.socket, key: bytes) -> None:
    """Send a CancelRequest to the server that this socket leads to, and wait until it has closed the connection."""
    with socket.socket(connected.family, socket.SOCK_STREAM) as beside:
        beside.settimeout(SECONDS)
        beside.connect(connected.getpeername())
        beside.sendall(struct.pack("!ii", 8 + len(key), CANCEL_REQUEST) + key)
        beside.recv(1)
