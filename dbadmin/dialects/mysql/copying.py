"""Copies of a MariaDB or MySQL database: where they may live, and which exist.

place.py   a private server of ours, filled by the server's own tools, the rule
marked.py  marked databases on a MariaDB server of the user's, on the user's word alone
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbadmin.dialects.copying import Place
from dbadmin.dialects.mysql import binaries as installed
from dbadmin.dialects.mysql import directory, left, marked, neutralise, server, surroundings
from dbadmin.dialects.mysql.place import MysqlPlace, TwinPlace, create_connection
from dbadmin.dialects.mysql.server import Server
from dbadmin.dialects.mysql.surroundings import Surroundings
from dbadmin.dialects.places import temporary_directories
from dbadmin.dialects.server_copying import ServerCopying
from dbadmin.dialects.values import FileProof
from dbadmin.errors import NoScratchServer, NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_ENGINES = "SELECT UPPER(engine) FROM information_schema.engines WHERE support IN ('YES', 'DEFAULT')"


class MysqlCopying(ServerCopying):
    """Private servers, each with one copy under the source's own name."""

    method = "mariadb-dump into mariadb, on a private server"
    engine = "mysql"
    prefix = directory.PREFIX
    left = left.LEFT

    def size(self, connection: "Connection") -> int | None:
        size = connection.exec_driver_sql(surroundings.DATABASE).one().bytes
        return None if size is None else int(size)

    def free_space(self) -> int:
        return max(shutil.disk_usage(place).free for place in temporary_directories())

    def facts(self, connection: "Connection") -> Surroundings:
        return surroundings.read(connection)

    def size_in(self, facts: Surroundings) -> int | None:
        return facts.bytes

    @contextmanager
    def place(self, facts: Surroundings | None) -> Iterator[Place]:
        if facts is None:
            with Server.start() as running, _closing(MysqlPlace(running, None)) as place:
                yield place
            return
        chosen = installed.require(facts.family, facts.series)
        settings = surroundings.server_settings(facts, family=chosen.family)
        with Server.start(binaries=chosen, settings=settings, page_size=facts.page_size) as running:
            _refuse_missing_engines(running, facts)
            with _closing(MysqlPlace(running, facts)) as place:
                yield place

    @contextmanager
    def beside(self, url: "URL") -> Iterator[Place]:
        with create_connection(url) as connection:
            facts = surroundings.read(connection)
        chosen = installed.require(facts.family, facts.series)
        if chosen.series != facts.series:
            told = ".".join(map(str, facts.series))
            raise NotSupported(
                f"no {chosen.product} {told} on this machine can hold a second copy beside {facts.name}: what a step "
                "changes could not be told",
                hint="install that version here",
            )
        settings = surroundings.server_settings(facts, family=chosen.family)
        with Server.start(binaries=chosen, settings=settings, page_size=facts.page_size) as running:
            _refuse_missing_engines(running, facts)
            with _closing(TwinPlace(running, facts, url)) as place:
                yield place

    @contextmanager
    def on_server(self, url: "URL", facts: Surroundings | None, *, source: "URL | None" = None) -> Iterator[Place]:
        with marked.opened(url, facts, source=source) as place:
            yield place

    def neutralise(self, connection: "Connection") -> tuple[tuple[str, ...], tuple[str, ...]]:
        return neutralise.disable_events(connection, surroundings.read(connection))

    def local_server(self, version: str) -> str:
        """The program that a private server for a source of this version would be started from."""
        family: installed.Family = "mariadb" if "mariadb" in version.lower() else "mysql"
        chosen = installed.require(family, installed.series_of(version))
        return f"{chosen.product} {chosen.version}, {chosen.server}"

    def file_proof(self, url: "URL") -> FileProof:
        return FileProof()  # the server's files are not ours to read; the catalog speaks for them

    def servers(self) -> Iterable[Server]:
        return server.disposable()


@contextmanager
def _closing(place: MysqlPlace) -> Iterator[MysqlPlace]:
    """Clones go with the work that needed them, also where the copy itself is kept."""
    try:
        yield place
    finally:
        place.drop_clones()


def _refuse_missing_engines(running: Server, facts: Surroundings) -> None:
    """A table of an engine that the server does not know would silently become one of InnoDB."""
    from sqlalchemy import NullPool, create_engine

    with create_engine(running.url(), poolclass=NullPool).connect() as connection:
        there = {str(name) for (name,) in connection.exec_driver_sql(_ENGINES)}
    missing = sorted(facts.engines - there)
    if missing:
        raise NoScratchServer(
            f"the private server lacks storage engines that this database uses: {', '.join(missing)}",
            hint=f"install their packages beside {running.binaries.product if running.binaries else 'MariaDB'}, "
            f"or {installed.WAYS_ON}",
        )
