"""A private MariaDB server that dbadmin starts itself, for disposable copies.

It listens on a socket in a directory that only its account can enter, runs as an unprivileged user where we
are root, and leaves nothing behind. A killed dbadmin leaves the server; `disposable` finds it, `stop` ends it.

    <directory>/            0700, owned by the server's account
        server.json         who started it (ours; one that the server's account put there is not believed)
        server.log          what the server says
        data/ tmp/ files/   the data directory, temporary files, the only place that LOAD DATA may read
        s                   the socket
        pid                 the server's process id
"""

import atexit
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import accounts, processes, servers, urls
from dbadmin.dialects.accounts import Account
from dbadmin.dialects.mysql import binaries as installed
from dbadmin.dialects.mysql import directory as places
from dbadmin.dialects.mysql.binaries import Binaries
from dbadmin.dialects.places import open_log, remove
from dbadmin.dialects.prepared import copy_tree
from dbadmin.dialects.record import Record
from dbadmin.dialects.servers import PrivateServer
from dbadmin.interrupts import held_back

if TYPE_CHECKING:
    from sqlalchemy import URL

SUPERUSER = "root"


class Server(PrivateServer):
    """One private server, of disposable data. As a context manager it is stopped at the end, unless it is kept."""

    called = "the private server"
    hint = installed.WAYS_ON

    def __init__(self, directory: Path, record: Record) -> None:
        super().__init__(directory, record)
        self.binaries: Binaries | None = None
        self._settings: Mapping[str, str] = {}
        self._page_size: int | None = None

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
        urls.require_for_server("pymysql", "MariaDB or MySQL")
        account = accounts.for_servers()
        chosen = binaries or installed.require()
        server = None
        try:
            with held_back():
                server = cls._place(directory, account)
                server.binaries, server._settings = chosen, dict(settings or {})
                server._page_size = page_size
                server.record = replace(server.record, product=chosen.family)
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
    def socket(self) -> Path:
        """The socket that clients connect to."""
        return self.directory / places.SOCKET

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
        self._end_with(signal.SIGTERM)
        try:
            yield self.directory / "data"
        finally:
            self._launch()

    def another(self, directory: Path, *, data: Path | None = None) -> "Server":
        """A second server with the same settings, in a directory inside this one's; it ends with this one."""
        return Server.start(directory, binaries=self.binaries, settings=self._settings, page_size=self._page_size,
                            data=data)  # fmt: skip

    def stop(self) -> None:
        """End the server and those inside its directory, wait for them, and remove the directory.

        May be called again.
        """
        super().stop()

    def _stop(self) -> None:
        for inside in servers.inside(Server, self.directory, "*"):
            inside._stop()
        # Nothing in it is worth a shutdown in good order.
        self._end_with(signal.SIGKILL)
        if self._process is None:
            processes.end_those_in(self.directory)  # killed while it started, it wrote no pid file yet
        if self.record.made:
            remove(self.directory)
        elif self.directory.exists():
            remove(*self.directory.iterdir())

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

    def _pid_told(self) -> int | None:
        return _running(self.directory)

    def _is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        return _answers(self.socket)


def disposable() -> tuple[Server, ...]:
    """Every private server in the temporary directories, running or not, whoever owns it."""
    return tuple(servers.found(Server, places.PREFIX))


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
