"""`python -m tests.readonlymatrix`: every statement that writes or ends read-only, on every way in, on every driver.

A cell is one driver and one way. Every attempt is followed by an INSERT on the same session, which must fail, and by
a question, which must be answered; afterwards rows, catalog, settings, files, locks and other sessions are as before.
"""

import argparse
import logging
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).resolve().parent))  # as pytest finds the modules of this directory

import pytest
import sqlalchemy as sa
from attempts import ENDS, WRITES, fill
from drivers import ASYNC, SYNC, needs, url_for
from IPython.core.interactiveshell import InteractiveShell
from servers import ENGINES, Servers, TestDatabase, Unavailable
from sqlalchemy.util import greenlet_spawn
from traitlets.config import Config

import dbadmin
from dbadmin import by_hand
from dbadmin.admin import Admin
from dbadmin.errors import NoScratchServer, WriteRefused
from dbadmin.shell.attach import Attached
from dbadmin.shell.live import Live
from dbadmin.shell.session import limit

INSERT = "INSERT INTO items VALUES (99, 'after')"
COUNT = "SELECT count(*) FROM items"


class Way(Protocol):
    """A way in, open."""

    def send(self, sql: str) -> Any:
        """Run one text, and commit where the way can."""

    def recover(self) -> None:
        """What a user does after an error."""

    def close(self) -> None: ...


class BySession:
    """`session.execute(text(…))`, as at the prompt."""

    def __init__(self, admin: Admin) -> None:
        limit(admin.database, 30)
        self.admin, self.session = admin, admin.application.make_session()

    def _call(self, name: str, *args: Any) -> Any:
        made = getattr(self.session, name)(*args)
        return self.admin.database.loop.call(made) if self.admin.database.is_async else made

    def send(self, sql: str) -> Any:
        result = self._call("execute", sa.text(sql))
        rows = result.all() if result.returns_rows else None
        self._call("commit")
        return rows

    def recover(self) -> None:
        self._call("rollback")

    def close(self) -> None:
        self._call("close")


class ByRawConnection:
    """`engine.raw_connection()`, the driver's own cursors."""

    def __init__(self, admin: Admin) -> None:
        self.database = admin.database
        engine = admin.database.sync_engine
        self.proxy = self._run(engine.raw_connection)

    def _run(self, work: Callable[[], Any]) -> Any:
        return self.database.loop.call(greenlet_spawn(work)) if self.database.is_async else work()

    def send(self, sql: str) -> Any:
        def work() -> Any:
            cursor = self.proxy.cursor()
            try:
                cursor.execute(sql)
                rows = cursor.fetchall() if cursor.description else None
                self.proxy.commit()
                return rows
            finally:
                with suppress(Exception):  # unread results, which the error before has told
                    cursor.close()

        return self._run(work)

    def recover(self) -> None:
        self._run(self.proxy.rollback)

    def close(self) -> None:
        self._run(self.proxy.close)


class ByHand(ByRawConnection):
    """The driver's own `connect`, without SQLAlchemy."""

    def __init__(self, admin: Admin) -> None:
        by_hand.watch_drivers()
        self.database = admin.database
        dialect = admin.database.sync_engine.dialect
        cargs, cparams = dialect.create_connect_args(admin.database.url)
        module = import_module("sqlite3" if dialect.name == "sqlite" else dialect.dbapi.__name__)  # type: ignore[union-attr]
        self.proxy = module.connect(*cargs, **cparams)


class BySqlMagic:
    """`%%sql`, in an IPython shell as a kernel has it."""

    def __init__(self, admin: Admin) -> None:
        self.main = sys.modules["__main__"]
        self.live = Live(admin, {"read-only": 30.0})
        self.shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
        self.attached = Attached(self.shell, self.live)
        self.attached.attach({})

    def send(self, sql: str) -> Any:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            result = self.shell.run_cell(f"%%sql\n{sql}")
        result.raise_error()
        return result.result

    def recover(self) -> None: ...

    def close(self) -> None:
        self.attached.detach()
        self.live.close()
        sys.modules["__main__"] = self.main


class Asking:
    """A helper of the Admin, which holds no session of its own."""

    def __init__(self, admin: Admin, ask: Callable[[Admin, str], Any]) -> None:
        self.admin, self.ask = admin, ask

    def send(self, sql: str) -> Any:
        return self.ask(self.admin, sql)

    def recover(self) -> None: ...

    def close(self) -> None: ...


