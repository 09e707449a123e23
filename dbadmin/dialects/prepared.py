"""Empty data directories of private servers, made once by the engine's own tool and copied from then on.

Kept in the user's cache directory (0700), for one build of the programs, one account and one way to call them. They
hold no data, no accounts but the private server's, and no password. What is not exactly as it was made is not used,
and thrown away.
"""

import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from dbadmin.dialects import stamped
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.values import Existing
from dbadmin.interrupts import held_back

_FORMAT = 1
_NEW = ".new-"
ENGINE = "empty server"
"""What `dbadmin copies` calls such a directory that a killed run has not finished."""
_MANIFEST, _DATA = "manifest.json", "data"
RECORD = _MANIFEST
_UNUSED_FOR = 30 * 86400.0
"""Seconds after which a directory that nobody copied is removed, when another one is made."""


def prepare(tool: Path, command: Sequence[str], data: Path, account: Account | None, make: Callable[[], None]) -> None:
    """Make the data directory `data`: a copy of the one that this command made before, else by `make()`.

    `tool` is the program, `command` what it is told, without the directory. Whatever `make` raises is raised; trouble
    with what is kept only costs the time to make it anew.
    """
    kept = _kept(tool, command, account)
    if kept is not None and _copied(kept, data, account):
        return
    make()
    if kept is not None:
        with suppress(OSError, subprocess.SubprocessError):
            _keep(kept, data, account)


def copy_tree(source: Path, target: Path, account: Account | None) -> None:
    """Copy a stopped server's data directory with its rights; shares blocks where the file system can."""
    tool = _gnu_cp()
    if tool is None:
        shutil.copytree(source, target, symlinks=True)
        for path in [target, *target.rglob("*")]:
            if account is not None:
                os.lchown(path, account.uid, account.gid)
        return
    subprocess.run(
        [tool, "-a", "--reflink=auto", str(source), str(target)],
        check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@cache
def _gnu_cp() -> str | None:
    tool = shutil.which("cp")
    if tool is None:
        return None
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout
    return tool if "GNU" in version else None


def _kept(tool: Path, command: Sequence[str], account: Account | None) -> Path | None:
    """Where the directory of this command is kept; None where there is no private place for it."""
    from platformdirs import user_cache_path

    try:
        program, zone = tool.resolve().stat(), Path("/etc/localtime")
        key = [
            _FORMAT, str(tool.resolve()), program.st_size, program.st_mtime_ns, *command, platform.node(),
            account.uid if account else os.geteuid(),
            os.environ.get("TZ"), str(zone.resolve()), os.environ.get("LD_LIBRARY_PATH"),  # what such a tool looks at
        ]  # fmt: skip
        place = user_cache_path("dbadmin") / "servers"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    return place / name if _is_private(place) else None


def unfinished() -> tuple[Existing, ...]:
    """Directories that a run is making, or was killed while it made them."""
    from platformdirs import user_cache_path

    found = []
    for path in sorted((user_cache_path("dbadmin") / "servers").glob(f"{_NEW}*")):
        if _is_private(path) and (pid := stamped.pid(path, _NEW)) is not None:
            made = datetime.fromtimestamp(path.lstat().st_mtime, UTC).isoformat(timespec="milliseconds")
            living = stamped.alive(path, _NEW)
            found.append(Existing(path.name, ENGINE, path, made, pid, living, kept=False, bytes=None))
    return tuple(found)


def _is_private(directory: Path) -> bool:
    """Whether it is a directory (and no link) of this user's that nobody else can enter."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _copied(kept: Path, data: Path, account: Account | None) -> bool:
    """Copy what is kept, and look whether the copy is what was made; if not, neither stays."""
    if not os.path.lexists(kept):
        return False
    try:
        if _is_private(kept):
            copy_tree(kept / _DATA, data, account)
            if json.loads((kept / _MANIFEST).read_text()) == {"tree": _tree(data, account)}:
                os.utime(kept)
                return True
    except (OSError, ValueError, subprocess.SubprocessError):
        pass
    _discard(data)
    _discard(kept)
    return False


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _keep(kept: Path, data: Path, account: Account | None) -> None:
    """Keep a copy; it gets its name once it is whole, and what nobody uses any more goes."""
    made: Path | None = None
    try:
        with held_back():
            made = stamped.new(_NEW, kept.parent)
        copy_tree(data, made / _DATA, account)
        tree = _tree(made / _DATA, account)
        (made / _MANIFEST).write_text(json.dumps({"tree": tree}))
        if tree == _tree(data, account):
            made.rename(kept)
    finally:
        if made is not None and made.exists():
            with held_back():
                shutil.rmtree(made, ignore_errors=True)
    for other in kept.parent.iterdir():
        if other.lstat().st_mtime < time.time() - _UNUSED_FOR:
            _discard(other)


def _tree(top: Path, account: Account | None) -> str:
    """A hash of every name, right and byte; OSError for what is no plain file or directory of the account's."""
    found = hashlib.sha256()
    owner = account.uid if account else os.geteuid()
    for path in sorted([top, *top.rglob("*")]):
        status = path.lstat()
        if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)) or status.st_uid != owner:
            raise OSError(f"{path} is no plain file of the server's account")
        entry = (str(path.relative_to(top)), stat.S_IMODE(status.st_mode), stat.S_ISDIR(status.st_mode))
        found.update(f"{entry!r}\n".encode())
        if stat.S_ISREG(status.st_mode):
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()
