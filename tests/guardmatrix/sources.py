"""Sources as production has them: servers that listen on TCP and on a socket, apart from the copy's server."""

import ctypes
import hashlib
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from servers import PostgresqlServer

from dbadmin.dialects import accounts
from dbadmin.dialects.mysql import binaries as mysql_binaries
from dbadmin.dialects.mysql import directory as mysql_directory
from dbadmin.dialects.postgresql import cluster

NAME = "shop"
FILLED = "CREATE TABLE kept (id INTEGER PRIMARY KEY, note VARCHAR(20))"
NOTE = "INSERT INTO kept VALUES (1, '{}')"
_IN_OPEN = 0x20


@dataclass
class Source:
    """A database that nobody may reach. `words` are what a cell's code may be told of it."""

    kind: str
    url: sa.URL
    words: dict[str, Any]
    files: tuple[Path, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """What a refusal may call it."""
        return tuple(str(self.words[word]) for word in ("path", "hardlink") if word in self.words)

    def seen(self) -> tuple[str, str]:
        """What it holds, and how many connections (or opens) there have been."""
        raise NotImplementedError


class SqliteSource(Source):
    """A file with aliases; inotify counts who opens its inode, by whatever name."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        path = directory / "shop.db"
        engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(FILLED)
            connection.exec_driver_sql(NOTE.format("source"))
        (directory / "symlink.db").symlink_to(path)
        (directory / "hardlink.db").hardlink_to(path)
        words = {"path": str(path), "symlink": str(directory / "symlink.db"), "home": str(directory)}
        words["hardlink"] = str(directory / "hardlink.db")
        super().__init__("sqlite", sa.make_url(f"sqlite:///{path}"), words, (path,))
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._events = self._libc.inotify_init1(os.O_NONBLOCK)
        self._opens = 0
        self._watch = self._libc.inotify_add_watch(self._events, os.fsencode(path), _IN_OPEN)

    def seen(self) -> tuple[str, str]:
        """The hash is taken while nobody counts."""
        with suppress(BlockingIOError):
            while data := os.read(self._events, 65536):
                self._opens += len(data) // struct.calcsize("iIII")
        self._libc.inotify_rm_watch(self._events, self._watch)
        with suppress(BlockingIOError):
            os.read(self._events, 65536)
        path = self.files[0]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self._watch = self._libc.inotify_add_watch(self._events, os.fsencode(path), _IN_OPEN)
        beside = sorted(found.name for found in path.parent.iterdir())
        return f"{digest} {beside}", f"{self._opens} opens"


class ServerSource(Source):
    """A database on a server of its own; one connection is open from before and asks for the others."""

    admin: sa.Connection

    def content(self) -> str:
        rows = self.admin.exec_driver_sql("SELECT * FROM kept ORDER BY id").fetchall()
        tables = self.admin.exec_driver_sql(
            "SELECT table_name FROM information_schema.tables "
            f"WHERE table_schema IN ('public', '{NAME}') ORDER BY table_name"
        ).fetchall()
        return f"{rows} {tables}"


class PostgresqlSource(ServerSource):
    """Counted by the server's log, where every connection is told before it is let in, and by its statistics."""

    def __init__(self, directory: Path, port: int) -> None:
        self.log = directory / "log"
        self.log.touch()
        words = {"host": "127.0.0.1", "port": port, "socket": str(directory), "user": cluster.SUPERUSER, "name": NAME}
        url = sa.make_url(f"postgresql+psycopg://{cluster.SUPERUSER}@localhost:{port}/{NAME}")
        super().__init__("postgresql", url, words)
        _until_started(url.set(database="postgres"))
        _as_admin(url.set(database="postgres"), f"CREATE DATABASE {NAME}")
        _as_admin(url, FILLED, NOTE.format("source"))
        self.admin = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect()

    def seen(self) -> tuple[str, str]:
        self.admin.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        sessions = self.admin.exec_driver_sql("SELECT sum(sessions) FROM pg_stat_database").scalar()
        came = self.log.read_text(errors="replace").count("connection received")
        return self.content(), f"{came} in the log, {sessions} sessions"


class MariadbSource(ServerSource):
    """Counted by the server: `Connections` are attempts, successful or not."""

    def __init__(self, directory: Path, port: int) -> None:
        words = {"host": "127.0.0.1", "port": port, "socket": str(directory / "s"), "user": "app", "name": NAME}
        root = sa.make_url(f"mysql+pymysql://root@/?unix_socket={directory / 's'}")
        _as_admin(root, f"CREATE DATABASE {NAME}", "CREATE USER app@'%%'", f"GRANT ALL ON {NAME}.* TO app@'%%'")
        url = sa.make_url(f"mysql+pymysql://app@localhost:{port}/{NAME}")
        super().__init__("mariadb", url, words)
        _as_admin(url, FILLED, NOTE.format("source"))
        self.admin = sa.create_engine(root.set(database=NAME), poolclass=sa.NullPool).connect()

    def seen(self) -> tuple[str, str]:
        came = self.admin.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Connections'").fetchall()
        content = self.content()
        self.admin.rollback()
        return content, f"{came}"


@contextmanager
def source(kind: str, directory: Path) -> Iterator[Source]:
    """A filled source of this engine, and its end."""
    if kind == "sqlite":
        yield SqliteSource(directory)
        return
    account, port = accounts.for_servers(), _free_port()
    directory.mkdir()
    accounts.give(directory, account)
    directory.chmod(0o755)  # its socket is open to everybody, as production's is
    start = _postgresql if kind == "postgresql" else _mariadb
    with (directory / "log").open("ab") as log:
        command = start(directory, port, account)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, start_new_session=True,
            **accounts.options(account),
        )  # fmt: skip
    made: ServerSource | None = None
    try:
        _wait(port, process)
        made = (PostgresqlSource if kind == "postgresql" else MariadbSource)(directory, port)
        yield made
    finally:
        if made is not None:
            made.admin.close()
        process.send_signal(signal.SIGQUIT if kind == "postgresql" else signal.SIGKILL)
        process.wait()


def _postgresql(directory: Path, port: int, account: accounts.Account | None) -> list[str]:
    binaries = PostgresqlServer.binaries()
    cluster.initialise(binaries, directory / "data", account, durable=False)
    settings = {
        "listen_addresses": "127.0.0.1,::1", "port": port, "unix_socket_directories": directory,
        "log_connections": "on", "fsync": "off",
    }  # fmt: skip
    given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(binaries.tool("postgres")), "-D", str(directory / "data"), *given]


def _mariadb(directory: Path, port: int, account: accounts.Account | None) -> list[str]:
    found = mysql_binaries.find("mariadb")[0]
    mysql_directory.make_own(directory, account)
    mysql_directory.initialise(found, directory / "data", account)
    return [
        str(found.server), "--no-defaults", f"--datadir={directory / 'data'}", f"--socket={directory / 's'}",
        f"--port={port}", "--bind-address=127.0.0.1,::1", f"--pid-file={directory / 'pid'}",
        f"--tmpdir={directory}", "--innodb-buffer-pool-size=16M", "--skip-name-resolve",
    ]  # fmt: skip


def _as_admin(url: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _until_started(url: sa.URL) -> None:
    """PostgreSQL takes connections before it is ready, and refuses them."""
    until = time.monotonic() + 60
    while True:
        try:
            _as_admin(url)
        except sa.exc.OperationalError as error:
            if "starting up" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server of the source did not start ({process.poll()})")
