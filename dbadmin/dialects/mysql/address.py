"""Where a MySQL connection leads: read from URLs, parameters, option files and MYSQL_* variables."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.addressing import Addressing
from dbadmin.dialects.mysql import optionfiles
from dbadmin.errors import NotSupported
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.dialects.values import Address

IDENTITY_KEYS = {
    "auth_plugin", "auth_plugin_map", "bind_address", "database", "db", "default_file", "default_group",
    "dsn", "failover", "host", "named_pipe", "option_files", "option_groups", "passwd", "password", "password1",
    "password2", "password3", "plugin_dir", "pool_name", "pool_size", "port", "read_default_file",
    "read_default_group", "server_public_key", "server_public_key_path", "source_address", "unix_socket", "user",
    "username",
}  # fmt: skip
"""Parameters that say where and as whom; every `ssl…` and `tls…` one besides. A named pool belongs to one server."""

POSITIONAL = ("host", "user", "password", "database", "port", "unix_socket")
"""The order in which MySQLdb.connect takes what is not named."""

C_LIBRARY = ("mysqldb", "mariadbconnector")
"""Drivers on the C library: for them `localhost` means the default socket, and MYSQL_* variables count."""

LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0"}
DEFAULT_SOCKET = "/run/mysqld/mysqld.sock"
DEFAULT_SOCKETS = {
    DEFAULT_SOCKET, "/var/run/mysqld/mysqld.sock", "/tmp/mysql.sock", "/var/lib/mysql/mysql.sock",
}  # fmt: skip
DEFAULT_PORT = "3306"

OPTION_FILES = {
    "mysqlconnector": ("option_files", "option_groups"),
    "mariadbconnector": ("default_file", "default_group"),
}
"""How drivers call the option file and its group; the others say read_default_file and read_default_group."""

COMMON = {"connect_timeout", "init_command", "local_infile", "unix_socket"}
"""Query parameters that every driver understands, besides `ssl…` ones."""


def is_identity(key: str) -> bool:
    """Whether a connect parameter says where a connection leads."""
    return key in IDENTITY_KEYS or key.startswith(("ssl", "tls"))


class MysqlAddressing(Addressing):
    """Addresses of MySQL and MariaDB databases. Names of databases are folded: some servers do not tell case."""

    def of_parameters(self, driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> "Address":
        """The server and database; option files and MYSQL_* variables count as they do for this driver."""
        found = _parameters(driver, cargs, cparams)
        return _address(
            found.get("host", ""), found.get("port", ""), found.get("socket", ""), found.get("database", "")
        )

    def of_url(self, url: "URL") -> "Address":
        """The server and database that SQLAlchemy's dialect would connect to."""
        dialect = _dialect_class(url)()
        cargs, cparams = dialect.create_connect_args(url)
        return self.of_parameters(dialect.driver, cargs, cparams)

    def of_connection(self, dbapi_connection: Any) -> "Address | None":
        """Where an open connection leads, as the drivers written in Python remember; the others do not tell."""
        driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        if not {"unix_socket", "_unix_socket"} & getattr(driver, "__dict__", {}).keys():
            return None  # MySQLdb remembers the host, but neither port nor socket
        host = _attribute(driver, "host", "_host", "server_host")
        database = _attribute(driver, "db", "_db", "_database")
        if host is None or database is None:
            return None
        port = _attribute(driver, "port", "_port", "server_port")
        socket = _attribute(driver, "unix_socket", "_unix_socket")
        return _address(_text(host), _text(port or ""), _text(socket or ""), _text(database))

    def url_of_connection(self, dbapi_connection: Any) -> "URL | None":
        """As the drivers written in Python remember it."""
        from dbadmin.dialects.mysql import told

        return told.url_of(dbapi_connection)

    def redirect(self, driver: str, cargs: list[Any], cparams: dict[str, Any], copy: "URL") -> None:
        """Drop every parameter that says where, and put the copy's in their place."""
        url = self.with_driver(copy, driver)
        _, place = _dialect_class(url)().create_connect_args(url)
        kept = {**dict(zip(POSITIONAL, cargs, strict=False)), **cparams}
        cargs.clear()
        cparams.clear()
        cparams.update({key: value for key, value in kept.items() if not is_identity(key)})
        place = {**url.query, **place}  # an older SQLAlchemy's mariadbconnector leaves the query out
        cparams.update({key: value for key, value in place.items() if is_identity(key)})

    def with_driver(self, url: "URL", driver: str) -> "URL":
        """The URL for another driver. `driver` "" gives a URL that names none.

        Parameters that only the former driver knows and that are about its own working are left out. Raises
        NotSupported where the other driver cannot be told what the URL says.
        """
        if driver != "pymysql" and "unix_socket" in url.query:
            url = url.difference_update_query(["ssl_disabled"])  # others know it not, and a socket needs it not
        name = f"{url.get_backend_name()}+{driver}" if driver else url.get_backend_name()
        before, after = _family(url.get_driver_name()), _family(driver or "pymysql")
        if before == after:
            return url.set(drivername=name)
        return url.set(drivername=name, query=_translated(url, before, after))


