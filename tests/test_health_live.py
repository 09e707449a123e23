"""`dbadmin inspect` at scale, on asynchronous applications, and drawn again and again on a terminal."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
import sqlalchemy as sa
from servers import TestDatabase
from test_health_state import busy, waiting

import dbadmin

pytestmark = pytest.mark.usefixtures("elsewhere")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def tables(database: TestDatabase, number: int) -> None:
    """Tables that refer to one another, with an ill of each kind in every one."""
    statements = ["CREATE TABLE t0 (id integer PRIMARY KEY, a integer, password varchar(20))"]
    for n in range(1, number):
        statements += [
            f"CREATE TABLE t{n} (id integer PRIMARY KEY, a integer REFERENCES t{n - 1} (id), password varchar(20))",
            f"CREATE INDEX ix_{n}_one ON t{n} (a)",
            f"CREATE INDEX ix_{n}_two ON t{n} (a)",
        ]
    database.execute(*statements)


def statements_of(database: TestDatabase) -> int:
    """How many statements an inspection sends."""
    counted = 0

    def count(*_: Any) -> None:
        nonlocal counted
        counted += 1

    with dbadmin.connect(url=database.url, models=[]) as db:
        sa.event.listen(db.database.sync_engine, "before_cursor_execute", count)
        report = db.inspect()
    assert {run.name for run in report.checks if run.state == "found"} >= {"duplicate-index"}
    return counted


def test_the_number_of_statements_is_the_same_whatever_the_number_of_tables(database: TestDatabase) -> None:
    tables(database, 3)
    few = statements_of(database)
    for n in range(3):
        database.execute(f"DROP TABLE t{2 - n}")
    tables(database, 40)
    assert statements_of(database) == few


@pytest.mark.slow
def test_a_thousand_tables_take_as_many_statements_as_three(database: TestDatabase) -> None:
    tables(database, 3)
    few = statements_of(database)
    for n in range(3):
        database.execute(f"DROP TABLE t{2 - n}")
    tables(database, 1_000)
    assert statements_of(database) <= few + 4  # samples of credentials are read for 200 columns at once


@pytest.mark.parametrize("driver", ["sqlite+aiosqlite", "postgresql+asyncpg", "mysql+asyncmy"])
def test_an_asynchronous_application_is_inspected_over_its_own_driver(request: Any, driver: str) -> None:
    kind = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mariadb"}[driver.partition("+")[0]]
    database: TestDatabase = request.getfixturevalue(kind)
    tables(database, 3)
    with dbadmin.connect(url=database.url.set(drivername=driver)) as db:
        report = db.inspect()
    assert {"duplicate-index:t1.ix_1_two", "duplicate-index:t2.ix_2_two"} <= {f.key for f in report.findings}


def test_an_empty_database_is_well(database: TestDatabase) -> None:
    if database.kind == "sqlite":
        database.execute("CREATE TABLE t (id integer PRIMARY KEY)", "DROP TABLE t")
    with dbadmin.connect(url=database.url) as db:
        report = db.inspect(fail_on="warning")
    about_data = [f for f in report.findings if f.code not in ("settings", "model-table")]
    assert about_data == []


def test_a_watched_terminal_shows_who_blocks_whom_and_is_given_back(postgresql: TestDatabase, tmp_path: Path) -> None:
    postgresql.execute("CREATE TABLE t (id integer PRIMARY KEY, a integer)", "INSERT INTO t VALUES (1, 1)")
    (tmp_path / "home").mkdir()
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "TERM": "xterm", "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(Path(dbadmin.__file__).parent.parent), "TARGET": postgresql.url.render_as_string(False),
    }  # fmt: skip
    command = ["-m", "dbadmin", "inspect", "--watch", "--url", "env:TARGET"]
    child = pexpect.spawn(
        sys.executable, command, cwd=str(tmp_path), env=environment, encoding="utf-8", timeout=60, dimensions=(24, 100)
    )
    try:
        child.expect("WELL")
        child.expect("Ctrl-C ends it")
        with busy(postgresql, "UPDATE t SET a = 2"), waiting(postgresql, "UPDATE t SET a = 3"):
            child.expect("blocking", timeout=30)
            child.expect("Ctrl-C ends it")
            picture = ANSI.sub("", str(child.before))
            assert len(picture.splitlines()) <= 24
            postgresql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'busy'")
        child.sendintr()
        child.expect(re.escape("\x1b[?1049l"))
        child.expect("interrupted")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert child.exitstatus == 130


def test_watching_needs_a_terminal_and_something_that_changes(sqlite: TestDatabase, run: Any) -> None:
    sqlite.execute("CREATE TABLE t (id integer PRIMARY KEY)")
    finished = run("inspect", "--watch", "--url", str(sqlite.url))
    assert (finished.code, "stdout is none" in finished.stderr) == (2, True)
    with dbadmin.connect(url=sqlite.url) as db:
        with pytest.raises(dbadmin.DbadminError, match="no sessions to watch"):
            db.inspect(live=True)
        with pytest.raises(dbadmin.DbadminError, match="does not change by the second"):
            db.inspect("no-primary-key", live=True)
