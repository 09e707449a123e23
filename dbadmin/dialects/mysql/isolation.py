"""Keeping a process away from every MySQL and MariaDB server but one."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.isolation import Isolation, RawDriver
from dbadmin.dialects.mysql.address import (
    C_LIBRARY,
    DEFAULT_PORT,
    DEFAULT_SOCKET,
    DEFAULT_SOCKETS,
    IDENTITY_KEYS,
)
from dbadmin.dialects.values import Address

if TYPE_CHECKING:
    from sqlalchemy import URL

NO_FILE = "/dev/null/none"
"""A path that cannot exist."""

NO_PORT = "1"
"""A port where nothing listens."""


class MysqlIsolation(Isolation):
    """The C library finds no socket, port, password or option file of its own, unless its parameters say so."""

    raw_drivers = (
        RawDriver("pymysql", "pymysql", ("connect", "Connect")),
        RawDriver("mysqldb", "MySQLdb", ("connect", "Connect", "Connection")),
        RawDriver("mysqlconnector", "mysql.connector", ("connect",)),
        RawDriver("mariadbconnector", "mariadb", ("connect",)),
        RawDriver("aiomysql", "aiomysql", ("connect",), awaited=("connect",)),
        RawDriver("asyncmy", "asyncmy", ("connect",), awaited=("connect",)),
    )

    other_drivers = (
        RawDriver("aiomysql", "aiomysql", ("create_pool",), awaited=("create_pool",)),
        RawDriver("asyncmy", "asyncmy", ("create_pool",), awaited=("create_pool",)),
    )

    reading = ("MYSQL_TCP_PORT", "MYSQL_UNIX_PORT", "MYSQL_HOME", "MARIADB_HOME")

    url_keys = frozenset(IDENTITY_KEYS | {
        "ssl", "ssl_ca", "ssl_capath", "ssl_cert", "ssl_check_hostname", "ssl_cipher", "ssl_disabled", "ssl_key",
        "ssl_key_password", "ssl_mode", "ssl_verify_cert", "ssl_verify_identity", "tls_version", "tls_versions",
        "tls_ciphersuites",
    })  # fmt: skip

    def environment(self) -> Mapping[str, str | None]:
        """Nothing is found where nobody names it, and no password."""
        return {
            "MYSQL_UNIX_PORT": NO_FILE,
            "MYSQL_TCP_PORT": NO_PORT,
            "MYSQL_HOME": NO_FILE,
            "MARIADB_HOME": NO_FILE,
            "MYSQL_PWD": None,
            "MYSQL_HOST": None,
            "MYSQL_GROUP_SUFFIX": None,
            "MARIADB_GROUP_SUFFIX": None,
            "MYSQL_TEST_LOGIN_FILE": NO_FILE,
        }

    def admit(self, driver: str, cparams: dict[str, Any], environment: Mapping[str, str]) -> None:
        """Parameters beat the environment: what a variable said for the C library comes back for this one."""
        if driver not in C_LIBRARY or cparams.get("unix_socket"):
            return
        if cparams.get("host", "localhost") in ("", "localhost"):
            cparams["unix_socket"] = environment.get("MYSQL_UNIX_PORT") or DEFAULT_SOCKET
        elif not cparams.get("port"):
            cparams["port"] = int(environment.get("MYSQL_TCP_PORT") or DEFAULT_PORT)

    def paths(self, address: Address) -> tuple[str, ...]:
        """The server's socket; of a server on this machine, wherever it may be by default."""
        host = address.server[0]
        return (host,) if host.startswith("/") else tuple(DEFAULT_SOCKETS) if host == "localhost" else ()

    def sockets(self, url: "URL") -> frozenset[str | tuple[str, int]]:
        """The socket's path, or host and port, under each of the host's addresses."""
        path = url.query.get("unix_socket")
        if path:
            return frozenset({path if isinstance(path, str) else path[0]})
        host, port = url.host or "localhost", url.port or int(DEFAULT_PORT)
        found: set[str | tuple[str, int]] = {(host, port)}
        with suppress(OSError):
            found |= {(str(known[4][0]), port) for known in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        return frozenset(found)


ISOLATION = MysqlIsolation()
