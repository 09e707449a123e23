"""A private directory in which copies of SQLite databases live."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import private
from dbadmin.dialects.copying import Place
from dbadmin.dialects.sqlite import files
from dbadmin.dialects.values import Copied, Progress
from dbadmin.errors import InternalError, NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL


class SqlitePlace(Place):
    """A private directory; each copy is `of-<name>/<file name>` so that file names stay as they were."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.name = directory.name
        self.server_version = sqlite3.sqlite_version
        self._files: dict[str, Path] = {}
        self._twins: dict[str, tuple[Path, bytes]] = {}  # of copies, made while these were checked, with their state

    def copy(self, source: "URL", name: str, *, facts: None, progress: Progress) -> Copied:
        path = files.database_file(source)
        if path is None:
            raise NotSupported(
                "a database in memory cannot be copied", hint="use a database that is a file, or --backup"
            )
        target = self._new(name, path.name)
        temporary = target.with_name(target.name + ".part")
        try:
            method = files.copy_unchecked(path, temporary, progress)
            with ThreadPoolExecutor(1) as beside:
                checked = beside.submit(files.check, temporary)
                self._set_aside(name, temporary)
                checked.result()
            for suffix in ("-wal", "-shm", "-journal"):
                target.with_name(temporary.name + suffix).unlink(missing_ok=True)
            temporary.rename(target)
        except BaseException:
            self.drop(name)
            raise
        return Copied(_url(target), method, target.stat().st_size)

    def clone(self, name: str, new_name: str) -> "URL":
        original = self._files[name]
        target = self._new(new_name, original.name)
        twin, state = self._twins.pop(name, (None, b""))
        if twin is not None and state and _header(original) == state:
            twin.rename(target)
            return _url(target)
        # Nobody is connected to the original, which is ours alone: its bytes and its WAL are the database.
        for suffix in ("", "-wal"):
            beside = original.with_name(original.name + suffix)
            if beside.exists():
                files.duplicate(beside, target.with_name(target.name + suffix))
        return _url(target)

    def _set_aside(self, name: str, copy: Path) -> None:
        """Make the second copy that `clone` will be asked for, of a copy that nobody has opened to write yet."""
        twin = self.directory / f"twin-of-{name}"
        files.duplicate(copy, twin)
        self._twins[name] = (twin, _header(copy))

    def empty(self, name: str) -> "URL":
        target = self._new(name, "empty.db")
        target.touch(mode=0o600)
        return _url(target)

    def drop(self, name: str) -> None:
        if name not in self._files:
            raise InternalError(f"{name} is not a copy of this place")
        shutil.rmtree(self._files.pop(name).parent, ignore_errors=True)
        (self.directory / f"twin-of-{name}").unlink(missing_ok=True)

    def keep(self) -> None:
        private.keep(self.directory)

    def _new(self, name: str, file_name: str) -> Path:
        directory = self.directory / f"of-{name}"  # whatever the source's file is called, it is none of our own
        directory.mkdir(mode=0o700)
        self._files[name] = directory / file_name
        return self._files[name]


class TwinPlace(SqlitePlace):
    """A private directory beside a database that is itself the copy: others may have it open."""

    def __init__(self, directory: Path, url: "URL") -> None:
        super().__init__(directory)
        self._url = url

    def _set_aside(self, name: str, copy: Path) -> None:
        """What is made here is the second copy."""

    def clone(self, name: str, new_name: str) -> "URL":
        if name in self._files:
            return super().clone(name, new_name)
        return self.copy(self._url, new_name, facts=None, progress=lambda what, done, total: None).url


def _header(path: Path) -> bytes:
    """What every committed transaction changes: the header's change counter, and whether there is more in a WAL."""
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        return b""
    status = path.stat()
    with path.open("rb") as file:
        return f"{status.st_size} {status.st_mtime_ns} ".encode() + file.read(100)


def _url(path: Path) -> "URL":
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(path))