WAYS: dict[str, Callable[[Admin], Way]] = {
    "session.execute": BySession,
    "raw_connection": ByRawConnection,
    "driver by hand": ByHand,
    "%sql": BySqlMagic,
    "dbadmin sql": lambda admin: Asking(admin, lambda a, sql: a.answers.sql(sql)),
    "db.sql": lambda admin: Asking(admin, lambda a, sql: a.sql(sql)),
    "db.frame": lambda admin: Asking(admin, lambda a, sql: a.frame(sa.text(sql))),
    "connection": lambda admin: Asking(admin, lambda a, sql: a.database.run(lambda c: driver_sql(c, sql))),
}


def driver_sql(connection: sa.Connection, sql: str) -> Any:
    """`connection.exec_driver_sql`: SQLAlchemy changes nothing in the text."""
    result = connection.exec_driver_sql(sql)
    return result.all() if result.returns_rows else None


LOOKS = {
    "sqlite": ["SELECT * FROM items", "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2", "PRAGMA user_version",
               "PRAGMA journal_mode", "SELECT * FROM box", "SELECT * FROM sqlite_sequence"],
    "postgresql": [
        "SELECT * FROM items ORDER BY id",
        "SELECT relname, relfilenode, relacl::text, reltuples FROM pg_class WHERE relnamespace = 2200 ORDER BY 1",
        "SELECT last_value, is_called FROM numbers",
        "SELECT oid FROM pg_largeobject_metadata",
        "SELECT slot_name FROM pg_replication_slots",
        "SELECT gid FROM pg_prepared_xacts",
        "SELECT extname FROM pg_extension",
        "SELECT rolname FROM pg_roles ORDER BY 1",
        "SELECT datname FROM pg_database ORDER BY 1",
        "SELECT description FROM pg_description WHERE objoid = 'items'::regclass",
        "SELECT last_analyze, last_vacuum FROM pg_stat_user_tables WHERE relname = 'items'",
        "SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()",
        "SELECT name, setting FROM pg_file_settings ORDER BY 1",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
        "SELECT setconfig FROM pg_db_role_setting",
    ],
    "mariadb": [
        "SELECT * FROM items ORDER BY id",
        "SELECT * FROM unlogged",
        "SELECT next_not_cached_value FROM numbers",
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
        "SELECT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1",
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY 1",
        "SELECT event_name FROM information_schema.events",
        "SELECT schema_name FROM information_schema.schemata ORDER BY 1",
        "SELECT user, host FROM mysql.global_priv ORDER BY 1, 2",
        "SELECT @@global.max_connections, @@global.read_only, @@global.tx_read_only",
        "SELECT count(*) FROM mysql.innodb_table_stats WHERE database_name = DATABASE() AND n_rows > 99",
    ],
}  # fmt: skip
"""What must be as before: rows, catalog, rights, statistics, settings, what is left behind on the server."""


@contextmanager
def bystander(database: TestDatabase) -> Iterator[tuple[int, Callable[[], bool]]]:
    """Another session: its number on the server, and whether it still answers."""
    with database.connect() as connection:
        ask = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT CONNECTION_ID()", "sqlite": "SELECT 0"}
        number = int(connection.exec_driver_sql(ask[database.kind]).scalar_one())
        yield number, lambda: connection.exec_driver_sql("SELECT 1").scalar() == 1


def look(database: TestDatabase, directory: Path) -> list[object]:
    """Everything in LOOKS, and the files that attempts name."""
    with database.connect() as connection:
        seen: list[object] = [connection.exec_driver_sql(query).all() for query in LOOKS[database.kind]]
    return [*seen, sorted(path.name for path in directory.glob("other*"))]


@dataclass
class Outcome:
    """One cell: how its attempts ended. `wrong` are those that were taken, and what changed."""

    cell: str
    by_dbadmin: int = 0
    by_engine: int = 0
    harmless: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """How many statements were thrown."""
        return self.by_dbadmin + self.by_engine + self.harmless + len(self.wrong)


