"""A private PostgreSQL server that holds copies as databases of their own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbadmin.dialects import namespaces
from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql import dump, neutralise, owner, surroundings
from dbadmin.dialects.postgresql.databases import SIZE, clone_database, end_sessions, make_database
from dbadmin.dialects.postgresql.look import quote
from dbadmin.dialects.postgresql.server import Server
from dbadmin.dialects.postgresql.surroundings import Surroundings
from dbadmin.dialects.values import Copied, Progress
from dbadmin.errors import InternalError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

OWNER = "dbadmin_owner"
"""Who owns restored backups here; the server lets in by its directory, so that no password is needed."""
MAINTENANCE = "template1"  # a source may well be called "postgres", as the server's first database is


class PostgresqlPlace(owner.Confining):
    """A private server; dbadmin is its superuser, and nobody else reaches it."""

    def __init__(self, running: Server, chosen: installed.Binaries) -> None:
        self.server = running
        self.binaries = chosen
        self.name = running.directory.name
        self.server_version = chosen.version
        self._made: set[str] = set()
        self._confined: set[str] = set()

    def copy(self, source: "URL", name: str, *, facts: Surroundings, progress: Progress) -> Copied:
        tool = dump.tool_for(facts.major, self.binaries)
        archive = self.server.directory / "dump"
        try:
            dump.dump(tool, source, archive, bytes_expected=facts.bytes, progress=progress)
            with self._administer() as admin:
                surroundings.make_roles(admin, facts)
            url = self.empty(name)
            dump.restore(self.binaries, url, archive, progress=progress)
        finally:
            shutil.rmtree(archive, ignore_errors=True)
        with self._connected(name) as copy:
            surroundings.apply_settings(copy, facts)
            made_harmless = neutralise.neutralise(copy)
            size = copy.exec_driver_sql(SIZE).scalar_one()
        not_covered = (*surroundings.not_covered(facts, self.binaries), *namespaces.reach(self.server.pid))
        return Copied(url, "pg_dump", size, made_harmless, not_covered)

    def clone(self, name: str, new_name: str) -> "URL":
        self._make_room(new_name)
        with self._administer() as admin:
            clone_database(admin, name, new_name, self.binaries.major)
        self._made.add(new_name)
        return self.confine(new_name) if name in self._confined else self.server.url(new_name)

    def confine(self, name: str) -> "URL":
        with self._administer() as admin:
            owner.make(admin, OWNER, None)
            owner.give(admin, name, OWNER)
        self._confined.add(name)
        return self.server.url(name).set(username=OWNER)

    def empty(self, name: str) -> "URL":
        self._make_room(name)
        with self._administer() as admin:
            make_database(admin, name, "TEMPLATE template0")
        self._made.add(name)
        return self.server.url(name)

    def drop(self, name: str) -> None:
        if name not in self._made:
            raise InternalError(f"{name} is not a copy of this place")
        with self._administer() as admin:
            admin.exec_driver_sql(f"DROP DATABASE {quote(name)} WITH (FORCE)".replace("%", "%%"))
        self._made.discard(name)
        self._confined.discard(name)

    def end_sessions(self, name: str) -> None:
        with self._administer() as admin:
            end_sessions(admin, name)

    def keep(self) -> None:
        self.server.keep()

    def _make_room(self, name: str) -> None:
        """A copy may be called as the server's own first database is."""
        if name == "postgres" and name not in self._made:
            with self._administer() as admin:
                admin.exec_driver_sql("DROP DATABASE IF EXISTS postgres WITH (FORCE)")

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


class TwinPlace(PostgresqlPlace):
    """A private server beside a database that is itself the copy: its twin is dumped and restored here."""

    alike = False

    def __init__(self, running: Server, chosen: installed.Binaries, url: "URL", facts: Surroundings) -> None:
        super().__init__(running, chosen)
        self._url, self._facts = url, facts

    def clone(self, name: str, new_name: str) -> "URL":
        if name in self._made:
            return super().clone(name, new_name)
        return self.copy(self._url, new_name, facts=self._facts, progress=lambda what, done, total: None).url

    def end_sessions(self, name: str) -> None:
        """The copy is not on this server: its own role ends what it left there."""
        if name in self._made:
            super().end_sessions(name)
            return
        from sqlalchemy import NullPool, create_engine

        with create_engine(self._url, poolclass=NullPool).connect() as connection:
            end_sessions(connection, name, only_own_role=True)
