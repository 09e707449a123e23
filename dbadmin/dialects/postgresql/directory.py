"""Where a private server's files stand: in a directory open to its account, with a short socket path."""

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from dbadmin.dialects import accounts
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.postgresql.record import Record
from dbadmin.errors import NoScratchServer

PREFIX = "dbadmin-pg-"
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103  # bytes: sun_path less its final NUL on macOS and the BSDs (Linux: 107)


def temporary_directories() -> tuple[Path, ...]:
    """Where private directories may be made: the chosen temporary directory, then /tmp."""
    return tuple(dict.fromkeys(Path(place).resolve() for place in (tempfile.gettempdir(), "/tmp")))


def temporary(account: Account | None) -> Path:
    """A new private directory (0700, the account's own) that the account can enter and whose socket fits."""
    for base in temporary_directories():
        if _socket_fits(base / f"{PREFIX}12345678") and accounts.closed_directory(account, base) is None:
            directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
            accounts.give(directory, account)
            return directory
    places = ", ".join(map(str, temporary_directories()))
    raise NoScratchServer(
        f"no temporary directory for a private server: {places} cannot be entered or have too long a path",
        hint="set TMPDIR to a short path that other users can enter",
    )


def chosen(directory: Path, account: Account | None) -> None:
    """Make the user's `directory` private to the account; missing parents are made, existing ones left alone.

    Refused with the reason: a directory on the way that the account cannot enter, one that holds other files.
    """
    _refuse_foreign(directory)
    missing = [step for step in reversed(directory.parents) if not step.exists()]
    anchor = missing[0].parent if missing else directory.parent
    closed = accounts.closed_directory(account, anchor)
    if closed is not None:
        who = f"the user {account.name}, as whom PostgreSQL runs here," if account else "dbadmin"
        raise NoScratchServer(
            f"{who} cannot enter {closed}, so a server cannot have its data in {directory}",
            hint="choose a directory outside it (below /var/tmp, say), or run dbadmin as an ordinary user",
        )
    try:
        for step in missing:
            step.mkdir()
            if account is not None:
                step.chmod(0o755)  # made by us just now: the account has to get through, whatever the umask
        directory.mkdir(exist_ok=True)
        accounts.give(directory, account)
    except OSError as error:
        raise NoScratchServer(f"cannot make {directory}: {error}", hint="choose another directory") from error


def socket_directory(directory: Path, account: Account | None, remembered: str | None) -> Path:
    """The directory of the socket: `directory` itself, or a short one in /tmp where its path is too long.

    A durable server takes the one it had before (`remembered`), so that URLs written down stay true.
    """
    if _socket_fits(directory):
        return directory
    if remembered and remembered != str(directory) and _made_again(Path(remembered), account):
        return Path(remembered)
    return temporary(account)


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
    """Remove files and directory trees; NoScratchServer where something stays."""
    for _ in range(20):
        for path in paths:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        left = [str(path) for path in paths if path.exists()]
        if not left:
            return
        time.sleep(0.1)  # an initdb whose parent was killed may still be writing
    raise NoScratchServer(f"cannot remove {', '.join(left)}", hint=f"rm -r {' '.join(left)}")


def _refuse_foreign(directory: Path) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise NoScratchServer(f"{directory} is not a directory", hint="choose another directory")
    if not any(directory.iterdir()):
        return
    record = Record.read(directory)
    if record is None or not record.durable:
        what = "was not made by this user's dbadmin" if record is None else "belongs to a disposable server"
        raise NoScratchServer(f"{directory} is not empty and {what}", hint="choose an empty or new directory")
    if not (directory / "data").is_dir():
        raise NoScratchServer(f"{directory} holds no data any more", hint=f"rm -r {directory}")


def _socket_fits(directory: Path) -> bool:
    # A comma separates hosts in libpq's host parameter, and cannot be escaped there.
    path = str(directory / _SOCKET)
    return len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH and "," not in path


def _made_again(directory: Path, account: Account | None) -> bool:
    try:
        directory.mkdir(mode=0o700)
    except OSError:
        return False  # taken by somebody: another name is safer than a directory that is not ours
    accounts.give(directory, account)
    return True
