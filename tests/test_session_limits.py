"""Timeouts, locks and the proof of sessions."""

import sqlite3
from contextlib import closing

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from attempts import fill
from drivers import make_engine, url_for
from servers import TestDatabase
from sqlalchemy.exc import DBAPIError

from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.errors import ConnectionFailed, NotFinished, StatementFailed

pytestmark = pytest.mark.usefixtures("protection_ends")


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "aiosqlite", "asyncpg", "pymysql", "asyncmy"])
def test_a_session_that_takes_writes_is_found_out(driver: str, made: TestDatabase) -> None:
    database = Database(make_engine(made, driver), mode="write")
    with pytest.raises(NotFinished, match="takes writes"):
        database.run(database.dialect.session.prove_read_only)
    database.close()
    assert len(made.rows("SELECT * FROM items")) == 2


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "aiosqlite", "asyncpg", "pymysql", "mysqldb", "aiomysql"])
def test_a_long_statement_is_stopped(driver: str, made: TestDatabase) -> None:
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "postgresql": "SELECT pg_sleep(60)",
        "mariadb": "SELECT sum(a.seq * b.seq) FROM seq_1_to_1000000 AS a, seq_1_to_1000000 AS b",
    }[made.kind]
    database = Database(make_engine(made, driver), statement_timeout=0.2)
    with pytest.raises(StatementFailed) as caught:
        database.run(lambda connection: connection.exec_driver_sql(slow).all())
    assert "--statement-timeout" in str(caught.value.hint)
    again = database.run(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())
    assert again == 1
    database.close()


def test_a_lock_is_not_waited_for_long(postgresql: TestDatabase) -> None:
    fill(postgresql)
    database = Database(sa.create_engine(postgresql.url), lock_timeout=0.2)
    with psycopg.connect(
        host=str(postgresql.url.query["host"]), dbname=postgresql.name, user=postgresql.url.username
    ) as other:
        other.execute("LOCK TABLE items")
        with pytest.raises(StatementFailed, match="lock"):
            database.run(lambda connection: connection.exec_driver_sql("SELECT * FROM items").all())
    database.close()


def test_a_lock_of_mariadb_is_not_waited_for_long(mariadb: TestDatabase) -> None:
    fill(mariadb)
    database = Database(sa.create_engine(mariadb.url), lock_timeout=0.2)
    with closing(pymysql.connect(unix_socket=str(mariadb.url.query["unix_socket"]), database=mariadb.name)) as other:
        other.cursor().execute("LOCK TABLES items WRITE")
        with pytest.raises(StatementFailed, match="lock"):
            database.run(lambda connection: connection.exec_driver_sql("SELECT * FROM items").all())
    database.close()


