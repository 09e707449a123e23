"""Backups of SQLite written: the file, page for page, and what a database must not hold before one is restored."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects.backups import Format, Target
from dbadmin.dialects.sqlite import files
from dbadmin.dialects.values import Progress
from dbadmin.errors import DbadminError, NotFinished, NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL

SUFFIXES: dict[str, Format] = {".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite"}
_PIECE = 1 << 20


def write(source: "URL", facts: None, kind: Format, target: Target, *, progress: Progress) -> tuple[str, ...]:
    """SQLite's own backup, from a connection that only reads; see `Backups.write`."""
    path = files.database_file(source)
    if path is None:
        raise NotSupported("a database in memory cannot be backed up", hint="use a database that is a file")
    copied = target.directory / "database" if target.squeezed else target.path
    files.copy_file(path, copied, progress)
    if target.squeezed:
        with copied.open("rb") as file:
            while piece := file.read(_PIECE):
                target.sink.write(piece)
        copied.unlink()
    return ()


def holds(url: "URL") -> tuple[str, ...]:
    """Some of what is there; a file that is missing or has no byte holds nothing. See `Backups.holds`."""
    path = file_of(url)
    if not path.exists() or not path.stat().st_size:
        return ()
    try:
        with closing(sqlite3.connect(files.uri(path, "ro"), uri=True)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' LIMIT 5")
            return tuple(str(name) for (name,) in found) or ("a database without tables",)
    except sqlite3.DatabaseError as error:
        raise unusable(path, error) from error


def file_of(url: "URL") -> Path:
    """The file that a backup is restored to."""
    path = files.database_file(url)
    if path is None:
        raise NotSupported("a backup cannot be restored into memory", hint="name a file: sqlite:///restored.db")
    return path


def unusable(path: Path, error: sqlite3.Error) -> DbadminError:
    """What SQLite says of a file that is no database, or is in use."""
    return NotFinished(f"{path} cannot be replaced: {error}", hint="name a file that does not exist yet")
