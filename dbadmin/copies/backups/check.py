"""From a path to a backup that was checked: recognised, unpacked in private, read to its end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbadmin.copies.backups import sniff, tar
from dbadmin.copies.backups.unpack import sha256, unpack
from dbadmin.dialects import Backup, Progress, private
from dbadmin.dialects.backups import ENGINES, PREFIX, Compression, Content, Format, Insight, of_engine
from dbadmin.errors import NotFinished

_FORMATS: dict[Format, str] = {
    "custom": "pg_dump custom",
    "directory": "pg_dump directory",
    "tar": "pg_dump tar",
    "plain": "pg_dump plain SQL",
    "mariadb-dump": "mariadb-dump SQL",
    "mysqldump": "mysqldump SQL",
    "sqlite": "SQLite file",
}


@contextmanager
def open_backup(path: Path, *, progress: Progress) -> Iterator[Backup]:
    """Check a backup, and give it as long as the block runs; what was unpacked is gone afterwards.

    Nothing in it is run, and it is not changed. Raises UsageError (exit 2) for what dbadmin does not restore, or
    what would do more than fill one database; DamagedBackup (5) where it is not whole; NotFinished (5) where there
    is no room, or somebody still writes to it; NotSupported (4) where this machine's tools cannot read it.
    """
    sniff.look(path)
    path = path.resolve()
    with private.directory(PREFIX) as directory:
        yield examine(path, directory, progress=progress)


def examine(path: Path, directory: Path, *, progress: Progress) -> Backup:
    """Check a backup; what has to be unpacked goes to `directory`, which is private and outlives the result."""
    before = _state(path)
    compression = sniff.compression(path)
    content = _unpacked(path, compression, directory, progress)
    engine = ENGINES[content.format]
    insight = of_engine(engine).inspect(content, progress=progress)
    hashed = sha256(path, progress=progress)
    if _state(path) != before:
        raise NotFinished(
            f"{path} changed while it was read: somebody still writes to it", hint="wait until it is done"
        )
    return _backup(path, compression, content, engine, hashed, insight)


def _unpacked(path: Path, compression: Compression | None, directory: Path, progress: Progress) -> Content:
    inner = path
    if compression is not None:
        inner = directory / "content"
        unpack(path, compression, inner, progress=progress)
    found = sniff.format_of(inner, path)
    if found == "tar":
        folder = tar.check(inner, path)
        if folder is not None:
            tar.extract(inner, directory / "files")
            return Content(path, directory / "files" / folder, "directory", directory)
    return Content(path, inner, found, directory)


def _backup(
    path: Path, compression: Compression | None, content: Content, engine: str, hashed: str, insight: Insight
) -> Backup:
    restored = insight.path or content.path
    size = _size(restored)
    return Backup(
        path=path,
        format=_FORMATS[content.format] + (f" ({compression})" if compression else ""),
        engine=engine,
        sha256=hashed,
        bytes=_size(path),
        server_version=insight.server_version,
        database=insight.database,
        extensions=insight.extensions,
        roles=insight.roles,
        restored_bytes=size,
        incomplete=insight.incomplete,
        dump_version=insight.dump_version,
        notes=insight.notes,
        content=restored,
        kind=content.format,
        details=insight.details,
    )


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.iterdir()) if path.is_dir() else path.stat().st_size


def _state(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Sizes and times of the backup's files, by which a writer shows."""
    files = sorted(Path(entry.path) for entry in os.scandir(path)) if path.is_dir() else [path]
    found = [(file.name, file.lstat()) for file in files]
    return tuple((name, status.st_size, status.st_mtime_ns) for name, status in found)
