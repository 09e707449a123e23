"""Read-only holds: against every write that was thrown at it, on every driver, whoever made the engine."""

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from servers import TestDatabase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dbadmin import readonly
from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.dialects.postgresql.statements import refused
from dbadmin.errors import ConnectionFailed, DbadminError, NotFinished, StatementFailed, WriteRefused

SYNC = ["pysqlite", "psycopg", "psycopg2", "pg8000", "pymysql", "mysqlconnector", "mysqldb", "mariadbconnector"]
ASYNC = ["aiosqlite", "asyncpg", "psycopg_async", "aiomysql", "asyncmy"]
MODULES = {"mysqldb": "MySQLdb", "mariadbconnector": "mariadb", "mysqlconnector": "mysql.connector"}
"""Drivers that need a C library to be built with, and may be missing."""
SETUP = (
    "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)",
    "INSERT INTO items VALUES (1, 'one'), (2, 'two')",
)
WRITES = {
    "both": [
        "INSERT INTO items VALUES (3, 'three')",
        "UPDATE items SET name = 'x'",
        "DELETE FROM items",
        "WITH gone AS (SELECT 1) DELETE FROM items",
        "CREATE TABLE other (id INTEGER)",
        "CREATE TEMP TABLE other (id INTEGER)",
        "CREATE INDEX items_name ON items (name)",
        "CREATE VIEW v AS SELECT * FROM items",
        "ALTER TABLE items ADD COLUMN more TEXT",
        "DROP TABLE items",
        "ANALYZE",
        "REINDEX TABLE items",
        "VACUUM",
    ],
    "sqlite": [
        "REPLACE INTO items VALUES (1, 'x')",
        "PRAGMA query_only = OFF",
        "PRAGMA user_version = 7",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint",
        "ATTACH 'other.db' AS other",
        "ATTACH ':memory:' AS other",
        "VACUUM INTO 'other.db'",
        "SELECT load_extension('x')",
        "SELECT writefile('other.db', 'x')",
        "REINDEX",
        "UPDATE sqlite_master SET sql = ''",
        "UPDATE sqlite_sequence SET seq = 0",
        "INSERT INTO box VALUES (2, 1, 1)",
        "INSERT INTO box_node VALUES (2, 'x')",
    ],
    "postgresql": [
        "SELECT nextval('numbers')",
        "SELECT * FROM items FOR UPDATE",
        "TRUNCATE items",
        "WITH gone AS (DELETE FROM items RETURNING *) SELECT * FROM gone",
        "EXPLAIN ANALYZE DELETE FROM items",
        "COMMENT ON TABLE items IS 'x'",
        "GRANT SELECT ON items TO PUBLIC",
        "REFRESH MATERIALIZED VIEW summary",
        "SELECT grow()",
        "CALL grow_and_commit()",
        "COMMIT",
        "COMMIT; BEGIN READ WRITE; DELETE FROM items; COMMIT",
        "SELECT 1; COMMIT; DELETE FROM items",
        "SELECT 1; -- and then\nROLLBACK; BEGIN READ WRITE; DELETE FROM items; COMMIT",
        "/* /* */ SELECT 1 */ END; DELETE FROM items",
        "SELECT 'it''s'; COMMIT; DELETE FROM items",
        "SELECT $a$ ; ' $a$; COMMIT; DELETE FROM items",
        "SELECT E'\\'; --'; COMMIT; DELETE FROM items",
        "BEGIN READ WRITE",
        "START TRANSACTION READ WRITE",
        "SET TRANSACTION READ WRITE",
        "SET transaction_read_only = off",
        "SET LOCAL transaction_read_only TO off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SET default_transaction_read_only = off",
        "SET SESSION \"default_transaction_read_only\" TO 'off'",
        "RESET default_transaction_read_only",
        "RESET ALL",
        "DISCARD ALL",
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "SELECT pg_catalog . \"set_config\" ('transaction_read_only', 'off', false)",
        "SELECT set_config('default_transaction' || '_read_only', 'off', false)",
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'default_transaction_read_only'",
        "PREPARE TRANSACTION 'left'",
        "LOCK TABLE items",
        "NOTIFY channel",
        "CHECKPOINT",
        "CLUSTER items",
        "ALTER SYSTEM SET work_mem = '8MB'",
        "LOAD 'plpgsql'",
        "COPY items TO PROGRAM 'cat > /tmp/x'",
        "COPY items TO '/tmp/x'",
        "DO $$ BEGIN DELETE FROM items; COMMIT; END $$",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_terminate_backend(0)",
        "SELECT pg_switch_wal()",
        "SELECT pg_reload_conf()",
        "SELECT pg_notify('a', 'b')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_stat_reset()",
        "SELECT dblink_exec('', 'DELETE FROM items')",
        "SELECT pg_create_physical_replication_slot('left')",
        'SELECT U&"lo\\005Fcreate"(0)',
    ],
    "mariadb": [
        "REPLACE INTO items VALUES (1, 'x')",
        "INSERT INTO items VALUES (3, 'x') RETURNING id",
        "INSERT INTO unlogged VALUES (1)",
        "TRUNCATE items",
        "CREATE DATABASE more",
        "CREATE USER somebody",
        "GRANT SELECT ON *.* TO somebody",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "CREATE PROCEDURE p() SELECT 1",
        "RENAME TABLE items TO other",
        "ANALYZE TABLE items",
        "OPTIMIZE TABLE items",
        "CHECK TABLE items",
        "ANALYZE DELETE FROM items",
        "ANALYZE FORMAT=JSON DELETE FROM items",
        "SELECT nextval(numbers)",
        "SELECT NEXT VALUE FOR numbers",
        "SELECT setval(numbers, 9)",
        "SELECT grow()",
        "SET @a = (SELECT grow())",
        "CALL grow_and_commit()",
        "SELECT * FROM items FOR UPDATE",
        "SELECT * FROM items LOCK IN SHARE MODE",
        "SELECT 1 INTO OUTFILE '{directory}/other.db'",
        "SELECT 1 INTO/**/DUMPFILE '{directory}/other.db'",
        "(SELECT 1) INTO OUTFILE '{directory}/other.db'",
        "VALUES (1) INTO OUTFILE '{directory}/other.db'",
        "SELECT 1 /*! INTO OUTFILE '{directory}/other.db' */",
        "LOAD DATA INFILE '/etc/hostname' INTO TABLE items",
        "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE items",
        "COMMIT",
        "ROLLBACK",
        "COMMIT AND CHAIN",
        "START TRANSACTION READ WRITE",
        "start/**/transaction read  write",
        "/*!50000 START TRANSACTION READ WRITE */",
        "/*M!100000 COMMIT */",
        "# a comment\nCOMMIT",
        "SELECT 1; START TRANSACTION READ WRITE; DELETE FROM items; COMMIT",
        "SELECT 'it\\'s'; COMMIT; DELETE FROM items",
        "SELECT '\\'; COMMIT; -- '",
        "SELECT 5--1; COMMIT",
        "SET SESSION TRANSACTION READ WRITE",
        "SET TRANSACTION READ WRITE",
        "SET tx_read_only = 0",
        "SET SESSION tx_read_only = 'OFF'",
        "SET @@session.tx_read_only = 1 - 1",
        "SET @@tx_read_only := 0",
        "SET @a = 1, tx_read_only = (SELECT 0)",
        "SET transaction_read_only = 0",
        "SET STATEMENT tx_read_only = 0 FOR SELECT 1",
        "SET STATEMENT max_statement_time = 1 FOR DELETE FROM items",
        "SET autocommit = 1",
        "SET GLOBAL max_connections = 151",
        "SET @@global.max_connections = 151",
        "SET SESSION sort_buffer_size = 65536, GLOBAL max_connections = 151",
        "SET PASSWORD = ''",
        "SET DEFAULT ROLE NONE",
        "PREPARE s FROM 'DELETE FROM items'",
        "EXECUTE IMMEDIATE 'START TRANSACTION READ WRITE'",
        "BEGIN NOT ATOMIC START TRANSACTION READ WRITE; INSERT INTO items VALUES (5, 'x'); COMMIT; END",
        "IF 1 THEN COMMIT; END IF",
        "LOCK TABLES items READ",
        "LOCK TABLES items WRITE",
        "UNLOCK TABLES",
        "FLUSH TABLES",
        "FLUSH TABLES WITH READ LOCK",
        "RESET QUERY CACHE",
        "PURGE BINARY LOGS BEFORE '2001-01-01'",
        "KILL 999999",
        "HANDLER items OPEN",
        "XA START 'a'",
        "DO GET_LOCK('a', 1)",
        "SELECT GET_LOCK('a', 1)",
        "SELECT `get_lock`('a', 1)",
        "BACKUP STAGE START",
        "BACKUP LOCK items",
        "CACHE INDEX unlogged IN default",
        "START SLAVE",
        "CHANGE MASTER TO MASTER_HOST = 'x'",
        "INSTALL SONAME 'x'",
        "SHUTDOWN",
        "USE mysql",
    ],
}
OTHERWISE_REFUSED = {
    "SELECT writefile('other.db', 'x')",  # only the sqlite3 program has it
    "UPDATE sqlite_master SET sql = ''",
    "REINDEX TABLE items",  # no syntax of SQLite's
    "CALL grow_and_commit()",  # invalid transaction termination
    "WITH gone AS (SELECT 1) DELETE FROM items",  # no syntax of MariaDB's, and neither is VACUUM
    "VACUUM",
}
READS = {
    "both": ["SELECT count(*) FROM items", "WITH a AS (SELECT 1) SELECT * FROM a", "SELECT 'COMMIT; DELETE'"],
    "sqlite": [
        "PRAGMA table_info(items)",
        "PRAGMA foreign_keys = ON",
        "PRAGMA journal_mode = WAL",
        "PRAGMA user_version",
        "PRAGMA integrity_check",
        "SELECT * FROM pragma_table_xinfo('items')",
        "SELECT value FROM json_each('[1, 2]')",
        "SELECT * FROM words WHERE words MATCH 'one'",
        "SELECT * FROM box WHERE a < 5",
        "EXPLAIN QUERY PLAN SELECT * FROM items",
    ],
    "postgresql": [
        "SAVEPOINT a",
        "SHOW work_mem",
        "SET LOCAL work_mem = '8MB'",
        "SET TIME ZONE 'UTC'",
        "SELECT set_config('work_mem', '8MB', true)",
        "EXPLAIN ANALYZE SELECT * FROM items",
        "SELECT * FROM pg_stat_activity",
        "SELECT 'lo_unlink(1)', $$; COMMIT$$ AS \"LOCK\"",
        "SELECT 1 AS commit",
    ],
    "mariadb": [
        "SAVEPOINT a",
        "START TRANSACTION",
        "START TRANSACTION READ ONLY, WITH CONSISTENT SNAPSHOT",
        "SHOW TABLES",
        "SHOW CREATE TABLE items",
        "DESCRIBE items",
        "EXPLAIN SELECT * FROM items",
        "ANALYZE SELECT * FROM items",
        "ANALYZE FORMAT=JSON SELECT * FROM items",
        "CHECKSUM TABLE items",
        "SELECT * FROM information_schema.processlist",
        "SET @a = 1",
        "SET SESSION sort_buffer_size = 65536, sql_select_limit = 5",
        "SET SESSION sql_select_limit = DEFAULT",
        "SET NAMES utf8mb4",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET STATEMENT max_statement_time = 5 FOR SELECT 1",
        "SELECT 1 AS `for update`, 'INTO OUTFILE' AS \"LOCK\" -- ; COMMIT",
        "SELECT 'it''s; COMMIT', \"; DELETE\"",
        "(SELECT 1) UNION (SELECT 2)",
        "VALUES (1), (2)",
        "SELECT 1 INTO @a",
        "SELECT /*+ a hint */ 1",
    ],
}


