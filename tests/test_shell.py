"""`dbadmin shell` at a terminal: IPython in a pseudo-terminal, on real databases."""

import os
import re
import signal
import sqlite3
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest
from conftest import Run
from demos import demo
from servers import TestDatabase
from shells import TABLES, Open, application
from sqlalchemy import URL

import dbadmin
from dbadmin.example.make import make
from dbadmin.protected import name_of
from dbadmin.shell.history import LEFT_OUT

LATER_OF_ENGINES = (
    "backup", "catalog", "copying", "explain", "fingerprint", "health", "mending", "observe", "restore", "rules",
    "sandbox", "schema", "watch",
)  # fmt: skip
"""Parts of an engine that no prompt needs."""


@pytest.fixture(scope="module")
def blog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference application on SQLite, for tests that only read."""
    return demo(tmp_path_factory.mktemp("shell") / "blog", users=5, posts=10).directory


@pytest.fixture
def app(tmp_path: Path, database: TestDatabase) -> Path:
    """A small synchronous application with two tables, on each engine in turn."""
    database.execute(*TABLES)
    return application(tmp_path / "small", database.url)


@pytest.fixture
def async_app(tmp_path: Path, database: TestDatabase) -> Path:
    """The same, asynchronous."""
    database.execute(*TABLES)
    return application(tmp_path / "small", database.url, is_async=True)


def test_the_banner_says_where_one_stands(tmp_path: Path, database: TestDatabase, terminal: Open) -> None:
    made = make(tmp_path / "blog", url=str(database.url), users=2, posts=2)
    shell = terminal(tmp_path / "blog")
    assert re.search(
        rf"database .*{re.escape(database.name)}.* \({database.kind} [\d.]+(-MariaDB)?\), read-only", shell.banner
    )
    assert f"revision  {made.current} (behind, 1 pending)" in shell.banner
    assert re.search(r"models +5: .*BlogPost", shell.banner)
    assert "missing" not in shell.banner
    assert "1 revision pending" in shell.type("status()")


def test_every_prompt_shows_database_and_mode(app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(app)
    for line in ("1", "1/0", "x = 1"):
        shell.type(line)
        assert shell.prompt == f"{database.name} [read-only]"
    assert terminal(app, "--write").prompt == f"{database.name} [write]"


def test_the_prompt_is_red_where_writes_are_allowed(blog: Path) -> None:
    for arguments, colour in ((("--write",), "\x1b[0;31;1m"), ((), "\x1b[0;32m")):
        process: Any = pexpect.spawn(
            sys.executable,
            ["-m", "dbadmin", "shell", *arguments],
            cwd=str(blog),
            env={"PATH": os.environ["PATH"], "HOME": str(blog.parent), "TERM": "xterm-256color"}
            | {"PYTHONPATH": str(Path(dbadmin.__file__).parent.parent)},
            encoding="utf-8",
            timeout=30,
            dimensions=(50, 120),
        )
        process.expect(re.compile(re.escape(colour) + r"app\.db \[[a-z-]+\]"))
        process.kill(signal.SIGKILL)  # close(force=True) gives up on a busy machine
        process.wait()
        process.close()


WRITES = {
    "session.execute": "session.execute(text({sql!r}))",
    "session.add and commit": "session.add(Author(id=2, name='bob')); session.commit()",
    "db.execute": "db.execute(text({sql!r}))",
    "db.add and db.commit": "db.add(Author(id=2, name='bob')); db.commit()",
    "the engine": "with engine.begin() as c: c.execute(text({sql!r}))",
    "an imported engine": "import app.db; app.db.engine.connect().execute(text({sql!r}))",
    "an engine of the user's own": "sa.create_engine(engine.url).connect().execute(text({sql!r}))",
    "a raw connection": "raw = engine.raw_connection(); raw.cursor().execute({sql!r})",
    "DDL": "session.execute(text('drop table posts'))",
    "a helper": "sql({sql!r})",
}


def test_every_way_to_write_is_refused_with_a_reason(app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(app)
    name = name_of(database.url)
    for way, line in WRITES.items():
        answer = shell.type(line.format(sql="delete from posts"))
        assert "read-only" in answer, f"{way}: {answer}"
        assert f"hint: %mode sandbox {name} takes" in answer, f"{way}: {answer}"
        assert f"%mode write {name} keeps" in answer, f"{way}: {answer}"
    assert shell.exit()[0] == 0
    assert database.rows("select id from posts") == [(1,)]
    assert database.rows("select name from authors") == [("ann",)]


def test_changes_that_a_read_only_session_drops_are_told(app: Path, terminal: Open) -> None:
    shell = terminal(app)
    assert "1 new object not kept" in shell.type("session.add(Author(name='bob'))")
    shell.type("ann = session.get(Author, 1)")
    assert "1 changed object not kept" in shell.type("ann.name = 'eve'")
    assert shell.type("ann.name").endswith("'ann'")
    assert "not kept" not in shell.type("session.commit()")


def test_a_failed_statement_leaves_the_session_usable(app: Path, terminal: Open) -> None:
    for arguments in ((), ("--write",)):
        shell = terminal(app, *arguments)
        assert "dbadmin: " in shell.type("session.execute(text('select nothing from nowhere'))")
        assert "hint: db.describe('TABLE') shows" in shell.type("db.sql('select missing from authors')")
        assert "hint: %tb shows the statement" in shell.type("session.execute(text('select substr()'))")
        assert shell.type("session.scalar(select(Author.name))").endswith("'ann'")
        answer = shell.type("session.add(Author(name='ann')); session.flush()")
        assert "dbadmin: " in answer and "Traceback" not in answer
        assert shell.type("session.scalar(select(Author.name))").endswith("'ann'")


def test_a_read_only_session_holds_no_transaction_between_statements(
    app: Path, database: TestDatabase, terminal: Open
) -> None:
    shell = terminal(app)
    shell.type("authors = session.scalars(select(Author))")
    assert shell.type("session.in_transaction()").endswith("False")
    assert shell.type("[a.name for a in authors]").endswith("['ann']")
    if database.kind == "postgresql":
        idle = database.rows("select count(*) from pg_stat_activity where state = 'idle in transaction'")
        assert idle == [(0,)]


def test_objects_show_what_the_database_holds_now(app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(app)
    shell.type("ann = session.get(Author, 1)")
    assert shell.type("ann.name").endswith("'ann'")
    database.execute("update authors set name = 'anna'")
    assert shell.type("ann.name").endswith("'anna'")


def test_a_writing_session_commits_when_told_to(app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(app, "--write")
    shell.type("db.add(Author(id=2, name='bob'))")
    shell.type("db.commit()")
    shell.type("session.execute(insert(Author).values(id=3, name='cid'))")
    code, said = shell.exit()
    assert code == 0
    assert "changes that were not committed were rolled back" in said
    assert database.rows("select name from authors order by id") == [("ann",), ("bob",)]


def test_statements_have_a_time_limit(app: Path, database: TestDatabase, terminal: Open) -> None:
    endless = {
        "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n",
        "postgresql": "select pg_sleep(20)",
        "mariadb": "select sum(a.seq * b.seq) from seq_1_to_1000000 a, seq_1_to_1000000 b",
    }[database.kind]
    shell = terminal(app, "--statement-timeout", "500ms")
    for way in ("session", "engine.connect()"):
        assert "--statement-timeout" in shell.type(f"{way}.execute(text({endless!r}))"), way
    shell = terminal(app)
    assert shell.type("db.database.statement_timeout").endswith("30.0")
    if database.kind == "postgresql":
        assert shell.type("session.scalar(text('show statement_timeout'))").endswith("'30s'")


def test_an_asynchronous_application_is_awaited(async_app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(async_app)
    assert "await session.execute" in shell.banner
    assert shell.type("(await session.execute(select(Author.name))).all()").endswith("[('ann',)]")
    shell.type("ann = await db.get(Author, 1)")
    assert shell.type("ann.name, len(ann.posts)").endswith("('ann', 1)")
    assert shell.type("await session.scalar(select(func.count(Post.id))), count(Post)").endswith("(1, 1)")
    for line in (
        "await session.execute(text('delete from posts'))",
        "async with engine.begin() as c: await c.execute(text('delete from posts'))",
        "session.add(Author(name='bob')); await session.commit()",
        "await db.execute(text('delete from posts'))",
    ):
        answer = shell.type(line)
        assert "read-only" in answer and "hint: %mode sandbox" in answer, f"{line}: {answer}"
        assert "%mode write" in answer, f"{line}: {answer}"
    assert shell.type("session.in_transaction()").endswith("False")
    assert shell.exit()[0] == 0
    assert database.rows("select count(*) from posts") == [(1,)]


def test_an_asynchronous_application_commits_with_write(
    async_app: Path, database: TestDatabase, terminal: Open
) -> None:
    shell = terminal(async_app, "--write")
    assert "dbadmin: " in shell.type("await session.execute(text('select nothing from nowhere'))")
    shell.type("db.add(Author(id=2, name='bob')); await db.commit()")
    assert "1 row changed" in shell.type("db.sql(\"update authors set name = 'cid' where id = 2\")")
    assert shell.type("print(db.sql(\"update authors set name = 'cid' where id = 2\"))").endswith("1 row changed")
    assert shell.prompt.endswith("[write*]")
    shell.type("session.add(Author(id=3, name='dan'))")
    assert shell.type('count(Author), count(Author, where="name = cid")').endswith("(3, 1)")
    assert shell.type("[count(Author) for _ in [await session.scalar(select(1))]]").endswith("[3]")
    shell.type("await db.rollback()")
    assert shell.type("count(Author)").endswith("2")
    shell.exit()
    assert database.rows("select name from authors order by id") == [("ann",), ("bob",)]


ENDLESS = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"


@pytest.mark.parametrize(
    ("is_async", "line"),
    [
        (True, "await asyncio.sleep(60)"),
        (True, "time.sleep(60)"),
        (True, f"await session.execute(text('{ENDLESS}'))"),
        (False, "time.sleep(60)"),
        (False, f"session.execute(text('{ENDLESS}'))"),
    ],
)
def test_control_c_ends_a_statement_in_one_line(
    is_async: bool, line: str, tmp_path: Path, sqlite: TestDatabase, terminal: Open
) -> None:
    sqlite.execute(*TABLES)
    shell = terminal(application(tmp_path / "small", sqlite.url, is_async=is_async))
    shell.type("import asyncio, time")
    shell.process.sendline("print('begun'); " + line)
    shell.process.expect("begun\r\n")
    time.sleep(0.5)  # until the statement runs
    shell.process.sendintr()
    said = shell.wait()
    assert "dbadmin: interrupted; %tb shows where" in said and "Traceback" not in said
    assert shell.type(f"{'await ' if is_async else ''}session.scalar(select(Author.name))").endswith("'ann'")


def test_a_database_that_cannot_be_reached_is_said_and_the_shell_starts(
    tmp_path: Path, terminal: Open, run: Run
) -> None:
    directory = application(tmp_path / "small", URL.create("sqlite", database=str(tmp_path / "none.db")))
    shell = terminal(directory)
    assert re.search(r"missing +.*there is no SQLite database", shell.banner)
    assert re.search(r"models +2: ", shell.banner)
    assert shell.prompt == "none.db [read-only]"
    assert "there is no SQLite database" in shell.type("session.scalar(select(Author))")
    assert run("shell", "-c", "print('fine')", cwd=directory).stdout == "fine\n"
    refused = run("shell", "-c", "session.scalar(select(Author))", cwd=directory)
    assert (refused.code, "there is no SQLite database" in refused.stderr) == (3, True)
    assert not (tmp_path / "none.db").exists()


def test_a_server_that_cannot_be_reached_is_exit_3(tmp_path: Path, run: Run) -> None:
    url = URL.create("postgresql+psycopg", "me", "hunter22", "127.0.0.1", 1, "none")
    directory = application(tmp_path / "small", url)
    refused = run("shell", "-c", "session.scalar(select(Author))", cwd=directory)
    assert refused.code == 3, refused.stderr
    assert "hunter22" not in refused.stderr


def test_without_code_the_tables_become_models(tmp_path: Path, database: TestDatabase, terminal: Open) -> None:
    database.execute(*TABLES, "create table keyless (x integer)")
    directory = tmp_path / "empty"
    directory.mkdir()
    shell = terminal(directory, "--url", str(database.url))
    assert re.search(r"models +3: .*Authors", shell.banner)
    assert re.search(r"missing +no Alembic project", shell.banner)
    assert shell.type("session.scalar(select(Authors.name))").endswith("'ann'")
    assert shell.type("session.execute(select(keyless)).all()").endswith("[]")


def test_the_first_prompt_has_loaded_only_what_it_needs(app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(app)
    names = (
        *(f"dialects.{database.kind.replace('mariadb', 'mysql')}.{file}" for file in LATER_OF_ENGINES),
        *(f"dialects.{file}" for file in ("changes", "copying", "costs", "health", "mending", "rules")),
        *(f"results.{file}" for file in ("backups", "diagram", "health", "plans", "review", "rollback", "tables")),
        *("answers", "frames", "queries", "render.layouts", "render.writers", "shell.drawing", "shell.sql"),
    )
    assert shell.type(f"import sys; {{'dbadmin.' + name for name in {names}}} & set(sys.modules)").endswith("set()")
    assert "ann" in shell.type("session.get(Author, 1)")
    assert shell.type("'dbadmin.shell.drawing' in sys.modules").endswith("True")


def test_what_is_imported_when_it_is_first_used(blog: Path, terminal: Open) -> None:
    shell = terminal(blog)
    others = {"pandas", "numpy", "pyarrow", "alembic", "sqlglot", "tabulate", "rich"}
    assert shell.type(f"import sys; {others} & set(sys.modules)").endswith("set()")
    assert shell.type("pd.DataFrame({'a': [1]}).shape").endswith("(1, 1)")
    assert shell.type("'pandas' in sys.modules").endswith("True")


def test_garbage_is_looked_for_from_the_first_prompt_on(blog: Path, terminal: Open, tmp_path: Path) -> None:
    startup = tmp_path / "startup.py"
    startup.write_text("import gc\nat_startup = gc.isenabled()\n")
    shell = terminal(blog, "--startup", str(startup))
    assert shell.type("at_startup, gc.isenabled(), gc.get_freeze_count() > 0").endswith("(True, True, True)")
    shell.type("%reload")
    assert shell.type("gc.isenabled(), gc.get_freeze_count()").endswith("(True, 0)")


def test_history_is_private_and_keeps_no_secrets(blog: Path, terminal: Open) -> None:
    shell = terminal(blog)
    shell.type("kept = 'this line is kept'")
    answer = shell.type("sa.create_engine('postgresql://me:hunter22@host:port/x')")
    assert "ValueError" in answer
    shell.type("password = 'hunter22'")
    shell.type("statement = \"alter role me password 'hunter22'\"")
    shell.exit()
    file = shell.home / ".local" / "state" / "dbadmin" / "shell-history.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with sqlite3.connect(file) as connection:
        lines = [line for (line,) in connection.execute("select source_raw from history order by line")]
    connection.close()
    assert "kept = 'this line is kept'" in lines
    assert lines.count(LEFT_OUT) == 3
    assert b"hunter22" not in file.read_bytes()


def test_tracebacks_show_neither_local_variables_nor_passwords(blog: Path, terminal: Open) -> None:
    shell = terminal(blog, NO_COLOR="")
    shell.type("def f(): local = 'of the ' + 'function'; 1/0")
    shell.type("")
    answer = shell.type("f()")
    assert "ZeroDivisionError" in answer
    assert "of the function" not in answer
    answer = shell.type("sa.create_engine('postgresql://me:hunter22@host:port/x')").partition("\n")[2]
    assert "ValueError" in answer
    assert "hunter22" not in answer


def test_the_users_own_ipython_configuration_counts(blog: Path, terminal: Open) -> None:
    profile = blog.parent / "home" / ".ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    config = profile / "ipython_config.py"
    config.write_text(
        "c = get_config()\n"
        "c.InteractiveShellApp.exec_lines = ['mine = 41 + 1']\n"
        "c.TerminalInteractiveShell.xmode = 'Verbose'\n"
        "c.HistoryManager.hist_file = '/nonexistent/history.sqlite'\n"
    )
    try:
        shell = terminal(blog)
        assert shell.type("mine").endswith("42")
        assert shell.type("get_ipython().InteractiveTB.mode").endswith("'Context'")
        assert "dbadmin" in shell.type("get_ipython().history_manager.hist_file")
    finally:
        config.unlink()


def test_termination_ends_the_shell(blog: Path, terminal: Open) -> None:
    shell = terminal(blog)
    shell.process.kill(signal.SIGTERM)
    assert shell.ended()[0] == 143
    shell = terminal(blog)
    # Python notices a signal that comes just before a call that waits only after it: so there are many short ones.
    shell.process.sendline("import time; print('begun'); [time.sleep(0.1) for _ in range(600)]")
    shell.process.expect("begun\r\n")
    shell.process.kill(signal.SIGTERM)
    assert shell.ended()[0] == 143


def test_the_banner_says_what_is_hidden_and_renamed(tmp_path: Path, sqlite: TestDatabase, terminal: Open) -> None:
    models = """
        from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

        class Base(DeclarativeBase):
            pass

        class text(Base):
            __tablename__ = "texts"
            id: Mapped[int] = mapped_column(primary_key=True)

        class status(Base):
            __tablename__ = "statuses"
            id: Mapped[int] = mapped_column(primary_key=True)

        class session(Base):
            __tablename__ = "sessions"
            id: Mapped[int] = mapped_column(primary_key=True)
    """
    sqlite.execute("create table texts (id integer primary key)")
    shell = terminal(application(tmp_path / "small", sqlite.url, models))
    assert "text is app.db.text here; sa.text is the other" in shell.banner
    assert "status is app.db.status here; db.status is the other" in shell.banner
    assert "session: db_session" in shell.banner
    assert shell.type("session.scalars(select(text)).all()").endswith("[]")
    assert shell.type("db_session.__tablename__").endswith("'sessions'")
