"""Real dumps by the real tools, squeezed, damaged, and restored into a place; and what a database holds."""

import gzip
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dbadmin.copies.backups import open_backup
from dbadmin.dialects import Backup, Copied, Place, of
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.postgresql.server import Server

SQUEEZED = ["", "gz", "zst"]


def silent(what: str, done: float, total: float | None) -> None: ...


def pg_dump(binaries: Binaries, server: Server, database: str, target: Path, *options: str) -> Path:
    """Dump with this installation's own pg_dump."""
    subprocess.run(
        [binaries.tool("pg_dump"), "-h", server.socket_dir, "-U", "dbadmin", "-d", database, "-f", target, *options],
        check=True,
    )
    return target


def mariadb_dump(socket: Path, database: str, target: Path, *options: str) -> Path:
    """Dump with the machine's mariadb-dump."""
    with target.open("wb") as out:
        command = ["mariadb-dump", "--no-defaults", "-u", "root", "-S", str(socket), *options, database]
        subprocess.run(command, check=True, stdout=out)
    return target


def squeezed(path: Path, how: str, name: str = "squeezed") -> Path:
    """The file packed by gzip or zstd under a name that tells nothing; a directory is packed by tar first."""
    if path.is_dir() and how:
        packed = path.with_name("packed")
        subprocess.run(["tar", "-C", path.parent, "-cf", packed, path.name], check=True)
        path = packed
    if not how:
        return path
    target = path.with_name(name)
    if how == "gz":
        with path.open("rb") as source, gzip.open(target, "wb") as out:
            shutil.copyfileobj(source, out)
    else:
        import zstandard

        with path.open("rb") as source, target.open("wb") as out:
            zstandard.ZstdCompressor().copy_stream(source, out)
    return target


@contextmanager
def restored(path: Path, place: Place, name: str = "restored") -> Iterator[tuple[Backup, Copied]]:
    """A backup restored into `place`, dropped afterwards."""
    with open_backup(path, progress=silent) as backup:
        copied = place.restore(backup, name, progress=silent)
        try:
            yield backup, copied
        finally:
            place.drop(name)


def contents(url: sa.URL) -> Mapping[str, Any]:
    """What every table holds: rows, and a fingerprint of every column, by one method everywhere (a superuser's)."""
    if url.get_backend_name() == "postgresql":
        url = url.set(username="dbadmin")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        fingerprint = of(connection).fingerprint
        tables = fingerprint.tables(connection, fingerprint.table_names(connection))
        return {table.name: (data.rows, dict(data.columns), data.row) for table, data in tables.items()}


def rows(url: sa.URL, query: str) -> list[tuple[Any, ...]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def edited(path: Path, old: bytes, new: bytes, name: str = "edited") -> Path:
    """A copy of a file with the first `old` replaced; fails where there is none."""
    text = path.read_bytes()
    assert old in text, f"{old!r} is not in {path}"
    target = path.with_name(name)
    target.write_bytes(text.replace(old, new, 1))
    return target


def cut(path: Path, at: int, name: str = "cut") -> Path:
    """The first `at` bytes of a file (from its end, where negative)."""
    target = path.with_name(name)
    target.write_bytes(path.read_bytes()[:at])
    return target
