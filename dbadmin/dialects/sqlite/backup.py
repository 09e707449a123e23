"""Backups of SQLite: the database file, copied byte for byte, recovered in the copy, and checked page for page."""

import os
import re
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dbadmin.dialects.backups import Backups, Content, Format, Insight, Target
from dbadmin.dialects.copying import Place
from dbadmin.dialects.sqlite import restore, writing
from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.errors import DamagedBackup, NotFinished, NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL

_HEADER = 100  # bytes; https://www.sqlite.org/fileformat2.html#the_database_header
_BESIDE = ("-wal", "-journal")
_WAL_MAGIC = (0x377F0682, 0x377F0683)
_AGAIN = "make the backup again, with .backup or VACUUM INTO"
_IN_WAL = "writes that the source's -wal still held when the file was copied, if it was copied without it"
_PIECE = 1 << 20
_STEPS = 1_000_000
"""Steps of SQLite's machine between two words on how the check gets on."""


class SqliteBackups(Backups):
    """A database file, with the -wal or -journal that stands beside it."""

    suffixes = writing.SUFFIXES

    def inspect(self, content: Content, *, progress: Progress) -> Insight:
        path = content.path
        if path.parent != content.directory:
            path = _copy(path, content.directory / "database", progress)
        beside = [suffix for suffix in _BESIDE if Path(f"{path}{suffix}").exists()]
        if not beside:  # else a writer was stopped halfway, and the file alone need not be whole
            _check_length(path, content.given)
        was_wal = _recover(path, content.given)
        _check_length(path, content.given)
        _check_pages(path, content.given, lambda: progress("check the backup", 0, None))
        version = struct.unpack(">I", _header(path)[96:100])[0]
        return Insight(
            server_version=_version(version),
            database=re.sub(r"\.(gz|zst)$", "", content.given.name),
            notes=(_IN_WAL,) if was_wal and not beside else (),
            path=path,
        )

    def facts(self, backup: Backup) -> None:
        return None

    def load(self, backup: Backup, url: "URL", *, private: bool, progress: Progress) -> tuple[str, ...]:
        return restore.load(backup, url, progress=progress)

    def write(self, source: "URL", facts: Any, kind: Format, target: Target, *, progress: Progress) -> tuple[str, ...]:
        return writing.write(source, facts, kind, target, progress=progress)

    def holds(self, url: "URL") -> tuple[str, ...]:
        return writing.holds(url)

    def empty(self, url: "URL") -> None:
        writing.file_of(url)  # `load` replaces all of it at once

    def restore(self, place: Place, backup: Backup, name: str, *, progress: Progress) -> Copied:
        return restore.restore(place, backup, name, progress=progress)


BACKUPS = SqliteBackups()


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER)


def _check_length(path: Path, given: Path) -> None:
    """Raise DamagedBackup where the file is shorter than its header says.

    The header's number of pages holds where it was written together with the change counter.
    """
    head, length = _header(path), path.stat().st_size
    if len(head) < _HEADER:
        raise DamagedBackup(f"{given} is cut short: it has {length} bytes", hint=_AGAIN)
    page = struct.unpack(">H", head[16:18])[0]
    page = 65536 if page == 1 else page
    if page < 512 or page & (page - 1):
        raise DamagedBackup(f"{given} is damaged: a page size of {page}", hint=_AGAIN)
    changes, pages, valid_for = struct.unpack(">I", head[24:28])[0], *struct.unpack(">I60xI", head[28:96])
    if changes == valid_for and length < pages * page:
        raise DamagedBackup(f"{given} is cut short: {length:,} of {pages * page:,} bytes are there", hint=_AGAIN)
    if length % page:
        raise DamagedBackup(f"{given} is cut short: it ends within a page", hint=_AGAIN)


