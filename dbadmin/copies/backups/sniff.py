"""Which kind of backup a file or directory is: told by its content, never by its name."""

import os
import re
import stat
from pathlib import Path

from dbadmin.copies.backups import refused
from dbadmin.dialects.backups import Compression, Format
from dbadmin.errors import DamagedBackup, UsageError

HEAD = 64 * 1024
"""How many bytes tell the format."""
_AGAIN = "make the backup again"
_COMPRESSED: tuple[tuple[bytes, Compression], ...] = ((b"\x1f\x8b", "gz"), (b"\x28\xb5\x2f\xfd", "zst"))
_SQLITE = b"SQLite format 3\x00"
# The first line that is more than a frame tells who wrote a script.
_SCRIPTS: tuple[tuple["re.Pattern[str]", Format | None], ...] = (
    (re.compile(r"^-- PostgreSQL database cluster dump", re.MULTILINE), None),
    (re.compile(r"^-- PostgreSQL database dump", re.MULTILINE), "plain"),
    (re.compile(r"^-- MariaDB dump ", re.MULTILINE), "mariadb-dump"),
    (re.compile(r"^-- MySQL dump ", re.MULTILINE), "mysqldump"),
    (re.compile(r"^/\*M!", re.MULTILINE), "mariadb-dump"),
    (re.compile(r"^/\*![0-9]{5,6}", re.MULTILINE), "mysqldump"),
    (re.compile(r"^(?:CREATE TABLE|DROP TABLE IF EXISTS|INSERT INTO|LOCK TABLES) `", re.MULTILINE), "mysqldump"),
    (re.compile(r"^(?:COPY .* FROM stdin;|\\restrict |SET (?:statement_timeout|default_table_access_method) =)",
                re.MULTILINE), "plain"),
)  # fmt: skip


def look(path: Path) -> None:
    """Raise UsageError unless there is a file or directory that can be read."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise UsageError(f"there is no backup {path}", hint="give the path of a file or directory") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="give a path that you can read") from error
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise UsageError(f"{path} is neither a file nor a directory", hint="write the backup to a file first")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} cannot be read: permission denied", hint="give a path that you can read")


def compression(path: Path) -> Compression | None:
    """The outermost compression of a file, None where it has none."""
    if path.is_dir():
        return None
    head = _head(path)
    return next((name for magic, name in _COMPRESSED if head.startswith(magic)), None)


def format_of(path: Path, given: Path) -> Format:
    """The format of a file or directory without compression; `given` is its name in messages.

    Raises DamagedBackup where it is empty, UsageError where it is nothing that dbadmin restores.
    """
    if path.is_dir():
        return _of_directory(path, given)
    head = _head(path)
    if not head.strip():
        raise DamagedBackup(f"{given} is empty", hint=_AGAIN)
    if head.startswith(b"PGDMP"):
        return "custom"
    if head.startswith(_SQLITE):
        return "sqlite"
    if head[257:262] == b"ustar":
        return "tar"
    refusal = refused.by_magic(given, head)
    if refusal:
        raise refusal
    if any(head.startswith(magic) for magic, _ in _COMPRESSED):
        raise UsageError(f"{given} is compressed twice", hint="unpack it once, and give the result")
    return _of_script(head, given)


def _of_directory(path: Path, given: Path) -> Format:
    names = {entry.name for entry in path.iterdir()}
    if "toc.dat" in names:
        return "directory"
    refusal = refused.by_names(given, names)
    if refusal:
        raise refusal
    if any(re.fullmatch(r"\d+\.dat(?:\.\w+)?|restore\.sql|blobs?(?:_\d+)?\.toc", name) for name in names):
        raise DamagedBackup(f"{given} lacks toc.dat, its table of contents", hint=_AGAIN)
    if not names:
        raise DamagedBackup(f"{given} is empty", hint=_AGAIN)
    raise UsageError(
        f"{given} is a directory, but none that pg_dump wrote",
        hint="give the backup's own file, or a directory by pg_dump --format=directory",
    )


def _of_script(head: bytes, given: Path) -> Format:
    if b"\x00" in head:
        raise refused.unknown(given, head)
    text = head.decode(errors="replace")
    for pattern, found in _SCRIPTS:
        if pattern.search(text):
            if found is None:
                raise refused.cluster(given)
            return found
    raise refused.unknown(given, head)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
