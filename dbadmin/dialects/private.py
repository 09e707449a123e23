"""Private directories that hold disposable copies: 0700, owned by a process, found again if it was killed."""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbadmin.dialects import processes
from dbadmin.dialects.values import Existing
from dbadmin.errors import InternalError

OWNER = "owner.json"
KEPT = "kept"
LEFT = "left"


@contextmanager
def directory(prefix: str) -> Iterator[Path]:
    """A new private directory in the temporary directory (TMPDIR), removed at the end unless it was kept."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        _write_owner(made)
        yield made
    finally:
        if made.exists() and not (made / KEPT).exists() and not (made / LEFT).exists():
            shutil.rmtree(made)


def keep(made: Path) -> None:
    """Let the directory outlive this process, until it is removed by name."""
    (made / KEPT).touch(mode=0o600)


def leave(made: Path) -> None:
    """Let the directory stay although nobody asked for it: what it stands for could not be removed."""
    (made / LEFT).touch(mode=0o600)


def owner(made: Path) -> dict[str, Any]:
    """Who made the directory: host, pid, identity of the process, and when."""
    return dict(_read_owner(made) or {})


def existing(prefix: str, engine: str) -> tuple[Existing, ...]:
    """Directories of this prefix in the temporary directory that carry an owner's record of this user."""
    found = []
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{prefix}*")):
        owner = _read_owner(path)
        if owner is not None:
            found.append(
                Existing(
                    name=path.name,
                    engine=engine,
                    directory=path,
                    started_at=owner["started_at"],
                    owner_pid=owner["pid"],
                    owner_alive=_alive(owner),
                    kept=(path / KEPT).exists(),
                    bytes=_size(path),
                )
            )
    return tuple(found)


def _size(path: Path) -> int:
    """Bytes of the files in a directory, as far as they are still there: another process may be removing them."""
    total = 0
    for directory, _, files in os.walk(path):
        for name in files:
            with suppress(OSError):
                total += Path(directory, name).lstat().st_size
    return total


def remove(path: Path) -> None:
    """Remove a private directory; refuses one without an owner's record."""
    if _read_owner(path) is None:
        raise InternalError(f"{path} was not made by dbadmin")
    shutil.rmtree(path)


def _write_owner(path: Path) -> None:
    owner = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "identity": processes.identity(os.getpid()),
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    descriptor = os.open(path / OWNER, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(owner, file)


def _read_owner(path: Path) -> dict[str, Any] | None:
    """The record, believed only where it and its directory belong to this user and are no links."""
    record = path / OWNER
    try:
        if path.is_symlink() or record.is_symlink() or path.stat().st_uid != os.geteuid():
            return None
        owner = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(owner, dict) and {"host", "pid", "identity", "started_at"} <= owner.keys()
    return owner if known else None


def _alive(owner: Mapping[str, Any]) -> bool | None:
    if owner["host"] != socket.gethostname():
        return None
    return processes.is_alive(owner["pid"], owner["identity"])