def _copy(source: Path, target: Path, progress: Progress) -> Path:
    """Copy the file and what stands beside it as bytes; NotFinished where somebody writes meanwhile."""
    files = [Path(f"{source}{suffix}") for suffix in ("", *_BESIDE)]
    before = [_state(path) for path in files]
    for path, suffix in zip(files, ("", *_BESIDE), strict=True):
        if path.is_file():
            _copy_file(path, Path(f"{target}{suffix}"), progress)
    if [_state(path) for path in files] != before:
        raise NotFinished(
            f"{source} changed while it was read: it is in use",
            hint="a database in use is rehearsed with --url; for a backup: sqlite3 FILE '.backup COPY'",
        )
    return target


def _copy_file(source: Path, target: Path, progress: Progress) -> None:
    size = source.stat().st_size
    if shutil.disk_usage(target.parent).free < size:
        raise NotFinished(f"no space left to copy {source}", hint="set TMPDIR to a directory with more room")
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out, source.open("rb") as file:
        while piece := file.read(_PIECE):
            out.write(piece)
            progress("read the backup", file.tell(), size)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def _recover(path: Path, given: Path) -> bool:
    """Bring what a -wal or -journal holds into the file, and leave the file alone; whether it was in WAL mode."""
    head = _header(path)
    is_wal = head[18:20] == b"\x02\x02"
    wal = Path(f"{path}-wal")
    if wal.exists() and wal.stat().st_size and not (is_wal and _is_of(wal, head)):
        raise DamagedBackup(f"the -wal beside {given} is not its own", hint="give the file with its own -wal, or alone")
    with closing(sqlite3.connect(_uri(path), uri=True)) as copy:
        try:
            copy.execute("SELECT count(*) FROM sqlite_master").fetchone()
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.DatabaseError as error:
            raise DamagedBackup(f"{given} is damaged: {error}", hint=_AGAIN) from error
    for suffix in (*_BESIDE, "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    return is_wal


def _is_of(wal: Path, head: bytes) -> bool:
    """Whether a WAL's header fits the database's: its magic number, and the size of pages."""
    with wal.open("rb") as file:
        begin = file.read(12)
    if len(begin) < 12:
        return False
    magic, _, page = struct.unpack(">III", begin)
    size = struct.unpack(">H", head[16:18])[0]
    return magic in _WAL_MAGIC and page == (65536 if size == 1 else size)


def _check_pages(path: Path, given: Path, tell: Callable[[], None]) -> None:
    """Raise DamagedBackup unless the integrity check finds the file whole."""
    with closing(sqlite3.connect(_uri(path), uri=True)) as copy:
        copy.set_progress_handler(tell, _STEPS)
        try:
            found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            found = _without_indexes(copy, given, error)
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        raise DamagedBackup(f"{given} is damaged: {' '.join(str(found).split())}", hint=_AGAIN)


def _without_indexes(copy: sqlite3.Connection, given: Path, error: sqlite3.OperationalError) -> str:
    """The check without the order of indexes, where they sort by an application's own collation."""
    while True:
        missing = re.search(r"no such collation sequence: (.+)", str(error))
        if missing is None:
            break
        copy.create_collation(missing[1], _by_bytes)  # quick_check only asks whether there is one
        try:
            return str(copy.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.OperationalError as again:
            error = again
    if re.search(r"no such (?:function|module)|unknown (?:function|tokenizer)", str(error)):
        raise NotSupported(
            f"{given} cannot be checked here: {error}",
            hint="check it in its application, which registers what SQLite lacks here",
        ) from error
    return str(error)


def _by_bytes(a: str, b: str) -> int:  # pragma: no cover  quick_check asks for the collation and compares nothing by it
    return (a > b) - (a < b)


def _version(number: int) -> str | None:
    """The version that wrote the file last, as https://www.sqlite.org/c3ref/libversion.html numbers them.

    >>> _version(3040001)
    '3.40.1'
    """
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else None


def _uri(path: Path) -> str:
    return f"file:{quote(str(path))}?mode=rw"
