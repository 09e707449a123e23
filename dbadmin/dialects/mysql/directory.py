"""A private MariaDB data directory: where it stands, how it is made, with which settings it is served."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dbadmin.dialects import accounts, places
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.mysql.binaries import Binaries
from dbadmin.dialects.places import last_lines
from dbadmin.dialects.prepared import prepare
from dbadmin.errors import NoScratchServer

PREFIX = "dbadmin-my-"
SOCKET = "s"
_LOG_BYTES = 48 << 20
"""InnoDB's redo log: large enough to load at full speed, small enough to copy with every clone."""

_PRIVATE = (
    "--skip-networking",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--event-scheduler=OFF",  # DISABLED would refuse CREATE EVENT, and with it every dump that has one
    "--skip-slave-start",
    "--local-infile=OFF",
    "--symbolic-links=0",
)
_THROWAWAY = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-fast-shutdown=1",
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
    "--innodb-buffer-pool-load-at-startup=OFF",
    "--innodb-buffer-pool-size=256M",
    "--max-allowed-packet=1G",
)
# What a step wrote and did is told by these: counters that nothing else moves, and the stages of ALTER TABLE.
_OBSERVED = (
    "--innodb-stats-auto-recalc=OFF",
    "--performance-schema=ON",
    "--userstat=ON",
    "--performance-schema-instrument=stage/%=ON",
    "--performance-schema-consumer-events-stages-current=ON",
    "--performance-schema-consumer-events-stages-history=ON",
    "--performance-schema-consumer-events-stages-history-long=ON",
    "--performance-schema-events-stages-history-long-size=10000",
)
# Nothing waits for the disk: a copy that a power failure ends is worth nothing anyway.
_UNSYNCED: Mapping[str, tuple[str, ...]] = {
    "mariadb": ("--loose-debug-no-sync", "--sync-frm=OFF", "--innodb-flush-method=nosync"),
    "mysql": ("--innodb-flush-method=nosync",),
}
_BY_FAMILY: Mapping[str, tuple[str, ...]] = {
    "mariadb": ("--plugin-load-add=metadata_lock_info", f"--innodb-log-file-size={_LOG_BYTES}"),
    "mysql": ("--mysqlx=OFF",),
}


def temporary(account: Account | None) -> Path:
    """A new private directory that the account can enter and whose socket fits; see `places.temporary`."""
    return places.temporary(
        PREFIX, account, lambda directory: len(os.fsencode(directory / SOCKET)) <= places.LONGEST_SOCKET_PATH
    )


def initialise(binaries: Binaries, data: Path, account: Account | None, *, page_size: int | None = None) -> None:
    """Make an empty data directory: root without a password, which only the socket's owner can use.

    A copy of what the installer made before is taken where there is one; see `prepared`. Run as the account
    itself, never with --user: as root the installer would change the owner of the machine's own PAM tool. `make_own`
    has made the directory around it.
    """
    sized = [f"--innodb-page-size={page_size}"] if page_size else []
    if binaries.family == "mysql":
        _install([binaries.server, "--no-defaults", "--initialize-insecure", f"--datadir={data}", *sized], data,
                 binaries, account)  # fmt: skip
        return
    tool = binaries.tool("mariadb-install-db")
    chosen = [
        "--skip-test-db", "--skip-name-resolve", "--auth-root-authentication-method=normal",
        *_UNSYNCED["mariadb"], f"--innodb-log-file-size={_LOG_BYTES}", *sized,
    ]  # fmt: skip

    def make() -> None:
        _install([tool, "--no-defaults", f"--datadir={data}", *chosen], data, binaries, account)

    prepare(binaries.server, [binaries.version, str(tool), *chosen], data, account, make)


def _install(command: Sequence[str | Path], data: Path, binaries: Binaries, account: Account | None) -> None:
    # A server removes the temporary tables that it finds when it starts: not those of others, in /tmp.
    variables = environment(data.parent) | {"TMPDIR": str(data.parent / "tmp")}
    try:
        done = accounts.run(command, data.parent, variables, account)
    except OSError as error:
        raise NoScratchServer(
            f"cannot run {command[0]}: {error}", hint="install MariaDB's server, or name one with --scratch URL"
        ) from error
    if done.returncode != 0:
        raise NoScratchServer(
            f"making a {binaries.product} data directory failed in {data.parent}: "
            f"{last_lines(done.stderr) or last_lines(done.stdout)}",
            hint="is the disk full, or the directory mounted with noexec? TMPDIR chooses another place",
        )


def settings(
    binaries: Binaries, directory: Path, given: Mapping[str, str], *, page_size: int | None = None
) -> list[str]:
    """The command line of a server on `directory`; `given` are the source's own settings, by option name."""
    own = [
        f"--datadir={directory / 'data'}",
        f"--socket={directory / SOCKET}",
        f"--pid-file={directory / 'pid'}",
        f"--tmpdir={directory / 'tmp'}",
        f"--secure-file-priv={directory / 'files'}",
    ]
    chosen = [*_PRIVATE, *_THROWAWAY, *_OBSERVED, *_UNSYNCED[binaries.family], *_BY_FAMILY[binaries.family]]
    if page_size is not None:
        chosen.append(f"--innodb-page-size={page_size}")
    return ["--no-defaults", *own, *chosen, *(f"--{name}={value}" for name, value in given.items())]


def environment(directory: Path) -> dict[str, str]:
    """The server's environment, made from nothing: no secrets of ours, and no way to other servers."""
    kept = ("PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"HOME": str(directory), "LC_ALL": "C"}


def make_own(directory: Path, account: Account | None) -> None:
    """The directories beside the data that a server needs: for its temporary files, and for LOAD DATA."""
    for name in ("tmp", "files"):
        (directory / name).mkdir(exist_ok=True)
        accounts.give(directory / name, account)
