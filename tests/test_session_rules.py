"""Read-only holds: against every write that was thrown at it, on every driver, whoever made the engine."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from attempts import READS, WRITES, fill
from drivers import ASYNC, SYNC, dispose, engine_by_function, make_engine, url_for
from servers import TestDatabase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from dbadmin import readonly
from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.dialects.cursors import Own
from dbadmin.dialects.postgresql.statements import refused
from dbadmin.errors import DbadminError, WriteRefused

pytestmark = pytest.mark.usefixtures("protection_ends")


def run_each(database: Database, statements: list[str]) -> dict[str, Exception | None]:
    """What each statement led to, in a run of its own."""
    found: dict[str, Exception | None] = {}
    for statement in statements:
        try:
            database.run(lambda connection, sql=statement: connection.exec_driver_sql(sql))  # type: ignore[misc]
            found[statement] = None
        except DbadminError as error:
            found[statement] = error
    return found


@pytest.mark.parametrize("driver", SYNC + ASYNC)
def test_reading_works_as_ever(driver: str, made: TestDatabase) -> None:
    database = Database(make_engine(made, driver))
    found = run_each(database, READS["both"] + READS[made.kind])
    database.close()
    assert {sql: error for sql, error in found.items() if error is not None} == {}


def insert_raw(engine: sa.Engine | AsyncEngine) -> None:
    """A write around SQLAlchemy's Connection, committed by the driver."""

    def work(proxy: Any) -> None:
        cursor = proxy.cursor()
        cursor.execute("INSERT INTO items VALUES (3, 'three')")
        proxy.commit()

    if isinstance(engine, AsyncEngine):

        async def run() -> None:
            from sqlalchemy.util import greenlet_spawn

            proxy = await engine.raw_connection()
            try:
                await greenlet_spawn(work, proxy)
            finally:
                await greenlet_spawn(proxy.close)  # type: ignore[attr-defined]
                await engine.dispose()

        asyncio.run(run())
    else:
        with closing(engine.raw_connection()) as proxy:
            work(proxy)


def insert(engine: sa.Engine | AsyncEngine) -> None:
    if isinstance(engine, AsyncEngine):

        async def run() -> None:
            async with engine.begin() as connection:
                await connection.exec_driver_sql("INSERT INTO items VALUES (3, 'three')")

        asyncio.run(run())
    else:
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO items VALUES (3, 'three')")


@pytest.mark.parametrize("driver", SYNC + ASYNC)
def test_a_raw_connection_cannot_write_either(driver: str, made: TestDatabase) -> None:
    engine = make_engine(made, driver)
    readonly.protect(named(made.kind).address.of_url(made.url))
    with pytest.raises(Exception) as caught:  # each driver has errors of its own
        insert_raw(engine)
    assert isinstance(caught.value, WriteRefused) or named(made.kind).session.is_read_only_error(caught.value)
    dispose(engine)


@pytest.mark.parametrize("driver", SYNC)
def test_an_engine_that_the_application_used_before_obeys_from_then_on(driver: str, made: TestDatabase) -> None:
    engine = sa.create_engine(url_for(made, driver))
    open_already = engine.connect()
    with engine.connect() as pooled:
        pooled.exec_driver_sql("SELECT 1")
    address = named(made.kind).address.of_url(made.url)
    readonly.protect(address)
    for connection in (open_already, engine.connect()):
        with connection, pytest.raises((DBAPIError, WriteRefused)):
            connection.exec_driver_sql("INSERT INTO items VALUES (3, 'three')")
    with pytest.raises(Exception, match=r"(?i)read.?only|not authorized"):  # each driver has errors of its own
        insert_raw(engine)
    readonly.release(address)
    insert(engine)
    engine.dispose()
    assert len(made.rows("SELECT * FROM items")) == 3


@pytest.mark.parametrize("driver", SYNC)
def test_an_engine_with_a_creator_of_its_own_obeys(driver: str, made: TestDatabase) -> None:
    plain = sa.create_engine(url_for(made, driver))
    cargs, cparams = plain.dialect.create_connect_args(plain.url)
    engine = sa.create_engine(
        f"{plain.dialect.name}+{driver}://", creator=lambda: plain.dialect.connect(*cargs, **cparams)
    )
    readonly.protect(named(made.kind).address.of_url(made.url))
    with pytest.raises((DBAPIError, WriteRefused)):
        insert(engine)
    engine.dispose()


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "pg8000", "pymysql", "aiosqlite", "asyncpg", "aiomysql"])
def test_an_application_that_connects_by_a_function_of_its_own_is_asked_read_only(
    driver: str, made: TestDatabase
) -> None:
    dialect = make_engine(made, driver).dialect
    cargs, cparams = dialect.create_connect_args(url_for(made, driver))
    if driver in ASYNC:
        cparams.pop("prepared_statement_cache_size", None)
    database = Database(engine_by_function(made, driver, cargs, cparams))
    count = database.run(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM items").scalar())
    assert count == 2
    with pytest.raises(WriteRefused):
        database.run(lambda connection: connection.exec_driver_sql("DELETE FROM items"))
    if driver != "pg8000":  # which does not tell where it is connected
        other = sa.create_engine(made.url)
        with pytest.raises((DBAPIError, WriteRefused)):
            insert(other)
        other.dispose()
    database.close()
    assert made.rows("SELECT count(*) FROM items") == [(2,)]


@pytest.mark.parametrize("statement", ["DELETE FROM box_node", "UPDATE box_rowid SET nodeno = 9"])
def test_a_database_in_memory_is_read_only_too(statement: str) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIRTUAL TABLE box USING rtree(id, a, b)")
        connection.exec_driver_sql("INSERT INTO box VALUES (1, 2, 3)")
    database = Database(engine)
    with pytest.raises(WriteRefused):
        database.run(lambda connection: connection.exec_driver_sql(statement))
    rows = database.run(lambda connection: connection.exec_driver_sql("SELECT * FROM box").all())
    assert rows == [(1, 2.0, 3.0)]
    database.close()


def test_another_database_of_the_same_application_stays_writable(sqlite: TestDatabase, tmp_path: Path) -> None:
    fill(sqlite)
    readonly.protect(named("sqlite").address.of_url(sqlite.url))
    other = sa.create_engine(f"sqlite:///{tmp_path}/other.db")
    with other.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
    other.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "pymysql"])
