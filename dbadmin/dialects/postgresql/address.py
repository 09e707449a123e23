"""Where a PostgreSQL connection leads: read from URLs, DSNs, parameters, service files and PG* variables."""

import configparser
import getpass
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.addressing import Addressing
from dbadmin.dialects.values import Address
from dbadmin.errors import NotSupported
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

LIBPQ = ("psycopg", "psycopg2", "psycopg2cffi")

IDENTITY_KEYS = {
    "channel_binding", "conninfo", "database", "dbname", "direct_tls", "dsn", "gssencmode", "gsslib", "host",
    "hostaddr", "krbsrvname", "passfile", "password", "port", "require_auth", "requirepeer", "service",
    "servicefile", "sock", "source_address", "target_session_attrs", "unix_sock", "user",
}  # fmt: skip
"""Parameters that say where and as whom; every `ssl…` one besides."""

SOCKET_DIRECTORIES = ("/tmp", "/run/postgresql", "/var/run/postgresql")
LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", *SOCKET_DIRECTORIES}
VARIABLES = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "database": "PGDATABASE", "user": "PGUSER",
    "service": "PGSERVICE",
}  # fmt: skip
DEFAULT_PORT = "5432"
SSL_TO_SSLMODE = {
    "true": "require",
    "1": "require",
    "on": "require",
    "false": "disable",
    "0": "disable",
    "off": "disable",
}
OWN_TO_ASYNCPG = ("prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn")
SESSION_ONLY = {
    "application_name", "fallback_application_name", "client_encoding", "connect_timeout", "tcp_user_timeout",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "gssencmode",
    "channel_binding",
}  # fmt: skip
"""libpq's parameters that another driver may go without: they change neither where nor what."""


def is_identity(key: str) -> bool:
    """Whether a connect parameter says where a connection leads."""
    return key in IDENTITY_KEYS or key.startswith("ssl")


