"""`dbadmin inspect` on what changes by itself: sessions, counters, space, settings, and on what stands in the rows."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from test_health import applied, inspected

from dbadmin.dialects.mysql.server import Server
from dbadmin.results import HealthFinding

pytestmark = pytest.mark.usefixtures("elsewhere")
SECRET = "correct horse battery"


def found(database: TestDatabase, *checks: str, **options: Any) -> dict[str, HealthFinding]:
    report = inspected(database, *checks, **options)
    assert [run for run in report.checks if run.state == "skipped"] == []
    return {finding.key: finding for finding in report.findings}


@contextmanager
def busy(database: TestDatabase, *statements: str) -> Iterator[sa.Connection]:
    """A session that has run statements in a transaction, and ends when it is told to."""
    options = {"ssl_disabled": True} if database.kind == "mariadb" else {"application_name": "busy"}
    engine = sa.create_engine(database.url, poolclass=sa.NullPool, connect_args=options)
    connection = engine.connect()
    try:
        for statement in statements:
            connection.exec_driver_sql(statement)
        yield connection
    finally:
        with suppress(sa.exc.DBAPIError):
            connection.close()
        engine.dispose()


@contextmanager
def waiting(database: TestDatabase, statement: str) -> Iterator[None]:
    """A second session in a thread of its own, which waits for a lock until the first one ends."""
    ready = threading.Event()

    def run() -> None:
        with suppress(sa.exc.DBAPIError), busy(database) as connection:
            ready.set()
            connection.exec_driver_sql(statement)

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        thread.join(30)


def until(look: Any) -> Any:
    """What a look gives once it gives something."""
    for _ in range(60):
        if seen := look():
            return seen
        time.sleep(0.1)
    pytest.fail("it was never seen")


def test_who_blocks_whom_is_told_and_ending_the_first_lets_the_others_go(database: TestDatabase) -> None:
    if database.kind == "sqlite":
        database.execute("CREATE TABLE t (id integer PRIMARY KEY)")
        assert [run.state for run in inspected(database, "blocking").checks] == ["skipped"]
        return
    database.execute("CREATE TABLE t (id integer PRIMARY KEY, a integer)", "INSERT INTO t VALUES (1, 1)")
    with busy(database, "UPDATE t SET a = 2 WHERE id = 1"), waiting(database, "UPDATE t SET a = 777 WHERE id = 1"):
        (finding,) = until(lambda: found(database, "blocking", thresholds={"blocking": 0})).values()
        assert "blocks 1" in finding.detail
        assert "UPDATE t SET a = ? WHERE id = ?" in finding.detail
        assert "777" not in str(finding)
        (idle,) = until(lambda: found(database, "idle-in-transaction", thresholds={"idle-in-transaction": 0})).values()
        assert "in a transaction of" in idle.detail
        (long,) = until(lambda: found(database, "long-query", thresholds={"long-query": 0})).values()
        assert "UPDATE t SET a = ?" in long.detail
        applied(database, finding.sql)
    assert found(database, "blocking", "idle-in-transaction") == {}


def test_connections_near_their_limit_are_told_of(database: TestDatabase) -> None:
    if database.kind == "sqlite":
        return
    (finding,) = found(database, "connections", thresholds={"connections": 0}).values()
    assert "connections are open" in finding.detail
    assert found(database, "connections") == {}


CREDENTIALS = {
    "hashed_password": "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b5dWRWJTmaaJObG",
    "password": SECRET,
    "reset_token": "f3a9c77e",
    "api_key": "sk_live_" + "9" * 20,
    "password_hint": "",
    "notes": SECRET,
}


def test_passwords_in_plain_text_are_told_of_and_never_shown(database: TestDatabase, run: Any) -> None:
    columns = ", ".join(f"{name} varchar(200)" for name in CREDENTIALS)
    values = ", ".join(f"'{value}'" for value in CREDENTIALS.values())
    database.execute(
        f"CREATE TABLE users (id integer PRIMARY KEY, {columns})", f"INSERT INTO users VALUES (1, {values})"
    )
    keys = set(found(database, "plain-text-credential"))
    assert keys == {"plain-text-credential:users.password", "plain-text-credential:users.api_key"}
    url = database.url.render_as_string(hide_password=False)
    forms = ("table", "json", "csv", "markdown", "html", "sarif") if database.kind == "sqlite" else ("json",)
    for form in forms:
        finished = run("inspect", "plain-text-credential", "--url", url, "--format", form, "--debug")
        assert (finished.code, "users.password" in finished.stdout) == (0, True)
        assert SECRET not in finished.stdout + finished.stderr
        assert "sk_live_9" not in finished.stdout + finished.stderr


def test_numbers_that_run_out_are_told_of_and_widened(database: TestDatabase) -> None:
    if database.kind == "sqlite":
        database.execute("CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT)", f"INSERT INTO t VALUES ({2**63 - 5})")
        (finding,) = found(database, "sequence-exhaustion").values()
        assert (finding.object, finding.severity) == ("t", "error")
        return
    if database.kind == "postgresql":
        database.execute(
            "CREATE TABLE t (id serial PRIMARY KEY)", "SELECT setval('t_id_seq', 2000000000)",
            "CREATE TABLE i (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
            "SELECT setval('i_id_seq', 1600000000)",
            "CREATE TABLE big (id bigserial PRIMARY KEY)", "SELECT setval('big_id_seq', 2000000000)",
            "CREATE SEQUENCE round MAXVALUE 10 CYCLE", "SELECT setval('round', 10)",
            "CREATE SEQUENCE capped MAXVALUE 100", "SELECT setval('capped', 95)",
            "CREATE TABLE c (id bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 100) PRIMARY KEY)",
            "SELECT setval('c_id_seq', 95)",
        )  # fmt: skip
        errors = ("t_id_seq", "capped", "c_id_seq")
        expected = dict.fromkeys((f"sequence-exhaustion:{name}" for name in errors), "error")
        expected["sequence-exhaustion:i_id_seq"] = "warning"
    else:
        database.execute(
            "CREATE TABLE t (id tinyint PRIMARY KEY AUTO_INCREMENT COMMENT 'it''s')", "INSERT INTO t VALUES (120)",
            "CREATE TABLE u (id tinyint unsigned PRIMARY KEY AUTO_INCREMENT)", "INSERT INTO u VALUES (120)",
            "CREATE SEQUENCE `odd%% ``one` MAXVALUE 100 NOCACHE", "SELECT setval(`odd%% ``one`, 95)",
            "CREATE SEQUENCE round MAXVALUE 10 CYCLE NOCACHE", "SELECT setval(round, 9)",
            "CREATE SEQUENCE down START WITH -1 INCREMENT BY -1 MINVALUE -10 NOCACHE", "SELECT setval(down, -9)",
            "CREATE SEQUENCE fresh",
        )  # fmt: skip
        expected = {"sequence-exhaustion:t.id": "error", "sequence-exhaustion:odd% `one": "error"}
    before = found(database, "sequence-exhaustion")
    assert {key: finding.severity for key, finding in before.items()} == expected
    applied(database, tuple(one for finding in before.values() for one in finding.sql))
    assert found(database, "sequence-exhaustion") == {}
    applied(database, tuple(one for finding in before.values() for one in finding.undo))
    assert {key: one.sql for key, one in found(database, "sequence-exhaustion").items()} == {
        key: finding.sql for key, finding in before.items()
    }


def test_a_column_that_others_refer_to_is_not_said_to_be_widened_in_one_statement(mariadb: TestDatabase) -> None:
    mariadb.execute(
        "CREATE TABLE t (id tinyint PRIMARY KEY AUTO_INCREMENT)", "INSERT INTO t VALUES (120)",
        "CREATE TABLE c (id integer PRIMARY KEY, t_id tinyint, FOREIGN KEY (t_id) REFERENCES t (id))",
    )  # fmt: skip
    (finding,) = found(mariadb, "sequence-exhaustion").values()
    assert (finding.sql, "columns that refer to it" in str(finding.remedy)) == ((), True)


def test_constraints_that_old_rows_were_not_held_to_are_told_of(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, a integer)",
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID",
    )
    (finding,) = found(postgresql, "not-validated").values()
    assert finding.object == "t.positive"
    applied(postgresql, finding.sql)
    assert found(postgresql, "not-validated") == {}
    applied(postgresql, finding.undo)
    assert set(found(postgresql, "not-validated")) == {finding.key}


def test_dead_rows_and_bloat_and_old_statistics_are_told_of(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, pad text) WITH (autovacuum_enabled = false)",
        "INSERT INTO t SELECT n, repeat('x', 400) FROM generate_series(1, 60000) AS n",
        "CREATE TABLE never (id integer) WITH (autovacuum_enabled = false)",
        "INSERT INTO never SELECT n FROM generate_series(1, 2000) AS n",
    )
    postgresql.execute("DELETE FROM t WHERE mod(id, 4) <> 0", "SELECT pg_stat_force_next_flush()")
    dead = until(lambda: found(postgresql, "dead-rows", "stale-statistics"))
    assert {"dead-rows:t", "dead-rows:t:autovacuum", "stale-statistics:never"} <= set(dead)
    applied(postgresql, dead["dead-rows:t"].sql)
    assert "dead-rows:t" not in found(postgresql, "dead-rows")
    bloated = found(postgresql, "bloat")
    assert set(bloated) == {"bloat:t"}
    assert bloated["bloat:t"].detail.startswith("~")
    applied(postgresql, bloated["bloat:t"].sql)
    assert found(postgresql, "bloat") == {}
    ages = found(postgresql, "wraparound", thresholds={"wraparound": -1})
    assert f"wraparound:database {postgresql.name}:transaction ids" in ages
    assert found(postgresql, "wraparound") == {}


def test_large_tables_tell_what_takes_their_space(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE TABLE t (a integer)", "INSERT INTO t SELECT generate_series(1, 1000)", "ANALYZE t")
    (finding,) = found(postgresql, "large-table", thresholds={"large-table": 1e-6}).values()
    assert "of rows, 0 B of indexes, ~1000 rows" in finding.detail
    assert found(postgresql, "large-table") == {}


def test_scans_of_a_large_table_are_told_of(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE TABLE t (a integer)", "INSERT INTO t SELECT generate_series(1, 1000)", "ANALYZE t")
    postgresql.execute(*["SELECT count(*) FROM t"] * 12, "SELECT pg_stat_force_next_flush()")
    (finding,) = until(lambda: found(postgresql, "seq-scans", thresholds={"seq-scans": 1000})).values()
    assert finding.object == "t"
    assert found(postgresql, "seq-scans") == {}


def test_a_file_tells_its_free_pages_orphans_and_settings(sqlite: TestDatabase) -> None:
    sqlite.execute(
        "CREATE TABLE p (id integer PRIMARY KEY)",
        "CREATE TABLE c (id integer PRIMARY KEY, p_id integer REFERENCES p (id), pad text)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
        " INSERT INTO c SELECT i, 7, printf('%0300d', i) FROM n",
        "DELETE FROM c WHERE id > 3",
    )
    keys = found(sqlite, "bloat", "orphaned-rows", "settings", "integrity")
    assert set(keys) == {
        "bloat:the database file", "orphaned-rows:c.p_id", "settings:foreign_keys", "settings:journal_mode",
    }  # fmt: skip
    assert keys["orphaned-rows:c.p_id"].detail == "3 rows without a parent in p"
    applied(sqlite, (*keys["bloat:the database file"].sql, *keys["settings:journal_mode"].sql))
    assert "bloat:the database file" not in found(sqlite, "bloat", "settings")
    assert "settings:journal_mode" not in found(sqlite, "settings")


def test_a_damaged_file_is_told_of(sqlite: TestDatabase) -> None:
    sqlite.execute("CREATE TABLE t (a text)", "CREATE INDEX ix ON t (a)", "INSERT INTO t VALUES ('one'), ('two')")
    sqlite.execute("PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET rootpage = 0 WHERE name = 'none'")
    path = Path(str(sqlite.url.database))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"two")
    data[at : at + 3] = b"owt"
    path.write_bytes(data)
    (finding, *_) = found(sqlite, "integrity").values()
    assert "ix" in finding.detail


def test_a_file_that_cannot_even_be_read_is_told_of_and_what_can_be_looked_at_is(sqlite: TestDatabase) -> None:
    sqlite.execute("CREATE TABLE t (a text)", "CREATE INDEX ix ON t (a)", "INSERT INTO t VALUES ('one')")
    path = Path(str(sqlite.url.database))
    data = bytearray(path.read_bytes())
    data[4096:4196] = b"\xff" * 100  # the first page of the table
    path.write_bytes(data)
    report = inspected(sqlite, "integrity", "no-primary-key")
    assert [finding.code for finding in report.open if finding.severity == "error"][:1] == ["integrity"]
    assert "no-primary-key:t" in {finding.key for finding in report.findings}


def test_settings_that_matter_are_told_of(database: TestDatabase) -> None:
    if database.kind == "sqlite":
        return
    if database.kind == "postgresql":
        before = found(database, "settings")
        assert "settings:idle_in_transaction_session_timeout" in before
        finding = before["settings:idle_in_transaction_session_timeout"]
        applied(database, finding.sql)
        until(lambda: finding.key not in found(database, "settings"))
        applied(database, finding.undo)
        return
    applied(database, ("SET GLOBAL sql_mode = ''",))
    try:
        finding = found(database, "settings")["settings:sql_mode"]
        applied(database, finding.sql)
        assert "settings:sql_mode" not in found(database, "settings")
    finally:
        applied(database, ("SET GLOBAL sql_mode = DEFAULT",))


def test_what_is_switched_off_is_skipped_with_what_switches_it_on(postgresql: TestDatabase) -> None:
    (run,) = inspected(postgresql, "slow-statements").checks
    assert run.state == "skipped"
    assert "pg_stat_statements" in str(run.reason)
    assert "CREATE EXTENSION" in str(run.enable)


def test_slow_statements_are_told_of_without_their_values(mariadb: TestDatabase) -> None:
    mariadb.execute("CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (777001)")
    seen = found(mariadb, "slow-statements", thresholds={"slow-statements": 0})
    (finding,) = [finding for finding in seen.values() if "INSERT INTO" in finding.detail]
    assert finding.object.startswith("t #")
    assert "777001" not in str(finding)
    assert found(mariadb, "slow-statements", thresholds={"slow-statements": 60}) == {}


@pytest.mark.slow
def test_without_performance_schema_uses_are_counted_by_userstat(temporary_directory: Path) -> None:
    server = Server.start(temporary_directory / "quiet", settings={"performance_schema": "OFF"})
    try:
        engine = sa.create_engine(server.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE quiet")
        engine.dispose()
        database = TestDatabase("mariadb", server.url("quiet").difference_update_query(["ssl_disabled"]), "quiet")
        database.execute(
            "CREATE TABLE t (id integer PRIMARY KEY, a integer, KEY ix_a (a))", "INSERT INTO t VALUES (1, 1)"
        )
        states = {run.name: run for run in inspected(database, "unused-index", "slow-statements").checks}
        assert {run.state for run in states.values()} == {"skipped"}
        assert all(run.enable for run in states.values())
        database.execute("SET GLOBAL userstat = ON", "INSERT INTO t VALUES (2, 2)")
        assert set(found(database, "unused-index", thresholds={"unused-index": 0})) == {"unused-index:t.ix_a"}
        database.execute("SELECT * FROM t FORCE INDEX (ix_a) WHERE a = 1")
        assert found(database, "unused-index", thresholds={"unused-index": 0}) == {}
    finally:
        server.stop()