def test_an_autocommit_engine_cannot_write(driver: str, made: TestDatabase) -> None:
    database = Database(sa.create_engine(url_for(made, driver), isolation_level="AUTOCOMMIT"))
    found = run_each(database, WRITES["both"] + WRITES[made.kind])
    database.close()
    assert [sql for sql, error in found.items() if error is None] == []


def test_a_read_only_transaction_cannot_be_turned_around_by_the_driver(postgresql: TestDatabase) -> None:
    fill(postgresql)

    def turn(connection: sa.Connection) -> None:
        connection.begin()
        cursor = connection.connection.cursor()  # beside SQLAlchemy's events
        cursor.execute(Own("SET TRANSACTION READ WRITE"))
        cursor.execute("DELETE FROM items")

    database = Database(sa.create_engine(postgresql.url), lock_timeout=None)
    with pytest.raises(psycopg.Error, match="must be set before any query"):
        database.run(turn)
    database.close()


def test_a_prepared_transaction_is_refused(postgresql: TestDatabase) -> None:
    engine = sa.create_engine(postgresql.url)
    readonly.protect(named("postgresql").address.of_url(postgresql.url))
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        with pytest.raises(WriteRefused):
            transaction.prepare()
    engine.dispose()


def test_options_of_the_application_stay(postgresql: TestDatabase) -> None:
    engine = sa.create_engine(postgresql.url, connect_args={"options": "-c work_mem=7MB"})
    database = Database(engine)
    assert database.run(lambda connection: connection.exec_driver_sql("SHOW work_mem").scalar()) == "7MB"
    database.close()


@pytest.mark.parametrize("statement", WRITES["postgresql"])
def test_only_what_postgresql_would_let_through_is_refused_by_name(statement: str) -> None:
    stopped_by_the_server = (
        "SELECT nextval", "SELECT * FROM items FOR", "TRUNCATE", "WITH gone", "EXPLAIN ANALYZE DELETE", "COMMENT",
        "GRANT", "REFRESH", "SELECT grow", "SELECT setval", "SELECT * INTO", "CREATE", "MERGE", "PREPARE p", "SECURITY",
        "SELECT turn",
    )  # fmt: skip
    assert (refused(statement) is None) == statement.startswith(stopped_by_the_server)


@pytest.mark.parametrize("statement", WRITES["both"] + WRITES["mariadb"])
def test_on_mariadb_everything_that_is_not_known_to_read_is_refused_by_name(statement: str) -> None:
    refuse = named("mariadb").session.refused
    left_to_the_server = ("WITH gone", "SELECT grow", "SET @a = (SELECT grow", "REINDEX", "VACUUM")
    assert (refuse(statement) is None) == statement.startswith(left_to_the_server)


@pytest.mark.parametrize("statement", READS["both"] + READS["mariadb"])
def test_no_reading_statement_of_mariadb_is_refused_by_name(statement: str) -> None:
    assert named("mariadb").session.refused(statement) is None


@pytest.mark.parametrize("statement", READS["both"] + READS["postgresql"])
def test_no_reading_statement_is_refused_by_name(statement: str) -> None:
    assert refused(statement) is None


@pytest.mark.parametrize("driver", ["psycopg2", "pymysql", "mysqlconnector", "mysqldb", "mariadbconnector"])
def test_what_a_driver_calls_without_a_statement_is_refused(driver: str, made: TestDatabase) -> None:
    engine = sa.create_engine(url_for(made, driver))
    readonly.protect(named(made.kind).address.of_url(made.url))
    with closing(engine.raw_connection()) as proxy:
        cursor = proxy.cursor()
        with pytest.raises(WriteRefused, match="CALL"):
            cursor.callproc("grow_and_commit")
        if hasattr(proxy, "kill"):
            with pytest.raises(WriteRefused, match="KILL"):
                proxy.kill(1)  # type: ignore[attr-defined]
    engine.dispose()
    assert len(made.rows("SELECT * FROM items")) == 2


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_what_sqlalchemy_says_of_a_transaction_changes_nothing(driver: str, made: TestDatabase) -> None:
    engine = sa.create_engine(url_for(made, driver), pool_size=1)
    readonly.protect(named("postgresql").address.of_url(made.url))
    with engine.connect().execution_options(postgresql_readonly=True) as connection:
        connection.exec_driver_sql("SELECT 1")
    with pytest.raises(Exception, match=r"(?i)read.only"):  # each driver has errors of its own
        insert_raw(engine)
    for options in ({}, {"isolation_level": "AUTOCOMMIT"}):
        writing = engine.execution_options(postgresql_readonly=False, **options)
        with pytest.raises((DBAPIError, WriteRefused), match=r"(?i)read.only"):
            insert(writing)
    engine.dispose()
    assert len(made.rows("SELECT * FROM items")) == 2
