"""The operating system's account that a private database server runs as, and what that account can reach."""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbadmin.dialects import namespaces
from dbadmin.errors import NoScratchServer

# nobody before postgres: a scratch server that ran as postgres could log in to the machine's own PostgreSQL
# over its socket, because peer authentication goes by the operating system's user.
UNPRIVILEGED = ("nobody", "postgres")


@dataclass(frozen=True)
class Account:
    """A user of the operating system, with its primary group."""

    name: str
    uid: int
    gid: int


def for_servers() -> Account | None:
    """The account that servers run as when we are root; None means: as ourselves.

    Database servers refuse to run as root. Raises NoScratchServer where root has no account to change to
    or may not change (a container without CAP_SETUID, a user namespace with one user).
    """
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(name, entry.pw_uid, entry.pw_gid)
        if account.uid != 0:
            _prove_usable(account)
            return account
    raise NoScratchServer(
        f"a database server does not run as root, and no user {' or '.join(UNPRIVILEGED)} exists here",
        hint="run dbadmin as an ordinary user",
    )


def owner_of(path: Path) -> Account | None:
    """The account that owns `path`; None where that is ourselves."""
    status = path.stat()
    if status.st_uid == os.geteuid():
        return None
    try:
        name = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        name = str(status.st_uid)
    return Account(name, status.st_uid, status.st_gid)


def options(account: Account | None) -> dict[str, Any]:
    """What `subprocess` needs to run a program as this account."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def run(
    command: Sequence[str | Path], where: Path, environment: Mapping[str, str], account: Account | None
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end as this account, in a directory of its own; OSError where it cannot be started."""
    return subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd=where,
        env=environment,
        umask=0o077,
        start_new_session=True,
        **options(account),
    )


def launch(account: Account | None) -> list[str]:
    """The beginning of a command line: what follows runs as this account, without network where the kernel can."""
    return namespaces.launcher(*((account.uid, account.gid) if account else ()))


def give(path: Path, account: Account | None) -> None:
    """Make this one directory private to the account (0700), and its own."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)


def can_run(account: Account | None, program: Path) -> bool:
    """Whether the account reaches and starts `program` (with --version)."""
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            check=False,
            **options(account),
        )
    except OSError:
        return False
    return done.returncode == 0


def closed_directory(account: Account | None, directory: Path) -> Path | None:
    """The first directory on the way into `directory` that the account cannot enter, None where all are open.

    Tried by entering, as the account, so that access lists and mount options count too.
    """
    if _can_enter(account, directory):
        return None
    way = [*reversed(directory.parents), directory]
    return next((step for step in way if not _can_enter(account, step)), None)


def _can_enter(account: Account | None, directory: Path) -> bool:
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)]
    done = subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, cwd="/", check=False, **options(account)
    )
    return done.returncode == 0


def _prove_usable(account: Account) -> None:
    try:
        subprocess.run(["/bin/sh", "-c", ":"], stdin=subprocess.DEVNULL, cwd="/", check=True, **options(account))
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoScratchServer(
            f"a database server does not run as root, and root may not become {account.name} here ({error})",
            hint="run dbadmin as an ordinary user",
        ) from error
