"""Copies of a SQLite database: files in private directories."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbadmin.dialects import private
from dbadmin.dialects.copying import Copying, Place
from dbadmin.dialects.sqlite.files import SqliteFileProof, database_file
from dbadmin.dialects.sqlite.place import SqlitePlace, TwinPlace
from dbadmin.dialects.values import Existing, FileProof
from dbadmin.errors import NotSupported, UnknownName

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PREFIX = "dbadmin-sqlite-"


class SqliteCopying(Copying):
    """Private directories with database files in them."""

    on_this_machine = True
    method = "backup API, into a private directory"

    def size(self, connection: "Connection") -> int | None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())

    def free_space(self) -> int:
        return shutil.disk_usage(tempfile.gettempdir()).free

    def facts(self, connection: "Connection") -> None:
        return None

    @contextmanager
    def place(self, facts: None) -> Iterator[Place]:
        with private.directory(PREFIX) as directory:
            yield SqlitePlace(directory)

    @contextmanager
    def beside(self, url: "URL") -> Iterator[Place]:
        path = database_file(url)
        if path is None:
            raise NotSupported(
                "a database in memory cannot be rehearsed in place", hint="use a database that is a file"
            )
        with private.directory(PREFIX) as directory:
            yield TwinPlace(directory, url)

    def file_proof(self, url: "URL") -> FileProof:
        path = database_file(url)
        return FileProof() if path is None else SqliteFileProof(path)

    def existing(self) -> tuple[Existing, ...]:
        return private.existing(PREFIX, "sqlite")

    def remove(self, name: str) -> None:
        found = {place.name: place for place in self.existing()}
        if name not in found:
            raise UnknownName("copy", name, found)
        private.remove(found[name].directory)
