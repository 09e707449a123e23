"""pg_dump's archives (custom, directory, tar), read by pg_restore as the SQL that they stand for."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dbadmin.dialects import watched
from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.watched import Output
from dbadmin.errors import DamagedBackup, DbadminError, NotSupported, UsageError

__all__ = ["Output", "as_sql", "check_directory", "environment", "listing", "readers"]

_TOO_NEW = re.compile(r"unsupported version \(([\d.]+)\) in file header")
_NO_CODEC = re.compile(r"this build does not support compression with (\w+)|compression is not supported")


def readers() -> tuple[Binaries, ...]:
    """Installations with a pg_restore, the oldest first: what it reads, every server that can hold it takes."""
    found = [b for b in installed.find() if (b.bindir / "pg_restore").exists()]
    return tuple(sorted(found, key=lambda b: (b.major, b.origin == "wheel")))


@contextmanager
def as_sql(reader: Binaries, archive: Path, shown: str) -> Iterator[Output]:
    """The whole archive as SQL; DamagedBackup where pg_restore stumbles over it, or makes no progress."""
    command: list[str | Path] = [reader.tool("pg_restore"), "--file=-", "--no-password", archive]
    explain = _Explain(shown)
    with watched.output(command, environment(), explain) as stream:
        yield stream


def environment() -> Mapping[str, str]:
    """For programs that connect to nothing: none of libpq's variables, messages in English."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def listing(reader: Binaries, archive: Path, shown: str) -> str:
    """The archive's table of contents, as `pg_restore --use-list` takes it."""
    command: list[str | Path] = [reader.tool("pg_restore"), "--list", "--no-password", archive]
    pieces = []
    with watched.output(command, environment(), _Explain(shown)) as stream:
        while piece := stream.read():
            pieces.append(piece)
    return b"".join(pieces).decode("utf-8", "surrogateescape")


def check_directory(directory: Path, shown: str) -> None:
    """Raise UsageError where a directory archive holds anything but plain files of its own."""
    for path in directory.iterdir():
        if path.is_symlink() or not path.is_file():
            raise UsageError(
                f"{shown} holds {path.name!r}, which is no plain file",
                hint="pg_dump writes plain files only: look where the directory comes from",
            )


class _Explain:
    """What a failed pg_restore means."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __call__(self, status: int, words: str) -> DbadminError:
        told = [line.strip() for line in words.splitlines() if "error:" in line or "fatal:" in line]
        said = told[0].partition("error: ")[2] or told[0] if told else f"pg_restore ended with status {status}"
        newer = _TOO_NEW.search(words)
        if newer:
            return NotSupported(
                f"{self._shown} was written by a later pg_dump than any pg_restore here reads (archive {newer[1]})",
                hint="install that version's client programs, or pip install 'dbadmin-toolkit[scratch]'",
            )
        if _NO_CODEC.search(words):
            return NotSupported(
                f"{self._shown} is compressed inside in a way that this machine's pg_restore cannot read: {said}",
                hint="install PostgreSQL's own client programs, or dump with --compress=gzip",
            )
        return DamagedBackup(f"{self._shown} is damaged: {said}", hint="make the backup again")
