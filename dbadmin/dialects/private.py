"""Private directories that hold disposable copies: 0700, owned by a process, found again if it was killed."""

import errno
import json
import os
import secrets
import shutil
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbadmin.dialects import processes, stamped
from dbadmin.dialects.places import size_of
from dbadmin.dialects.values import Existing
from dbadmin.errors import DbadminError, InternalError, NotFinished
from dbadmin.interrupts import held_back
from dbadmin.secrets import first_line

OWNER = "owner.json"
PART = "part.json"
KEPT = "kept"
LEFT = "left"
PARTS = "dbadmin-part-"
"""How directories are called that only say where a file is being written."""


@contextmanager
def directory(prefix: str) -> Iterator[Path]:
    """A new private directory in the temporary directory (TMPDIR), removed at the end unless it was kept."""
    made: Path | None = None
    try:
        with held_back():
            made = stamped.new(prefix)
            _write_owner(made)
        yield made
    finally:
        if made is not None and made.exists() and not (made / KEPT).exists() and not (made / LEFT).exists():
            with held_back():
                _put_away(made)


def _put_away(made: Path) -> None:
    try:
        stamped.remove(made, OWNER)
    except OSError as error:
        raise stamped.not_removed(made.name, error, made.name) from error


@contextmanager
def dropping(made: Path, drop_all: Callable[[], None]) -> Iterator[None]:
    """Drop in the end what stands elsewhere for a private directory, unless it is to be kept; Ctrl-C waits for that.

    Where it fails the directory stays: its records say where to drop it. What the server or its driver said is then
    raised as NotFinished with the directory's name, by which `dbadmin copies` knows it.
    """
    try:
        yield
    finally:
        if not (made / KEPT).exists():
            with held_back():
                try:
                    drop_all()
                except DbadminError:
                    leave(made)
                    raise
                except Exception as error:
                    leave(made)
                    said = first_line(error)
                    raise NotFinished(
                        f"the databases of {made.name} could not be dropped: {said}",
                        hint=f"dbadmin copies --drop {made.name}",
                    ) from error


@contextmanager
def part(target: Path, directory: Path, *, folder: bool = False) -> Iterator[Path]:
    """A new file (0600) or folder (0700) beside `target`, to be renamed to it when it is whole; else gone afterwards.

    `directory` is a private one, in which its path is written down: what a killed run left is removed with it.
    """
    beside = target.absolute().with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        with held_back():
            _write_new(directory / PART, json.dumps(str(beside)))
            if folder:
                beside.mkdir(mode=0o700)
            else:
                os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        yield beside
    finally:
        with held_back():
            try:
                _remove_part(directory)
            except OSError as error:
                leave(directory)  # the directory tells where the part is
                raise NotFinished(
                    f"{beside} could not be removed: {error.strerror}", hint=f"dbadmin copies --drop {directory.name}"
                ) from error


@contextmanager
def written(target: Path) -> Iterator[Path]:
    """A new file (0600) beside `target`, which takes its place once the block has written it, and not before."""
    with directory(PARTS) as own, part(target, own) as path:
        yield path
        with held_back():
            rename(path, target)


def rename(part: Path, target: Path, *, replace: bool = True) -> None:
    """Put a part that is whole in its place, for good: also where the power fails afterwards.

    Without `replace` a file that came there meanwhile is left alone: FileExistsError.
    """
    files = [Path(entry.path) for entry in os.scandir(part)] if part.is_dir() else []
    for path in (*files, part):
        _sync(path)
    if replace or part.is_dir():  # a directory replaces nothing but an empty one
        part.rename(target)
    else:
        try:
            os.link(part, target, follow_symlinks=False)  # and the part's own name goes with its directory
        except (PermissionError, NotImplementedError):  # no hard links here
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
            part.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot for directories
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_part(directory: Path) -> None:
    """Remove the part that is written down in a private directory, and then its record."""
    for path in _part_of(directory):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            for suffix in ("-wal", "-shm", "-journal", ""):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
    (directory / PART).unlink(missing_ok=True)


def _part_of(directory: Path) -> tuple[Path, ...]:
    """The part that is written down in a private directory, where it is there and ours."""
    try:
        path = Path(json.loads((directory / PART).read_text(encoding="utf-8")))
        status = path.lstat()
    except (OSError, ValueError, TypeError):
        return ()
    ours = path.name.startswith(".") and path.name.endswith(".part") and status.st_uid == os.geteuid()
    return (path,) if ours and not stat.S_ISLNK(status.st_mode) else ()


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
    """Directories of this prefix in the temporary directories that carry an owner's record of this user.

    And those that do not yet, or no more, carry one, as their name and their emptiness tell.
    """
    places = stamped.searched()
    found = list(stamped.unfinished(prefix, engine, places, OWNER))
    for path in sorted(path for place in places for path in place.glob(f"{prefix}*")):
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
                    bytes=size_of(path),
                )
            )
    return tuple(found)


def remove(path: Path) -> None:
    """Remove a private directory, and end what still works in it; refuses one without an owner's record."""
    if _read_owner(path) is None and not stamped.is_unfinished(path, OWNER):
        raise InternalError(f"{path} was not made by dbadmin")
    processes.end_those_in(path, *_part_of(path))
    _remove_part(path)
    _put_away(path)


def _write_owner(path: Path) -> None:
    owner = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "identity": processes.identity(os.getpid()),
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    _write_new(path / OWNER, json.dumps(owner))


def _write_new(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


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
