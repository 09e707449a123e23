"""What a step wrote is told without looking at any table: never too few tables, seldom too many."""

import sqlite3
import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from servers import TestDatabase

from dbadmin.dialects import TableName, named, of
from dbadmin.dialects.sqlite import observe
from dbadmin.state import snapshot, update

SETUP = {
    "sqlite": [
        "CREATE TABLE a (id INTEGER PRIMARY KEY, x INTEGER)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a ON DELETE CASCADE)",
        "CREATE TABLE grandchild (id INTEGER PRIMARY KEY, c_id INTEGER REFERENCES child ON DELETE SET NULL)",
        "CREATE TABLE log (x INTEGER)",
        "CREATE TABLE watched (x INTEGER)",
        "CREATE TRIGGER tr AFTER INSERT ON watched BEGIN INSERT INTO log VALUES (new.x); END",
        "CREATE VIEW v AS SELECT * FROM log",
        "CREATE TRIGGER tv INSTEAD OF INSERT ON v BEGIN INSERT INTO log VALUES (new.x); END",
        "CREATE VIRTUAL TABLE words USING fts5 (w)",
        "INSERT INTO a VALUES (1, 1), (2, 2)",
        "INSERT INTO child VALUES (1, 1)",
        "INSERT INTO grandchild VALUES (1, 1)",
    ],
    "postgresql": [
        "CREATE TABLE a (id integer PRIMARY KEY, x integer)",
        "CREATE TABLE child (id integer PRIMARY KEY, a_id integer REFERENCES a ON DELETE CASCADE)",
        "CREATE TABLE grandchild (id integer PRIMARY KEY, c_id integer REFERENCES child ON DELETE SET NULL)",
        "CREATE TABLE log (x integer)",
        "CREATE TABLE watched (x integer)",
        (
            "CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO log VALUES (new.x); RETURN new; END'"
        ),
        "CREATE TRIGGER tr AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION tf()",
        "CREATE VIEW v AS SELECT * FROM log",
        "CREATE TABLE p (id integer) PARTITION BY RANGE (id)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM a",
        "INSERT INTO a VALUES (1, 1), (2, 2)",
        "INSERT INTO child VALUES (1, 1)",
        "INSERT INTO grandchild VALUES (1, 1)",
    ],
}

# Statement → tables that it writes.
WRITES = {
    "both": [
        ("INSERT INTO log VALUES (1)", {"log"}),
        ("UPDATE a SET x = 5 WHERE id = 1", {"a"}),
        ("DELETE FROM a WHERE id = 1", {"a", "child", "grandchild"}),
        ("INSERT INTO watched VALUES (1)", {"watched", "log"}),
        ("INSERT INTO v VALUES (1)", {"log"}),
        ("INSERT INTO a VALUES (2, 9) ON CONFLICT (id) DO UPDATE SET x = excluded.x", {"a"}),
        ("CREATE TABLE copied AS SELECT * FROM a", {"copied"}),
        ("ALTER TABLE a RENAME TO b", {"a"}),
        ("DROP TABLE grandchild", {"grandchild"}),
        ("WITH gone AS (SELECT 1) INSERT INTO log SELECT * FROM gone", {"log"}),
    ],
    "sqlite": [
        ("REPLACE INTO a VALUES (1, 7)", {"a"}),
        ("INSERT INTO words VALUES ('one')", {"words"}),
        ("DELETE FROM A", {"a"}),
    ],
    "postgresql": [
        ("TRUNCATE log", {"log"}),
        ("INSERT INTO p VALUES (1)", {"p1"}),
        ("ALTER TABLE a ALTER x TYPE bigint", {"a"}),
        ("REFRESH MATERIALIZED VIEW m", {"m"}),
        ("COPY log FROM PROGRAM 'echo 1'", {"log"}),
        ("DO $$ BEGIN UPDATE a SET x = 3; END $$", {"a"}),
        ("MERGE INTO a USING (SELECT 1 AS id) AS s ON a.id = s.id WHEN MATCHED THEN DELETE",
         {"a", "child", "grandchild"}),
    ],
}  # fmt: skip
AUTOCOMMITTED: dict[str, list[tuple[str, set[str]]]] = {
    "both": [("INSERT INTO log VALUES (1)", {"log"}), ("DELETE FROM log", {"log"}), ("SELECT 1", set())],
    "sqlite": [],
    "postgresql": [
        ("TRUNCATE log", {"log"}),
        ("ALTER TABLE child ALTER a_id TYPE bigint", {"child"}),
        ("DO $$ BEGIN INSERT INTO log VALUES (1); COMMIT; DELETE FROM a; END $$", {"log", "a", "child", "grandchild"}),
    ],
}
READS = ["SELECT * FROM a", "SELECT 1", "CREATE INDEX i ON a (x)"]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The observers' hooks, for this test alone."""
    for module in (sqlite3, sqlite3.dbapi2):
        monkeypatch.setattr(module, "connect", sqlite3.connect)
    monkeypatch.setattr(observe, "LOG", observe.Log())
    for kind in ("sqlite", "postgresql"):
        named(kind).observe.install()


