"""A private PostgreSQL data directory: how it is made, its server's settings, environment and pid file."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dbadmin.dialects import accounts, processes
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.places import last_lines
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.prepared import prepare
from dbadmin.errors import NoScratchServer

SUPERUSER = "dbadmin"
PORT = 5432
"""Names the socket only: no server here listens on TCP, so any number may use it."""

_PRIVATE = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "dbadmin",
    "logging_collector": "off",
    "log_destination": "stderr",
    # What a copy must not do by itself: archive, follow a subscription, start pg_cron's or pg_net's workers.
    "archive_mode": "off",
    "max_logical_replication_workers": "0",
    "shared_preload_libraries": "",
}
_THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    # Statistics count what a migration writes, so nothing else may move them.
    "autovacuum": "off",
    "track_counts": "on",
    # Restoring a dump in one transaction locks every table of it.
    "max_locks_per_transaction": "256",
    # Shared memory as files of the data directory: /dev/shm is small in containers, and a killed server's
    # segments there would outlive it.
    "dynamic_shared_memory_type": "mmap",
    "jit": "off",
}


@dataclass(frozen=True)
class PidFile:
    """What postmaster.pid tells while a server runs in the data directory.

    Lines as in src/include/utils/pidfile.h: pid, data directory, start time, port, socket directory,
    listen address, shared memory key, status.
    """

    pid: int
    ready: bool


def initialise(binaries: Binaries, data: Path, account: Account | None, *, durable: bool) -> None:
    """Run initdb: superuser `dbadmin`, UTF-8, trust (the directory is private), the locale C.UTF-8.

    For a disposable server a copy of an earlier one's first state is taken where there is one; see `prepared`.
    From PostgreSQL 17 on the locale is the server's own, the same on every machine; before, the C library's.
    """
    chosen = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8"]
    if binaries.major >= 17:
        chosen += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not durable:
        chosen.append("--no-sync")
    if not durable and binaries.major >= 18:
        chosen.append("--no-data-checksums")

    def make() -> None:
        command = [str(binaries.tool("initdb")), "-D", str(data), *chosen]
        done = _initdb([*command, "--locale=C.UTF-8"], data, account)
        if done.returncode != 0 and "invalid locale" in done.stderr:
            done = _initdb([*command, "--locale=C"], data, account)  # the C library has no C.UTF-8
        if done.returncode != 0:
            raise NoScratchServer(
                f"initdb of PostgreSQL {binaries.version} failed in {data.parent}: {last_lines(done.stderr)}",
                hint="is the disk full, or the directory mounted with noexec? TMPDIR chooses another place",
            )

    if durable:
        make()  # a server that lasts has an identifier of its own
    else:
        prepare(binaries.tool("initdb"), [binaries.version, *chosen], data, account, make)


def settings(major: int, socket_dir: Path, *, durable: bool) -> list[str]:
    """The server's settings as command line arguments, which ALTER SYSTEM in a copy cannot override."""
    chosen = _PRIVATE | ({} if durable else _THROWAWAY)
    if major >= 18:
        chosen["io_method"] = "sync"  # workers would take the cores that parallel queries are to use
    quoted = str(socket_dir).replace('"', '""')
    chosen["unix_socket_directories"] = f'"{quoted}"'
    return [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]


def environment(directory: Path) -> dict[str, str]:
    """The server's environment, made from nothing: no secrets of ours, and no way to other servers.

    With PGHOSTADDR unusable, dblink, postgres_fdw and subscriptions in a copy reach nothing, unless they give
    hostaddr themselves.
    """
    kept = ("PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(directory),
        "LC_ALL": "C",
        "PGHOSTADDR": "blocked-by-dbadmin",
        "PGPASSFILE": "/dev/null",
        "PGSERVICEFILE": "/dev/null",
    }


def major_of(data: Path) -> int | None:
    """The major version of an existing data directory, None where there is none."""
    try:
        return int((data / "PG_VERSION").read_text().split(".")[0])
    except FileNotFoundError:
        return None


def running(data: Path) -> PidFile | None:
    """The postmaster that runs in this data directory now; a stale postmaster.pid counts as none.

    The file belongs to the server's account, so what it says is believed only of a process of that account
    which was started on this directory.
    """
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        pid = int(lines[0])
        owner = data.stat().st_uid
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None
    if not processes.is_alive(pid) or processes.user_of(pid) != owner:
        return None
    if f" -D {data} " not in " ".join((*processes.arguments(pid), "")):
        return None
    return PidFile(pid, ready=len(lines) > 7 and lines[7].startswith("ready"))


def _initdb(command: list[str], data: Path, account: Account | None) -> "subprocess.CompletedProcess[str]":
    try:
        return accounts.run(command, data.parent, environment(data.parent), account)
    except OSError as error:
        raise NoScratchServer(
            f"cannot run {command[0]}: {error}",
            hint="install PostgreSQL, pip install 'dbadmin-toolkit[scratch]', or name a server with --scratch URL",
        ) from error
