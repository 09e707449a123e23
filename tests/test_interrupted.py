"""An interrupt ends a statement on the server, too, and no other one."""

import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pexpect
import pytest
import sqlalchemy as sa
from drivers import ASYNC, make_engine, needs, url_for
from servers import TestDatabase
from shells import PROMPT, TABLES, Open, application
from sqlalchemy.exc import DBAPIError

from dbadmin.cli import listen_for_interrupts
from dbadmin.cli.state import Options
from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.errors import DbadminError
from dbadmin.frames.statements import opened, prepare
from dbadmin.interrupts import answer, held_back

pytestmark = pytest.mark.usefixtures("protection_ends")

ENDLESS = {
    "postgresql": "select count(*) from generate_series(1, 1000000) as a, generate_series(1, 1000000) as b",
    "mariadb": "select sum(a.seq * b.seq) from seq_1_to_1000000 as a, seq_1_to_1000000 as b",
}
ENDLESS_ROWS = {
    "postgresql": "select a, repeat('x', 1000) as t from generate_series(1, 1000000) a, generate_series(1, 1000000) b",
    "mariadb": "select a.seq, repeat('x', 1000) as t from seq_1_to_1000000 as a, seq_1_to_1000000 as b",
}
SLOW = {"postgresql": "select 1000000, pg_sleep(1)", "mariadb": "select 1000000, sleep(1)"}
RUNNING = {
    "postgresql": "select pid, query from pg_stat_activity where datname = current_database() and state = 'active'"
    " and pid <> pg_backend_pid() and (query like '%%1000000%%' or query like 'FETCH%%')",
    "mariadb": "select id, info from information_schema.processlist where db = database() and command = 'Query'"
    " and id <> connection_id() and info like '%%1000000%%'",
}
DRIVERS = [
    "psycopg", "psycopg2", "pg8000", "asyncpg", "psycopg_async",
    "pymysql", "mysqldb", "mysqlconnector", "aiomysql", "asyncmy",
]  # fmt: skip
PATIENCE = 20.0


@pytest.fixture
def server(request: pytest.FixtureRequest, driver: str) -> TestDatabase:
    """An empty database on the driver's engine."""
    found: TestDatabase = request.getfixturevalue(needs(driver))
    found.execute(*TABLES)
    return found


def wait_until(database: TestDatabase, count: int) -> None:
    """Wait until so many statements of the tests run on the server."""
    end = time.monotonic() + PATIENCE
    while len(database.rows(RUNNING[database.kind])) != count:
        assert time.monotonic() < end, database.rows(RUNNING[database.kind])
        time.sleep(0.05)


def interrupted(database: TestDatabase, work: Callable[[], Any]) -> None:
    """Do it, with Ctrl-C as soon as its statement runs on the server."""
    with pytest.raises(KeyboardInterrupt):
        thread = interrupt_soon(database)
        try:
            work()
        finally:
            thread.join()


