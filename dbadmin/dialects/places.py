"""Where private servers' files stand, whatever their engine: temporary directories, logs, and their removal."""

import os
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from dbadmin.dialects import accounts, stamped
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.record import RECORD
from dbadmin.errors import NoScratchServer

LONGEST_SOCKET_PATH = 103  # bytes: sun_path less its final NUL on macOS and the BSDs (Linux: 107)
FALLBACK = Path("/tmp")
"""Where private servers stand if the temporary directory is too deep for a socket, or closed to their account."""


def temporary_directories() -> tuple[Path, ...]:
    """Where private directories may be made: the chosen temporary directory, then the fallback."""
    return tuple(dict.fromkeys(Path(place).resolve() for place in (tempfile.gettempdir(), FALLBACK)))


def searched_directories() -> tuple[Path, ...]:
    """Where private directories may lie: where they may be made, and where they may have been made before."""
    return tuple(dict.fromkeys((*stamped.searched(), FALLBACK.resolve())))


def temporary(prefix: str, account: Account | None, fits: Callable[[Path], bool]) -> Path:
    """A new private directory (0700, the account's own) that the account can enter and whose socket fits."""
    for base in temporary_directories():
        if fits(base / f"{prefix}{stamped.EXAMPLE}") and accounts.closed_directory(account, base) is None:
            directory = stamped.new(prefix, base)
            try:
                accounts.give(directory, account)
            except BaseException:
                directory.rmdir()
                raise
            return directory
    places = ", ".join(map(str, temporary_directories()))
    raise NoScratchServer(
        f"no temporary directory for a private server: {places} cannot be entered or have too long a path",
        hint="set TMPDIR to a short path that other users can enter",
    )


def open_log(path: Path) -> BinaryIO:
    """Open a server's log for appending, 0600; a link in its place is refused (its directory is not ours)."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(descriptor)
        raise NoScratchServer(f"{path} is not a file of its own", hint=f"rm {path}")
    return os.fdopen(descriptor, "ab")


def remove(*paths: Path) -> None:
    """Remove files and directory trees, the server's record last; NoScratchServer where something stays."""
    for _ in range(20):
        for path in paths:
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    stamped.remove(path, RECORD)
                else:
                    path.unlink(missing_ok=True)
        left = [str(path) for path in paths if path.exists()]
        if not left:
            return
        time.sleep(0.1)  # an initdb whose parent was killed may still be writing
    raise NoScratchServer(f"cannot remove {', '.join(left)}", hint=f"dbadmin copies --clean, or rm -r {' '.join(left)}")


def last_lines(text: str, most: int = 5) -> str:
    """The last lines of a log that say something, in one line.

    >>> last_lines("a\\n\\nb\\nc\\n", most=2)
    'b / c'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-most:])


def size_of(path: Path) -> int:
    """Bytes of the files in a directory, as far as they are still there: another process may be removing them."""
    total = 0
    for directory, _, files in os.walk(path):
        for name in files:
            with suppress(OSError):
                total += Path(directory, name).lstat().st_size
    return total
