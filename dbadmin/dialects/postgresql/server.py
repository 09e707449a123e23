"""A private PostgreSQL server that dbadmin starts itself: for disposable copies, and for the demo's own data.

It listens on a socket in a directory that only its account can enter, runs as an unprivileged user where we
are root, and leaves nothing behind. A killed dbadmin leaves the server; `disposable` finds it, `stop` ends it.

    <directory>/            0700, owned by the server's account
        server.json         who started it (ours; one that the server's account put there is not believed)
        server.log          what the server says
        data/               the data directory
        .s.PGSQL.5432       the socket (in a short directory of its own where this path is too long)
"""

import atexit
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import accounts, processes, servers, urls
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.places import open_log, remove
from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql import cluster
from dbadmin.dialects.postgresql import directory as places
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.record import RECORD, Record
from dbadmin.dialects.servers import LOG, PrivateServer
from dbadmin.errors import NoScratchServer
from dbadmin.interrupts import held_back

if TYPE_CHECKING:
    from sqlalchemy import URL


class Server(PrivateServer):
    """One private server. As a context manager it is stopped at the end, unless it is durable or kept.

    Made by `start` or `attach`. `directory` holds everything, `socket_dir` is what libpq takes as host.
    """

    called = "the PostgreSQL server"
    hint = installed.THREE_WAYS

    @classmethod
    def start(
        cls, directory: Path | None = None, *, binaries: Binaries | None = None, durable: bool = False
    ) -> "Server":
        """Start a server in `directory` (made if missing), or in a private temporary directory.

        A directory that holds a stopped durable server's data is used again. `durable` keeps PostgreSQL's own
        safety settings and lets the server outlive this process. Raises NoScratchServer with the reason: no
        binaries, a directory that the server's account cannot enter, or the last lines of the server's log.
        """
        urls.require_for_server("psycopg", "PostgreSQL")
        account = accounts.for_servers()
        server, new = None, False
        try:
            with held_back():
                server = cls._place(directory, account, durable=durable)
                new = cluster.major_of(server.directory / "data") is None
                server.record.write(server.directory)
            server._launch(binaries, account)
        except BaseException:
            if server is not None:
                server._abort(new)
            raise
        if durable:
            server._disown()
        else:
            atexit.register(server._stop_at_exit)
        return server

    @classmethod
    def _place(cls, directory: Path | None, account: Account | None, *, durable: bool) -> "Server":
        """A server that is not started yet, with its directories."""
        made, remembered = True, None
        if directory is None:
            directory = places.temporary(account)
        else:
            directory = directory.expanduser().resolve()
            _refuse_running(directory)
            made, remembered = not directory.exists(), Record.read(directory)
            places.chosen(directory, account)
        try:
            had = remembered.socket_directory if remembered else None
            socket_dir = places.socket_directory(directory, account, had)
        except BaseException:
            if made:
                directory.rmdir()
            raise
        return cls(directory, Record.of_this_process(durable=durable, made=made, socket_directory=str(socket_dir)))

    @property
    def socket_dir(self) -> Path:
        return Path(self.record.socket_directory)

    def url(self, database: str = "postgres", driver: str = "postgresql+psycopg") -> "URL":
        """The URL of a database on this server, as its superuser."""
        from sqlalchemy import URL

        where = {"host": str(self.socket_dir), "port": str(cluster.PORT)}
        return URL.create(driver, username=cluster.SUPERUSER, database=database, query=where)

    def _stop(self) -> None:
        disposable = not self.record.durable
        # A disposable server is told to drop everything (immediate), a durable one to save it (fast).
        first = signal.SIGQUIT if disposable else signal.SIGINT
        self._end_with(first, signal.SIGQUIT, signal.SIGKILL)
        if disposable and self._process is None:
            processes.end_those_in(self.directory)  # killed while it started, it wrote no pid file yet
        if self.socket_dir != self.directory:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        if disposable:
            self._remove_files()

    def _launch(self, wanted: Binaries | None, account: Account | None) -> None:
        """Choose binaries, make the data where there are none, start the postmaster and wait for it."""
        data = self.directory / "data"
        chosen = installed.choose(wanted, account, self.directory, cluster.major_of(data))
        if cluster.major_of(data) is None:
            cluster.initialise(chosen, data, account, durable=self.record.durable)
        durable = self.record.durable
        arguments = cluster.settings(chosen.major, self.socket_dir, durable=durable)
        with open_log(self.log) as log, held_back():
            self._process = subprocess.Popen(
                # The demo's server is the user's own, and may reach what the user may.
                [
                    *([] if durable else accounts.launch(account)),
                    str(chosen.tool("postgres")),
                    "-D",
                    str(data),
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=cluster.environment(self.directory),
                umask=0o077,
                start_new_session=True,  # Ctrl-C is ours to handle: the server is needed to clean up
                **accounts.options(account if durable else None),
            )
        self._wait_until_ready()
        self.record = replace(self.record, version=chosen.version, binaries=str(chosen.bindir), origin=chosen.origin)
        self.record.write(self.directory)

    def _pid_told(self) -> int | None:
        found = cluster.running(self.directory / "data")
        return found.pid if found else None

    def _is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        found = cluster.running(self.directory / "data")
        return found is not None and found.ready and found.pid == process.pid

    def _abort(self, new: bool) -> None:
        """Undo a start that failed: end what we started, and nothing else; remove what is new."""
        with held_back():
            self._undo(new)

    def _undo(self, new: bool) -> None:
        if self._process is None and new:
            processes.end_those_in(self.directory)
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(servers.SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self.socket_dir != self.directory:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        if new:
            self._remove_files()

    def _remove_files(self) -> None:
        """Remove the directory if we made it, else what we put into it."""
        ours = [self.directory / name for name in ("data", "postgresql", LOG, RECORD)]
        remove(*([self.directory] if self.record.made else ours))


def attach(directory: Path) -> Server:
    """The server that was started in `directory`, running or not; NoScratchServer where there is none."""
    directory = directory.expanduser().resolve()
    record = Record.read(directory)
    if record is None:
        raise NoScratchServer(
            f"no PostgreSQL server of dbadmin in {directory}", hint="dbadmin copies lists those that exist"
        )
    return Server(directory, record)


def is_running(directory: Path) -> bool:
    """Whether a server that dbadmin started runs in `directory`."""
    directory = directory.expanduser().resolve()
    record = Record.read(directory)
    return record is not None and Server(directory, record).running


def stop(directory: Path) -> bool:
    """Stop the server in `directory`; whether one was running. A durable server's data stays."""
    if Record.read(directory.expanduser().resolve()) is None:
        return False
    server = attach(directory)
    was_running = server.running
    server.stop()
    return was_running


def disposable() -> tuple[Server, ...]:
    """Every disposable server in the temporary directories, whoever owns it."""
    return tuple(server for server in servers.found(Server, places.PREFIX) if not server.record.durable)


def _refuse_running(directory: Path) -> None:
    if is_running(directory):
        raise NoScratchServer(f"a server already runs in {directory}", hint="stop it first, or attach to it")
