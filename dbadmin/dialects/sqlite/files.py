"""A SQLite database as files: copied page for page by the backup API, checked, hashed.

The source is opened with mode=ro alone. `immutable=1` would lose what is still in its WAL, a plain open would
recover a crashed writer's journal in place, and copying the file of a live database tears it. Where a crash left
a hot journal, the files are copied as bytes and recovered in the copy.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from dbadmin.dialects.sqlite.address import SqliteAddressing
from dbadmin.dialects.values import FileProof, Progress
from dbadmin.errors import NotFinished

if TYPE_CHECKING:
    from sqlalchemy import URL

_PAGES_A_STEP = 20_000
_LONGEST_LOCK = 5.0  # seconds that somebody else's lock is waited for
_HASH = """
import hashlib, os, sys
told = []
for path in sys.argv[2:]:
    hashed = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                hashed.update(piece)
                if os.getppid() != int(sys.argv[1]):
                    sys.exit(1)
        told.append(hashed.hexdigest())
    except FileNotFoundError:
        told.append("-")
try:
    os.write(1, "\\n".join(told).encode())
except BrokenPipeError:
    pass
"""
"""Run in a process of its own: closing a file drops every POSIX lock that SQLite holds on it in that process. It ends
with its parent, without a word, and Ctrl-C is for the parent alone."""


def database_file(url: "URL") -> Path | None:
    """The file that a URL names, links resolved; None in memory."""
    path = SqliteAddressing().location_of_url(url).path
    return None if path is None else Path(path).resolve()


def duplicate(source: Path, target: Path) -> None:
    """Copy a file within the kernel; file systems that can do so only share its blocks."""
    target.touch(mode=0o600, exist_ok=False)
    with source.open("rb") as reading, target.open("wb") as writing:
        with contextlib.suppress(AttributeError, OSError):  # not on this system, or not between these file systems
            while os.copy_file_range(reading.fileno(), writing.fileno(), 1 << 30):
                pass
        shutil.copyfileobj(reading, writing, 1 << 20)  # what is left


def check(path: Path) -> None:
    """Raise NotFinished unless the file is a whole SQLite database."""
    with closing(sqlite3.connect(uri(path, "rw"), uri=True)) as copy:
        try:
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        raise NotFinished(
            f"the copy is damaged: {' '.join(str(found).split())}",
            hint="check the source: PRAGMA integrity_check, or use a backup",
        )


def copy_unchecked(source: Path, target: Path, progress: Progress) -> str:
    """Copy a database into a new file of ours; a journal may stay beside it, and nothing is checked."""
    target.touch(mode=0o600, exist_ok=False)
    return _copy_pages(source, target, progress)


def copy_file(source: Path, target: Path, progress: Progress) -> str:
    """Copy a database into a file of ours, check it, and leave nothing beside it; says how it was copied.

    Raises NotFinished where it cannot be read, changes too fast, or came out damaged.
    """
    target.touch(mode=0o600)
    method = _copy_pages(source, target, progress)
    check(target)
    for suffix in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    return method


def _copy_pages(source: Path, target: Path, progress: Progress) -> str:
    try:
        with closing(sqlite3.connect(uri(source, "ro"), uri=True, timeout=5)) as reader:
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()  # a hot journal is refused here
            with closing(sqlite3.connect(uri(target, "rw"), uri=True)) as writer:
                writer.execute("PRAGMA synchronous = OFF")  # nobody needs it after a crash
                reader.backup(writer, pages=_PAGES_A_STEP, progress=stepping("copy", progress))
        return "backup"
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
            raise NotFinished(
                f"no space left in {target.parent} for a copy of {source}", hint="make room there, and run it again"
            ) from error
        if not _needs_recovery(source, error):
            raise NotFinished(f"{source} cannot be copied: {error}", hint="dbadmin doctor") from error
    except sqlite3.DatabaseError as error:
        raise NotFinished(f"{source} cannot be copied: {error}", hint="dbadmin doctor") from error
    return _copy_bytes(source, target)


def stepping(what: str, progress: Progress) -> Callable[[int, int, int], object]:
    """What `backup` calls after every step: it would itself wait for a lock of somebody else's for ever."""
    since: float | None = None

    def stepped(status: int, remaining: int, total: int) -> None:
        nonlocal since
        progress(what, total - remaining, total)
        if status not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            since = None
        elif since is None:
            since = time.monotonic()
        elif time.monotonic() - since > _LONGEST_LOCK:
            raise sqlite3.OperationalError("database is locked")

    return stepped


def _needs_recovery(source: Path, error: sqlite3.OperationalError) -> bool:
    left = any(source.with_name(source.name + suffix).exists() for suffix in ("-journal", "-wal"))
    return left and ("readonly" in str(error) or "unable to open" in str(error))


def _copy_bytes(source: Path, target: Path) -> str:
    """Copy what a crashed writer left, and recover it in the copy; refused while somebody still writes."""
    files = [source.with_name(source.name + suffix) for suffix in ("", "-journal", "-wal")]
    before = [_state(path) for path in files]
    for path, suffix in zip(files, ("", "-journal", "-wal"), strict=True):
        with contextlib.suppress(FileNotFoundError):
            beside = target.with_name(target.name + suffix)
            shutil.copyfile(path, beside)
            beside.chmod(0o600)
    if [_state(path) for path in files] != before:
        raise NotFinished(
            f"{source} changed while it was copied, and a journal forbids to read it otherwise",
            hint="stop what writes to it, or open it once with its own application so that it recovers",
        )
    with closing(sqlite3.connect(uri(target, "rw"), uri=True)) as copy:
        copy.execute("SELECT count(*) FROM sqlite_master").fetchone()
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return "bytes, recovered in the copy"


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def uri(path: Path, mode: str) -> str:
    """A file: URI for a path that exists."""
    return f"file:{quote(str(path))}?mode={mode}"


class SqliteFileProof(FileProof):
    """The hash of a database file and its WAL, computed by a process of its own."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _HASH, str(os.getpid()), str(path), f"{path}-wal"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def __call__(self) -> str | None:
        told, _ = self._process.communicate()
        return told if self._process.returncode == 0 else None

    def close(self) -> None:
        with self._process:  # waits for it, and closes the pipe
            self._process.kill()
