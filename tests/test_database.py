"""One way to ask a database, for synchronous and asynchronous engines, and errors that say what happened."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import await_only, greenlet_spawn

from dbadmin import readonly
from dbadmin.database import Database, EventLoop
from dbadmin.dialects import named
from dbadmin.errors import ConnectionFailed, StatementFailed, WriteRefused

DRIVERS = {
    "sqlite": ("pysqlite", "aiosqlite"),
    "postgresql": ("psycopg", "asyncpg"),
    "mariadb": ("pymysql", "aiomysql"),
}
SECRET = "hunter2-s3cret"


@pytest.fixture(autouse=True)
def protection_ends() -> Iterator[None]:
    yield
    for address in list(readonly._protected):
        readonly.release(address)


@pytest.fixture(params=["synchronous", "asynchronous"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "asynchronous")


def opened(made: TestDatabase, is_async: bool, url: sa.URL | None = None, **options: Any) -> Database:
    url = named(made.kind).address.with_driver(url or made.url, DRIVERS[made.kind][is_async])
    return Database(create_async_engine(url) if is_async else sa.create_engine(url), **options)


def scalar(database: Database, statement: str) -> Any:
    return database.run(lambda connection: connection.exec_driver_sql(statement).scalar())


def test_work_gets_a_connection_and_its_answer_comes_back(database: TestDatabase, is_async: bool) -> None:
    database.execute("CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (5)")
    read = opened(database, is_async)
    assert scalar(read, "SELECT a FROM t") == 5
    assert read.is_async == is_async
    read.close()


def test_the_read_only_mode_refuses_a_write_with_the_way_on(database: TestDatabase, is_async: bool) -> None:
    database.execute("CREATE TABLE t (a INTEGER)")
    read = opened(database, is_async)
    with pytest.raises(WriteRefused) as caught:
        scalar(read, "INSERT INTO t VALUES (1)")
    assert "--write" in str(caught.value.hint)
    assert caught.value.exit_code == 5
    read.close()


def test_the_write_mode_commits_and_rolls_back_on_an_error(database: TestDatabase, is_async: bool) -> None:
    database.execute("CREATE TABLE t (a INTEGER)")
    write = opened(database, is_async, mode="write")

    def insert(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")

    def fail(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        raise KeyError("of the work itself")

    write.run(insert)
    with pytest.raises(KeyError, match="of the work itself"):
        write.run(fail)
    write.close()
    assert database.rows("SELECT a FROM t") == [(1,)]


def test_work_may_ask_the_database_again(database: TestDatabase, is_async: bool) -> None:
    database.execute("CREATE TABLE t (a INTEGER)")
    read = opened(database, is_async)
    found = read.run(lambda connection: (connection.exec_driver_sql("SELECT 1").scalar(), read.identity.name))
    assert found == (1, database.name)
    assert read.info.engine == database.kind
    assert read.info.version[0].isdigit()
    read.close()


def test_a_database_answers_inside_a_running_loop(database: TestDatabase) -> None:
    database.execute("CREATE TABLE t (a INTEGER)")
    read = opened(database, is_async=True)

    async def cell() -> Any:
        return scalar(read, "SELECT 1")

    assert asyncio.run(cell()) == 1
    read.close()


def test_closing_ends_the_loops_thread(database: TestDatabase) -> None:
    database.execute("CREATE TABLE t (a INTEGER)")
    before = set(threading.enumerate())
    read = opened(database, is_async=True)
    scalar(read, "SELECT 1")
    begun = set(threading.enumerate()) - before
    assert begun
    read.close()
    for thread in begun:
        thread.join(10)  # the driver's own ends when it has closed the file
    assert not [thread.name for thread in begun if thread.is_alive()]


def test_interrupting_cancels_what_runs() -> None:
    loop = EventLoop()
    ended = threading.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.call(work())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended.wait(5)
    loop.close()


def test_an_interrupt_while_the_loop_moves_leaves_a_loop_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = EventLoop()
    stop = loop._stop

    def interrupted(timeout: float | None = None) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        stop(timeout)

    async def work() -> int:
        return 1

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_stop", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loop.run_here(work())
    assert loop.call(work()) == loop.run_here(work()) == 1
    loop.close()


def test_an_interrupt_breaks_off_the_code_of_a_task_and_nothing_of_a_driver_or_the_loop() -> None:
    """asyncpg's C code crashes where a signal's handler raises in it."""
    loop, before = EventLoop(), signal.getsignal(signal.SIGINT)
    reached = []

    def interrupted(what: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        reached.append(what)

    async def driver() -> None:
        interrupted("the driver")
        await asyncio.sleep(60)

    async def work(what: str) -> None:
        if what == "the loop":
            asyncio.get_running_loop().call_soon(interrupted, what)
        elif what == "the driver":
            await greenlet_spawn(await_only, driver())
        else:
            interrupted(what)
        await asyncio.sleep(60)

    for what in ("the code", "the driver", "the loop"):
        with pytest.raises(KeyboardInterrupt):
            loop.run_here(work(what))
    assert reached == ["the driver", "the loop"]
    assert signal.getsignal(signal.SIGINT) is before
    loop.close()


@pytest.mark.parametrize("statement", ["SELECT * FROM nothing", "SELEC 1", "SELECT 1 FROM"])
def test_a_failed_statement_says_what_the_server_said(statement: str, database: TestDatabase, is_async: bool) -> None:
    database.execute("CREATE TABLE t (a INTEGER)")
    read = opened(database, is_async)
    with pytest.raises(StatementFailed) as caught:
        scalar(read, statement)
    assert "class" not in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) > 10
    read.close()


def test_values_of_rows_stay_out_of_messages(database: TestDatabase, is_async: bool) -> None:
    database.execute("CREATE TABLE t (email VARCHAR(80) UNIQUE)", "INSERT INTO t VALUES ('private@example.com')")
    write = opened(database, is_async, mode="write")
    with pytest.raises(StatementFailed) as caught:
        write.run(
            lambda connection: connection.execute(
                sa.text("INSERT INTO t VALUES (:email)"), {"email": "private@example.com"}
            )
        )
    assert "private" not in caught.value.message
    write.close()


def unreachable(made: TestDatabase, what: str) -> sa.URL:
    if what == "no such database":
        return made.url.set(database="nowhere")
    if what == "no server":
        return sa.make_url("postgresql+psycopg://app@127.0.0.1:1/x").set(password=SECRET)
    return made.url.set(host="host.invalid", query={})


WHERE_TO_LOOK = {
    "no such database": "check the database's name",
    "no server": "is the server running there?",
    "no host": "is the server running there?",
}


@pytest.mark.parametrize("what", WHERE_TO_LOOK)
def test_what_cannot_be_reached_is_exit_3_and_hides_the_password(
    what: str, postgresql: TestDatabase, is_async: bool
) -> None:
    url = unreachable(postgresql, what).set(password=SECRET)
    read = opened(postgresql, is_async, url)
    with pytest.raises(ConnectionFailed) as caught:
        scalar(read, "SELECT 1")
    assert caught.value.exit_code == 3
    assert caught.value.message.startswith("cannot connect to postgresql+")
    assert str(caught.value.hint).startswith(WHERE_TO_LOOK[what])
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    assert ":***@" in caught.value.message
    read.close()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_a_refused_login_is_said_with_where_to_look(driver: str, postgresql: TestDatabase) -> None:
    role = f"locked_{postgresql.name}"
    postgresql.execute(f"CREATE ROLE {role} NOLOGIN")
    url = named("postgresql").address.with_driver(postgresql.url.set(username=role, password=SECRET), driver)
    read = Database(create_async_engine(url) if driver == "asyncpg" else sa.create_engine(url))
    with pytest.raises(ConnectionFailed, match="not permitted to log in") as caught:
        scalar(read, "SELECT 1")
    assert "pg_hba" in str(caught.value.hint)
    assert SECRET not in str(caught.value)
    read.close()
    readonly.release(named("postgresql").address.of_url(postgresql.url))
    postgresql.execute(f"DROP ROLE {role}")


def test_a_lost_connection_is_exit_3_and_the_next_one_works(postgresql: TestDatabase, is_async: bool) -> None:
    read = opened(postgresql, is_async)

    def cut(connection: sa.Connection) -> None:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        import psycopg

        with psycopg.connect(
            host=str(postgresql.url.query["host"]), dbname="postgres", user=postgresql.url.username
        ) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        connection.exec_driver_sql("SELECT pg_sleep(1)")

    with pytest.raises(ConnectionFailed, match="lost"):
        read.run(cut)
    assert scalar(read, "SELECT 1") == 1
    read.close()


def test_reading_a_file_in_the_work_is_not_a_lost_connection(sqlite: TestDatabase, tmp_path: Path) -> None:
    sqlite.execute("CREATE TABLE t (a INTEGER)")
    read = opened(sqlite, is_async=False)
    with pytest.raises(FileNotFoundError):
        read.run(lambda connection: (tmp_path / "nothing").read_text())
    read.close()


def test_the_shown_url_hides_a_password_in_the_query_too() -> None:
    url = sa.make_url(f"postgresql+psycopg://app@db/x?password={SECRET}")
    read = Database(sa.create_engine(url))
    assert SECRET not in read.shown_url
