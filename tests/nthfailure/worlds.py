"""One engine's world: a source with an application, a temporary directory with decoys in it, and what is there."""

import ctypes
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import forking
import sqlalchemy as sa
from apps import App
from forking import run_module
from rehearsing import BASE, PEOPLE, build
from servers import EngineServer, TestDatabase

from dbadmin.database import Database
from dbadmin.dialects import private, processes
from dbadmin.state import snapshot

ROOT = Path(__file__).resolve().parent.parent.parent
REVISIONS = {
    "a1": BASE,
    "b2": ("a1", 'op.add_column("people", sa.Column("x", sa.Integer))', 'op.drop_column("people", "x")'),
}
PR_SET_CHILD_SUBREAPER = 36
GRACE = 3.0
"""Seconds for processes that were told to end to have ended."""
SERVER_NAMES = {
    "postgresql": ("SELECT datname FROM pg_database", "SELECT rolname FROM pg_roles"),
    "mariadb": (
        "SELECT schema_name FROM information_schema.schemata",
        "SELECT CONCAT(user, '@', host) FROM mysql.user",
    ),
    "sqlite": (),
}
DECOYS = {
    "postgresql": (
        "CREATE DATABASE dbadmin_12345678_shop", "CREATE ROLE dbadmin_restore_12345678", "CREATE ROLE dbadmin_ab_owner",
    ),
    "mariadb": ("CREATE DATABASE dbadmin_12345678_shop", "CREATE USER dbadmin_12345678@localhost"),
    "sqlite": (),
}  # fmt: skip
"""What somebody else's server may hold, and is not dbadmin's to drop: no mark, no note of this machine."""


