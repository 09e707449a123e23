"""Where a private server's files stand: in a directory open to its account, with a short socket path."""

import os
from pathlib import Path

from dbadmin.dialects import accounts, places
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.record import Record
from dbadmin.errors import NoScratchServer

PREFIX = "dbadmin-pg-"
_SOCKET = ".s.PGSQL.5432"


def temporary(account: Account | None) -> Path:
    """A new private directory that the account can enter and whose socket fits; see `places.temporary`."""
    return places.temporary(PREFIX, account, _socket_fits)


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
    return len(os.fsencode(path)) <= places.LONGEST_SOCKET_PATH and "," not in path


def _made_again(directory: Path, account: Account | None) -> bool:
    try:
        directory.mkdir(mode=0o700)
    except OSError:
        return False  # taken by somebody: another name is safer than a directory that is not ours
    accounts.give(directory, account)
    return True
