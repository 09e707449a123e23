"""What a step wrote on MariaDB, and what of it is committed, told without looking at any table."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from servers import TestDatabase

from dbadmin.dialects import TableName, of
from dbadmin.dialects.mysql.server import Server

SETUP = [
    "CREATE TABLE a (id INTEGER PRIMARY KEY, x INTEGER)",
    (
        "CREATE TABLE child (id INTEGER PRIMARY KEY, a_id INTEGER,"
        " CONSTRAINT fk_a FOREIGN KEY (a_id) REFERENCES a (id) ON DELETE CASCADE)"
    ),
    (
        "CREATE TABLE grandchild (id INTEGER PRIMARY KEY, c_id INTEGER,"
        " CONSTRAINT fk_c FOREIGN KEY (c_id) REFERENCES child (id) ON DELETE SET NULL)"
    ),
    "CREATE TABLE log (x INTEGER)",
    "CREATE TABLE watched (x INTEGER)",
    "CREATE TRIGGER tr AFTER INSERT ON watched FOR EACH ROW INSERT INTO log VALUES (new.x)",
    "CREATE VIEW v AS SELECT * FROM log",
    (
        "CREATE TABLE p (id INTEGER) PARTITION BY RANGE (id)"
        " (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)"
    ),
    "CREATE TABLE `odd-näme t#1` (x INTEGER)",
    "CREATE PROCEDURE pr() INSERT INTO log VALUES (7)",
    "CREATE FUNCTION fu() RETURNS INTEGER MODIFIES SQL DATA BEGIN INSERT INTO log VALUES (8); RETURN 1; END",
    "INSERT INTO a VALUES (1, 1), (2, 2)",
    "INSERT INTO child VALUES (1, 1)",
    "INSERT INTO grandchild VALUES (1, 1)",
]
# Statement → tables that it writes, one after the other.
WRITES = [
    ("INSERT INTO log VALUES (1)", {"log"}),
    ("INSERT INTO a VALUES (3, 3)", {"a"}),
    ("UPDATE a SET x = 5 WHERE id = 1", {"a", "child", "grandchild"}),
    ("INSERT INTO watched VALUES (1)", {"watched", "log"}),
    ("INSERT INTO v VALUES (1)", {"log"}),
    ("INSERT INTO a VALUES (2, 9) ON DUPLICATE KEY UPDATE x = 9", {"a", "child", "grandchild"}),
    ("REPLACE INTO log VALUES (4)", {"log"}),
    ("CALL pr()", {"log"}),
    ("SELECT fu()", {"log"}),
    ("INSERT INTO p VALUES (1)", {"p"}),
    ("INSERT INTO `odd-näme t#1` VALUES (1)", {"odd-näme t#1"}),
    ("UPDATE a JOIN log SET log.x = 3", {"log"}),
    ("DELETE FROM a WHERE id = 1", {"a", "child", "grandchild"}),
    ("TRUNCATE log", {"log"}),
    ("ALTER TABLE p TRUNCATE PARTITION p0", {"p"}),
    ("ALTER TABLE log MODIFY x BIGINT", {"log"}),
    ("CREATE TABLE copied AS SELECT * FROM a", {"copied"}),
    ("RENAME TABLE watched TO seen", {"watched", "seen"}),
    ("DROP TABLE grandchild", {"grandchild"}),
    ("SET FOREIGN_KEY_CHECKS = 0", set()),
]
# DDL that puts the counters of performance_schema and InnoDB back, each after a write to `a`.
FORGETTING = [
    "CREATE INDEX ix_a_x ON a (x)",
    "DROP INDEX ix_a_x ON a",
    "ALTER TABLE a ADD COLUMN y INTEGER",
    "ANALYZE TABLE a",
    "FLUSH TABLES",
]
READS = ["SELECT * FROM a", "SHOW CREATE TABLE a", "CHECK TABLE a", "SELECT 1"]


@pytest.fixture
def connection(mariadb: TestDatabase) -> Iterator[sa.Connection]:
    mariadb.execute(*SETUP)
    engine = sa.create_engine(mariadb.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def names(found: frozenset[TableName] | None) -> set[str]:
    assert found is not None
    return {str(table) for table in found}


def test_a_statement_touches_the_tables_that_it_writes_and_no_others(connection: sa.Connection) -> None:
    observer = of(connection).observe
    for statement, expected in WRITES:
        mark = observer.mark(connection)
        connection.exec_driver_sql(statement).close()
        assert names(observer.touched(connection, mark)) == expected, statement


def test_a_write_is_remembered_through_ddl_that_puts_the_counters_back(connection: sa.Connection) -> None:
    observer = of(connection).observe
    connection.exec_driver_sql("CREATE INDEX ix_first ON a (x)")  # the counters stand at 0, as the mark sees them
    for statement in FORGETTING:
        mark = observer.mark(connection)
        connection.exec_driver_sql("UPDATE a SET x = x + 1")
        connection.exec_driver_sql(statement).close()
        assert {"a", "child"} <= names(observer.touched(connection, mark)), statement


def test_reading_touches_nothing(connection: sa.Connection) -> None:
    observer = of(connection).observe
    for statement in READS:
        mark = observer.mark(connection)
        connection.exec_driver_sql(statement).close()
        assert names(observer.touched(connection, mark)) == set(), statement


def test_what_another_session_wrote_is_seen_at_once(mariadb: TestDatabase, connection: sa.Connection) -> None:
    observer = of(connection).observe
    mark = observer.mark(connection)
    mariadb.execute("INSERT INTO log VALUES (1)")
    observer.settle(connection)
    assert names(observer.touched(connection, mark)) == {"log"}


def test_a_table_of_another_engine_always_counts_as_written(mariadb: TestDatabase, connection: sa.Connection) -> None:
    mariadb.execute("CREATE TABLE old (x INTEGER) ENGINE = MyISAM")
    observer = of(connection).observe
    mark = observer.mark(connection)
    assert names(observer.touched(connection, mark)) == {"old"}


def test_a_cascade_into_a_table_that_nobody_opened_is_seen() -> None:
    with Server.start() as server:
        admin = sa.create_engine(server.url(), poolclass=sa.NullPool)
        with admin.begin() as connection:
            connection.exec_driver_sql("CREATE DATABASE app")
        engine = sa.create_engine(server.url("app"), poolclass=sa.NullPool)
        with engine.begin() as connection:
            for statement in SETUP[:3] + SETUP[-3:]:
                connection.exec_driver_sql(statement)
        with server.paused():
            pass
        with engine.connect() as connection:
            observer = of(connection).observe
            mark = observer.mark(connection)
            connection.exec_driver_sql("DELETE FROM a")
            assert names(observer.touched(connection, mark)) == {"a", "child", "grandchild"}


def test_all_is_looked_at_where_the_server_does_not_count(connection: sa.Connection) -> None:
    observer = of(connection).observe
    mark = observer.mark(connection)
    instrument = (
        "UPDATE performance_schema.setup_instruments SET enabled = '{}' WHERE name = 'wait/io/table/sql/handler'"
    )
    connection.exec_driver_sql(instrument.format("NO"))
    try:
        assert observer.touched(connection, mark) is None
        assert observer.mark(connection) is None
    finally:
        connection.exec_driver_sql(instrument.format("YES"))
    assert observer.touched(connection, None) is None


def test_a_look_leaves_the_transaction_as_it_was(mariadb: TestDatabase, connection: sa.Connection) -> None:
    observer = of(connection).observe
    connection.exec_driver_sql("INSERT INTO log VALUES (1)")
    observer.touched(connection, observer.mark(connection))
    connection.rollback()
    assert mariadb.rows("SELECT * FROM log") == []


def test_what_is_committed_is_told_by_the_server(connection: sa.Connection) -> None:
    observer = of(connection).observe
    told = []
    for statement in (
        "INSERT INTO log VALUES (1)",
        "CREATE TEMPORARY TABLE t (x INTEGER)",
        "ALTER TABLE log ADD y INTEGER",
        "INSERT INTO log VALUES (1, 1)",
        "ROLLBACK",
        "INSERT INTO log VALUES (1, 1)",
        "COMMIT",
    ):
        connection.exec_driver_sql(statement)
        told.append(observer.is_committed(connection, statement))
    assert told == [False, False, True, False, False, False, True]
