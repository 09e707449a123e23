"""What makes `dbadmin shell` a home: SQL, plans, settings, tables, completion, help, start-up files, reloading."""

import time
from pathlib import Path

import pytest
from conftest import Run
from servers import TestDatabase
from shells import TABLES, Open, application
from sqlalchemy import Integer, String
from sqlalchemy.orm import declarative_base, mapped_column

from dbadmin.shell.drawing import object_text

COMPLETE = (
    "import warnings; warnings.simplefilter('ignore'); I = get_ipython().Completer; "
    "C = lambda t: [c.text for c in I.completions(t, len(t))]"
)


@pytest.fixture
def app(tmp_path: Path, database: TestDatabase) -> Path:
    """A small synchronous application with two tables, on each engine in turn."""
    database.execute(*TABLES)
    return application(tmp_path / "small", database.url)


@pytest.fixture
def small(tmp_path: Path, sqlite: TestDatabase) -> Path:
    """The same on SQLite alone."""
    sqlite.execute(*TABLES)
    return application(tmp_path / "small", sqlite.url)


def test_sql_takes_parameters_and_plans_are_drawn(app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(app)
    shell.type("who = 'ann'")
    assert "ann" in shell.type("%sql select id, name from authors where name = :who")
    answer = shell.type("%sql select 1 as first; select 2 as second")
    assert "first" in answer and "second" in answer
    shell.type("kept = %sql select name from authors")
    assert shell.type("kept.name.tolist()").endswith("['ann']")
    shell.type("import numpy; one = numpy.int64(1)")
    assert "ann" in shell.type("%sql select name from authors where id = :one")
    assert "no value for :nobody" in shell.type("%sql select :nobody")
    plan = shell.type("%explain select * from authors where id = :one")
    assert {"sqlite": "SEARCH authors", "postgresql": "authors_pkey", "mariadb": "const authors"}[database.kind] in plan
    shell.type("s = select(Author).where(Author.name == 'ann')")
    assert "authors" in shell.type("%explain s")
    assert "authors" in shell.type("%explain select(Author).where(Author.name == who)")
    assert "dbadmin: " in shell.type("%explain select(Author.nothing)")
    analyzed = shell.type("%explain --analyze select count(*) from authors")
    assert ("does not tell" if database.kind == "sqlite" else "actual rows") in analyzed
    assert "engine stats" not in analyzed and "optimization" not in analyzed


def test_a_narrow_terminal_gets_every_word_and_column(small: Path, terminal: Open) -> None:
    shell = terminal(small, COLUMNS="40")
    lines = [line for line in shell.banner.splitlines() if "sqlite:/" not in line]
    assert max(map(len, lines)) <= 40
    assert not {"revision", "models", "session", "commands", "helpers"} - {line.partition(" ")[0] for line in lines}
    assert "commands %sql %explain %set %mode %reload; MODEL? tells its columns" in " ".join(" ".join(lines).split())
    shell.type("wide = pd.DataFrame({f'column_number_{n}': [n] for n in range(6)})")
    shown = shell.type("wide")
    assert all(f"column_number_{n}" in shown for n in range(6))
    rows = [line for line in shell.type("pd.DataFrame({'名前': ['日本', 'ann'], 'n': [1, 2]})").splitlines() if line]
    assert rows[-2].endswith("日本  1") and rows[-1].endswith(" ann  2")


def test_harmless_settings_are_kept_and_others_refused(app: Path, database: TestDatabase, terminal: Open) -> None:
    name, value, ask, shown = {
        "sqlite": ("cache_size", "1234", "pragma cache_size", "1234"),
        "postgresql": ("timezone", "Asia/Tokyo", "show timezone", "'Asia/Tokyo'"),
        "mariadb": ("time_zone", "+09:00", "select @@time_zone", "'+09:00'"),
    }[database.kind]
    harmful = {"sqlite": "query_only", "postgresql": "default_transaction_read_only", "mariadb": "tx_read_only"}
    shell = terminal(app)
    shell.type(f"%set {name} {value}")
    for _ in range(2):
        assert shell.type(f"session.scalar(text('{ask}'))").endswith(shown)
    assert f"set: {name} = {value}" in shell.type("%set")
    assert "no harmless setting" in shell.type(f"%set {harmful[database.kind]} off")
    assert "dbadmin: " in shell.type(f"%set {name} 'no; such'")
    assert shell.type(f"session.scalar(text('{ask}'))").endswith(shown)


def test_statements_and_objects_show_as_tables(app: Path, terminal: Open) -> None:
    shell = terminal(app)
    shown = shell.type("select(Author.name).where(Author.id == 1)")
    assert "SELECT authors.name" in shown and "1 row" in shown and "ann" in shown
    assert "not run: " in shell.type("select(Author.name).where(text('nothing = 1'))")
    one = shell.type("session.get(Author, 1)")
    assert one.endswith("Author\n\nid    1\nname  ann")
    assert "author_id" in shell.type("session.scalars(select(Post)).all()")
    many = shell.type("[Author(id=n, name=f'name {n}') for n in range(25)]")
    assert "name 19" in many and "name 20" not in many and many.endswith("20 of 25 rows")
    assert shell.type("[1, 2]").endswith("[1, 2]")
    about = shell.type("Post?")
    assert "table posts" in about and "→ authors.id" in about and "author" in about.partition("Relations")[2]
    assert shell.type("session.scalar(select(Author.name))").endswith("'ann'")


def test_tab_knows_tables_and_columns(small: Path, terminal: Open) -> None:
    shell = terminal(small)
    shell.type(COMPLETE)
    assert shell.type("C('Auth')").endswith("['Author']")
    assert shell.type("C('Author.na')").endswith("['name']")
    assert shell.type("C('%sql select * from auth')").endswith("['authors']")
    assert shell.type("C('%%sql\\nselect * from posts p where p.auth')").endswith("['p.author_id']")
    assert shell.type('C("count(\'po")').endswith("['posts']")
    shell.type("wanted = 1")
    assert shell.type("C('%sql select :want')").endswith("['wanted']")


def test_the_columns_of_an_object_stand_whole_beside_long_values(monkeypatch: pytest.MonkeyPatch) -> None:
    class Renewal(declarative_base()):  # type: ignore[misc]
        __tablename__ = "renewals"
        id = mapped_column(Integer, primary_key=True)
        subscription_last_renew = mapped_column(String)
        subscription_last_refused = mapped_column(String)

    monkeypatch.setenv("COLUMNS", "60")
    shown = object_text(Renewal(id=1, subscription_last_renew="a" * 60, subscription_last_refused=None))
    assert "subscription_last_renew " in shown and "subscription_last_refused " in shown


def test_what_is_printed_or_shown_holds_no_password(small: Path, terminal: Open, run: Run) -> None:
    shell = terminal(small, APP_SECRET="k4tzenklo-9")
    shell.type("import os; url = 'postgresql://me:' + 'hunter' + '22@host/x'")
    for line in ("url", "print(url)", "os.environ['APP_SECRET']", "print(dict(os.environ))", "[url]", "{'a': url}"):
        answer = shell.type(line)
        assert "***" in answer and "hunter22" not in answer and "k4tzenklo" not in answer, line
    for line in ("raise ValueError(url)", "session.scalar(text(f\"select 1 from '{url}'\"))", "%notebook kept.ipynb"):
        assert "hunter22" not in shell.type(line)
    kept = (small / "kept.ipynb").read_text()
    assert "hunter22" not in kept and "ValueError: postgresql://me:***@host/x" in kept and "OperationalError" in kept
    code = "print('postgresql://me:' + 'hunter22' + '@host/x')"
    assert run("shell", "-c", code, cwd=small).stdout == "postgresql://me:***@host/x\n"


def test_writing_everything_asks_first(app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(app, "--write")
    for line in (
        "session.execute(text('delete from posts'))",
        "session.query(Post).delete()",
        "%sql delete from posts",
        "db.sql('delete from posts')",
    ):
        shell.process.sendline(line)
        shell.process.expect(r"this changes every row: .*\[yes/no\] ")
        assert "would change every row" in shell.type("no"), line
    assert "1 row changed" in shell.type("%sql update authors set name = 'anna' where id = 1")
    assert shell.prompt.endswith("[write*]")
    shell.process.sendline("%sql delete from posts")
    shell.process.expect(r"\[yes/no\] ")
    assert "1 row changed" in shell.type("yes")
    shell.type("%sql commit")
    assert shell.prompt.endswith("[write]")
    shell.exit()
    assert database.rows("select count(*) from posts") == [(0,)]
    assert database.rows("select name from authors") == [("anna",)]


def test_helpers_and_sql_work_in_the_transaction_of_a_session_that_writes(
    app: Path, database: TestDatabase, terminal: Open
) -> None:
    before = database.rows("select count(*) from authors")[0][0]
    shell = terminal(app, "--write")
    assert "1 row changed" in shell.type("db.sql(\"update authors set name = 'bea' where id = 1\")")
    assert shell.prompt.endswith("[write*]")
    assert database.rows("select name from authors where id = 1") != [("bea",)]
    shell.type("session.add(Author(id=77, name='cid'))")
    assert f"Out[3]: {before + 1}" in shell.type("count(Author)")
    assert "bea" in shell.type("db.group(Author, by='name')")
    assert "no table 'nothing'" in shell.type("count('nothing')")
    assert "dbadmin: " in shell.type("db.sql('select nothing from authors')")
    assert shell.prompt.endswith("[write*]")
    assert "bea" in shell.type("frame(select(Author.name).where(Author.id == 1))")
    shell.type("db.rollback()")
    assert shell.prompt.endswith("[write]")
    assert f": {before}" in shell.type("count(Author)")
    shell.type("sql(\"update authors set name = 'dan' where id = 1\"); db.commit()")
    assert shell.prompt.endswith("[write]")
    shell.exit()
    assert database.rows("select name from authors where id = 1") == [("dan",)]


def test_the_prompt_shows_what_is_not_committed(app: Path, terminal: Open) -> None:
    shell = terminal(app, "--write")
    for line, shown in (
        ("session.scalar(select(Author.name)); count(Author)", "write"),
        ("%explain update authors set name = 'bea' where id = 1", "write"),
        ("db.sql('select 1')", "write"),
        ("session.execute(text(\"update authors set name = 'bea' where id = 1\"))", "write*"),
        ("session.rollback()", "write"),
        ("%sql update authors set name = 'bea' where id = 1", "write*"),
        ("with session.begin_nested(): session.scalar(select(1))", "write*"),
        ("%sql commit", "write"),
        ("session.get(Author, 1).name = 'ann'; session.flush()", "write*"),
        ("session.commit()", "write"),
        ("session.add(Author(id=1, name='cid')); session.flush()", "write"),
    ):
        shell.type(line)
        assert shell.prompt.endswith(f"[{shown}]"), line
    shell.process.sendline("session.execute(delete(Post))")
    shell.process.expect(r"\[yes/no\] ")
    shell.type("no")
    assert shell.prompt.endswith("[write]")
    assert "were rolled back" not in shell.exit()[1]


def test_control_c_at_the_question_is_a_no_and_keeps_what_was_written_before(app: Path, terminal: Open) -> None:
    shell = terminal(app, "--write")
    shell.type("%sql update authors set name = 'bea' where id = 1")
    shell.process.sendline("%sql delete from posts")
    shell.process.expect(r"\[yes/no\] ")
    time.sleep(0.5)  # until it reads the answer: an interrupt just before waits for the next key
    shell.process.sendintr()
    assert "would change every row" in shell.wait()
    assert shell.prompt.endswith("[write*]")
    assert "bea" in shell.type("%sql select name from authors")


def test_a_write_that_is_explained_is_taken_back_unasked(app: Path, database: TestDatabase, terminal: Open) -> None:
    if database.kind == "sqlite":
        pytest.skip("SQLite's EXPLAIN runs nothing")
    shell = terminal(app, "--write")
    plan = shell.type("%explain --analyze delete from posts")
    assert "actual rows" in plan and "delete" in plan.lower()
    assert shell.prompt.endswith("[write]")
    assert database.rows("select count(*) from posts") == [(1,)]


def test_what_a_rollback_would_not_take_back_is_not_analyzed(app: Path, database: TestDatabase, terminal: Open) -> None:
    making, line, why = {
        "sqlite": ("", "", ""),
        "postgresql": ("create sequence kept", "select setval('kept', 7)", "a sequence is not rolled back"),
        "mariadb": ("create table kept engine=MyISAM select 1 as id", "delete from kept where id = 1", "kept knows no"),
    }[database.kind]
    if not making:
        pytest.skip("SQLite's EXPLAIN runs nothing")
    database.execute(making)
    shell = terminal(app, "--write")
    assert why in shell.type(f"%explain --analyze {line}")
    if database.kind == "mariadb":
        database.execute("create trigger t after delete on posts for each row insert into kept values (old.id)")
        assert "table posts has a trigger that may write" in shell.type("%explain --analyze delete from posts")
    assert "step" in shell.type(f"%explain {line}")
    assert database.rows("select count(*) from kept") == [(1,)]


def test_the_mode_changes_by_the_name_of_the_database(app: Path, database: TestDatabase, terminal: Open) -> None:
    shell = terminal(app)
    for line in ("%mode write", "%mode write other", "%mode wide"):
        assert "hint: " in shell.type(line)
        assert shell.prompt.endswith("[read-only]")
    name = Path(str(database.url.database)).name
    shell.type(f"%mode sandbox {name}")
    assert shell.prompt == f"{database.name} [sandbox 0 min]"
    shell.type("session.add(Author(id=2, name='bob')); session.commit()")
    assert shell.type("count(Author), session.scalar(select(func.count(Author.id)))").endswith("(2, 2)")
    refused = shell.type("session.execute(text('commit'))")
    assert "refused in a sandbox" in refused and f"%mode write {name} keeps" in refused
    ddl = shell.type("session.execute(text('create table more (id integer)'))")
    assert ("refused in a sandbox" in ddl) is (database.kind == "mariadb")
    assert "dbadmin: " in shell.type("session.execute(text('select nothing from nowhere'))")
    assert shell.type("count(Author)").endswith("2")
    assert "the sandbox is rolled back" in shell.type("%mode read-only")
    assert shell.type("count(Author)").endswith("1")
    assert "read-only" in shell.type("%sql delete from posts")
    assert database.rows("select count(*) from authors") == [(1,)]


def test_a_sandbox_ends_by_itself(small: Path, terminal: Open, sqlite: TestDatabase) -> None:
    shell = terminal(small, "--sandbox", "--sandbox-limit", "1h")
    assert "sandbox" in shell.banner
    shell.type("session.execute(delete(Post)); sandbox = db.database.sandbox; sandbox.limit = sandbox.age + 1")
    sqlite.execute("insert into authors values (2, 'bob')")  # waits for the lock, which goes though nobody types
    answer = shell.type("count(Author), count(Post)")
    assert "the sandbox has ended after" in answer and "(2, 1)" in answer
    assert shell.prompt.endswith("[read-only]")
    shell.type(f"%mode sandbox {sqlite.name}")
    answer = shell.type("session.execute(delete(Post)); db.database.sandbox.limit = 0.001")
    assert "the sandbox has ended after" in answer
    assert shell.prompt.endswith("[read-only]")
    assert shell.type("count(Post)").endswith("1")


def test_a_sandbox_whose_connection_was_lost_is_told_once(app: Path, database: TestDatabase, terminal: Open) -> None:
    if database.kind != "postgresql":
        pytest.skip("one server that ends connections is enough")
    shell = terminal(app, "--sandbox")
    shell.type("%sql delete from posts")
    database.execute("select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'")
    answer = shell.type("count(Post)")
    assert answer.count("the sandbox's transaction is over") == 1 and "cannot go on" not in answer
    assert f"hint: %mode sandbox {database.name} begins a new one" in answer
    assert shell.type("count(Post)").endswith("1")


def test_an_asynchronous_sandbox_keeps_nothing(tmp_path: Path, sqlite: TestDatabase, terminal: Open) -> None:
    sqlite.execute(*TABLES)
    shell = terminal(application(tmp_path / "small", sqlite.url, is_async=True), "--sandbox")
    shell.type("await session.execute(delete(Post)); await session.commit()")
    assert shell.type("count(Post), await session.scalar(select(func.count(Post.id)))").endswith("(0, 0)")
    assert "1 row changed" in shell.type("%sql update authors set name = 'anna'")
    assert "anna" in shell.type("session.sync_session.scalars(select(Author)).all()")
    shell.type("%mode read-only")
    assert shell.type("count(Post), await session.scalar(select(Author.name))").endswith("(1, 'ann')")
    shell.exit()
    assert sqlite.rows("select name from authors") == [("ann",)]


def test_start_up_files_run_and_changed_models_are_imported_anew(small: Path, terminal: Open) -> None:
    config = small / "pyproject.toml"
    config.write_text(config.read_text() + '[tool.dbadmin.shell]\nstartup = ["start.py", "gone.py", "bad.py"]\n')
    (small / "start.py").write_text("def authors():\n    return count(Author)\n")
    (small / "bad.py").write_text("x = 1\n1 / 0\n")
    shell = terminal(small)
    assert "there is no file" in shell.banner and "bad.py:2: ZeroDivisionError" in shell.banner
    assert shell.type("authors()").endswith("1")
    module = small / "app" / "db.py"
    module.write_text(module.read_text().replace("class Post(", "class Article(").replace('"Post"', '"Article"'))
    assert "app.db imported anew" in shell.type("1")
    assert shell.type("session.scalar(select(func.count(Article.id)))").endswith("1")
    module.write_text("1 / 0\n")
    assert "could not be imported anew" in shell.type("1")
    assert shell.type("session.scalar(select(func.count(Article.id)))").endswith("1")


def test_sandboxes_of_scripts_keep_nothing(app: Path, database: TestDatabase, run: Run) -> None:
    code = "session.execute(delete(Post)); session.commit(); print(count(Post))"
    done = run("shell", "--sandbox", "-c", code, cwd=app)
    assert (done.code, done.stdout, done.stderr) == (0, "0\n", "dbadmin: the sandbox is rolled back\n")
    assert database.rows("select count(*) from posts") == [(1,)]
    both = run("shell", "--sandbox", "--write", "-c", "1", cwd=app)
    assert both.code == 2
