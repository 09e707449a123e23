"""gzip and zstd, unpacked to their end into a private file: a stream that breaks off must be known beforehand."""

import gzip
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dbadmin.dialects import Progress, watched
from dbadmin.dialects.backups import Compression
from dbadmin.errors import DamagedBackup, MissingExtra, NotFinished

MOST_RATIO = 250
"""Databases pack 3 to 20 times; what unpacks to more than this is taken for a bomb."""
RATIO_COUNTS_FROM = 1 << 30  # bytes: a small file may well be nothing but zeros
LEAST_FREE = 256 << 20  # bytes of the temporary directory that are never filled
_PIECE = 1 << 20
_SMALL_PIECE = 4096  # of zstd's input: 4 bytes can stand for 128 KiB


def unpack(packed: Path, how: Compression, target: Path, *, progress: Progress) -> None:
    """Unpack into `target`, a new file that nobody else can read.

    Raises DamagedBackup where the stream is cut or broken, NotFinished where it would not fit or is a bomb,
    MissingExtra where nothing here unpacks zstd.
    """
    size = packed.stat().st_size
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out, packed.open("rb") as source:
        written = 0
        for piece in _gzip(source, packed) if how == "gz" else _zstd(source, packed):
            written += len(piece)
            _refuse_too_much(packed, size, written, target)
            out.write(piece)
            progress("unpack the backup", source.tell(), size)


def _refuse_too_much(packed: Path, size: int, written: int, target: Path) -> None:
    if written > max(RATIO_COUNTS_FROM, MOST_RATIO * size):
        raise NotFinished(
            f"{packed} unpacks to more than {MOST_RATIO} times its size, as no dump of a database does",
            hint="if it is right, unpack it yourself and give the result",
        )
    if shutil.disk_usage(target.parent).free < LEAST_FREE:
        raise NotFinished(
            f"no space left to unpack {packed} in {target.parent.parent}",
            hint="set TMPDIR to a directory with more room",
        )


def _damaged(packed: Path, why: object) -> DamagedBackup:
    return DamagedBackup(f"{packed} is damaged: {why}", hint="make the backup again, or fetch it again")


def _gzip(source: BinaryIO, packed: Path) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=source) as stream:
        try:
            while piece := stream.read(_PIECE):
                yield piece
        except EOFError:
            raise _damaged(packed, "it is cut short") from None
        except (OSError, zlib.error) as error:
            raise _damaged(packed, error) from error


def _zstd(source: BinaryIO, packed: Path) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError:
        return _zstd_by_program(packed)
    return _zstd_by_package(zstandard, source, packed)


def _zstd_by_package(zstandard: Any, source: BinaryIO, packed: Path) -> Iterator[bytes]:
    # Frame by frame: the package's own stream reader takes a frame that is cut for the end.
    start: Callable[[], Any] = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj
    frame, begun = start(), False
    rest = b""
    try:
        while piece := rest or source.read(_SMALL_PIECE):
            begun = True
            yield frame.decompress(piece)
            rest = b""
            if frame.eof:
                rest, frame, begun = frame.unused_data, start(), False
    except zstandard.ZstdError as error:
        raise _damaged(packed, error) from error
    if begun:
        raise _damaged(packed, "it is cut short")


def _zstd_by_program(packed: Path) -> Iterator[bytes]:
    program = shutil.which("zstd")
    if program is None:
        raise MissingExtra("zstandard", "zstd", "a backup compressed by zstd")
    command = [program, "--decompress", "--stdout", "--quiet", "--long=31", "--", str(packed)]
    with watched.output(command, os.environ, lambda _, words: _damaged(packed, words.strip())) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def sha256(path: Path, *, progress: Progress) -> str:
    """The hash of a file; of a directory, that of its files' names and hashes, in the order of their names."""
    import hashlib

    if path.is_dir():
        names = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
        lines = "".join(f"{sha256(path / name, progress=progress)}  {name}\n" for name in names)
        return hashlib.sha256(lines.encode()).hexdigest()
    hashed, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            hashed.update(piece)
            progress("read the backup", file.tell(), size)
    return hashed.hexdigest()
