"""A private MariaDB server that dbadmin starts itself, for disposable copies.

It listens on a socket in a directory that only its account can enter, runs as an unprivileged user where we
are root, and leaves nothing behind. A killed dbadmin leaves the server; `abandoned` finds it, `stop` ends it.

    <directory>/            0700, owned by the server's account
        server.json         who started it (ours; one that the server's account put there is not believed)
        server.log          what the server says
        data/ tmp/ files/   the data directory, temporary files, the only place that LOAD DATA may read
        s                   the socket
        pid                 the server's process id
"""

import atexit
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from dbadmin.dialects import accounts, processes
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.mysql import binaries as installed
from dbadmin.dialects.mysql import directory as places
from dbadmin.dialects.mysql.binaries import Binaries
from dbadmin.dialects.places import last_lines, open_log, remove, temporary_directories
from dbadmin.dialects.prepared import copy_tree
from dbadmin.dialects.record import Record
from dbadmin.errors import NoScratchServer
from dbadmin.interrupts import held_back

if TYPE_CHECKING:
    from sqlalchemy import URL

LOG = "server.log"
SUPERUSER = "root"
_SECONDS_TO_START = 60.0
_SECONDS_TO_STOP = 30.0


class Server:
    """One private server, of disposable data. As a context manager it is stopped at the end, unless it is kept."""

    def __init__(self, directory: Path, record: Record, process: "subprocess.Popen[bytes] | None" = None) -> None:
        self.directory = directory
        self.record = record
        self.binaries: Binaries | None = None
        self._settings: Mapping[str, str] = {}
        self._page_size: int | None = None
        self._process = process

    @classmethod
    def start(
        cls,
        directory: Path | None = None,
        *,
        binaries: Binaries | None = None,
        settings: Mapping[str, str] | None = None,
        page_size: int | None = None,
        data: Path | None = None,
    ) -> "Server":
        """Start a server in `directory` (new or empty), or in a private temporary directory.

        `settings` are options of the server by name (lower_case_table_names …); `data` is a stopped server's data
        directory to begin with, which is copied. Raises NoScratchServer with the reason.
        """
        account = accounts.for_servers()
        chosen = binaries or installed.require()
        server = None
        try:
            with held_back():
                server = cls._place(directory, account)
                server.binaries, server._settings = chosen, dict(settings or {})
                server._page_size = page_size
                server.record.write(server.directory)
            places.make_own(server.directory, account)
            if data is None:
                places.initialise(chosen, server.directory / "data", account, page_size=page_size)
            else:
                copy_tree(data, server.directory / "data", account)
            server._launch()
            server.record = replace(
                server.record, version=chosen.version, binaries=str(chosen.server), origin="machine"
            )
            server.record.write(server.directory)
        except BaseException:
            if server is not None:
                server.stop()
            raise
        atexit.register(server._stop_at_exit)
        return server

    @classmethod
    def _place(cls, directory: Path | None, account: Account | None) -> "Server":
        """A server that is not started yet, with its directory."""
        made = directory is None or not directory.exists()
        if directory is None:
            directory = places.temporary(account)
        else:
            directory = directory.expanduser().resolve()
            directory.mkdir(exist_ok=True)
            accounts.give(directory, account)
        return cls(directory, Record.of_this_process(durable=False, made=made, socket_directory=str(directory)))

    @property
    def pid(self) -> int | None:
        """The server's process id, None where it does not run."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid  # known even if somebody removed the directory
        return _running(self.directory)

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def socket(self) -> Path:
        """The socket that clients connect to."""
        return self.directory / places.SOCKET

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self.directory / LOG

    def url(self, database: str | None = None, driver: str = "mysql+pymysql") -> "URL":
        """The URL of a database on this server, as its superuser."""
        from sqlalchemy import URL

        where = {"unix_socket": str(self.socket)}
        if driver.endswith("+pymysql"):
            where["ssl_disabled"] = "true"  # else it reads all of the machine's certificates for each connection
        return URL.create(driver, SUPERUSER, database=database, query=where)

    @contextmanager
    def paused(self) -> Iterator[Path]:
        """The data directory while the server is stopped in good order; it runs again afterwards.

        Sessions that were connected are ended.
        """
        if not self._end_with(signal.SIGTERM):
            raise NoScratchServer(f"the server in {self.directory} does not end", hint=f"see {self.log}")
        try:
            yield self.directory / "data"
        finally:
            self._launch()

    def another(self, directory: Path, *, data: Path | None = None) -> "Server":
        """A second server with the same settings, in a directory inside this one's; it ends with this one."""
        return Server.start(directory, binaries=self.binaries, settings=self._settings, page_size=self._page_size,
                            data=data)  # fmt: skip

    def keep(self) -> None:
        """Let the server outlive this process; `stop` still ends and removes it."""
        self.record = replace(self.record, kept=True)
        self.record.write(self.directory)
        atexit.unregister(self._stop_at_exit)
        if self._process is not None and self._process.poll() is None:
            self._process.returncode = 0  # it outlives this object on purpose; subprocess would warn
        self._process = None

    def stop(self) -> None:
        """End the server and those inside its directory, wait for them, and remove the directory.

        May be called again.
        """
        with held_back():
            self._stop()

    def _stop(self) -> None:
        atexit.unregister(self._stop_at_exit)
        for inside in _servers_in(self.directory, "*"):
            inside.stop()
        # Nothing in it is worth a shutdown in good order.
        if not self._end_with(signal.SIGKILL):
            raise NoScratchServer(
                f"the server in {self.directory} (pid {self.pid}) does not end", hint=f"see {self.log}"
            )
        if self._process is None:
            processes.end_those_in(self.directory)  # killed while it started, it wrote no pid file yet
        if self.record.made:
            remove(self.directory)
        elif self.directory.exists():
            remove(*self.directory.iterdir())

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.record.kept:
            self.stop()

    def _launch(self) -> None:
        assert self.binaries is not None
        arguments = places.settings(self.binaries, self.directory, self._settings, page_size=self._page_size)
        with open_log(self.log) as log, held_back():
            self._process = subprocess.Popen(
                [*accounts.launch(accounts.for_servers()), str(self.binaries.server), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=places.environment(self.directory),
                umask=0o077,
                start_new_session=True,  # Ctrl-C is ours to handle: the server is needed to clean up
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        until = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < until and self._process.poll() is None:
            if _answers(self.socket):
                return
            time.sleep(0.005)
        said = last_lines(self.log.read_text(errors="replace")) or "it said nothing"
        how = "did not get ready" if self._process.poll() is None else "ended at once"
        raise NoScratchServer(f"the private server in {self.directory} {how}: {said}", hint=installed.WAYS_ON)

    def _end_with(self, step: signal.Signals) -> bool:
        """Send one signal to the server; whether it is gone."""
        pid = self.pid
        if pid is None:
            return True
        known = processes.identity(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, step)
        until = time.monotonic() + _SECONDS_TO_STOP
        while processes.is_alive(pid, known):
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        if self._process is not None:
            self._process.wait()
        else:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return True

    def _stop_at_exit(self) -> None:
        if self.record.owner_pid == os.getpid():  # and not in a forked child, which ends before its parent
            self.stop()


def disposable() -> tuple[Server, ...]:
    """Every private server in the temporary directories, running or not, whoever owns it."""
    return tuple(server for base in temporary_directories() for server in _servers_in(base, f"{places.PREFIX}*"))


def abandoned() -> tuple[Server, ...]:
    """Those whose owner, a process of this host, is dead, and which are not kept; `stop` removes each."""
    return tuple(server for server in disposable() if server.record.owner_alive() is False and not server.record.kept)


def _servers_in(base: Path, pattern: str) -> Iterator[Server]:
    for directory in sorted(base.glob(pattern)):
        record = Record.read(directory)
        if record is not None:
            yield Server(directory, record)


def _running(directory: Path) -> int | None:
    """The server that runs in `directory` now; what its pid file says is believed only of a process of the
    directory's account which was started on these data.
    """
    try:
        pid = int((directory / "pid").read_text(errors="replace"))
        owner = directory.stat().st_uid
    except (OSError, ValueError):
        return None
    if not processes.is_alive(pid) or processes.user_of(pid) != owner:
        return None
    started_on = f" --datadir={directory / 'data'} "
    return pid if started_on in " ".join((*processes.arguments(pid), "")) else None


def _answers(path: Path) -> bool:
    """Whether a server greets there, which it does once it takes connections."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(path))
            return bool(client.recv(5))
        except OSError:
            return False