def interrupt_soon(database: TestDatabase) -> threading.Thread:
    """A thread that waits for a statement on the server, and types Ctrl-C."""

    def interrupt() -> None:
        wait_until(database, 1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_interrupt_ends_the_statement_on_the_server_though_the_pool_is_full(
    driver: str, server: TestDatabase
) -> None:
    database = Database(make_engine(server, driver, pool_size=1, max_overflow=0))
    endless = ENDLESS[server.kind]
    interrupted(server, lambda: database.run(lambda connection: connection.exec_driver_sql(endless).all()))
    wait_until(server, 0)
    assert database.run(lambda connection: connection.exec_driver_sql("select 1").scalar()) == 1
    database.close()


@pytest.mark.parametrize("driver", ["psycopg2", "pymysql", "mysqldb"])
def test_only_the_statement_that_was_interrupted_is_ended(driver: str, server: TestDatabase) -> None:
    others = Database(make_engine(server, driver))
    database = Database(make_engine(server, driver), mode="write")
    slow = {"postgresql": "select 'kept', pg_sleep(3)", "mariadb": "select 'kept', sleep(3)"}[server.kind]
    found: list[Any] = []
    other = threading.Thread(
        target=lambda: found.append(others.run(lambda connection: connection.exec_driver_sql(slow).scalar()))
    )
    other.start()
    endless = ENDLESS[server.kind]
    interrupted(server, lambda: database.run(lambda connection: connection.exec_driver_sql(endless).all()))
    wait_until(server, 0)
    other.join()
    assert found == ["kept"]
    others.close()
    database.close()


def test_nothing_is_ended_on_another_server(mariadb: TestDatabase) -> None:
    rules, database = named("mysql").session, Database(sa.create_engine(mariadb.url))
    with database.sync_engine.connect() as running, database.sync_engine.connect() as second:
        number, *there = rules.name_on_server(running.connection.dbapi_connection)
        told: list[str] = []

        def ask() -> None:
            with pytest.raises(DBAPIError) as caught:
                running.exec_driver_sql(ENDLESS["mariadb"])
            told.append(str(caught.value.orig))

        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(mariadb, 1)
        for name in (None, (number, *there[:-1], "/elsewhere/")):
            rules.stop(None, name, lambda work: work(second.connection.dbapi_connection))
            assert not told
            assert mariadb.rows(RUNNING["mariadb"])
        rules.stop(None, (number, *there), lambda work: work(second.connection.dbapi_connection))
        thread.join()
    assert "interrupted" in told[0]
    database.close()


@pytest.mark.parametrize("driver", ["pymysql", "mysqldb"])
def test_where_it_cannot_be_ended_the_interrupt_is_told_all_the_same(driver: str, server: TestDatabase) -> None:
    url = url_for(server, driver)
    arguments, options = sa.create_engine(url).dialect.create_connect_args(url)
    refused: list[str] = []
    is_open = False

    def connect() -> Any:
        if is_open:
            refused.append("a second connection")
            raise OSError(refused[0])
        return engine.dialect.connect(*arguments, **options)

    engine = sa.create_engine(url, creator=connect)
    database = Database(engine)
    database.run(lambda connection: connection.exec_driver_sql("select 1").scalar())
    is_open = True
    interrupted(
        server, lambda: database.run(lambda connection: connection.exec_driver_sql("select sleep(2), 1000000").all())
    )
    assert refused == ["a second connection"]
    database.close()


@pytest.mark.parametrize("driver", ["psycopg2", "mysqldb"])
def test_a_statement_is_not_ended_while_interrupts_are_held_back(driver: str, server: TestDatabase) -> None:
    database = Database(make_engine(server, driver))
    slow = SLOW[server.kind]
    found: list[Any] = []

    def work() -> None:
        with held_back():
            found.append(database.run(lambda connection: connection.exec_driver_sql(slow).one()))

    interrupted(server, work)
    assert found[0][0] == 1_000_000
    database.close()


@pytest.mark.parametrize("driver", ["psycopg", "pymysql", "aiomysql", "asyncmy"])
def test_rows_that_nobody_read_are_not_read_at_the_end(driver: str, server: TestDatabase) -> None:
    """Whatever ends the work: Ctrl-C may hit the code that reads the rows, and not the driver."""
    database = Database(make_engine(server, driver), statement_timeout=PATIENCE)
    rows: list[Any] = []

    def look(connection: sa.Connection) -> None:
        rows.append(connection.execution_options(stream_results=True).exec_driver_sql(ENDLESS_ROWS[server.kind]))
        assert rows[0].fetchone()[0] == 1
        raise KeyError("stop")

    def read_on(connection: sa.Connection) -> None:
        while rows[0].fetchone() is not None:
            pass

    begun = time.monotonic()
    with pytest.raises(KeyError):
        database.run(look)
    assert time.monotonic() - begun < PATIENCE / 2
    wait_until(server, 0)
    with pytest.raises((DBAPIError, DbadminError)):
        database.run(read_on)
    assert database.run(lambda connection: connection.exec_driver_sql("select 1").scalar()) == 1
    database.close()


@pytest.mark.parametrize("driver", ["psycopg2", "pymysql", "mysqldb", "mysqlconnector"])
def test_a_second_control_c_ends_nothing_that_cleans_up_and_a_third_one_does(
    driver: str, server: TestDatabase, capfd: pytest.CaptureFixture[str]
) -> None:
    database = Database(make_engine(server, driver))
    endless, slow = ENDLESS[server.kind], SLOW[server.kind]
    before = signal.getsignal(signal.SIGINT)
    try:
        listen_for_interrupts(Options())
        interrupted(server, lambda: database.run(lambda connection: connection.exec_driver_sql(endless).all()))
        thread = interrupt_soon(server)
        assert database.run(lambda connection: connection.exec_driver_sql(slow).one())[0] == 1_000_000
        thread.join()
        assert capfd.readouterr().err == "dbadmin: still cleaning up; Ctrl-C once more leaves things as they are\n"
        interrupted(server, lambda: database.run(lambda connection: connection.exec_driver_sql(endless).all()))
    finally:
        signal.signal(signal.SIGINT, before)
        answer(0)
    database.close()


class Finalized:
    """Ctrl-C comes while it is put away, where Python drops what is raised."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_a_control_c_that_python_dropped_comes_again_and_is_no_second_one(capfd: pytest.CaptureFixture[str]) -> None:
    before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    try:
        listen_for_interrupts(Options())
        gone = [Finalized()]
        with pytest.raises(KeyboardInterrupt):
            gone.clear()
            time.sleep(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)
        assert capfd.readouterr().err == "dbadmin: still cleaning up; Ctrl-C once more leaves things as they are\n"
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = hook
        answer(0)


def test_rows_of_a_connection_that_is_given_up_are_forgotten_without_a_word(mariadb: TestDatabase) -> None:
    database = Database(make_engine(mariadb, "pymysql"))
    database.sync_engine.dispose()
    with database.sync_engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True)
        result = streaming.exec_driver_sql(ENDLESS_ROWS["mariadb"])
        connection.invalidate(KeyboardInterrupt())
    told: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, told.append
    try:
        del result, connection, streaming
        gc.collect()
    finally:
        sys.unraisablehook = before
    assert told == []
    database.close()


IMPORTED = """
import os, signal, sys

class Interrupting:
    done = False

    def find_spec(self, name, *_):
        if name == sys.argv[1] and not self.done:
            self.done = True
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
import dbadmin
admin = dbadmin.connect("sqlite://")
try:
    admin.frame("select 1 as a")
except KeyboardInterrupt:
    print(admin.frame("select 1 as a, 2.5 as b").shape)
"""


@pytest.mark.parametrize("name", ["numpy._core.multiarray", "pandas._libs.tslibs.np_datetime", "pyarrow.lib"])
def test_the_first_frame_can_be_interrupted_and_asked_for_again(name: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED, name], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("(1, 2)\n", "")


WAYS = {
    "the session": "session.execute(text({endless!r}))",
    "the magic": "%sql {endless}",
    "db.sql": "db.sql({endless!r})",
    "chunks": "for part in db.frame({rows!r}, chunks=1000): pass",
    "all rows": "for row in session.execute(text({rows!r}), execution_options={{'stream_results': True}}): pass",
}
AWAITED = {
    "the session": "await session.execute(text({endless!r}))",
    "the magic": "%sql {endless}",
    "db.sql": "db.sql({endless!r})",
    "all rows": "async for row in await session.stream(text({rows!r})): pass",
}


@pytest.mark.parametrize("driver", ["psycopg", "pymysql", "asyncpg", "aiomysql", "asyncmy"])
def test_control_c_in_the_shell_ends_the_statement_on_the_server(
    driver: str, server: TestDatabase, tmp_path: Path, terminal: Open
) -> None:
    is_async = driver in ASYNC
    shell = terminal(application(tmp_path / "small", url_for(server, driver), is_async=is_async))
    for way, line in (AWAITED if is_async else WAYS).items():
        shell.process.sendline(line.format(endless=ENDLESS[server.kind], rows=ENDLESS_ROWS[server.kind]))
        if line.startswith(("for", "async for")):
            shell.process.sendline("")
        wait_until(server, 1)
        shell.process.sendintr()
        said = shell.wait()
        assert "dbadmin: interrupted; %tb shows where" in said and "Traceback" not in said, f"{way}: {said}"
        wait_until(server, 0)
    kept = "get_ipython().history_manager.exceptions[1]['traceback']"
    assert shell.type(kept).endswith("['interrupted']")  # all its frames would take seconds to format
    ask = f"{'await ' if is_async else ''}session.scalar(select(Author.name))"
    assert shell.type(ask).endswith("'ann'")


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["psycopg", "pymysql", "asyncpg", "aiomysql"])
def test_control_c_at_any_moment_leaves_a_shell_that_goes_on(
    driver: str, server: TestDatabase, tmp_path: Path, terminal: Open
) -> None:
    is_async, chance = driver in ASYNC, random.Random(driver)
    shell = terminal(application(tmp_path / "small", url_for(server, driver), is_async=is_async))
    for way, line in [*(AWAITED if is_async else WAYS).items()] * 6:
        shell.process.sendline(line.format(endless=ENDLESS[server.kind], rows=ENDLESS_ROWS[server.kind]))
        if line.startswith(("for", "async for")):
            shell.process.sendline("")
        time.sleep(chance.uniform(0, 0.4))
        shell.process.sendintr()
        said = shell.wait()
        assert "Exception ignored" not in said, f"{way}: {said}"
        with suppress(pexpect.TIMEOUT):  # it came between two lines
            while True:
                shell.process.expect(PROMPT, timeout=0.3)
        wait_until(server, 0)
    ask = f"{'await ' if is_async else ''}session.scalar(select(Author.name))"
    assert shell.type(ask).endswith("'ann'")


def test_an_error_among_rows_that_are_still_to_come_ends_a_transaction_that_writes(
    mariadb: TestDatabase, tmp_path: Path, terminal: Open
) -> None:
    mariadb.execute(*TABLES)
    shell = terminal(application(tmp_path / "small", mariadb.url), "--write")
    assert shell.type("session.add(Author(id=2, name='bob')); session.flush()") == ""
    said = shell.type(WAYS["all rows"].format(rows=ENDLESS_ROWS["mariadb"]).replace("pass", "1 / 0"))
    assert "ZeroDivisionError" in said
    assert "dbadmin: the open transaction cannot go on after this error, and was rolled back" in said
    assert shell.type("session.scalars(select(Author.name)).all()").endswith("['ann']")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("driver", ["psycopg", "pymysql", "asyncpg", "asyncmy"])
def test_a_command_that_is_ended_leaves_no_statement_on_the_server(
    driver: str, number: signal.Signals, server: TestDatabase, tmp_path: Path
) -> None:
    directory = application(tmp_path / "small", url_for(server, driver), is_async=driver in ASYNC)
    endless = ENDLESS[server.kind]
    with subprocess.Popen(
        [sys.executable, "-m", "dbadmin", "sql", endless],
        cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as command:  # fmt: skip
        wait_until(server, 1)
        command.send_signal(number)
        told = command.communicate()[1]
    code, word = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}[number]
    assert (command.returncode, told.strip()) == (code, f"dbadmin: {word}")
    wait_until(server, 0)


def test_an_interrupted_query_has_nothing_to_say_of_a_connection_that_is_closed(
    sqlite: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    engine = sa.create_engine(sqlite.url)
    with (
        engine.connect() as connection,
        pytest.raises(KeyboardInterrupt),
        opened(connection, prepare("SELECT 1 UNION SELECT 2"), None),
    ):
        connection.invalidate()  # as SQLAlchemy does
        raise KeyboardInterrupt
    assert caplog.messages == []