def fill(database: TestDatabase) -> None:
    database.execute(*SETUP)
    if database.kind == "sqlite":
        database.execute(
            "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)",
            "CREATE VIRTUAL TABLE words USING fts5(text)",
            "INSERT INTO words VALUES ('one two')",
            "CREATE VIRTUAL TABLE box USING rtree(id, a, b)",
            "INSERT INTO box VALUES (1, 2, 3)",
        )
    elif database.kind == "mariadb":
        database.execute(
            "CREATE TABLE unlogged (a INTEGER) ENGINE = MyISAM",
            "CREATE SEQUENCE numbers",
            "CREATE FUNCTION grow() RETURNS INT BEGIN INSERT INTO items VALUES (9, 'x'); RETURN 1; END",
            "CREATE PROCEDURE grow_and_commit() "
            "BEGIN COMMIT; START TRANSACTION READ WRITE; INSERT INTO items VALUES (8, 'x'); COMMIT; END",
        )
    else:
        database.execute(
            "CREATE SEQUENCE numbers",
            "CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM items",
            "CREATE FUNCTION grow() RETURNS void LANGUAGE sql AS 'INSERT INTO items VALUES (9, $$x$$)'",
            "CREATE PROCEDURE grow_and_commit() LANGUAGE plpgsql AS "
            "'BEGIN COMMIT; INSERT INTO items VALUES (8, $$x$$); END'",
        )


