"""Connections that code of the user's opens without SQLAlchemy: in a read-only session they take no writes."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attempts import fill
from conftest import Run
from drivers import ASYNC, make_engine, url_for
from servers import TestDatabase
from shells import application
from sqlalchemy.ext.asyncio import create_async_engine

from dbadmin import by_hand, readonly
from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.errors import WriteRefused

pytestmark = pytest.mark.usefixtures("protection_ends")

BY_HAND = {
    "sqlite": """
import sqlite3
connection = sqlite3.connect(engine.url.database)
""",
    "postgresql": """
import psycopg
connection = psycopg.connect(host=engine.url.query["host"], dbname=engine.url.database, user=engine.url.username)
""",
    "mariadb": """
import pymysql
connection = pymysql.connect(unix_socket=engine.url.query["unix_socket"], database=engine.url.database)
""",
}
WRITE = """
cursor = connection.cursor()
cursor.execute("SELECT count(*) FROM items")
print(cursor.fetchone()[0])
try:
    cursor.execute("DELETE FROM items")
    connection.commit()
except Exception as error:
    print("refused:", error)
"""


def test_a_shell_s_own_connections_to_its_database_are_read_only(
    database: TestDatabase, run: Run, tmp_path: Path
) -> None:
    fill(database)
    app = application(tmp_path / "project", database.url)
    done = run("shell", "-c", BY_HAND[database.kind] + WRITE, cwd=app)
    assert (done.code, done.stdout.splitlines()[0]) == (0, "2"), done
    assert "refused: " in done.stdout
    assert database.rows("SELECT count(*) FROM items") == [(2,)]
    written = run("shell", "--write", "-c", BY_HAND[database.kind] + WRITE, cwd=app)
    assert "refused" not in written.stdout
    assert database.rows("SELECT count(*) FROM items") == [(0,)]


@pytest.mark.parametrize("driver", ASYNC)
def test_connections_by_hand_that_are_awaited_are_refused_and_the_engine_s_are_not(
    driver: str, made: TestDatabase
) -> None:
    by_hand.watch_drivers()
    readonly.protect(named(made.kind).address.of_url(made.url))
    engine = make_engine(made, driver)
    dialect = engine.sync_engine.dialect  # type: ignore[union-attr]
    cargs, cparams = dialect.create_connect_args(url_for(made, driver))
    module = import_module({"psycopg_async": "psycopg"}.get(driver, driver))
    connect = module.AsyncConnection.connect if driver == "psycopg_async" else module.connect
    with pytest.raises(WriteRefused, match="would open a connection"):
        asyncio.run(connect(*cargs, **cparams))

    async def count() -> int:
        async with engine.connect() as connection:  # type: ignore[union-attr]
            counted = (await connection.exec_driver_sql("SELECT count(*) FROM items")).scalar_one()
        await engine.dispose()  # type: ignore[misc]
        return int(counted)

    assert asyncio.run(count()) == 2


@pytest.mark.parametrize("driver", ["asyncpg", "aiosqlite", "aiomysql"])
def test_an_application_s_own_way_to_connect_is_let_through_and_read_only(driver: str, made: TestDatabase) -> None:
    dialect = make_engine(made, driver).dialect
    cargs, cparams = dialect.create_connect_args(url_for(made, driver))
    cparams.pop("prepared_statement_cache_size", None)

    async def connect() -> Any:
        return await import_module(driver).connect(*cargs, **cparams)

    engine = create_async_engine(f"{dialect.name}+{driver}://", async_creator=connect)
    database = Database(engine)
    by_hand.watch_drivers()
    by_hand.let_connect(engine.sync_engine)
    readonly.protect(named(made.kind).address.of_url(made.url))
    assert database.run(lambda c: c.exec_driver_sql("SELECT count(*) FROM items").scalar()) == 2
    with pytest.raises(WriteRefused):
        database.run(lambda c: c.exec_driver_sql("DELETE FROM items"))
    with pytest.raises(WriteRefused, match="would open a connection"):
        asyncio.run(connect())
    database.close()


def test_connections_by_hand_to_another_database_take_writes(sqlite: TestDatabase, tmp_path: Path) -> None:
    import sqlite3

    fill(sqlite)
    by_hand.watch_drivers()
    readonly.protect(named("sqlite").address.of_url(sqlite.url))
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (a)")
    other.close()


def test_an_engine_that_may_write_does_so_beside_a_session_that_watches_drivers(sqlite: TestDatabase) -> None:
    fill(sqlite)
    by_hand.watch_drivers()
    readonly.protect(named("sqlite").address.of_url(sqlite.url))
    engine = sa.create_engine(sqlite.url)
    readonly.let_write(engine.dialect)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM items")
    engine.dispose()
    assert sqlite.rows("SELECT count(*) FROM items") == [(0,)]
