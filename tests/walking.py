"""A source and its copy, and walks on the copy: for tests of what user code can reach and what a walk sees."""

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from apps import App
from servers import ENGINES, Servers, TestDatabase

from dbadmin.dialects import Identity, of_url
from dbadmin.migrations.runner import WalkRequest, WalkResult, walk

FILLED = ("CREATE TABLE kept (id INTEGER PRIMARY KEY, note VARCHAR(20))", "INSERT INTO kept VALUES (1, 'source')")
# Tables of a database, and rows that anybody read or wrote in them.
_SEEN_BY_MARIADB = """
SELECT t.table_name, w.count_star
  FROM information_schema.tables AS t
  LEFT JOIN performance_schema.table_io_waits_summary_by_table AS w
    ON w.object_schema = t.table_schema AND w.object_name = t.table_name
 WHERE t.table_schema = '{name}'
"""


@dataclass(frozen=True)
class Pair:
    """Two databases of one server (or two files), equal at first. Whatever happens to the source is a failure."""

    source: TestDatabase
    copy: TestDatabase

    @property
    def identity(self) -> Identity:
        """The copy's identity."""
        with self.copy.connect() as connection:
            return of_url(self.copy.url).session.identity(connection)

    def walk(self, app: App, **changes: Any) -> WalkResult:
        """`alembic upgrade head` on the copy, in place of the source that `app` means."""
        on_event, child = changes.pop("on_event", None), changes.pop("child", None)
        return walk(self.request(app, **changes), on_event=on_event, child=child)

    def request(self, app: App, **changes: Any) -> WalkRequest:
        """What `walk` asks for."""
        files = (Path(str(self.source.url.database)),) if self.source.kind == "sqlite" else ()
        options: dict[str, Any] = {
            "project": app.project,
            "copy_url": self.copy.url,
            "source": of_url(self.source.url).address.of_url(self.source.url),
            "source_files": files,
            "copy_identity": self.identity,
            "direction": "upgrade",
            "destination": "head",
            "environment": app.environment,
            "timeout": 60,
        }
        return WalkRequest(**{**options, **changes})

    def source_state(self) -> str:
        """What proves that nobody was there: the file's hash, or sessions or rows read, seen from the copy."""
        if self.source.kind == "sqlite":
            return hashlib.sha256(Path(str(self.source.url.database)).read_bytes()).hexdigest()
        if self.source.kind == "mariadb":
            return f"{self.copy.rows(_SEEN_BY_MARIADB.format(name=self.source.name))}"
        self.copy.rows("SELECT pg_stat_clear_snapshot()")
        sessions = f"SELECT sessions FROM pg_stat_database WHERE datname = '{self.source.name}'"
        return f"{self.copy.rows(sessions)}"

    def execute_on_copy(self, *statements: str) -> None:
        """Change the copy behind everybody's back."""
        self.copy.execute(*statements)

    def tables(self) -> set[str]:
        """Names of the copy's tables."""
        with self.copy.connect() as connection:
            return set(sa.inspect(connection).get_table_names())


@contextmanager
def pair(source: TestDatabase, servers: Servers, directory: Path) -> Iterator[Pair]:
    """A filled source and its copy."""
    source.execute(*FILLED)
    (directory / "copy").mkdir()
    server = servers.get(ENGINES[source.kind])
    copy = server.create(directory / "copy")
    if source.kind == "sqlite":
        shutil.copy(str(source.url.database), str(copy.url.database))
    else:
        copy.execute(*FILLED)
    try:
        yield Pair(source, copy)
    finally:
        server.drop(copy)


def guarded(*, with_nurseries: bool = False) -> set[int]:
    """Guarded processes of this one, started or forked; with the nurseries that they are forked from."""
    found = set()
    for pid in children():
        line = _command_line(pid)
        if "migrations.child" in line or ("migrations.nursery" in line and with_nurseries):
            found.add(pid)
        if "migrations.nursery" in line:
            found |= children(pid)
    return found


def children(process: "int | str" = "self") -> set[int]:
    """The children of all threads of a process."""
    files = Path("/proc", str(process), "task").glob("*/children")
    return {int(pid) for file in files for pid in file.read_text().split()}


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def has_ended(pid: int) -> bool:
    """Whether a process ends within five seconds; one that nobody has reaped yet has ended."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