def _family(driver: str) -> str:
    return driver if driver in OPTION_FILES else "pymysql"


def _translated(url: "URL", before: str, after: str) -> dict[str, Any]:
    files = {**OPTION_FILES, "pymysql": ("read_default_file", "read_default_group")}
    names = dict(zip(files[before], files[after], strict=True))
    query: dict[str, Any] = {}
    for key, value in url.query.items():
        if key in names:
            query[names[key]] = value
        elif key in COMMON or key.startswith("ssl"):
            query[key] = value
        elif key == "charset":
            # MariaDB's own connector always speaks utf8mb4.
            if after != "mariadbconnector":
                query[key] = value
            elif value not in ("utf8mb4", "utf8"):
                raise NotSupported(f"{after} cannot take charset={value} in a URL", hint="use mysql+pymysql://")
    return query


def _dialect_class(url: "URL") -> Any:
    """The class of SQLAlchemy's dialect; where no driver is named, the first of ours counts, and not MySQLdb."""
    return (url if "+" in url.drivername else url.set(drivername=f"{url.drivername}+pymysql")).get_dialect()


def _parameters(driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> dict[str, str]:
    """host, port, socket and database as the driver would have them; absent where nobody says."""
    given = {**dict(zip(POSITIONAL, cargs, strict=False)), **{k: v for k, v in cparams.items() if v not in (None, "")}}
    given["database"] = given.get("database") or given.get("db")
    given["socket"] = given.pop("unix_socket", None)
    found = {key: _text(given[key]) for key in ("host", "port", "socket", "database") if given.get(key)}
    file, group = (given.get(key) for key in OPTION_FILES.get(driver, ("read_default_file", "read_default_group")))
    if file or group:
        in_library = driver in C_LIBRARY
        found = {**optionfiles.read(_several(file), _several(group), with_defaults=in_library), **found}
    if driver in C_LIBRARY:
        _add_variables(found)
    return found


def _add_variables(found: dict[str, str]) -> None:
    """What the C library takes from the environment; `localhost` is its default socket, whatever the port."""
    if found.get("host", "localhost") in ("", "localhost") and not found.get("socket"):
        found["socket"] = os.environ.get("MYSQL_UNIX_PORT") or DEFAULT_SOCKET
    port = os.environ.get("MYSQL_TCP_PORT")
    if port:
        found.setdefault("port", port)


def _several(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(_text, value)) if isinstance(value, list | tuple) else (_text(value),)


def _text(value: Any) -> str:
    return os.fsdecode(value) if isinstance(value, bytes | os.PathLike) else str(value)


def _attribute(driver: Any, *names: str) -> Any:
    values = vars(driver)
    return next((values[name] for name in names if values.get(name) is not None), None)


def _address(host: str, port: str, socket: str, database: str) -> "Address":
    from dbadmin.dialects.values import Address

    database = database.lower()
    if socket:
        path = os.path.normpath(socket)
        if path not in DEFAULT_SOCKETS:
            path = os.path.realpath(path)
            return Address("mysql", (path, ""), database, mask(f"{path}/{database}"))
        host, port = "localhost", DEFAULT_PORT
    server = (_fold(host), port if port not in ("", "0") else DEFAULT_PORT)
    return Address("mysql", server, database, mask(f"{':'.join(server)}/{database}"))


def _fold(host: str) -> str:
    """One name for all that mean this machine.

    >>> [_fold(host) for host in ("127.0.0.1", "[::1]", "", "DB.example.com.")]
    ['localhost', 'localhost', 'localhost', 'db.example.com']
    """
    host = host.strip().strip("[]").rstrip(".").lower()
    return "localhost" if host in LOCAL_HOSTS or host.startswith("127.") else host
