"""`dbadmin shell` with code that comes as -c, as a file or through a pipe."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Finished, Run
from demos import demo
from servers import TestDatabase
from shells import TABLES, application
from test_remembered import made, runs


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


def test_c_prints_what_the_code_prints_and_nothing_else(app: Path, run: Run) -> None:
    done = run("shell", "-c", "'not shown'\nprint(session.scalar(select(Author.name)))", cwd=app)
    assert (done.code, done.stdout, done.stderr) == (0, "ann\n", "")


@pytest.mark.parametrize(
    ("code", "exit_code", "told"),
    [
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('no such author')", 1, "no such author"),
        ("1/0", 1, "ZeroDivisionError: division by zero"),
        ("1/", 1, "SyntaxError"),
        ("session.execute(text('delete from posts'))", 5, "dbadmin: this session is read-only"),
        ("session.execute(text('select nothing from nowhere'))", 5, "dbadmin: "),
        ("count('nowhere')", 2, "dbadmin: no table 'nowhere'"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
    ],
)
def test_the_exit_code_of_code_tells_what_happened(
    code: str, exit_code: int, told: str, tmp_path: Path, sqlite: TestDatabase, run: Run
) -> None:
    sqlite.execute(*TABLES)
    directory = application(tmp_path / "small", sqlite.url)
    done = run("shell", "-c", code, cwd=directory)
    assert done.code == exit_code, done.stderr
    assert told in done.stderr
    assert "dbadmin/shell" not in done.stderr
    assert done.stdout == ""


def test_code_of_an_asynchronous_application_may_await(async_app: Path, run: Run) -> None:
    code = "ann = await session.get(Author, 1)\nprint(ann.name, len(ann.posts), count(Post))"
    done = run("shell", "-c", code, cwd=async_app)
    assert (done.code, done.stdout) == (0, "ann 1 1\n"), done.stderr
    assert run("shell", "-c", "await session.execute(text('delete from posts'))", cwd=async_app).code == 5
    assert run("shell", "-c", "import sys; sys.exit(7)", cwd=async_app).code == 7


def test_write_commits_what_the_code_commits(app: Path, database: TestDatabase, run: Run) -> None:
    bob = "session.add(Author(id=2, name='bob'))"
    lost = run("shell", "--write", "-c", bob, cwd=app)
    assert (lost.code, lost.stderr) == (0, "dbadmin: changes that were not committed were rolled back\n")
    kept = run("shell", "--write", "-c", f"{bob}; session.commit()", cwd=app)
    assert (kept.code, kept.stderr) == (0, "")
    assert database.rows("select name from authors order by id") == [("ann",), ("bob",)]


@pytest.mark.parametrize("by", ["-c", "file", "pipe"])
def test_no_code_changes_every_row_by_mistake(app: Path, database: TestDatabase, run: Run, by: str) -> None:
    def write(code: str) -> Finished:
        if by == "file":
            (app / "job.py").write_text(code)
            return run("shell", "--write", "job.py", cwd=app)
        return run("shell", "--write", *(["-c", code] if by == "-c" else []), cwd=app, input=code)

    statement = "update authors set name = 'x'" if by == "-c" else "delete from posts"
    refused = write(f"session.execute(text({statement!r}))\nsession.commit()")
    assert refused.code == 2
    message, hint = refused.stderr.splitlines()
    assert message.endswith(f"not run, it would change every row: {statement}")
    assert "WHERE 1 = 1" in hint and "--all-rows" in hint
    assert database.rows("select name, posts.id from authors join posts on author_id = authors.id") == [("ann", 1)]
    meant = write(f"session.execute(text({(statement + ' where 1 = 1')!r}))\nsession.commit()")
    assert (meant.code, meant.stderr) == (0, "")
    assert database.rows("select name from authors join posts on author_id = authors.id") in ([], [("x",)])


def test_awaited_code_is_refused_as_well(async_app: Path, database: TestDatabase, run: Run) -> None:
    code = "from sqlalchemy import delete\nawait session.execute(delete(Post))\nawait session.commit()"
    assert run("shell", "--write", "-c", code, cwd=async_app).code == 2
    assert database.rows("select id from posts") == [(1,)]


def test_env_py_is_not_run_again_for_each_session(tmp_path: Path, run: Run) -> None:
    project, env = made(tmp_path), {"XDG_CACHE_HOME": str(tmp_path / "kept"), "SECRET_URL": "sqlite:///app.db"}
    for _ in range(2):
        done = run("shell", "-c", "print(db.status().version_table)", cwd=project.directory, env=env)
        assert (done.code, done.stdout) == (0, "versions\n"), done.stderr
        assert runs(project) == 1


def test_a_file_runs_as_a_script(blog: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "beside.py").write_text("value = 'imported'\n")
    file = tmp_path / "report.py"
    file.write_text(
        "import sys, pickle, beside\n"
        "class Thing: pass\n"
        "pickle.dumps(Thing())\n"
        "print(__name__, __file__ == sys.argv[0], beside.value)\n"
        "print(session.scalar(select(func.count(User.id))))\n"
    )
    done = run("shell", file, cwd=blog)
    assert (done.code, done.stdout) == (0, "__main__ True imported\n5\n"), done.stderr
    file.write_text("x = 1\n\nsession.execute(text('delete from users'))\n")
    refused = run("shell", file, cwd=blog)
    assert refused.code == 5
    assert f"dbadmin: {file}:3: this session is read-only" in refused.stderr


def test_a_pipe_runs_as_a_script(blog: Path, run: Run) -> None:
    done = run("shell", cwd=blog, input="print(session.scalar(select(func.count(User.id))))\n1/0\n")
    assert (done.code, done.stdout) == (1, "5\n")
    assert 'File "<stdin>", line 2' in done.stderr
    assert run("shell", cwd=blog).code == 0


def test_code_needs_neither_ipython_nor_pandas(blog: Path, run: Run) -> None:
    code = "import sys; print([m for m in ('IPython', 'pandas') if m in sys.modules])"
    assert run("shell", "-c", code, cwd=blog).stdout == "[]\n"


def test_a_session_loads_nothing_of_engines_that_it_does_not_ask(tmp_path: Path, sqlite: TestDatabase) -> None:
    sqlite.execute(*TABLES)
    directory = application(tmp_path / "small", sqlite.url)
    parts = ("dbadmin.dialects.mysql.", "dbadmin.queries")
    code = f"import sys; print(*sorted(name for name in sys.modules if name.startswith({parts})))"
    here = [sys.executable, "-m", "dbadmin", "shell", "-c", code]  # not of the nursery, where all is loaded
    told = subprocess.run(here, cwd=directory, capture_output=True, text=True, check=True).stdout
    assert told.split() == [f"dbadmin.dialects.mysql.{name}" for name in ("address", "isolation", "optionfiles")]


def test_a_password_in_an_error_is_hidden(tmp_path: Path, sqlite: TestDatabase, run: Run) -> None:
    sqlite.execute(*TABLES)
    directory = application(tmp_path / "small", sqlite.url)
    code = "raise ValueError('postgresql://me:hunter22@host/x')"
    done = run("shell", "-c", code, cwd=directory)
    assert done.code == 1
    assert "ValueError" in done.stderr
    assert "hunter22" not in done.stderr
