"""`dbadmin inspect`: a check has its own time for all of its statements, and keeps no other from its answer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from test_health_state import busy

import dbadmin
from dbadmin.health.data import AT_ONCE
from dbadmin.results import CheckRun

pytestmark = pytest.mark.usefixtures("elsewhere")
LOCK = {"postgresql": "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", "mariadb": "LOCK TABLES {} WRITE"}


@contextmanager
def slow(database: TestDatabase) -> Iterator[None]:
    """Two tables whose credentials take a statement each to sample, the second one's for long."""
    columns = ", ".join(f"password_{n} varchar(9)" for n in range(AT_ONCE))
    database.execute(
        f"CREATE TABLE at_once (id integer PRIMARY KEY, {columns})",
        f"CREATE TABLE later (id integer PRIMARY KEY, {columns.replace('password', 'passwd')})",
    )
    if database.kind != "sqlite":
        with busy(database, LOCK[database.kind].format("later")):
            yield
        return
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    database.execute(f"{numbers} INSERT INTO later (id) SELECT i FROM n")  # read once for each column
    yield


def runs(db: dbadmin.Admin, *checks: str) -> dict[str, CheckRun]:
    return {run.name: run for run in db.inspect(*checks).checks}


def test_a_check_is_cut_when_the_time_for_all_of_its_statements_is_over(database: TestDatabase) -> None:
    seen: list[str] = []

    def dawdle(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "password_0" in statement:
            seen.append(statement)
            time.sleep(1.5)

    with slow(database), dbadmin.connect(url=database.url, statement_timeout=2, lock_timeout=30) as db:
        sa.event.listen(db.database.sync_engine, "after_cursor_execute", dawdle)
        found = runs(db, "plain-text-credential", "no-primary-key", "fk-type-mismatch")
    cut = found.pop("plain-text-credential")
    assert (cut.state, cut.reason) == ("skipped", "it took longer than 2.0 s, and was cut")
    assert cut.enable == "allow more with --statement-timeout 5m"
    assert len(seen) == 1
    assert 1.9 < (cut.seconds or 0) < 3.2  # each statement by itself may not take so long: 1.5 s and 2 s
    assert {run.state for run in found.values()} == {"ok"}


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_check_that_waits_for_a_lock_is_cut_and_the_others_go_on(request: Any, kind: str) -> None:
    database: TestDatabase = request.getfixturevalue(kind)
    database.execute("CREATE TABLE users (id integer PRIMARY KEY, password varchar(20))")
    lock = LOCK[kind].format("users")
    for options, reason in (
        ({"lock_timeout": 1}, "another session holds a lock"),
        ({"lock_timeout": 30, "statement_timeout": 1}, "it took longer than 1.0 s, and was cut"),
    ):
        with busy(database, lock), dbadmin.connect(url=database.url, **options) as db:  # type: ignore[arg-type]
            before = time.monotonic()
            found = runs(db, "plain-text-credential", "no-primary-key")
            assert time.monotonic() - before < 8
        assert reason in str(found["plain-text-credential"].reason)
        assert (bool(found["plain-text-credential"].enable), found["no-primary-key"].state) == (True, "ok")


def test_the_session_has_its_own_limits_again_afterwards(database: TestDatabase) -> None:
    database.execute("CREATE TABLE t (id integer PRIMARY KEY)")
    ask = {"postgresql": "SHOW statement_timeout", "mariadb": "SELECT @@session.max_statement_time"}
    with dbadmin.connect(url=database.url, statement_timeout=7) as db:
        assert {run.state for run in db.inspect("no-primary-key").checks} == {"ok"}
        if database.kind in ask:
            said = db.database.run(lambda connection: connection.exec_driver_sql(ask[database.kind]).scalar_one())
            assert str(said).rstrip("s0.") == "7"
        assert len(db.sql("SELECT * FROM t")) == 0