class World:
    """Everything that a run may touch, and what it must leave alone."""

    def __init__(self, kind: str, server: EngineServer, home: Path) -> None:
        self.kind, self.server, self.home = kind, server, home
        self.temporary, self.cache, self.out = home / "t", home / "cache", home / "out"
        for directory in (self.temporary, self.cache, self.out, home / "home", home / "source"):
            directory.mkdir(parents=True)
        for directory in (home, self.temporary):
            directory.chmod(0o711)  # servers run as another user
        self.source = server.create(home / "source")
        self.app: App = build(home, self.source.url, REVISIONS, at="a1", fill=PEOPLE)
        self.target: TestDatabase | None = None
        for statement in DECOYS[kind]:
            self._administer(statement)
        self.decoys = self._plant()
        self.before = self.state()
        self.known: dict[tuple[str, ...], str] = {}
        """What scenarios have found out, and need not find out again."""
        self._numbers = 0

    def environment(self, **more: str) -> dict[str, str]:
        """What a run has: nothing of the caller's."""
        return {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.home / "home"), "TMPDIR": str(self.temporary),
            "XDG_CACHE_HOME": str(self.cache), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8", "COLUMNS": "120", "NO_COLOR": "1", **more,
        }  # fmt: skip

    def run(self, module: str, *arguments: str, there: Path | None = None) -> Any:
        """Run a module's command line, in the application's directory or in another one."""
        return run_module(module, list(arguments), there or self.app.directory, self.environment(), timeout=120)

    @property
    def url(self) -> str:
        """The source's URL."""
        return self.source.url.render_as_string(hide_password=False)

    def fresh_target(self, *statements: str) -> TestDatabase:
        """Another database, empty but for what these statements make."""
        self.drop_target()
        self._numbers += 1
        directory = self.out / str(self._numbers)
        directory.mkdir()
        self.target = self.server.create(directory)
        if statements:
            self.target.execute(*statements)
        return self.target

    def drop_target(self) -> None:
        """Away with the last one."""
        if self.target is not None:
            self.server.drop(self.target)
            self.target = None

    def state(self) -> Mapping[str, Any]:
        """The source, and which databases and accounts its server has besides the target."""
        found: dict[str, Any] = {"decoys": self._decoy_state()}
        if self.kind == "sqlite":
            found["files"] = {path.name: hashed(path) for path in (self.home / "source").iterdir()}
            return found
        found["content"] = content(self.source)
        for query in SERVER_NAMES[self.kind]:
            names = {str(name) for (name,) in self.source.rows(query)}
            found[query] = names - {self.target.name if self.target else ""}
        return found

    def litter(self) -> set[str]:
        """Files of dbadmin's that are neither decoys nor what a command was asked to make."""
        found = {path for path in self.temporary.iterdir() if path not in self.decoys and not probe(path)}
        for directory in (self.app.directory, self.out, *self.out.glob("*/")):
            found |= {path for path in directory.iterdir() if path.name.startswith(".") and path.name != ".env"}
        return {str(path) for path in found}

    def orphans(self, seconds: float = GRACE) -> set[str]:
        """Processes that outlive their run, after this time to end."""
        until = time.monotonic() + seconds
        while found := self._others():
            if time.monotonic() > until:
                return {f"process {pid}: {' '.join(processes.arguments(pid))[:150]}" for pid in found}
            time.sleep(0.02)
        return set()

    def sweep(self) -> None:
        """Make the next run begin as the first did, whatever this one left."""
        for pid in self._others():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.orphans()
        import shutil

        for path in map(Path, self.litter()):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.drop_target()
        for path in self.out.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _others(self) -> list[int]:
        """Descendants of this process that have this world in their environment or command line."""
        living = [pid for pid in processes_below(os.getpid()) if not is_collected(pid)]
        return [pid for pid in living if self._is_of_here(pid)]

    def _is_of_here(self, pid: int) -> bool:
        with suppress(OSError):
            told = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")]
            return os.fsencode(self.temporary) in b"\0".join(told)
        return False

    def _plant(self) -> frozenset[Path]:
        """What looks like a killed run's, and is not: kept, in use, not dbadmin's, another host's."""
        prefix = {"sqlite": "dbadmin-sqlite-", "postgresql": "dbadmin-on-pg-", "mariadb": "dbadmin-on-my-"}[self.kind]
        kept, living, foreign, elsewhere, empty = (
            self.temporary / f"{prefix}{name}" for name in ("kept1234", "living12", "foreign1", "elsewher", "mine")
        )
        for path in (kept, living, foreign, elsewhere, empty):
            path.mkdir(mode=0o700)
        for path in (kept, living, foreign, elsewhere):
            (path / "precious").write_text("precious")
        dead = {"host": os.uname().nodename, "pid": 2**22 + 1, "identity": "gone", "started_at": "2026-01-01T00:00:00Z"}
        alive = dead | {"pid": os.getpid(), "identity": processes.identity(os.getpid())}
        for path, owner in ((kept, dead), (living, alive), (elsewhere, dead | {"host": "elsewhere"})):
            (path / private.OWNER).write_text(json.dumps(owner))
        (kept / private.KEPT).touch()
        return frozenset((kept, living, foreign, elsewhere, empty))

    def _decoy_state(self) -> Mapping[str, Any]:
        return {str(path): sorted(entry.name for entry in path.iterdir()) for path in self.decoys if path.is_dir()}

    def _administer(self, statement: str) -> None:
        engine = sa.create_engine(self.source.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


def content(database: TestDatabase) -> Any:
    """Schema and data of a database, as dbadmin's own comparison has them."""
    opened = Database(sa.create_engine(database.url, poolclass=sa.NullPool))
    try:
        return opened.run(snapshot)
    finally:
        opened.close()


def hashed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def probe(path: Path) -> bool:
    """Whether this is what Python's own tempfile tries a directory with: it has no name that could be told apart."""
    return len(path.name) == 8 and path.is_file() and path.read_bytes() in (b"", b"blat")


def processes_below(parent: int) -> set[int]:
    """Every descendant of a process, zombies too."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = set(), [parent]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.add(child)
            waiting.append(child)
    return found


def is_collected(pid: int) -> bool:
    """Whether a process has ended; one that came here as an orphan is collected, so that no zombie stays."""
    if processes.identity(pid) is not None:
        return False
    if pid not in {server.pid for server in forking._servers.values()}:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return True


@contextmanager
def orphans_come_here() -> Iterator[None]:
    """Processes whose parent ends become children of this one, so that none is overlooked (Linux)."""
    if sys.platform != "linux":
        raise NotImplementedError("orphans cannot be told here")
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@contextmanager
def world(kind: str, server: EngineServer) -> Iterator[World]:
    """A world of this engine, in a directory whose path is short enough for sockets."""
    import shutil

    home = Path(tempfile.mkdtemp(prefix="nth-"))
    made: World | None = None
    try:
        with orphans_come_here():
            made = World(kind, server, home)
            yield made
            made.sweep()
            made.server.drop(made.source)
    finally:
        shutil.rmtree(home)
