"""Private directories whose name tells whose they are, from the first moment to the last.

A process that is killed between making a directory and writing into it leaves an empty one, and so does one that is
killed while it removes it: the record that says whose it is goes last. Such a directory is known by its name alone,

    <prefix><pid>-<host and identity, hashed>-<random>

and since there is nothing in it, nothing can be lost with it.
"""

import hashlib
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from dbadmin.dialects import processes
from dbadmin.dialects.values import Existing
from dbadmin.errors import NotFinished

_NAME = re.compile(r"(\d{1,10})-([0-9a-f]{4})([0-9a-f]{6})-[a-z0-9_]{8}")
EXAMPLE = "4194304-0123456789-abcdefgh"
"""As long as what comes after the prefix can get."""


def new(prefix: str, base: Path | None = None) -> Path:
    """A new directory (0700) in `base`, or in the temporary directory, with a name that only this process gives.

    >>> made = new("dbadmin-example-")
    >>> alive(made, "dbadmin-example-")
    True
    >>> made.rmdir()
    """
    own = f"{os.getpid()}-{_hashed(socket.gethostname(), 4)}{_hashed(str(processes.identity(os.getpid())), 6)}"
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{own}-", dir=base))


def searched() -> tuple[Path, ...]:
    """Where an earlier run may have left something: the temporary directory, and those that are named for it.

    Python passes silently over a named one that it cannot write to; a full disk hides nothing that lies there.
    """
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    with suppress(FileNotFoundError):  # none can be written to
        named.insert(0, tempfile.gettempdir())
    return tuple(dict.fromkeys(Path(place).resolve() for place in named))


def not_removed(what: str, error: OSError, name: str | None) -> NotFinished:
    """What is told where the system refuses a removal; `name` is what `dbadmin copies` calls it, if it does.

    >>> not_removed("x1", PermissionError(1, "Operation not permitted"), "x1").message
    'x1 could not be removed: Operation not permitted'
    """
    where = f": {error.filename}" if error.filename else ""
    hint = f"dbadmin copies --drop {name}" if name else None
    return NotFinished(f"{what} could not be removed: {error.strerror}{where}", hint=hint)


def token(name: str) -> str:
    """What is random in a name: what is made elsewhere on behalf of such a directory is called by it.

    >>> token("dbadmin-on-pg-4711-0123456789-x1y2z3a4")
    'x1y2z3a4'
    """
    return name.rpartition("-")[2]


def alive(path: Path, prefix: str) -> bool | None:
    """Whether the process lives that gave this name; None where that was on another host, or nobody of ours did."""
    told = _NAME.fullmatch(path.name.removeprefix(prefix)) if path.name.startswith(prefix) else None
    if told is None or told[2] != _hashed(socket.gethostname(), 4):
        return None
    identity = processes.identity(int(told[1]))
    return identity is not None and _hashed(identity, 6) == told[3]


def pid(path: Path, prefix: str) -> int | None:
    """The process that gave this name; None where it is none of ours."""
    told = _NAME.fullmatch(path.name.removeprefix(prefix)) if path.name.startswith(prefix) else None
    return None if told is None else int(told[1])


def unfinished(prefix: str, engine: str, bases: Collection[Path], record: str) -> tuple[Existing, ...]:
    """Directories of this prefix that carry a name of ours and nothing else, but for a record that is no whole one."""
    found = []
    for path in sorted(path for base in bases for path in base.glob(f"{prefix}*")):
        told = _NAME.fullmatch(path.name.removeprefix(prefix))
        with suppress(OSError):
            if told is not None and is_unfinished(path, record):
                made = datetime.fromtimestamp(path.lstat().st_mtime, UTC).isoformat(timespec="milliseconds")
                found.append(
                    Existing(path.name, engine, path, made, int(told[1]), alive(path, prefix), kept=False, bytes=0)
                )
    return tuple(found)


def is_unfinished(path: Path, record: str) -> bool:
    """Whether a directory of this user's (and no link) is called so, and holds nothing but what a record begins as."""
    status = path.lstat()
    ours = stat.S_ISDIR(status.st_mode) and os.geteuid() in (0, status.st_uid)
    if not ours or re.search(_NAME.pattern + "$", path.name) is None:
        return False
    return all(
        entry.name.startswith(f".{record}.") or (entry.name == record and not entry.stat().st_size)
        for entry in path.iterdir()
    )


def remove(path: Path, record: str) -> None:
    """Remove a directory and all that is in it; the record of whose it is goes last. OSError where something stays."""
    for entry in _entries(path):
        if entry.name != record:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                Path(entry.path).unlink(missing_ok=True)
    (path / record).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        path.rmdir()


def _entries(path: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        yield from sorted(os.scandir(path), key=lambda entry: entry.name)
    except FileNotFoundError:
        return


def _hashed(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
