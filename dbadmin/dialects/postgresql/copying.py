"""Copies of a PostgreSQL database: where they may live, and which exist.

place.py   a private server of ours, the rule
marked.py  marked databases on a server of the user's, on the user's word alone
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbadmin.dialects.copying import Place
from dbadmin.dialects.places import temporary_directories
from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql import directory, left, marked, neutralise, server, suitable, surroundings
from dbadmin.dialects.postgresql.databases import SIZE
from dbadmin.dialects.postgresql.place import PostgresqlPlace, TwinPlace
from dbadmin.dialects.postgresql.server import Server
from dbadmin.dialects.postgresql.surroundings import Surroundings
from dbadmin.dialects.server_copying import ServerCopying
from dbadmin.dialects.values import FileProof
from dbadmin.errors import NoScratchServer, NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection


class PostgresqlCopying(ServerCopying):
    """Private servers, and databases in them."""

    method = "pg_dump and pg_restore, into a private server"
    engine = "postgresql"
    prefix = directory.PREFIX
    left = left.LEFT

    def size(self, connection: "Connection") -> int | None:
        size: int = connection.exec_driver_sql(SIZE).scalar_one()
        return size

    def free_space(self) -> int:
        return max(shutil.disk_usage(place).free for place in temporary_directories())

    def facts(self, connection: "Connection") -> Surroundings:
        return surroundings.read(connection)

    @contextmanager
    def place(self, facts: Surroundings | None) -> Iterator[Place]:
        chosen = installed.require() if facts is None else _suitable(facts)
        with Server.start(binaries=chosen) as running:
            yield PostgresqlPlace(running, chosen)

    def size_in(self, facts: Surroundings) -> int | None:
        return facts.bytes

    @contextmanager
    def on_server(self, url: "URL", facts: Surroundings | None, *, source: "URL | None" = None) -> Iterator[Place]:
        with marked.opened(url, source=source) as place:
            suitable.refuse(place, facts)
            yield place

    @contextmanager
    def beside(self, url: "URL") -> Iterator[Place]:
        """On the copy's own server where its role may make databases, else on a private one of the same major."""
        facts, name = _ask(url)
        with marked.opened(url, beside=name) as place:
            if place.rights.creates and not place.rights.standby:
                yield place
                return
        same = tuple(found for found in installed.find(facts.major) if found.major == facts.major)
        chosen = next((found for found in same if not surroundings.lacking(facts, found)), None)
        if chosen is None:
            raise NotSupported(
                f"the role of {name} may not make a second database beside it, and no PostgreSQL {facts.major} "
                "on this machine can hold one: what a step changes could not be told",
                hint="ALTER ROLE … CREATEDB, or install that PostgreSQL here",
            )
        with Server.start(binaries=chosen) as running:
            yield TwinPlace(running, chosen, url, facts)

    def neutralise(self, connection: "Connection") -> tuple[tuple[str, ...], tuple[str, ...]]:
        return neutralise.weaken(connection)

    def local_server(self, version: str) -> str:
        """The installation that a private server would be started from."""
        chosen = installed.require(int(re.split(r"\D", version, maxsplit=1)[0]))
        return f"PostgreSQL {chosen.version} in {chosen.bindir}"

    def file_proof(self, url: "URL") -> FileProof:
        return FileProof()  # the server's files are not ours to read; the catalog speaks for them

    def servers(self) -> Iterable[Server]:
        return server.disposable()


def _ask(url: "URL") -> tuple[Surroundings, str]:
    """What a database that is itself the copy leans on, and its name as the catalog has it."""
    from sqlalchemy import NullPool, create_engine

    with create_engine(url, poolclass=NullPool).connect() as connection:
        name: str = connection.exec_driver_sql("SELECT pg_catalog.current_database()").scalar_one()
        return surroundings.read(connection), name


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
