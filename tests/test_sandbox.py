"""A sandbox takes every write and keeps none: whatever is thrown at it, on each engine and by each way in."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from attempts import WRITES
from drivers import url_for
from readonlymatrix import INSERT, BySession, look
from servers import TestDatabase

from dbadmin import readonly
from dbadmin.admin import Admin, open_admin
from dbadmin.errors import NotFinished, WriteRefused
from dbadmin.shell.live import Live

pytestmark = pytest.mark.usefixtures("protection_ends")

GIVES_NUMBERS = ("SELECT nextval('numbers')", "SELECT NEXT VALUE FOR numbers", "SELECT nextval(numbers)")
"""What a sequence has given out is not rolled back, as docs/shell.md says."""
SLOW = pytest.mark.slow
DRIVERS = [
    "pysqlite", "psycopg", "pymysql", "aiosqlite", "asyncpg", pytest.param("aiomysql", marks=SLOW),
    *(pytest.param(one, marks=SLOW) for one in ("psycopg2", "pg8000", "mysqlconnector", "mysqldb", "mariadbconnector",
      "psycopg_async", "asyncmy")),
]  # fmt: skip
ENDS = ["COMMIT", "commit;", "/* x */ COMMIT", "ROLLBACK", "END", "SELECT 1; COMMIT", "BEGIN"]


class BySandbox(BySession):
    """The session of a sandbox; what it sends is committed, which releases a savepoint."""

    def __init__(self, admin: Admin) -> None:
        self.live = Live(admin, {})
        self.admin, self.session = admin, self.live.session


def opened(made: TestDatabase, driver: str, limit: float | None = None) -> BySandbox:
    return BySandbox(open_admin(url=url_for(made, driver), sandbox=True, sandbox_limit=limit))


@pytest.mark.parametrize("driver", DRIVERS)
def test_nothing_stays_of_what_is_written(
    driver: str, made: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)  # a server of another user could write there
    before = look(made, tmp_path)
    way = opened(made, driver)
    taken = []
    for attempt in [INSERT, *WRITES["both"], *WRITES[made.kind], *ENDS]:
        if attempt in GIVES_NUMBERS or "{bystander}" in attempt:
            continue
        sql = attempt.replace("{directory}", str(tmp_path)).replace("{name}", made.name)
        try:
            way.send(sql.replace("{database}", str(made.url.database)))
            taken.append(attempt)
        except Exception:  # refused by dbadmin or by the engine: both are well
            way.recover()
        assert way.admin.database.sandbox.why_over() is None, f"{attempt} ended the sandbox"
        assert way.send("SELECT 7") == [(7,)], attempt
    assert {INSERT, "UPDATE items SET name = 'x'", "DELETE FROM items"} <= set(taken)
    assert not set(ENDS) & set(taken)
    assert ("CREATE TABLE other (id INTEGER)" in taken) is (made.kind != "mariadb")
    way.close()
    assert way.live.close() == "the sandbox is rolled back"
    way.admin.close()
    after = look(made, tmp_path)
    for seen in (before, after):
        if made.kind == "postgresql":  # CREATE INDEX counts rows for the planner, and writes that in place
            seen[1] = [row[:3] for row in seen[1]]  # type: ignore[attr-defined]
    assert after == before


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "pymysql"])
def test_helpers_see_what_the_sandbox_wrote_and_others_do_not(driver: str, made: TestDatabase) -> None:
    way = opened(made, driver)
    way.send(INSERT)
    assert way.live.db.count("items") == 3
    assert way.live.db.sql("select name from items where id = 99").name.tolist() == ["after"]
    with pytest.raises(WriteRefused):
        way.live.db.database.run(lambda c: c.exec_driver_sql("COMMIT"))
    with (
        pytest.raises(Exception, match=r"read.?only|not authorized|READ ONLY"),
        way.admin.database.sync_engine.connect() as other,
    ):
        other.exec_driver_sql("DELETE FROM items")
    with pytest.raises(Exception, match="no_such"):
        way.live.db.sql("select * from no_such")
    assert way.live.db.count("items") == 3
    way.live.end()
    assert made.rows("select count(*) from items") == [(2,)]


@pytest.mark.parametrize("driver", ["pysqlite", "psycopg", "psycopg2", "pymysql"])
def test_nobody_commits_by_a_cursor_or_the_connection(driver: str, made: TestDatabase) -> None:
    way = opened(made, driver)
    way.send("DELETE FROM items")
    raw = way.session.connection().connection
    for attempt in (lambda: raw.cursor().execute("COMMIT"), raw.commit, way.session.bind.commit):
        with pytest.raises(Exception, match=r"sandbox|not authorized"):
            attempt()
    assert way.admin.database.sandbox.why_over() is not None  # the last one has spoiled it
    way.live.end()
    assert made.rows("select count(*) from items") == [(2,)]


def end_session(made: TestDatabase, statement: str) -> None:
    """By an engine that may, in this process where everything that leads there is read-only."""
    engine = sa.create_engine(made.url, poolclass=sa.NullPool)
    readonly.let_write(engine.dialect)
    with engine.connect() as other:
        other.exec_driver_sql(statement)


@pytest.mark.parametrize("driver", ["psycopg", "pymysql"])
def test_a_sandbox_that_the_server_ended_says_so(driver: str, made: TestDatabase) -> None:
    way = opened(made, driver)
    way.send("DELETE FROM items")
    ask, kill = {
        "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
        "mariadb": ("SELECT CONNECTION_ID()", "KILL {}"),
    }[made.kind]
    ((number,),) = way.send(ask)
    end_session(made, kill.format(number))
    for _ in range(2):
        with pytest.raises(Exception):  # noqa: B017  the driver's own, and then dbadmin's
            way.send("SELECT 1")
        way.live.keeper.after_statement(failed=True)
    assert "is over" in str(way.admin.database.sandbox.why_over())
    way.live.switch("read-only")
    assert way.live.db.count("items") == 2
    way.live.end()


FUNCTION = "create function {}() returns integer modifies sql data begin {}; return 7; end"


def test_a_table_without_transactions_is_left_alone(mariadb: TestDatabase) -> None:
    mariadb.execute(
        "create table plain (id integer) engine=MyISAM",
        "create table items (id integer)",
        "create table logged (id integer)",
        "create table behind (id integer)",
        "create trigger t after insert on logged for each row insert into plain values (new.id)",
        "create trigger u after insert on behind for each row insert into logged values (new.id)",
        "create trigger v before insert on items for each row set new.id = new.id + 1",
        FUNCTION.format("log_it", "insert into plain values (7)"),
        FUNCTION.format("by_trigger", "insert into behind values (7)"),
        FUNCTION.format("by_another", "set @x = log_it()"),
        FUNCTION.format("only_reads", "set @x = (select count(*) from plain)"),
        "create view seen as select by_another() as x",
        "create view fine as select id from plain",
    )
    way = opened(mariadb, "pymysql")
    with pytest.raises(WriteRefused, match="knows no transactions"):
        way.send("insert into `plain` values (1)")
    for table in ("logged", "behind"):
        way.recover()
        with pytest.raises(WriteRefused, match=f"table {table} has a trigger that may write where no rollback reaches"):
            way.send(f"insert into {table} values (1)")
    way.recover()
    for statement in (
        "insert into items values (log_it())", "select `by_trigger` ()", "select by_another()",
        "update items set id = 1 where id = log_it()", "with a as (select 1) select LOG_IT() from a",
    ):  # fmt: skip
        way.recover()
        with pytest.raises(
            WriteRefused, match=r"(log_it|by_trigger|by_another)\(\) may write where no rollback reaches"
        ):
            way.send(statement)
    way.recover()
    with pytest.raises(WriteRefused, match="seen calls a function that may write where no rollback reaches"):
        way.send("select * from seen")
    way.recover()
    way.send("insert into items select only_reads() from fine")
    late = FUNCTION.format("late", "insert into plain values (7)")
    place = {"unix_socket": mariadb.url.query["unix_socket"], "user": "root", "database": mariadb.name}
    code = f"import pymysql; pymysql.connect(**{place!r}).cursor().execute({late!r})"
    subprocess.run([sys.executable, "-c", code], check=True)  # after the sandbox has begun, nobody looks again
    way.send("insert into items values (late())")
    way.close()
    assert "could not be rolled back" in str(way.live.close())
    way.admin.close()


def test_a_write_after_the_end_is_refused(sqlite: TestDatabase) -> None:
    sqlite.execute("create table items (id integer)")
    way = opened(sqlite, "pysqlite")
    way.send("insert into items values (1)")
    way.admin.database.end_sandbox("it has ended")
    with pytest.raises(NotFinished, match="it has ended"):
        way.live.db.count("items")
    with pytest.raises((sa.exc.SQLAlchemyError, NotFinished)):
        way.send("insert into items values (2)")
    way.live.end()
    assert sqlite.rows("select * from items") == []
