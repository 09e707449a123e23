"""Methods of the drivers' own connections, in a read-only session: none of them is a way around it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from attempts import fill
from drivers import make_engine, url_for
from servers import TestDatabase

from dbadmin import by_hand, readonly
from dbadmin.dialects import named
from dbadmin.errors import WriteRefused

pytestmark = pytest.mark.usefixtures("protection_ends")

WRITES = "COMMIT; BEGIN READ WRITE; DELETE FROM items; COMMIT"


@contextmanager
def raw(made: TestDatabase, driver: str) -> Iterator[Any]:
    """The driver's own connection, of an engine to a protected database."""
    readonly.protect(named(made.kind).address.of_url(made.url))
    engine = make_engine(made, driver)
    assert isinstance(engine, sa.Engine)
    proxy = engine.raw_connection()
    try:
        yield proxy.dbapi_connection
    finally:
        proxy.invalidate()
        engine.dispose()


def test_a_cursor_of_another_class_is_judged_too(postgresql: TestDatabase) -> None:
    from psycopg2.extras import RealDictCursor

    fill(postgresql)
    with raw(postgresql, "psycopg2") as connection:
        cursor = connection.cursor(cursor_factory=RealDictCursor)
        with pytest.raises(WriteRefused, match="COMMIT"):
            cursor.execute(WRITES)
        cursor.execute("SELECT count(*) AS n FROM items")
        assert (isinstance(cursor, RealDictCursor), cursor.fetchone()) == (True, {"n": 2})


def test_cursors_of_an_application_s_own_class_of_connections_stay_what_they_are(postgresql: TestDatabase) -> None:
    from psycopg2.extras import DictConnection

    fill(postgresql)
    readonly.protect(named("postgresql").address.of_url(postgresql.url))
    url = url_for(postgresql, "psycopg2")
    engine = sa.create_engine(url, connect_args={"connection_factory": DictConnection}, poolclass=sa.NullPool)
    proxy = engine.raw_connection()
    cursor = proxy.cursor()
    cursor.execute("SELECT count(*) AS n FROM items")
    assert cursor.fetchone()["n"] == 2
    with pytest.raises(WriteRefused):
        cursor.execute(WRITES)
    proxy.close()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_a_transaction_is_not_prepared_by_the_driver_s_method(driver: str, postgresql: TestDatabase) -> None:
    with raw(postgresql, driver) as connection:
        connection.rollback()
        connection.tpc_begin(connection.xid(1, "left", "behind"))
        with pytest.raises(WriteRefused, match="PREPARE TRANSACTION"):
            connection.tpc_prepare()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_bytes_that_are_read_otherwise_in_another_encoding_are_refused(driver: str, postgresql: TestDatabase) -> None:
    with raw(postgresql, driver) as connection:
        cursor = connection.cursor()
        cursor.execute("SET client_encoding = 'SJIS'")
        with pytest.raises(WriteRefused, match="bytes beyond ASCII"):
            cursor.execute(b"SELECT E'\x81\\', pg_advisory_lock(1), E'x'")
        cursor.execute(b"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone()[0] == 0


@pytest.mark.parametrize("driver", ["pymysql", "mysqlconnector"])
def test_a_session_that_its_connection_begins_anew_is_read_only_again(driver: str, mariadb: TestDatabase) -> None:
    fill(mariadb)
    with raw(mariadb, driver) as connection:
        if driver == "pymysql":
            connection.close()
            connection.connect()  # as its ping() does
        else:
            connection.cmd_reset_connection()
        with pytest.raises(Exception, match="READ ONLY transaction"):
            connection.cursor().execute("SELECT grow()")
    assert mariadb.rows("SELECT count(*) FROM items") == [(2,)]


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "pymysql"])
def test_the_dialect_of_an_engine_connects_read_only_by_hand(driver: str, made: TestDatabase) -> None:
    by_hand.watch_drivers()
    readonly.protect(named(made.kind).address.of_url(made.url))
    engine = make_engine(made, driver)
    assert isinstance(engine, sa.Engine)
    cargs, cparams = engine.dialect.create_connect_args(url_for(made, driver))
    connection = engine.dialect.connect(*cargs, **cparams)
    with pytest.raises(Exception, match=r"read-only|not authorized"):
        connection.cursor().execute("DELETE FROM items")
    connection.close()
    assert made.rows("SELECT count(*) FROM items") == [(2,)]
