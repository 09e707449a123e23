"""Copies of a PostgreSQL database: dumped by PostgreSQL's own tools into a private server of ours."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbadmin.dialects.base import Copying, Place
from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql import directory, dump, neutralise, server, surroundings
from dbadmin.dialects.postgresql.server import Server
from dbadmin.dialects.postgresql.surroundings import Surroundings
from dbadmin.dialects.values import Copied, Existing, FileProof, Progress
from dbadmin.errors import InternalError, NoScratchServer, UnknownName

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

MAINTENANCE = "template1"  # a source may well be called "postgres", as the server's first database is
_END_WITHIN = 10_000  # ms that a session is given to end
# Every session of a database but this one; waits for each until it has ended.
_END_SESSIONS = """
SELECT pg_catalog.pg_terminate_backend(pid, :timeout)
  FROM pg_catalog.pg_stat_activity
 WHERE datname = :name AND pid <> pg_catalog.pg_backend_pid()
"""


class PostgresqlCopying(Copying):
    """Private servers, and databases in them."""

    method = "pg_dump and pg_restore, into a private server"

    def size(self, connection: "Connection") -> int | None:
        from sqlalchemy import text

        size: int = connection.scalar(text("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"))
        return size

    def free_space(self) -> int:
        return max(shutil.disk_usage(place).free for place in directory.temporary_directories())

    def facts(self, connection: "Connection") -> Surroundings:
        return surroundings.read(connection)

    @contextmanager
    def place(self, facts: Surroundings | None) -> Iterator[Place]:
        chosen = installed.require() if facts is None else _suitable(facts)
        with Server.start(binaries=chosen) as running:
            yield PostgresqlPlace(running, chosen)

    def local_server(self, version: str) -> str:
        """The installation that a private server would be started from."""
        chosen = installed.require(int(re.split(r"\D", version, maxsplit=1)[0]))
        return f"PostgreSQL {chosen.version} in {chosen.bindir}"

    def file_proof(self, url: "URL") -> FileProof:
        return FileProof()  # the server's files are not ours to read; the catalog speaks for them

    def existing(self) -> tuple[Existing, ...]:
        return tuple(
            Existing(
                name=found.directory.name,
                engine="postgresql",
                directory=found.directory,
                started_at=found.record.started_at,
                owner_pid=found.record.owner_pid,
                owner_alive=found.record.owner_alive(),
                kept=found.record.kept,
                bytes=None,
            )
            for found in server.disposable()
        )

    def remove(self, name: str) -> None:
        for found in server.disposable():
            if found.directory.name == name:
                found.stop()
                return
        raise UnknownName("copy", name, [found.directory.name for found in server.disposable()])


class PostgresqlPlace(Place):
    """A private server that holds copies as databases of their own."""

    def __init__(self, running: Server, chosen: installed.Binaries) -> None:
        self.server = running
        self.binaries = chosen
        self.name = running.directory.name
        self.server_version = chosen.version
        self._made: set[str] = set()

    def copy(self, source: "URL", name: str, *, facts: Surroundings, progress: Progress) -> Copied:
        tool = dump.tool_for(facts.major, self.binaries)
        archive = self.server.directory / "dump"
        try:
            dump.dump(tool, source, archive, bytes_expected=facts.bytes, progress=progress)
            with self._administer() as admin:
                surroundings.make_roles(admin, facts)
            self.empty(name)
            dump.restore(self.binaries, self.server, name, archive, progress=progress)
        finally:
            shutil.rmtree(archive, ignore_errors=True)
        url = self.server.url(name)
        with self._connected(name) as copy:
            surroundings.apply_settings(copy, facts)
            made_harmless = neutralise.neutralise(copy)
            size = PostgresqlCopying().size(copy)
        return Copied(url, "pg_dump", size, made_harmless, surroundings.not_covered(facts, self.binaries))

    def clone(self, name: str, new_name: str) -> "URL":
        strategy = " STRATEGY FILE_COPY" if self.binaries.major >= 15 else ""
        self._create(new_name, f" TEMPLATE {_quoted(name)}{strategy}")
        return self.server.url(new_name)

    def empty(self, name: str) -> "URL":
        self._create(name, " TEMPLATE template0")
        return self.server.url(name)

    def drop(self, name: str) -> None:
        if name not in self._made:
            raise InternalError(f"{name} is not a copy of this place")
        with self._administer() as admin:
            admin.exec_driver_sql(f"DROP DATABASE {_quoted(name)} WITH (FORCE)")
        self._made.discard(name)

    def end_sessions(self, name: str) -> None:
        """A client that was killed leaves its statement running: the server sees that only when it answers."""
        from sqlalchemy import text

        with self._administer() as admin:
            admin.execute(text(_END_SESSIONS), {"name": name, "timeout": _END_WITHIN})

    def keep(self) -> None:
        self.server.keep()

    def _create(self, name: str, how: str) -> None:
        with self._administer() as admin:
            if name == "postgres" and name not in self._made:
                admin.exec_driver_sql("DROP DATABASE IF EXISTS postgres WITH (FORCE)")
            admin.exec_driver_sql(f"CREATE DATABASE {_quoted(name)}{how}".replace("%", "%%"))
        self._made.add(name)

    @contextmanager
    def _administer(self) -> Iterator["Connection"]:
        with self._connected(MAINTENANCE, autocommit=True) as connection:
            yield connection

    @contextmanager
    def _connected(self, database: str, *, autocommit: bool = False) -> Iterator["Connection"]:
        from sqlalchemy import NullPool, create_engine

        engine = create_engine(self.server.url(database), poolclass=NullPool)
        with engine.connect() as connection:
            if autocommit:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
            else:
                yield connection
                connection.commit()


def _suitable(found: Surroundings) -> installed.Binaries:
    """Binaries whose server can hold this source: its major or later, and every extension it has."""
    candidates = installed.find(found.major)
    if not candidates:
        return installed.require(found.major)  # raises, with what there is instead
    missing: dict[str, tuple[str, ...]] = {}
    for candidate in candidates:
        lacking = surroundings.lacking(found, candidate)
        if not lacking:
            return candidate
        missing[f"PostgreSQL {candidate.version} in {candidate.bindir}"] = lacking
    told = "; ".join(f"{where} lacks {', '.join(names)}" for where, names in missing.items())
    raise NoScratchServer(
        f"no private server here can hold this database: {told}",
        hint="install the packages of these extensions beside a local PostgreSQL "
        f"{found.major} or later; or restore a backup yourself and use --url … --in-place",
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