def url_for(database: TestDatabase, driver: str) -> sa.URL:
    return named(database.kind).address.with_driver(database.url, driver)


def needs(driver: str) -> str:
    if "my" in driver or "maria" in driver:
        pytest.importorskip(MODULES.get(driver, driver), exc_type=ImportError)
        return "mariadb"
    return "sqlite" if "sqlite" in driver else "postgresql"


@pytest.fixture(autouse=True)
def protection_ends() -> Iterator[None]:
    yield
    for address in list(readonly._protected):
        readonly.release(address)


@pytest.fixture
def made(request: pytest.FixtureRequest, driver: str) -> TestDatabase:
    """A filled database for the driver of the test."""
    database: TestDatabase = request.getfixturevalue(needs(driver))
    fill(database)
    return database


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


def state(database: TestDatabase) -> list[tuple[object, ...]]:
    rows = database.rows("SELECT * FROM items ORDER BY id")
    if database.kind == "postgresql":
        rows += database.rows("SELECT is_called FROM numbers")
        rows += database.rows("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        rows += database.rows("SELECT count(*) FROM pg_largeobject_metadata")
        rows += database.rows("SELECT count(*) FROM pg_replication_slots")
    if database.kind == "mariadb":
        rows += database.rows("SELECT * FROM unlogged")
        rows += database.rows("SELECT next_not_cached_value FROM numbers")
        rows += database.rows(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{database.name}'"
        )
        rows += database.rows("SELECT count(*) FROM mysql.user")
        rows += database.rows("SELECT @@global.max_connections, @@global.read_only")
    return rows


@pytest.mark.parametrize("driver", SYNC + ASYNC)
def test_every_write_is_refused_and_changes_nothing(
    driver: str, made: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = state(made)
    database = Database(make_engine(made, driver))
    found = run_each(
        database, [sql.replace("{directory}", str(tmp_path)) for sql in WRITES["both"] + WRITES[made.kind]]
    )
    database.close()
    assert {sql for sql, error in found.items() if not isinstance(error, WriteRefused)} <= OTHERWISE_REFUSED
    assert None not in found.values()
    for address in list(readonly._protected):
        readonly.release(address)
    assert state(made) == before
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize("driver", SYNC + ASYNC)
def test_reading_works_as_ever(driver: str, made: TestDatabase) -> None:
    database = Database(make_engine(made, driver))
    found = run_each(database, READS["both"] + READS[made.kind])
    database.close()
    assert {sql: error for sql, error in found.items() if error is not None} == {}


def make_engine(made: TestDatabase, driver: str, **options: Any) -> sa.Engine | AsyncEngine:
    url = url_for(made, driver)
    return create_async_engine(url, **options) if driver in ASYNC else sa.create_engine(url, **options)


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
    assert named(made.kind).session.is_read_only_error(caught.value)
    dispose(engine)


def dispose(engine: sa.Engine | AsyncEngine) -> None:
    if isinstance(engine, sa.Engine):  # an AsyncEngine was disposed of on its own loop
        engine.dispose()


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
    with pytest.raises(DBAPIError):
        insert_raw_wrapped(engine)
    readonly.release(address)
    insert(engine)
    engine.dispose()
    assert len(made.rows("SELECT * FROM items")) == 3


def insert_raw_wrapped(engine: sa.Engine) -> None:
    try:
        insert_raw(engine)
    except Exception as error:
        raise DBAPIError("", None, error) from error


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
        cursor.execute("SET TRANSACTION READ WRITE")
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
    show = "SELECT @@max_statement_time, @@lock_wait_timeout, @@innodb_lock_wait_timeout"
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
    assert seen == [(7.5, 2, 2), (0.0, 77, 50), (7.5, 2, 2)]
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


@pytest.mark.parametrize("driver", ["pysqlite", "aiosqlite"])
@pytest.mark.parametrize("mode", ["read-only", "write"])
def test_a_missing_file_is_an_error_and_is_not_made(driver: str, mode: Any, tmp_path: Path) -> None:
    path = tmp_path / "missing.db"
    url = sa.URL.create(f"sqlite+{driver}", database=str(path))
    engine = create_async_engine(url) if driver in ASYNC else sa.create_engine(url)
    database = Database(engine, mode=mode)
    with pytest.raises(ConnectionFailed, match=r"missing\.db"):
        database.run(lambda connection: connection.exec_driver_sql("SELECT 1"))
    database.close()
    assert list(tmp_path.iterdir()) == []


def test_the_applications_engine_does_not_make_the_file_either(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/missing.db")
    readonly.protect(named("sqlite").address.of_url(engine.url))
    with pytest.raises(ConnectionFailed):
        engine.connect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("driver", ["pysqlite", "aiosqlite"])
def test_a_wal_file_is_read_whole_and_stays_as_it_is(driver: str, sqlite: TestDatabase) -> None:
    path = Path(str(sqlite.url.database))
    with closing(sqlite3.connect(path)) as writer:
        writer.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a)")
        writer.execute("INSERT INTO t VALUES (1)")
        writer.commit()
        before = sha256(path)
        database = Database(make_engine(sqlite, driver))
        assert database.run(lambda connection: connection.exec_driver_sql("SELECT * FROM t").all()) == [(1,)]
        database.close()
        assert sha256(path) == before


def sha256(path: Path) -> str:
    """By another process: reading here would drop the locks that this process holds on the file."""
    program = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
    return subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True).stdout


def test_a_hot_journal_is_explained_and_left_alone(sqlite: TestDatabase) -> None:
    path = Path(str(sqlite.url.database))
    fill(sqlite)
    crash = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("CREATE TABLE big (filler)")
connection.executemany("INSERT INTO big VALUES (hex(randomblob(200)))", [()] * 9999)
os._exit(1)
"""
    subprocess.run([sys.executable, "-c", crash, str(path)], check=False)
    journal = Path(f"{path}-journal")
    before = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, journal)]
    database = Database(sa.create_engine(sqlite.url))
    with pytest.raises(ConnectionFailed, match="journal"):
        database.run(lambda connection: connection.exec_driver_sql("SELECT * FROM items").all())
    database.close()
    assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, journal)] == before


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("dear diary, " * 100)
    database = Database(sa.create_engine(f"sqlite:///{tmp_path}/notes.db"))
    with pytest.raises(ConnectionFailed, match="not a SQLite database"):
        database.run(lambda connection: connection.exec_driver_sql("SELECT 1 FROM sqlite_master").all())
    database.close()
    directory = Database(sa.create_engine(f"sqlite:///{tmp_path}"))
    with pytest.raises(ConnectionFailed, match="directory"):
        directory.run(lambda connection: connection.exec_driver_sql("SELECT 1").all())


def test_pragmas_that_applications_send_on_connect_do_not_fail(sqlite: TestDatabase) -> None:
    fill(sqlite)
    engine = sa.create_engine(sqlite.url)

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: object) -> None:
        for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL", "optimize"):
            connection.execute(f"PRAGMA {pragma}")

    database = Database(engine)
    assert database.run(lambda connection: connection.exec_driver_sql("PRAGMA foreign_keys").scalar()) == 1
    database.close()
    assert sqlite.rows("PRAGMA journal_mode") == [("delete",)]


def identity(database: TestDatabase) -> tuple[str, ...]:
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return named(database.kind).session.identity(connection).key


def test_a_database_has_one_identity_on_every_road(postgresql: TestDatabase) -> None:
    user = postgresql.rows("SELECT current_user")
    postgresql.execute("CREATE ROLE app LOGIN")
    assert user != [("app",)]
    other = TestDatabase(postgresql.kind, postgresql.url.set(username="app"), postgresql.name)
    try:
        assert identity(other) == identity(postgresql)
    finally:
        postgresql.execute("DROP ROLE app")


def test_a_database_of_mariadb_has_one_identity_on_every_road_and_databases_differ(mariadb: TestDatabase) -> None:
    other = f"{mariadb.name}_other"
    mariadb.execute(
        "CREATE USER passer_by", f"GRANT SELECT ON {mariadb.name}.* TO passer_by", f"CREATE DATABASE {other}"
    )
    try:
        by_another = TestDatabase(mariadb.kind, mariadb.url.set(username="passer_by"), mariadb.name)
        beside = TestDatabase(mariadb.kind, mariadb.url.set(database=other), other)
        assert identity(by_another) == identity(mariadb) != identity(beside)
        assert identity(beside)[:-1] == identity(mariadb)[:-1]
    finally:
        mariadb.execute("DROP USER passer_by", f"DROP DATABASE {other}")


def test_copies_have_identities_of_their_own(postgresql: TestDatabase) -> None:
    name = f"{postgresql.name}_copy"
    server = sa.create_engine(
        postgresql.url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    copy = TestDatabase(postgresql.kind, postgresql.url.set(database=name), name)
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {postgresql.name}")
        try:
            plain = identity(copy)
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET dbadmin.copy_id = 'nonce'")
            marked = identity(copy)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
    assert len({plain, marked, identity(postgresql)}) == 3
    assert marked[-1] == "nonce"


def test_a_sqlite_files_identity_is_its_inode(sqlite: TestDatabase, tmp_path: Path) -> None:
    fill(sqlite)
    path = Path(str(sqlite.url.database))
    (tmp_path / "hard.db").hardlink_to(path)
    (tmp_path / "copy.db").write_bytes(path.read_bytes())
    named_otherwise, copied = (
        TestDatabase("sqlite", sqlite.url.set(database=str(tmp_path / name)), name) for name in ("hard.db", "copy.db")
    )
    assert identity(named_otherwise) == identity(sqlite) != identity(copied)


@pytest.mark.parametrize("statement", WRITES["postgresql"])
def test_only_what_postgresql_would_let_through_is_refused_by_name(statement: str) -> None:
    stopped_by_the_server = (
        "SELECT nextval", "SELECT * FROM items FOR", "TRUNCATE", "WITH gone", "EXPLAIN", "COMMENT", "GRANT",
        "REFRESH", "SELECT grow", "CALL grow",
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
