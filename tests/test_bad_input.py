"""Bad input at the command line: one clear line, what to type next, the right exit code, nothing left behind."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from apps import App, Rev
from rehearsing import build, execute
from servers import TestDatabase

pytestmark = pytest.mark.rehearsal

BASE = (None, 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("t")')


def fails(finished: Any, code: int, *parts: str) -> None:
    """The run ended with this code and one line that says all of this, without a traceback."""
    first = next((line for line in finished.stderr.splitlines() if line.startswith("dbadmin: ")), "")
    assert finished.code == code, f"{finished.code}: {finished.stdout}{finished.stderr}"
    assert all(part in finished.stderr for part in parts), finished.stderr
    assert first, finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.fixture
def app(sqlite: TestDatabase, tmp_path: Path) -> App:
    """A small application on SQLite, one revision pending."""
    revisions = {"a1": BASE, "b2": ("a1", "print('up')", "print('down')")}
    return build(tmp_path, sqlite.url, revisions, at="a1", fill=("INSERT INTO t (id) VALUES (1)",))


def test_no_configuration(run: Any, tmp_path: Path) -> None:
    for command in (["status"], ["count"], ["verify-rollback"], ["shell", "-c", "1"]):
        fails(run(*command, cwd=tmp_path), 2, "no application found", "hint: ", "--url")


def test_several_candidates(run: Any, tmp_path: Path) -> None:
    for name in ("backend", "server"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/m\n")
    fails(run("status", cwd=tmp_path), 2, "backend", "server", "hint: ")


def test_a_models_module_that_raises(run: Any, app: App) -> None:
    (app.directory / "dbadmin.toml").write_text('models = ["app.broken"]\nalembic = "alembic.ini"\n')
    (app.directory / "app" / "broken.py").write_text("x = 1\nraise RuntimeError('no settings')\n")
    fails(run("count", cwd=app.directory), 2, "app/broken.py:2", "no settings")


def test_alembic_ini_without_script_location(run: Any, tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").write_text(f"[alembic]\nsqlalchemy.url = sqlite:///{tmp_path}/x.db\n")
    fails(run("status", cwd=tmp_path), 2, "script_location")


def test_a_view_where_a_table_is_wanted(run: Any, database: TestDatabase) -> None:
    execute(database.url, "CREATE TABLE posts (id INTEGER)", "CREATE VIEW latest AS SELECT id FROM posts")
    for command in (["count", "latest"], ["recent", "latest"], ["describe", "latest"], ["join", "posts", "latest"]):
        fails(run(*command, "--url", database.url), 2, "'latest' is a view", "dbadmin sql 'SELECT * FROM latest'")
    fails(run("count", "late", "--url", database.url), 2, "no table 'late'")


def test_no_database(run: Any, tmp_path: Path) -> None:
    fails(run("count", "--url", f"sqlite:///{tmp_path}/missing.db"), 3, "missing.db")
    assert not (tmp_path / "missing.db").exists()


def test_an_empty_database_and_a_statement_cut_short(run: Any, sqlite: TestDatabase) -> None:
    Path(str(sqlite.url.database)).touch()
    url = sqlite.url.render_as_string()
    fails(run("recent", "users", "--url", url), 2, "no table 'users'", "the database has no tables; dbadmin doctor")
    fails(run("sql", "select", "--url", url), 5, "the statement ends too early: incomplete input", "the rest of it")
    fails(run("sql", "select 1 from users", "--url", url), 5, "no such table: users", "dbadmin tables lists")


def test_no_server(run: Any, tmp_path: Path) -> None:
    fails(run("count", "--url", "postgresql://app:hunter22@127.0.0.1:1/prod"), 3, "127.0.0.1", "hint: ")


def test_no_database_of_that_name(run: Any, postgresql: TestDatabase) -> None:
    fails(run("count", "--url", postgresql.url.set(database="nowhere").render_as_string(False)), 3, "nowhere")


def test_a_wrong_password_is_not_shown(run: Any, postgresql: TestDatabase) -> None:
    execute(postgresql.url, "CREATE ROLE locked_out NOLOGIN PASSWORD 'right'")
    url = postgresql.url.set(username="locked_out", password="wrong-pass-word")
    finished = run("count", "--url", url.render_as_string(hide_password=False))
    fails(finished, 3, "locked_out")
    assert "wrong-pass-word" not in finished.stderr + finished.stdout


def test_an_unknown_table(run: Any, app: App) -> None:
    fails(run("count", "alembic_versions", cwd=app.directory), 2, "no table", "did you mean 'alembic_version'?")


def test_an_unknown_column_and_command_and_option(run: Any, app: App) -> None:
    fails(run("recent", "t", "--columns", "idd", cwd=app.directory), 2, "idd", "did you mean")
    fails(run("recet", cwd=app.directory), 2, "recet", "recent")
    fails(run("recent", "t", "--limt", "3", cwd=app.directory), 2, "--limt")


def test_a_revision_that_no_script_has(run: Any, app: App) -> None:
    execute(app.url, "UPDATE alembic_version SET version_num = 'b22'")
    status = run("status", "--format", "json", cwd=app.directory).json()
    assert status["state"] == "unknown-revision"
    assert status["unknown"] == [{"revision": "b22", "nearest": ["b2"], "found_in": None}]
    fails(run("verify-rollback", cwd=app.directory), 2, "b22")


def test_a_target_that_does_not_exist(run: Any, app: App) -> None:
    fails(run("verify-rollback", "--to", "a11", cwd=app.directory), 2, "a11", "did you mean 'a1'?")


def test_two_heads(run: Any, app: App) -> None:
    app.add({"c3": ("a1", "print('up')", "print('down')")})
    assert run("status", "--format", "json", cwd=app.directory).json()["state"] == "behind"
    fails(run("verify-rollback", cwd=app.directory), 2, "b2", "c3", "hint: ")
    app.alembic("upgrade", "heads")
    assert run("status", "--format", "json", cwd=app.directory).json()["state"] == "multiple-heads"
    assert run("status", "--check", cwd=app.directory).code == 1


def test_nothing_to_rehearse_and_no_version_table(run: Any, app: App) -> None:
    fails(run("verify-rollback", "--to", "b2", "--upgrade-to", "a1", cwd=app.directory), 2)
    execute(app.url, "DROP TABLE alembic_version")
    assert run("status", "--format", "json", cwd=app.directory).json()["state"] == "unmanaged"
    fails(run("verify-rollback", cwd=app.directory), 2, "alembic stamp")


@pytest.mark.parametrize(
    ("upgrade", "said"),
    [
        ("raise ValueError('no settings')", "no settings"),
        ("import sys; sys.exit(0)", "exit"),
        ("import os; os._exit(0)", "ended"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import time; time.sleep(100)", "longer than"),
        ("input('sure? ')", "EOF"),
    ],
)
def test_a_migration_that_misbehaves(run: Any, app: App, upgrade: str, said: str) -> None:
    app.add({"c3": Rev("b2", upgrade, "pass")})
    before = digest(app.url.database)
    finished = run("verify-rollback", "--timeout", "2s", "--format", "json", cwd=app.directory)
    report = finished.json()
    assert (finished.code, report["verdict"]) == (1, "broken")
    (found,) = [f for f in report["findings"] if f["blocks_verdict"]]
    assert found["revision"] == "c3"
    assert said in found["detail"], found["detail"]
    assert found["file"].endswith("c3_revision_c3.py")
    assert digest(app.url.database) == before


def test_a_migration_that_prints_does_not_disturb_the_report(run: Any, app: App) -> None:
    app.add({"c3": Rev("b2", "print('{' * 1_000_000)\nimport sys\nprint('x' * 100_000, file=sys.stderr)", "pass")})
    finished = run("verify-rollback", "--format", "json", cwd=app.directory)
    assert finished.json()["verdict"] == "safe"
    assert "xxx" not in finished.stderr


def digest(path: str | None) -> str:
    return hashlib.sha256(Path(path or "").read_bytes()).hexdigest()