def throw(driver: str, way: str, database: TestDatabase, directory: Path, *, thoroughly: bool = False) -> Outcome:
    """Throw every statement of the engine at one way of one driver; `thoroughly`: look after each of them."""
    outcome = Outcome(f"{driver}, {way}")
    with bystander(database) as (number, is_alive):
        before = look(database, directory)
        admin = dbadmin.connect(url_for(database, driver))
        opened = WAYS[way](admin)
        names = {"{directory}": str(directory), "{bystander}": str(number), "{name}": database.name,
                 "{database}": str(database.url.database)}  # fmt: skip
        for attempt in WRITES["both"] + WRITES[database.kind]:
            sql = attempt
            for name, value in names.items():
                sql = sql.replace(name, value)
            judge(outcome, opened, attempt, sql)
            if thoroughly and look(database, directory) != before:
                outcome.wrong.append(f"{attempt}: something changed")
                before = look(database, directory)
        opened.close()
        admin.close()
        if not is_alive():
            outcome.wrong.append("the other session was ended")
        outcome.wrong += [
            f"changed: {was} → {now}" for was, now in zip(before, look(database, directory), strict=True) if was != now
        ]
    return outcome


def judge(outcome: Outcome, opened: Way, attempt: str, sql: str) -> None:
    """One attempt, the INSERT after it, and a question."""
    try:
        opened.send(sql)
        if attempt in ENDS and isinstance(opened, ByRawConnection | BySqlMagic):
            outcome.harmless += 1
        else:
            outcome.wrong.append(f"{attempt}: taken")
    except WriteRefused:
        outcome.by_dbadmin += 1
    except Exception:  # each driver has errors of its own
        outcome.by_engine += 1
    for statement, may in ((INSERT, False), (COUNT, True)):
        try:
            opened.send(statement)
        except Exception as error:
            if may:
                outcome.wrong.append(f"{attempt}: the session does not go on: {error}")
        else:
            if not may:
                outcome.wrong.append(f"{attempt}: an INSERT was taken afterwards")
        opened.recover()


def cells() -> list[tuple[str, str]]:
    """Every driver with every way; drivers that are awaited are refused by hand, as a test of their own shows."""
    return [(d, w) for d in SYNC + ASYNC for w in WAYS if not (w == "driver by hand" and d in ASYNC)]


def main() -> int:
    """Run every cell that can be run here; 1 where anything was taken or changed."""
    parser = argparse.ArgumentParser(prog="python -m tests.readonlymatrix")
    parser.add_argument("--driver", choices=SYNC + ASYNC, action="append")
    parser.add_argument("--require-servers", action="store_true", help="a server that cannot be started is a failure")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it, also when it is stopped
    logging.disable(logging.CRITICAL)  # SQLAlchemy tells of cursors that do not close after an error
    outcomes, not_run, without_server = [], [], 0
    with tempfile.TemporaryDirectory(prefix="matrix-") as name:
        directory = Path(name)
        directory.chmod(0o777)
        servers = Servers(directory)
        try:
            for driver, way in cells():
                if given.driver and driver not in given.driver:
                    continue
                try:
                    outcomes.append(run_cell(driver, way, servers, directory))
                except (Unavailable, NoScratchServer, pytest.skip.Exception) as reason:
                    not_run.append(f"{driver}, {way}: {reason}")
                    without_server += not isinstance(reason, pytest.skip.Exception)
        finally:
            servers.stop()
    for outcome in outcomes:
        print(f"{outcome.cell}: {outcome.attempts} attempts, {len(outcome.wrong)} wrong", *outcome.wrong, sep="\n  ")
    print(*(f"not run: {line}" for line in not_run), sep="\n")
    print(
        f"cells: {len(outcomes)}, attempts: {sum(o.attempts for o in outcomes)}, "
        f"refused by dbadmin: {sum(o.by_dbadmin for o in outcomes)}, "
        f"refused by the engine: {sum(o.by_engine for o in outcomes)}, "
        f"ends of a transaction on a driver's cursor: {sum(o.harmless for o in outcomes)}, "
        f"taken or changed: {sum(len(o.wrong) for o in outcomes)}"
    )
    return int(any(o.wrong for o in outcomes) or (given.require_servers and bool(without_server)))


def run_cell(driver: str, way: str, servers: Servers, directory: Path) -> Outcome:
    """One cell on a database of its own."""
    server = servers.get(ENGINES[needs(driver)])
    database = server.create(directory)
    try:
        fill(database)
        return throw(driver, way, database, directory, thoroughly=True)
    finally:
        server.drop(database)


if __name__ == "__main__":
    sys.exit(main())
