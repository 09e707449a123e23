"""How private copies of a database are made and found again, and the places in which they live."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.values import Backup, Copied, Existing, FileProof, Progress
from dbadmin.errors import NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection


class Copying(ABC):
    """How private copies of a database are made, and found again. `method` says how, in a few words.

    `on_this_machine`: whatever stands beside a database stands here, as there are no servers.
    """

    method: str
    on_this_machine = False

    @abstractmethod
    def size(self, connection: "Connection") -> int | None:
        """Size of the database in bytes."""

    @abstractmethod
    def free_space(self) -> int:
        """Free bytes where a new place would stand."""

    @abstractmethod
    def facts(self, connection: "Connection") -> Any:
        """What a place must know of the source, and a dump does not tell; only read, opaque to the caller."""

    def size_in(self, facts: Any) -> int | None:
        """The source's size in bytes where its facts hold it; None: ask `size`."""
        return None

    @abstractmethod
    def place(self, facts: Any) -> "AbstractContextManager[Place]":
        """A private place for copies of the source with these facts, gone on exit unless kept.

        For SQLite a directory (0700); for servers a private server started from local binaries that can hold
        the source: NoScratchServer says what is missing. None: a place for scratch databases alone.
        """

    def on_server(self, url: "URL", facts: Any, *, source: "URL | None" = None) -> "AbstractContextManager[Place]":
        """A place on a server that the user names: databases that carry dbadmin's marker, gone on exit unless kept.

        `url` leads to any database of that server, with the right to make others. `source` is given where it is
        the source's own server, and the user said so. Raises NotSupported where the server cannot hold a source
        with these facts, or where the engine has no servers.
        """
        raise NotSupported("this engine has no servers: a copy is a private file", hint="leave out --scratch")

    def beside(self, url: "URL") -> "AbstractContextManager[Place]":
        """A place beside a database that is itself the copy: for its pristine twin and the reference database.

        `Place.clone` clones that database whatever name it is given. Raises NotSupported where no second database
        can be made anywhere.
        """
        raise NotSupported("this engine cannot rehearse in place", hint="rehearse on a copy")

    def neutralise(self, connection: "Connection") -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Make harmless what in a copy could reach beyond it: what was done, and what could not be and why.

        For databases that are themselves the copy; what `Place.copy` makes is harmless already. The caller commits.
        """
        return (), ()

    def local_server(self, version: str) -> str | None:
        """What a private server for a source of this server version would be started from (for `doctor`).

        None where copies need no server. Raises NoScratchServer where this machine cannot start one.
        """
        return None

    @abstractmethod
    def file_proof(self, url: "URL") -> FileProof:
        """Begin to compute a hash of the source's files, where it is made of files."""

    @abstractmethod
    def existing(self) -> tuple[Existing, ...]:
        """Private places of dbadmin on this machine, whoever owns them."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove an existing place by its name; refuses what dbadmin did not make."""


class Place(ABC):
    """Where copies live. Everything in it is private and disposable."""

    name: str
    server_version: str
    alike = True
    """Whether fingerprints of a clone may be compared with those of the copy: same server, same rights."""
    trusted = False
    """Whether what a backup holds (triggers, functions) may run with all the rights that dbadmin has here."""

    @abstractmethod
    def copy(self, source: "URL", name: str, *, facts: Any, progress: Progress) -> Copied:
        """Copy the source database under this name; the copy appears only when it is complete."""

    def restore(self, backup: Backup, name: str, *, progress: Progress) -> Copied:
        """Restore an examined backup under this name, as `copy` copies a source: whole or not at all.

        The backup's own database name is not used, nothing that it smuggles is run, and what could reach beyond
        the copy is made harmless (`Copied.neutralised`). A watchdog ends a tool that makes no progress. Raises
        DamagedBackup where the backup turns out to be cut short, NoScratchServer where the place lacks an
        extension, NotFinished where restoring failed for another reason.
        """
        from dbadmin.dialects.backups import of_engine

        return of_engine(backup.engine).restore(self, backup, name, progress=progress)

    @abstractmethod
    def clone(self, name: str, new_name: str) -> "URL":
        """A second copy of a copy, no session being connected to the first."""

    @abstractmethod
    def empty(self, name: str) -> "URL":
        """A new database without anything in it."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Remove a database of this place."""

    def end_sessions(self, name: str) -> None:  # noqa: B027  a database without a server has none
        """End what sessions of a killed process still do in a database of this place."""

    @abstractmethod
    def keep(self) -> None:
        """Let the place outlive this process, until it is removed by name."""
