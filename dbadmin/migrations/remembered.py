"""What was read of a project, kept for the next look as long as nothing that it depends on has changed.

In the user's cache directory (0700, files 0600); passwords are not kept. Trouble with it only costs the time to read
anew. A file counts as unchanged while its size and its times to the nanosecond are, as for Python's own bytecode.
"""

import hashlib
import json
import os
import platform
import stat
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dbadmin.migrations.looked_at import LIBRARIES
from dbadmin.migrations.mark import mark
from dbadmin.version import __version__

_FORMAT = 2
_JUST_NOW = 2 * 10**9
"""What changed so many nanoseconds ago may change again within the resolution of a file system's clock."""
_UNUSED_FOR = 30 * 86400.0
_VOLATILE = frozenset({
    "_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES", "TERM", "WINDOWID", "TMUX", "TMUX_PANE", "STY", "GPG_TTY",
    "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "XDG_SESSION_ID", "PYTEST_CURRENT_TEST", "NO_COLOR", "FORCE_COLOR",
})  # fmt: skip
"""Variables of a terminal, which count only where somebody asks for them by name."""
_SETTINGS = (".toml", ".ini", ".cfg", ".yaml", ".yml")
_TOLD = (*_SETTINGS, ".py", ".json", ".pth", ".so")


class Remembered:
    """One file of what is kept; `about` is what it is about (JSON), `directory` is the project's."""

    def __init__(self, kind: str, directory: Path, about: Any) -> None:
        self._name = f"{kind}-{digest([_FORMAT, __version__, sys.version, about])[:24]}-{mark(directory)}.json"

    def load(self) -> Any:
        """What was kept, or None."""
        with suppress(OSError, ValueError, RuntimeError):
            path = _place() / self._name
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
                if time.time() - found.st_mtime > 86400:
                    os.utime(path)
                return json.loads(path.read_bytes())
        return None

    def save(self, value: Any) -> None:
        """Keep it; what nobody has asked for in a month goes."""
        import tempfile

        with suppress(OSError, RuntimeError):
            place = _place()
            handle, name = tempfile.mkstemp(dir=place, prefix=".new-")  # 0600
            try:
                with os.fdopen(handle, "w") as file:
                    json.dump(value, file)
                Path(name).replace(place / self._name)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            for other in place.iterdir():
                if other.lstat().st_mtime < time.time() - _UNUSED_FOR:
                    other.unlink(missing_ok=True)


def _place() -> Path:
    """The directory; OSError where it is not this user's alone."""
    from platformdirs import user_cache_path

    place = user_cache_path("dbadmin") / "projects"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise OSError(f"{place} is open to others")
    return place


def digest(value: Any) -> str:
    """A hash of plain data."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def stamp(found: os.stat_result) -> list[int]:
    """What changes with a file."""
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def is_settled(found: os.stat_result, since: int | None = None) -> bool:
    """Whether a file was written long enough ago for its times to tell a later change, and not `since` (ns)."""
    return time.time_ns() - found.st_mtime_ns > _JUST_NOW and (since is None or found.st_ctime_ns < since)


def state(
    seen: Mapping[str, Any],
    environment: Mapping[str, str],
    used: Iterable[str | None] = (),
    *,
    since: int | None = None,
) -> str | None:
    """A hash of all that `LookedAt` saw, and of the texts in `used`, as they are now.

    None where something changed only just, or `since` (ns), when it was begun to look at it.
    """
    files: dict[str, Any] = {}
    for path in seen["files"]:
        try:
            found = Path(path).stat()
        except OSError:
            files[path] = None
            continue
        if not is_settled(found, since):
            return None
        files[path] = stamp(found) if stat.S_ISREG(found.st_mode) else found.st_mode
    folders = {path: _names(path) for path in seen["folders"]}
    above = {path: _names(path, settings_only=True) for path in _above(seen["folders"])}
    names = seen["names"] if seen["names"] is not None else sorted(environment.keys() - _VOLATILE)
    variables = [[name, environment.get(name)] for name in names]
    searched = environment.get("PYTHONPATH")
    return digest([files, folders, above, variables, list(used), searched, installed(), platform.node()])


def installed() -> list[Any]:
    """The folders that libraries are installed in, with their times: installing anything changes them."""
    found = []
    for path in sys.path:
        if f"{path}{os.sep}".startswith(LIBRARIES):
            with suppress(OSError):
                found.append([path, Path(path).stat().st_mtime_ns])
    return found


def _above(folders: Iterable[str]) -> list[str]:
    return sorted({str(above) for path in folders for above in Path(path).parents})


def _names(path: str, *, settings_only: bool = False) -> list[str] | None:
    """Names in a folder that code may look for: settings and .env files; modules and folders."""
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if _tells(entry, settings_only))
    except OSError:
        return None


def _tells(entry: "os.DirEntry[str]", settings_only: bool) -> bool:
    name = entry.name
    if name.startswith(".env") or name.endswith(_SETTINGS):
        return True
    return not settings_only and (name.endswith(_TOLD) or (name[:1] not in "._" and entry.is_dir()))