def test_a_busy_sqlite_file_is_not_waited_for_long(sqlite: TestDatabase) -> None:
    fill(sqlite)
    database = Database(sa.create_engine(sqlite.url), lock_timeout=0.2)
    with closing(sqlite3.connect(str(sqlite.url.database), isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StatementFailed, match="lock"):
            database.run(lambda connection: connection.exec_driver_sql("SELECT * FROM items").all())
    database.close()


def test_timeouts_hold_in_later_transactions_and_end_with_the_connection(postgresql: TestDatabase) -> None:
    database = Database(sa.create_engine(postgresql.url), mode="write", statement_timeout=7)
    show = "SELECT current_setting('statement_timeout')"

    def work(connection: sa.Connection) -> list[object]:
        first = connection.exec_driver_sql(show).scalar()
        connection.commit()
        return [first, connection.exec_driver_sql(show).scalar()]

    assert database.run(work) == ["7s", "7s"]
    with database.sync_engine.connect() as connection:
        assert connection.exec_driver_sql(show).scalar() == "0"
    database.close()


@pytest.mark.parametrize("driver", ["pymysql", "mysqldb", "asyncmy"])
def test_timeouts_of_mariadb_are_given_back_after_each_transaction(driver: str, made: TestDatabase) -> None:
    engine = make_engine(made, driver, connect_args={"init_command": "SET SESSION lock_wait_timeout = 77"})
    database = Database(engine, mode="write", statement_timeout=7.5)
    show = "SELECT @@max_statement_time, @@lock_wait_timeout, @@innodb_lock_wait_timeout, @@idle_transaction_timeout"
    seen: list[tuple[object, ...]] = []

    def work(connection: sa.Connection) -> None:
        seen.append(tuple(connection.exec_driver_sql(show).one()))
        connection.commit()
        cursor = connection.connection.cursor()  # beside SQLAlchemy: no transaction of its begins
        cursor.execute(show)
        seen.append(tuple(cursor.fetchone()))
        cursor.close()
        seen.append(tuple(connection.exec_driver_sql(show).one()))

    database.run(work)
    assert seen == [(7.5, 2, 2, 60), (0.0, 77, 50, 0), (7.5, 2, 2, 60)]
    database.close()


def test_a_server_without_a_database_is_not_looked_at(mariadb: TestDatabase) -> None:
    database = Database(sa.create_engine(mariadb.url._replace(database=None)))
    with pytest.raises(ConnectionFailed, match="no database"):
        database.run(lambda connection: connection.exec_driver_sql("SELECT 1"))
    database.close()


def test_a_user_who_may_only_read_is_proven_too(mariadb: TestDatabase) -> None:
    fill(mariadb)
    mariadb.execute("CREATE USER onlooker", f"GRANT SELECT ON {mariadb.name}.* TO onlooker")
    try:
        database = Database(sa.create_engine(mariadb.url.set(username="onlooker")))
        assert database.run(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM items").scalar()) == 2
        database.close()
    finally:
        mariadb.execute("DROP USER onlooker")


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "pg8000", "pymysql", "mysqlconnector"])
def test_timeouts_may_be_set_whenever_a_transaction_of_an_engine_begins(driver: str, made: TestDatabase) -> None:
    engine = sa.create_engine(url_for(made, driver))
    rules = named(made.kind).session
    sa.event.listen(engine, "begin", lambda connection: rules.set_timeouts(connection, 0.2, 3))
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "postgresql": "SELECT pg_sleep(60)",
        "mariadb": "SELECT sum(a.seq * b.seq) FROM seq_1_to_1000000 AS a, seq_1_to_1000000 AS b",
    }[made.kind]
    for _ in range(2):
        with engine.connect() as connection:
            for _ in range(2):
                with pytest.raises(DBAPIError) as caught:
                    connection.exec_driver_sql(slow).all()
                assert isinstance(rules.explain(caught.value.orig or caught.value), StatementFailed)
                connection.rollback()
            assert connection.exec_driver_sql("SELECT count(*) FROM items").scalar() == 2
    engine.dispose()


def test_a_table_that_is_not_there_is_told_with_what_to_type(database: TestDatabase) -> None:
    database.execute("CREATE TABLE here (id integer)")
    opened = Database(sa.create_engine(database.url))
    with pytest.raises(StatementFailed, match="nowhere") as caught:
        opened.run(lambda connection: connection.exec_driver_sql("SELECT * FROM nowhere"))
    assert str(caught.value.hint).startswith("dbadmin tables ")
    opened.close()


def test_errors_of_mariadb_tell_no_values_of_rows(mariadb: TestDatabase) -> None:
    mariadb.execute(
        "CREATE TABLE t (secret VARCHAR(9) UNIQUE, n INT, day DATE)",
        "INSERT INTO t (secret) VALUES ('hunter2')",
    )
    database = Database(sa.create_engine(mariadb.url), mode="write")
    column = f"column `{mariadb.name}`.`t`"
    expected = {
        "INSERT INTO t (secret) VALUES ('hunter2')": "Duplicate entry for key 'secret'",
        "INSERT INTO t (n) VALUES ('hunter2')": f"Incorrect integer value for {column}.`n` at row 1",
        "INSERT INTO t (day) VALUES ('hunter2')": f"Incorrect date value for {column}.`day` at row 1",
        "UPDATE t SET n = 1 WHERE secret = 5": "Truncated incorrect DECIMAL value",
        "SELECT 1 FROM t WHER 'hunter2'": (
            "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version "
            "for the right syntax to use near '…' at line 1"
        ),
        "SELECT nothing FROM t": "Unknown column 'nothing' in 'SELECT'",
    }  # fmt: skip
    for statement, message in expected.items():
        with pytest.raises(StatementFailed) as caught:
            database.run(lambda connection, sql=statement: connection.exec_driver_sql(sql))  # type: ignore[misc]
        assert caught.value.message.replace("field list", "SELECT") == message
    database.close()
