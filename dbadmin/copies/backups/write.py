"""A backup written: by the engine's own tools, under another name until it is whole, read to its end before that."""

import gzip
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dbadmin.copies.backups.check import examine
from dbadmin.copies.backups.proof import State, prove, read_state
from dbadmin.database import Database
from dbadmin.dialects import Backup, Progress, private
from dbadmin.dialects.backups import PREFIX, Compression, Format, Target, of_engine
from dbadmin.errors import DbadminError, MissingExtra, UsageError
from dbadmin.interrupts import held_back
from dbadmin.results import BackupProof, BackupReport


def write_backup(
    source: Database, path: str, *, force: bool = False, verify: bool = False, progress: Progress
) -> BackupReport:
    """Back up `source` to `path`, whose suffix says how (.dump, .sql, .tar, .db, each also .gz or .zst; "name/").

    With `verify` it is restored into a private place, and compared with the database. Nothing stands under that name
    unless it is whole. Raises UsageError for a suffix that the engine does not have, or a file that is there without
    `force`; ConnectionFailed, NotSupported or NotFinished where it cannot be made; DamagedBackup where it came out
    wrong.
    """
    began = time.monotonic()
    kind, squeeze = format_of(source, path)
    target = Path(path).expanduser()
    target = target.parent.resolve() / target.name
    refuse_target(target, folder=kind == "directory", force=force)
    refuse_itself(source, target)
    facts = source.run(source.dialect.copying.facts)
    before = read_state(source, progress) if verify else None
    with (
        private.directory(PREFIX) as directory,
        private.part(target, directory, folder=kind == "directory") as part,
    ):
        with opened(part, squeeze, directory) as opening:
            notes = of_engine(source.dialect.name).write(source.whole_url, facts, kind, opening, progress=progress)
        with named_as(target, part):
            backup = examine(part, directory, progress=progress)
            proof = prove_it(source, backup, before, progress)
        with held_back():
            private.rename(part, target, replace=force)
    return told(source, target, backup, proof, notes, time.monotonic() - began)


def format_of(source: Database, path: str) -> tuple[Format, Compression | None]:
    """What a name's suffix says; UsageError where the engine has no such format."""
    suffixes = of_engine(source.dialect.name).suffixes
    if path.endswith(("/", os.sep)):
        if "/" in suffixes:
            return suffixes["/"], None
    else:
        name = Path(path)
        squeezes: dict[str, Compression] = {".gz": "gz", ".zst": "zst"}
        squeeze = squeezes.get(name.suffix.lower())
        inner = name.with_suffix("") if squeeze else name
        kind = suffixes.get(inner.suffix.lower())
        if kind is not None:
            return kind, squeeze
    known = ", ".join("a folder (name/)" if suffix == "/" else suffix for suffix in suffixes)
    raise UsageError(
        f"{path}: the suffix says which format a backup has, and this engine has {known}",
        hint=f"{'each but a folder' if '/' in suffixes else 'each'} also with .gz or .zst",
    )


def refuse_target(target: Path, *, folder: bool, force: bool) -> None:
    """Raise UsageError before any work where the backup could not be put there."""
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no directory {target.parent}", hint=f"mkdir -p {target.parent}")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{target.parent} cannot be written to", hint="choose another directory")
    if not os.path.lexists(target):
        return
    if target.is_dir() and not target.is_symlink():
        raise UsageError(f"{target} is there already, and a directory is not replaced", hint="choose another name")
    if folder or not force:
        raise UsageError(f"{target} is there already", hint="choose another name, or --force to replace it")


def refuse_itself(source: Database, target: Path) -> None:
    """Raise UsageError where the backup would take the place of the database's own file."""
    address = source.dialect.address.of_url(source.whole_url)
    if address.server[0] == "file" and target.exists() and target.samefile(address.database):
        raise UsageError(f"{target} is the database itself", hint="choose another name")


class Sink:
    """Bytes on their way into the part: straight, or squeezed."""

    def __init__(self, file: BinaryIO, squeeze: Compression | None) -> None:
        self._squeezing = None if squeeze is None else _squeezing(file, squeeze)
        self.descriptor: int | None = file.fileno() if squeeze is None else None
        self.write: Callable[[bytes], object] = (self._squeezing or file).write

    def close(self) -> None:
        """Write what is still held back."""
        if self._squeezing is not None:
            self._squeezing.close()


def _squeezing(file: BinaryIO, how: Compression) -> Any:
    if how == "gz":
        return gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0)
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtra("zstandard", "zstd", "a backup compressed by zstd") from error
    return zstandard.ZstdCompressor(level=3, threads=-1).stream_writer(file, closefd=False)


@contextmanager
def opened(part: Path, squeeze: Compression | None, directory: Path) -> Iterator[Target]:
    """What the engine writes to."""
    if part.is_dir():
        yield Target(part, _Nowhere(), directory)
        return
    with part.open("r+b") as file:
        sink = Sink(file, squeeze)
        yield Target(part, sink, directory, squeezed=squeeze is not None)
        sink.close()


class _Nowhere:
    """A folder takes no bytes."""

    descriptor: int | None = None

    def write(self, piece: bytes, /) -> object:
        raise NotImplementedError  # pragma: no cover  an engine that writes folders has its tool write them


@contextmanager
def named_as(target: Path, part: Path) -> Iterator[None]:
    """Errors speak of the file by the name that the user gave it."""
    try:
        yield
    except DbadminError as error:
        error.message = error.message.replace(str(part), str(target))
        error.args = (error.message,)
        raise


def prove_it(source: Database, backup: Backup, before: State | None, progress: Progress) -> BackupProof | None:
    """Restore and compare, where that was asked for."""
    return None if before is None else prove(source, backup, before, progress=progress)


def told(
    source: Database, target: Path, backup: Backup, proof: BackupProof | None, notes: tuple[str, ...], seconds: float
) -> BackupReport:
    """The report."""
    return BackupReport(
        path=str(target),
        format=backup.format,
        bytes=backup.bytes,
        sha256=backup.sha256,
        database=source.info,
        seconds=seconds,
        incomplete=backup.incomplete,
        proof=proof,
        not_covered=notes,
    )