@pytest.fixture
def connection(database: TestDatabase) -> Iterator[sa.Connection]:
    database.execute(*SETUP[database.kind])
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        if database.kind == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.exec_driver_sql("BEGIN")
        yield connection
        connection.rollback()
    engine.dispose()


def tables(found: frozenset[TableName] | None) -> set[str]:
    assert found is not None
    return {str(table) for table in found}


def test_a_statement_touches_the_tables_that_it_writes(connection: sa.Connection) -> None:
    observer = of(connection).observe
    for statement, expected in WRITES["both"] + WRITES[of(connection).name]:
        with connection.begin_nested() as nested:
            mark = observer.mark(connection)
            connection.exec_driver_sql(statement)
            found = tables(observer.touched(connection, mark))
            nested.rollback()
        assert found >= expected, statement


def test_reading_touches_nothing(connection: sa.Connection) -> None:
    observer = of(connection).observe
    for statement in READS:
        with connection.begin_nested() as nested:
            mark = observer.mark(connection)
            connection.exec_driver_sql(statement).close()
            found = tables(observer.touched(connection, mark))
            nested.rollback()
        assert found <= ({"a"} if statement.startswith("CREATE") else set()), statement


def test_the_same_statement_again_is_seen_again(connection: sa.Connection) -> None:
    observer = of(connection).observe
    for _ in range(3):
        mark = observer.mark(connection)
        connection.exec_driver_sql("INSERT INTO log VALUES (1)")
        assert tables(observer.touched(connection, mark)) == {"log"}


def test_what_was_committed_in_between_is_seen(connection: sa.Connection) -> None:
    observer = of(connection).observe
    mark = observer.mark(connection)
    connection.exec_driver_sql("INSERT INTO log VALUES (1)")
    connection.commit()
    connection.exec_driver_sql("UPDATE a SET x = 8")
    connection.commit()
    assert tables(observer.touched(connection, mark)) == {"log", "a"}


def test_an_autocommit_connection_is_observed_too(database: TestDatabase) -> None:
    database.execute(*SETUP[database.kind])
    engine = sa.create_engine(database.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        observer = of(connection).observe
        for statement, expected in AUTOCOMMITTED["both"] + AUTOCOMMITTED[database.kind]:
            mark = observer.mark(connection)
            connection.exec_driver_sql(statement)
            assert tables(observer.touched(connection, mark)) == expected
    engine.dispose()


def test_a_second_connection_that_wrote_is_seen_or_all_is_looked_at(database: TestDatabase) -> None:
    database.execute(*SETUP[database.kind])
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection, engine.connect() as other:
        observer = of(connection).observe
        mark = observer.mark(connection)
        other.exec_driver_sql("INSERT INTO log VALUES (1)")
        other.commit()
        found = observer.touched(connection, mark)
    assert found is None or tables(found) >= {"log"}
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "table"),
    [("INSERT INTO log VALUES (1)", "log"), ("DELETE FROM grandchild", "grandchild"), ("UPDATE a SET x = 4", "a")],
)
def test_a_second_connection_that_wrote_and_closed_is_seen(database: TestDatabase, statement: str, table: str) -> None:
    database.execute(*SETUP[database.kind])
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        observer = of(connection).observe
        mark = observer.mark(connection)
        database.execute(statement)
        for _ in range(100):  # a backend tells its counts as it ends, a moment after its client has gone
            found = observer.touched(connection, mark)
            if found:
                break
            time.sleep(0.02)
    assert tables(found) == {table}
    engine.dispose()


