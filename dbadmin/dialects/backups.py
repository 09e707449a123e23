"""What an engine is asked about its own backups: look into one, say what it needs, restore it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.dialects.watched import Sink

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.dialects.copying import Place

PREFIX = "dbadmin-backup-"
"""How private directories with unpacked backups are called."""
Format = Literal["custom", "directory", "tar", "plain", "mariadb-dump", "mysqldump", "sqlite"]
Compression = Literal["gz", "zst"]

ENGINES: dict[Format, str] = {
    "custom": "postgresql",
    "directory": "postgresql",
    "tar": "postgresql",
    "plain": "postgresql",
    "mariadb-dump": "mysql",
    "mysqldump": "mysql",
    "sqlite": "sqlite",
}
"""Which engine's package understands a format."""


@dataclass(frozen=True)
class Target:
    """Where a backup is written to, uncompressed as far as the engine is concerned.

    `path` is our own new file, or folder, that ends up under the user's name. `sink` takes the bytes. `directory` is
    private, for what a tool must be told and nobody else may read.
    """

    path: Path
    sink: Sink
    directory: Path
    squeezed: bool = False


@dataclass(frozen=True)
class Content:
    """A backup without its compression, where the engine's tools can read it.

    `given` is what the user named. `directory` is private (0700) and gone when the backup is closed; `path` stands
    in it where something was unpacked.
    """

    given: Path
    path: Path
    format: Format
    directory: Path


@dataclass(frozen=True)
class Insight:
    """What an engine found in a backup; None and empty where the backup does not tell.

    `incomplete` is the reason why nobody can say whether the backup is whole, None where it was checked and is.
    `path` is what is to be restored, where that is not the content as it was given. `notes` are for the report's
    `not_covered`; `details` are the engine's own, for restoring.
    """

    server_version: str | None = None
    dump_version: str | None = None
    database: str | None = None
    extensions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    incomplete: str | None = None
    notes: tuple[str, ...] = ()
    path: Path | None = None
    details: Any = None


class Backups(ABC):
    """How an engine reads its own backups."""

    @abstractmethod
    def inspect(self, content: Content, *, progress: Progress) -> Insight:
        """Read all of it, and tell what it is; nothing in it is run.

        Raises DamagedBackup where something is missing or broken, UsageError where it would do more than fill one
        database, NotSupported where this machine's tools cannot read it.
        """

    @abstractmethod
    def facts(self, backup: Backup) -> Any:
        """What `Copying.place` must know to start a place that can hold this backup."""

    @abstractmethod
    def load(self, backup: Backup, url: "URL", *, private: bool, progress: Progress) -> tuple[str, ...]:
        """Fill the empty database at `url`; tells what was left out of it, for a report.

        `private`: the server is dbadmin's own, and its roles may be made. What the backup holds runs with no more
        rights than filling this database takes. Raises NotSupported where the server lacks what the backup needs,
        NotFinished where it fails; the database is then half full, and the caller's to drop.
        """

    suffixes: Mapping[str, Format]
    """What a backup of this engine may be called, and which format that means; "/" stands for a folder."""

    @abstractmethod
    def write(self, source: "URL", facts: Any, kind: Format, target: Target, *, progress: Progress) -> tuple[str, ...]:
        """Dump the source, by the engine's own tools, in one snapshot; tells what is not in it, for a report.

        `facts` are `Copying.facts`. No password stands in a program's arguments. Raises ConnectionFailed,
        NotSupported where the tools are missing here, NotFinished where they fail.
        """

    @abstractmethod
    def holds(self, url: "URL") -> tuple[str, ...]:
        """Names of some things in the database at `url` that a new one would not have; empty where there are none."""

    @abstractmethod
    def empty(self, url: "URL") -> None:
        """Remove everything that `holds` speaks of, where `load` does not replace it by itself.

        Raises NotFinished where something stays.
        """

    @abstractmethod
    def restore(self, place: "Place", backup: Backup, name: str, *, progress: Progress) -> Copied:
        """Restore into a new database of this place, whole or not at all, and make it harmless."""


@cache
def of_engine(engine: str) -> Backups:
    """How this engine (`Backup.engine`) reads its backups."""
    from dbadmin.dialects import PACKAGES

    found: Backups = import_module(f"dbadmin.dialects.{PACKAGES.get(engine, engine)}.backup").BACKUPS
    return found
