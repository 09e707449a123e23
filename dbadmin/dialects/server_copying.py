"""Copies of engines with a server: private servers, what is left on servers of others, and how both are removed."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from dbadmin.dialects import stamped
from dbadmin.dialects.copying import Copying
from dbadmin.dialects.left import Left
from dbadmin.dialects.places import searched_directories, size_of
from dbadmin.dialects.record import RECORD
from dbadmin.dialects.servers import PrivateServer
from dbadmin.dialects.values import Existing


class ServerCopying(Copying):
    """What such engines have in common: `engine` is their name, `prefix` begins the directories of their servers."""

    engine: ClassVar[str]
    prefix: ClassVar[str]
    left: ClassVar[Left]

    @abstractmethod
    def servers(self) -> Iterable[PrivateServer]:
        """Private servers that exist and may be removed."""

    def existing(self) -> tuple[Existing, ...]:
        servers = tuple(
            Existing(
                name=found.directory.name,
                engine=found.record.product or self.engine,
                directory=found.directory,
                started_at=found.record.started_at,
                owner_pid=found.record.owner_pid,
                owner_alive=found.record.owner_alive(),
                kept=found.record.kept,
                bytes=size_of(found.directory),
            )
            for found in self.servers()
        )
        return (*servers, *self._unfinished(), *self.left.existing())

    def _unfinished(self) -> tuple[Existing, ...]:
        return stamped.unfinished(self.prefix, self.engine, searched_directories(), RECORD)

    def remove(self, name: str) -> None:
        for empty in self._unfinished():
            if empty.name == name:
                stamped.remove(empty.directory, RECORD)
                return
        for found in self.servers():
            if found.directory.name == name:
                found.stop()
                return
        self.left.remove(name)