def test_an_update_of_a_snapshot_equals_a_new_one(connection: sa.Connection) -> None:
    observer = of(connection).observe
    before = snapshot(connection)
    for statement, _ in WRITES["both"] + WRITES[of(connection).name]:
        with connection.begin_nested() as nested:
            mark = observer.mark(connection)
            connection.exec_driver_sql(statement)
            assert update(connection, before, observer.touched(connection, mark)) == snapshot(connection), statement
            nested.rollback()


def test_an_enum_value_renamed_changes_the_tables_that_hold_it_without_a_write(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN feeling AS mood",
        "CREATE TABLE t (id integer PRIMARY KEY, m feeling)", "INSERT INTO t VALUES (1, 'sad')",
        "CREATE TABLE other (id integer PRIMARY KEY)",
    )  # fmt: skip
    with postgresql.connect() as connection:
        observer = of(connection).observe
        before, mark = snapshot(connection), observer.mark(connection)
        connection.exec_driver_sql("ALTER TYPE mood RENAME VALUE 'sad' TO 'bad'")
        touched = observer.touched(connection, mark)
        after = update(connection, before, touched)
        assert after == snapshot(connection)
    assert after.data[TableName(None, "t")] != before.data[TableName(None, "t")]


def test_counters_that_were_off_or_reset_are_not_trusted(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE TABLE t (id integer)")
    with postgresql.connect() as connection:
        observer = of(connection).observe
        mark = observer.mark(connection)
        connection.exec_driver_sql("SET LOCAL track_counts = off")
        assert observer.touched(connection, mark) is None
        connection.exec_driver_sql("SET LOCAL track_counts = on")
        connection.exec_driver_sql("SELECT pg_stat_reset()")
        assert observer.touched(connection, mark) is None


def test_an_authorizer_of_the_application_is_asked_and_does_not_blind_ours(sqlite: TestDatabase) -> None:
    sqlite.execute(*SETUP["sqlite"])
    engine = sa.create_engine(sqlite.url, poolclass=sa.NullPool)
    asked = []
    with engine.connect() as connection:
        observer, raw = of(connection).observe, connection.connection.driver_connection
        mark = observer.mark(connection)
        raw.set_authorizer(lambda *arguments: asked.append(arguments) or sqlite3.SQLITE_OK)
        connection.exec_driver_sql("INSERT INTO log VALUES (1)")
        assert tables(observer.touched(connection, mark)) == {"log"}
        raw.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_DELETE else 0)
        with pytest.raises(sa.exc.DatabaseError, match="not authorized"):
            connection.exec_driver_sql("DELETE FROM log")
        raw.set_authorizer(None)
        mark = observer.mark(connection)
        connection.exec_driver_sql("DELETE FROM a")
        assert tables(observer.touched(connection, mark)) >= {"a"}
    assert asked
    engine.dispose()


def test_where_something_may_have_been_written_unseen_everything_is_looked_at(sqlite: TestDatabase) -> None:
    sqlite.execute(*SETUP["sqlite"])
    engine = sa.create_engine(sqlite.url, poolclass=sa.NullPool)

    def replace_authorizer(raw: sqlite3.Connection) -> None:
        sqlite3.Connection.set_authorizer(raw, None)

    def restore(raw: sqlite3.Connection) -> None:
        other = sqlite3.connect(":memory:")
        other.backup(raw)
        other.close()

    def another_thread(raw: sqlite3.Connection) -> None:
        kept.append(None)
        thread = threading.Thread(target=lambda: kept.append(sqlite3.connect(":memory:")))
        thread.start()
        thread.join()

    kept: list[object] = []
    for blind in (replace_authorizer, restore, another_thread):
        with engine.connect() as connection:
            observer = of(connection).observe
            mark = observer.mark(connection)
            blind(connection.connection.driver_connection)  # type: ignore[arg-type]
            assert observer.touched(connection, mark) is None, blind.__name__
    kept.clear()
    engine.dispose()


def test_a_guard_denies_whatever_the_application_allows(sqlite: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        observe, "GUARDS", [lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else 0]
    )
    raw = sqlite3.connect(":memory:")
    raw.set_authorizer(lambda *_: sqlite3.SQLITE_OK)
    with pytest.raises(sqlite3.DatabaseError):
        raw.execute("ATTACH ':memory:' AS other")
    raw.close()


def test_a_connection_class_of_the_application_stays_and_is_observed() -> None:
    class Own(sqlite3.Connection):
        pass

    raw = sqlite3.connect(":memory:", factory=Own)
    assert isinstance(raw, Own) and isinstance(raw, observe.Observed)
    raw.close()