def conninfo(driver: str, dsn: str) -> dict[str, str]:
    """A libpq connection string or URI as parameters; empty where it cannot be read.

    >>> conninfo("asyncpg", "postgresql://app@db:5433/prod")
    {'user': 'app', 'host': 'db', 'port': '5433', 'dbname': 'prod'}
    """
    if not dsn:
        return {}
    if driver == "asyncpg" or dsn.startswith(("postgresql://", "postgres://")):
        return _uri(dsn)
    try:
        if driver == "psycopg":
            from psycopg.conninfo import conninfo_to_dict

            return {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
        return dict(import_module("psycopg2.extensions").parse_dsn(dsn))
    except Exception:  # each driver has an error of its own; the driver itself will report it
        return {}


def _uri(dsn: str) -> dict[str, str]:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(dsn.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        return {}
    parts = {"user": url.username, "password": url.password, "host": url.host, "dbname": url.database}
    found = {key: str(value) for key, value in parts.items() if value}
    if url.port:
        found = {**found, "port": str(url.port)}
    query = {key: value if isinstance(value, str) else ",".join(value) for key, value in url.query.items()}
    order = ("user", "password", "host", "port", "dbname")
    return {**{key: found[key] for key in order if key in found}, **query}


class PostgresqlAddressing(Addressing):
    """Addresses of PostgreSQL databases."""

    def of_parameters(self, driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Address:
        """The server and database; DSN, service and PG* variables count as they do for this driver."""
        found = _parameters(driver, cargs, cparams)
        user = found.get("user") or _system_user()
        return _address(
            hosts=found.get("hostaddr") or found.get("host", ""),
            ports=found.get("port", ""),
            database=found.get("database") or user,
        )

    def of_url(self, url: "URL") -> Address:
        """The server and database that SQLAlchemy's dialect would connect to."""
        dialect = url.get_dialect()()
        cargs, cparams = dialect.create_connect_args(url)
        return self.of_parameters(dialect.driver, cargs, cparams)

    def of_connection(self, dbapi_connection: Any) -> Address | None:
        """Where an open connection leads: libpq's `info`, asyncpg's own record; pg8000 does not tell."""
        info = getattr(dbapi_connection, "info", None)
        if info is not None and hasattr(info, "dbname"):
            return _address(info.host or "", str(info.port), info.dbname)
        driver = getattr(dbapi_connection, "driver_connection", None)
        place, parameters = getattr(driver, "_addr", None), getattr(driver, "_params", None)
        if place is None or parameters is None:
            return None
        if isinstance(place, str):
            directory, _, name = place.rpartition("/")
            return _address(directory, name.removeprefix(".s.PGSQL."), parameters.database)
        return _address(str(place[0]), str(place[1]), parameters.database)

    def url_of_connection(self, dbapi_connection: Any) -> "URL | None":
        """As libpq, asyncpg or pg8000 tell it."""
        from dbadmin.dialects.postgresql import told

        return told.url_of(dbapi_connection)

    def redirect(self, driver: str, cargs: list[Any], cparams: dict[str, Any], copy: "URL") -> None:
        """Drop every parameter that says where, and put the copy's in their place."""
        url = self.with_driver(copy, driver)
        _, place = url.get_dialect()().create_connect_args(url)
        kept = {**_dsn(driver, cargs, cparams), **cparams}
        cargs.clear()
        cparams.clear()
        cparams.update({key: value for key, value in kept.items() if not is_identity(key)})
        cparams.update({key: value for key, value in place.items() if is_identity(key)})

    def with_driver(self, url: "URL", driver: str) -> "URL":
        """The URL for another driver; raises NotSupported where it cannot say the same.

        `driver` "" gives a URL for libpq's own tools.
        """
        before, after = _family(url.get_driver_name()), _family(driver)
        name = f"postgresql+{driver}" if driver else "postgresql"
        if before == after:
            return url.set(drivername=name)
        return _from_libpq(_to_libpq(url, before), after).set(drivername=name)


def _family(driver: str) -> str:
    return driver if driver in ("asyncpg", "pg8000") else "libpq"


def _to_libpq(url: "URL", family: str) -> "URL":
    """A URL of asyncpg or pg8000 in the words of libpq."""
    query = dict(url.query)
    for key in OWN_TO_ASYNCPG:
        query.pop(key, None)
    ssl = query.pop("ssl", None)
    if isinstance(ssl, str):
        query["sslmode"] = SSL_TO_SSLMODE.get(ssl.lower(), ssl)
    if family == "asyncpg" and "database" in query:
        query["dbname"] = query.pop("database")
    socket = query.pop("unix_sock", None)
    if isinstance(socket, str):
        directory, _, file = socket.rpartition("/")
        query["host"], query["port"] = directory, file.removeprefix(".s.PGSQL.")
        return url.set(query=query, host=None, port=None)
    return url.set(query=query)


def _from_libpq(url: "URL", family: str) -> "URL":
    """A URL of libpq in the words of asyncpg or pg8000."""
    if family == "libpq":
        return url
    query = {key: value for key, value in url.query.items() if key not in SESSION_ONLY}
    dbname, sslmode = query.pop("dbname", None), query.pop("sslmode", None)
    if isinstance(dbname, str):
        url = url.set(database=dbname)
    if "options" in query:
        raise NotSupported(f"{family} cannot take `options` in a URL", hint="use postgresql+psycopg://")
    hostaddr = query.pop("hostaddr", None)
    if isinstance(hostaddr, str):
        url, query = url.set(host=hostaddr), {key: value for key, value in query.items() if key != "host"}
    if family == "asyncpg":
        return url.set(query=query | ({"ssl": sslmode} if sslmode else {}))
    if sslmode in ("require", "verify-ca", "verify-full"):
        raise NotSupported(f"pg8000 cannot take sslmode={sslmode} in a URL", hint="use postgresql+psycopg://")
    host, port = query.pop("host", None), query.pop("port", None)
    if isinstance(host, str) and host.startswith("/"):
        return url.set(query={**query, "unix_sock": f"{host}/.s.PGSQL.{port or url.port or DEFAULT_PORT}"}, host=None)
    if host is not None:
        raise NotSupported("pg8000 takes one host, in its place in the URL", hint="use postgresql+psycopg://")
    return url.set(query=query)


def _dsn(driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> dict[str, str]:
    given = [*cargs[:1], cparams.get("dsn"), cparams.get("conninfo")]
    found: dict[str, str] = {}
    for text in given:
        if isinstance(text, str):
            found |= conninfo(driver, text)
    return found


def _parameters(driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> dict[str, str]:
    """host, hostaddr, port, database and user as the driver would have them; absent where nobody says."""
    given = {**_dsn(driver, cargs, cparams), **{key: v for key, v in cparams.items() if v is not None}}
    given.setdefault("database", given.get("dbname"))
    if driver == "asyncpg" and "dbname" not in cparams and cparams.get("database") is None:
        given["database"] = given.get("dbname")
    found = {key: _text(given[key]) for key in VARIABLES if given.get(key)}
    if driver == "pg8000":
        socket = given.get("unix_sock")
        if socket:
            directory, _, file = str(socket).rpartition("/")
            found |= {"host": directory, "port": file.removeprefix(".s.PGSQL.")}
        return found
    service = found.pop("service", "") or os.environ.get("PGSERVICE", "")
    found = {**_service(service), **found}
    for key, variable in VARIABLES.items():
        value = os.environ.get(variable)
        if value and key not in found and key not in ("service", "hostaddr"):
            found[key] = value
    if driver in LIBPQ and not found.get("host") and _is_ip(os.environ.get("PGHOSTADDR", "")):
        found.setdefault("hostaddr", os.environ["PGHOSTADDR"])
    return found


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _service(name: str) -> dict[str, str]:
    """What a service file says of `name`: $PGSERVICEFILE or ~/.pg_service.conf, then the system's."""
    if not name:
        return {}
    own = os.environ.get("PGSERVICEFILE") or str(Path.home() / ".pg_service.conf")
    system = Path(os.environ.get("PGSYSCONFDIR", "/etc/postgresql-common")) / "pg_service.conf"
    for path in (own, system):
        parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if parser.has_section(name):
            found = dict(parser.items(name))
            found["database"] = found.pop("dbname", "")
            return {key: value for key, value in found.items() if key in VARIABLES and value}
    return {}


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _address(hosts: str, ports: str, database: str) -> Address:
    folded = [_fold(host) for host in hosts.split(",")]
    numbers = [port or DEFAULT_PORT for port in ports.split(",")]
    pairs = list(zip(folded, numbers * len(folded) if len(numbers) == 1 else numbers, strict=False))
    pairs = list(dict.fromkeys(pairs))
    host, port = ",".join(host for host, _ in pairs), ",".join(port for _, port in pairs)
    places = ",".join(f"{host}:{port}" for host, port in pairs)
    return Address("postgresql", (host, port), database, mask(f"{places}/{database}"))


def _fold(host: str) -> str:
    """One name for all that mean this machine.

    >>> [_fold(host) for host in ("127.0.0.1", "[::1]", "/run/postgresql", "DB.example.com.", "/srv/sock/")]
    ['localhost', 'localhost', 'localhost', 'db.example.com', '/srv/sock']
    """
    host = host.strip()
    if host.startswith("/"):
        host = os.path.normpath(host)
        return "localhost" if host in LOCAL_HOSTS else os.path.realpath(host)
    host = host.strip("[]").rstrip(".").lower()
    return "localhost" if host in LOCAL_HOSTS or host.startswith("127.") else host
