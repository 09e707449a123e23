"""`dbadmin inspect slow-statements` on PostgreSQL servers that were started with pg_stat_statements."""

import inspect as python
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Postgresql15Server, PostgresqlServer, TestDatabase, Unavailable
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import dbadmin
from dbadmin.dialects.postgresql import cluster
from dbadmin.errors import NoScratchServer

pytestmark = pytest.mark.usefixtures("elsewhere")
SECRET = "'hunter2'"
SLOW = f"SELECT count(*), pg_sleep(0.3) FROM users AS u WHERE u.name <> {SECRET}"


class Base(DeclarativeBase):
    """The application's models."""


class User(Base):
    """What the slow statement reads."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


OLDER = pytest.param(Postgresql15Server, marks=pytest.mark.slow, id="15")


@pytest.fixture(scope="module", params=[pytest.param(PostgresqlServer, id="18"), OLDER])
def counting(request: Any, temporary_directory: Path) -> Iterator[TestDatabase]:
    """A database of a server that counts statements, with one that was slow; skipped where none can be started."""
    kind: type[PostgresqlServer] = request.param
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(cluster._PRIVATE, "shared_preload_libraries", "pg_stat_statements")
        try:
            server = kind.start(temporary_directory / f"counting-{kind.__name__}")
        except (Unavailable, NoScratchServer) as error:
            if request.config.getoption("--require-servers") and kind is PostgresqlServer:  # no wheel has 15
                pytest.fail(f"{error} (--require-servers)", pytrace=False)
            pytest.skip(str(error))
    try:
        database = server.create(temporary_directory)
        database.execute(
            "CREATE SCHEMA monitoring",
            "CREATE EXTENSION pg_stat_statements SCHEMA monitoring",
            "CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL)",
            "CREATE ROLE narrow LOGIN",
            "GRANT USAGE ON SCHEMA monitoring TO narrow",
        )
        for _ in range(2):
            database.execute(SLOW)
        database.execute(f"/* jobs.py */ {SLOW.replace('count(*)', 'max(id)')}")
        database.execute("SELECT pg_sleep(0.3) FROM pg_catalog.pg_class LIMIT 1")
        yield database
    finally:
        server.stop()


def found(database: TestDatabase, **options: Any) -> Any:
    with dbadmin.connect(url=database.url, models=[Base], **options) as db:
        return db.inspect("slow-statements", thresholds={"slow-statements": 0.2})


def test_slow_statements_are_told_with_model_and_line_and_without_values(counting: TestDatabase) -> None:
    report = found(counting)
    assert [run.state for run in report.checks] == ["found"]
    twice, commented = report.findings  # the most time first
    assert twice.detail.startswith("2 × ")
    assert "FROM users AS u WHERE u.name <> " in twice.detail
    assert "max(id)" in commented.detail
    assert SECRET not in str(report)
    for finding in (twice, commented):
        assert finding.object.startswith("users #")
        assert (finding.model, Path(str(finding.file)).name) == ("User", Path(__file__).name)
        assert python.getsourcelines(User)[1] == finding.line
    assert {one.key for one in found(counting).findings} == {twice.key, commented.key}
    with dbadmin.connect(url=counting.url, models=[Base]) as db:
        assert db.inspect("slow-statements", thresholds={"slow-statements": 60}).findings == ()


def test_a_login_that_may_not_see_the_statements_is_told_so(counting: TestDatabase) -> None:
    narrow = TestDatabase("postgresql", counting.url.set(username="narrow"), counting.name)
    (run,) = found(narrow).checks
    assert (run.state, run.enable) == ("skipped", "GRANT pg_monitor TO narrow;")
    assert "may not see the text" in str(run.reason)


def test_a_column_that_a_login_may_not_read_is_not_called_well(counting: TestDatabase) -> None:
    counting.execute("CREATE TABLE IF NOT EXISTS accounts (id integer PRIMARY KEY, password text)")
    url = counting.url.set(username="narrow")
    with dbadmin.connect(url=url, models=[]) as db:
        (run,) = db.inspect("plain-text-credential").checks
    assert (run.state, run.reason) == ("skipped", "this login may not read 1 column named like that")


def test_a_server_without_the_library_says_what_is_missing(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE EXTENSION pg_stat_statements")
    (run,) = found(postgresql).checks
    assert (run.state, run.reason) == ("skipped", "pg_stat_statements was not loaded when the server started")
