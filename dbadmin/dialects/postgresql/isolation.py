"""Keeping a process away from every PostgreSQL server but one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.isolation import Isolation, JudgeStatement, RawDriver
from dbadmin.dialects.postgresql.senders import SENDERS, judged_connection

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.dialects.values import Address

BLOCKED = "blocked-by-dbadmin"
NO_FILE = "/dev/null/none"
"""A path that cannot exist. libpq warns of /dev/null itself: it is no plain file."""

LIBPQ = {"psycopg", "psycopg_async", "psycopg2", "psycopg2cffi"}


class PostgresqlIsolation(Isolation):
    """Every libpq client fails before it sends a packet, unless its parameters say otherwise."""

    raw_drivers = (
        RawDriver(
            "psycopg", "psycopg", ("connect", "Connection.connect", "AsyncConnection.connect"),
            awaited=("AsyncConnection.connect",),
        ),
        RawDriver("psycopg2", "psycopg2", ("connect",)),
    )  # fmt: skip

    other_drivers = (
        RawDriver("asyncpg", "asyncpg", ("connect", "create_pool"), awaited=("connect", "create_pool")),
        RawDriver("pg8000", "pg8000", ("connect",), positional=("user", "host", "database", "port")),
        RawDriver("pg8000", "pg8000.dbapi", ("connect",), positional=("user", "host", "database", "port")),
    )

    senders = SENDERS

    reading = ("PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR")

    url_keys = frozenset({
        "host", "hostaddr", "port", "dbname", "database", "user", "password", "passfile", "service", "dsn",
        "ssl", "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "sslsni",
        "sslnegotiation", "sslcompression", "ssl_min_protocol_version", "ssl_max_protocol_version",
        "requiressl", "target_session_attrs", "channel_binding", "gssencmode", "krbsrvname",
        "require_auth", "requirepeer", "load_balance_hosts", "unix_sock",
    })  # fmt: skip

    def environment(self) -> Mapping[str, str | None]:
        """No address can be parsed, no server is standby enough, no session may write, no password is found.

        PGHOST, PGPORT, PGDATABASE and PGUSER stay: an application may mean its database by them, and they are
        needed to see that it does.
        """
        return {
            "PGHOSTADDR": BLOCKED,
            "PGTARGETSESSIONATTRS": "standby",
            "PGOPTIONS": "-c default_transaction_read_only=on",
            "PGAPPNAME": "dbadmin",
            "PGPASSFILE": NO_FILE,
            "PGSERVICEFILE": NO_FILE,
            "PGSYSCONFDIR": NO_FILE,
            "PGPASSWORD": None,
            "PGSERVICE": None,
            "PGREQUIRESSL": None,
            "PGSSLMODE": None,
            "PGREQUIREAUTH": None,
            "PGCHANNELBINDING": None,
            "PGGSSENCMODE": None,
        }

    def admit(self, driver: str, cparams: dict[str, Any], environment: Mapping[str, str]) -> None:
        """Parameters beat the environment; the application's own PGOPTIONS come back."""
        if driver in LIBPQ:
            # An empty value is a value to libpq: it is used in place of the variable.
            cparams.setdefault("hostaddr", "")
            cparams.setdefault("target_session_attrs", "any")
            cparams.setdefault("options", environment.get("PGOPTIONS", ""))
        elif driver == "asyncpg":
            cparams.setdefault("target_session_attrs", "any")

    def judge_cursors(self, driver: str, cparams: dict[str, Any], judge: JudgeStatement) -> None:
        """psycopg2's classes are built in: a connection of our own class takes their place."""
        if driver == "psycopg2":
            cparams["connection_factory"] = judged_connection(cparams.get("connection_factory"), judge)

    def paths(self, address: "Address") -> tuple[str, ...]:
        """The server's socket; of a server on this machine, wherever it may be by default."""
        from dbadmin.dialects.postgresql.address import SOCKET_DIRECTORIES

        host, port = address.server
        directories = [host] if host.startswith("/") else SOCKET_DIRECTORIES if host == "localhost" else []
        return tuple(f"{directory}/.s.PGSQL.{port}" for directory in directories)

    def sockets(self, url: "URL") -> frozenset[str | tuple[str, int]]:
        """The socket `.s.PGSQL.PORT` in a directory, or host and port."""
        host = url.query.get("host") or url.host or "localhost"
        host = host if isinstance(host, str) else host[0]
        port = url.query.get("port") or url.port or 5432
        port = int(port if isinstance(port, str | int) else port[0])
        return frozenset({f"{host}/.s.PGSQL.{port}" if host.startswith(("/", "@")) else (host, port)})


ISOLATION = PostgresqlIsolation()
