"""Backups of SQLite put into place: the checked file, page for page."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import private
from dbadmin.dialects.backups import PREFIX
from dbadmin.dialects.copying import Place
from dbadmin.dialects.sqlite import files, writing
from dbadmin.dialects.values import Backup, Copied, Progress

if TYPE_CHECKING:
    from sqlalchemy import URL

_PAGES = 20_000  # at a time


def restore(place: Place, backup: Backup, name: str, *, progress: Progress) -> Copied:
    """Put the checked file into `place`; it is removed where that fails."""
    url = place.empty(name)
    try:
        notes = load(backup, url, progress=progress)
        size = Path(str(url.database)).stat().st_size
    except BaseException:
        place.drop(name)
        raise
    return Copied(url, f"restored from {backup.format}", size, (), notes)


def load(backup: Backup, url: "URL", *, progress: Progress) -> tuple[str, ...]:
    """Put the backup's file where `url` says, at once and whole; a database that is there is replaced at once, too."""
    target = writing.file_of(url)
    assert backup.content is not None
    if target.exists() and target.stat().st_size:
        _replace(backup.content, target, progress)
        return ()
    with private.directory(PREFIX) as directory, private.part(target, directory) as part:
        with part.open("wb") as out, backup.content.open("rb") as source:
            while piece := source.read(1 << 20):
                out.write(piece)
                progress("restore", out.tell(), backup.restored_bytes)
        private.rename(part, target)
    return ()


def _replace(content: Path, target: Path, progress: Progress) -> None:
    """Write another database's pages over those of a file, in one transaction of the file's own.

    Who has it open sees the old rows or the new; a file that was moved into its place would meet the old one's WAL.
    """
    try:
        with (
            closing(sqlite3.connect(files.uri(content, "ro"), uri=True)) as reader,
            closing(sqlite3.connect(files.uri(target, "rw"), uri=True, timeout=5)) as writer,
        ):
            reader.backup(writer, pages=_PAGES, progress=files.stepping("restore", progress))
    except sqlite3.Error as error:
        raise writing.unusable(target, error) from error
