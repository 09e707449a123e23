"""Servers that let nobody in, or never say a word."""

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from rehearsing import execute
from servers import TestDatabase
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from dbadmin.database import Database
from dbadmin.dialects import connecting, named, values
from dbadmin.errors import ConnectionFailed

ASYNCHRONOUS = {"asyncpg", "aiomysql", "asyncmy"}
DRIVERS = ["psycopg", "psycopg2", "asyncpg", "pg8000", "pymysql", "mysqlconnector", "aiomysql", "asyncmy"]


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes every connection and never says anything."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(server.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)
        for one in taken:
            one.close()


def engine_of(driver: str, url: str, **connect_args: Any) -> Any:
    make = create_async_engine if driver in ASYNCHRONOUS else create_engine
    return make(url, poolclass=NullPool, connect_args=connect_args)


def url_of(driver: str, port: int) -> str:
    engine = "postgresql" if driver in ("psycopg", "psycopg2", "asyncpg", "pg8000") else "mysql"
    return f"{engine}+{driver}://app:hunter22@127.0.0.1:{port}/shop"


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # drivers that give up leave one to be collected
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_server_that_never_answers_is_given_up(driver: str, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip({"mysqlconnector": "mysql.connector"}.get(driver, driver))
    name = "postgresql" if "postgresql" in url_of(driver, 1) else "mysql"
    module = __import__(f"dbadmin.dialects.{name}.session", fromlist=["session"])
    assert module.CONNECT_SECONDS == values.CONNECT_SECONDS == 5
    monkeypatch.setattr(module, "CONNECT_SECONDS", 2 if name == "postgresql" and driver.startswith("psycopg") else 0.3)
    with closing(Database(engine_of(driver, url_of(driver, silent)))) as database:
        for _ in range(2 if driver in ("pymysql", "pg8000") else 1):  # the second time is limited as the first
            with pytest.raises(ConnectionFailed, match="cannot connect to") as failed:
                database.run(lambda connection: connection.scalar(text("SELECT 1")))
    assert failed.value.exit_code == 3 and "doctor" in (failed.value.hint or "")
    assert "hunter22" not in failed.value.message and len(failed.value.message.splitlines()) == 1
    del failed
    gc.collect()


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        ("psycopg", {"connect_timeout": 60}),
        ("asyncpg", {"timeout": 60}),
        ("pg8000", {"timeout": 60}),
        ("mysqldb", {"connect_timeout": 60}),
        ("mysqlconnector", {"connection_timeout": 60}),
        ("mysqlconnector", {"connect_timeout": 60}),
        ("pymysql", {"read_timeout": 60}),
    ],
)
def test_what_an_application_says_about_connecting_is_left_as_it_is(driver: str, said: dict[str, Any]) -> None:
    engine = "postgresql" if driver in ("psycopg", "asyncpg", "pg8000") else "mysql"
    assert named(engine).session.connect_options(driver, said) == {}
    assert named(engine).session.connect_options(driver, {}) != {}
    assert named("sqlite").session.connect_options("pysqlite", {}) == {}


@pytest.mark.parametrize(("driver", "server"), [("pg8000", "postgresql"), ("pymysql", "mariadb")])
def test_statements_have_the_time_that_connecting_has_not(
    driver: str, server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These two know one limit for everything that is read."""
    made: TestDatabase = request.getfixturevalue(server)
    name = "postgresql" if server == "postgresql" else "mysql"
    module = __import__(f"dbadmin.dialects.{name}.session", fromlist=["session"])
    monkeypatch.setattr(module, "CONNECT_SECONDS", 1)
    slow = "SELECT CAST(pg_sleep(1.5) AS text)" if name == "postgresql" else "SELECT SLEEP(1.5)"
    url = named(name).address.with_driver(made.url, driver)
    with closing(Database(create_engine(url, poolclass=NullPool))) as database:
        for _ in range(2):
            database.run(lambda connection: connection.execute(text(slow)).all())
    assert connecting._added[database.sync_engine.dialect], "nothing was limited, so nothing was tried"


def test_a_server_that_lets_nobody_in_is_exit_3(postgresql: TestDatabase) -> None:
    """No connection left, and no right to connect: both said in the server's words, with a hint."""
    name = postgresql.url.database
    execute(
        postgresql.url,
        "CREATE ROLE shop_guest LOGIN PASSWORD 'guest-pass-word'",
        f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC',
    )
    url = make_url(postgresql.url).set(username="shop_guest", password="guest-pass-word")
    try:
        _refused(url, "permission denied|not permitted")
        execute(
            postgresql.url,
            f'GRANT CONNECT ON DATABASE "{name}" TO shop_guest',
            f'ALTER DATABASE "{name}" CONNECTION LIMIT 0',
        )
        _refused(url, "too many connections")
    finally:
        execute(postgresql.url, f'REVOKE ALL ON DATABASE "{name}" FROM shop_guest', "DROP ROLE shop_guest")


def _refused(url: Any, words: str) -> None:
    database = Database(create_engine(url, poolclass=NullPool))
    with closing(database), pytest.raises(ConnectionFailed, match=words) as failed:
        database.run(lambda connection: connection.scalar(text("SELECT 1")))
    assert failed.value.exit_code == 3 and "doctor" in (failed.value.hint or "")
    assert "guest-pass-word" not in failed.value.message
