"""What status remembers of a project: only what would be the same again, and no password."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from apps import App, Rev, make_app
from hypothesis import given
from hypothesis import strategies as st
from test_scripts import by_alembic

from dbadmin.app.project import alembic_project
from dbadmin.migrations.ini import PlainConfig
from dbadmin.migrations.line import line
from dbadmin.migrations.parse import ScriptFile
from dbadmin.migrations.project import open_config, quietly
from dbadmin.migrations.scripts import open_scripts

ENV = """
import os
import tempfile
from alembic import context
from app.settings import table
with open("runs", "a") as out:
    out.write("x")
{more}
context.configure(url={url}, version_table=table)
with context.begin_transaction():
    context.run_migrations()
"""
LONG_AGO = 10**9


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "kept"), "SECRET_URL": "sqlite:///app.db"}


def made(directory: Path, more: str = "", url: str = 'os.environ["SECRET_URL"]') -> App:
    app = make_app(
        directory,
        url="sqlite:///app.db",
        revisions={"a1": Rev(None), "b2": Rev("a1")},
        env=ENV.format(more=more, url=url),
    )
    (app.directory / "app" / "settings.py").write_text('table = "versions"\n')
    (app.directory / "app.db").touch()
    aged(app.directory)
    return app


def aged(directory: Path) -> None:
    """As if nothing had been written lately."""
    for path in directory.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def runs(app: App) -> int:
    path = app.directory / "runs"
    return len(path.read_text()) if path.exists() else 0


def status(run: Any, app: App, env: dict[str, str]) -> Any:
    return run("status", "--format", "json", cwd=app.directory, env=env).json()


def test_env_py_is_not_run_again_where_nothing_has_changed(run: Any, env: dict[str, str], tmp_path: Path) -> None:
    app = made(tmp_path)
    first = status(run, app, env)
    assert runs(app) == 1 and first["version_table"] == "versions"
    assert status(run, app, env) == first
    assert runs(app) == 1


def changes() -> dict[str, Callable[[App, dict[str, str]], object]]:
    return {
        "env.py": lambda app, _: app.env_py.write_text(app.env_py.read_text() + "\n"),
        "alembic.ini": lambda app, _: app.ini.write_text(app.ini.read_text() + "# more\n"),
        "a module that env.py imports": lambda app, _: (app.directory / "app" / "settings.py").write_text("table='t'"),
        "a variable that it reads": lambda _, env: env.update(SECRET_URL="sqlite:///./app.db"),
        "a .env beside it": lambda app, _: (app.directory / "migrations" / ".env.local").write_text(""),
        "a .env above it": lambda app, _: (app.directory.parent / ".env").write_text(""),
        "a module that might be found first": lambda app, _: (app.directory / "alembic_settings.py").write_text(""),
    }


EVERY_DAY = ("env.py", "a module that env.py imports", "a variable that it reads", "a .env above it")


@pytest.mark.parametrize(
    "change", [pytest.param(name, marks=() if name in EVERY_DAY else pytest.mark.slow) for name in changes()]
)
def test_env_py_is_run_again_after_a_change(run: Any, env: dict[str, str], tmp_path: Path, change: str) -> None:
    app = made(tmp_path)
    status(run, app, env)
    changes()[change](app, env)
    aged(app.directory)  # as a checkout or rsync would have it
    status(run, app, env)
    assert runs(app) == 2


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no file system in memory here")
def test_a_file_in_memory_that_env_py_read_is_looked_at_too(run: Any, env: dict[str, str], tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        notes = Path(directory) / "notes.txt"
        notes.write_text("one")
        aged(Path(directory))
        app = made(tmp_path, more=f"open({str(notes)!r}).close()")
        status(run, app, env)
        notes.write_text("two")
        status(run, app, env)
        assert runs(app) == 2


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("import subprocess\nsubprocess.run(['true'])", marks=pytest.mark.slow),
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError:\n    pass",
    ],
)
def test_an_env_py_that_asks_others_is_run_each_time(
    run: Any, env: dict[str, str], tmp_path: Path, more: str
) -> None:  # fmt: skip
    app = made(tmp_path, more=more)
    for number in (1, 2):
        status(run, app, env)
        assert runs(app) == number


@pytest.mark.parametrize(
    "url", ['os.environ["SECRET_URL"]', '"postgresql+psycopg://me:" + "tiger" + "lily@db.invalid/x"']
)
def test_no_password_is_kept(run: Any, env: dict[str, str], tmp_path: Path, url: str) -> None:
    app = made(tmp_path, url=url)
    env["SECRET_URL"] = "postgresql+psycopg://me:tigerlily@db.invalid/x"
    for _ in range(2):
        found = run("status", "--format", "json", cwd=app.directory, env=env)
        assert found.code == 3, found.stderr
    kept = list((tmp_path / "kept").rglob("*.json"))
    assert {path.name.partition("-")[0] for path in kept} == {"env", "scripts"} or {
        path.name.partition("-")[0] for path in kept
    } == {"env"}
    for path in kept:
        assert "tigerlily" not in path.read_text()
        assert path.stat().st_mode & 0o077 == 0 and path.parent.stat().st_mode & 0o077 == 0


def test_a_cache_that_others_can_write_to_is_not_used(run: Any, env: dict[str, str], tmp_path: Path) -> None:
    app = made(tmp_path)
    (tmp_path / "kept" / "dbadmin" / "projects").mkdir(parents=True)
    (tmp_path / "kept" / "dbadmin" / "projects").chmod(0o777)
    for number in (1, 2):
        status(run, app, env)
        assert runs(app) == number


def test_a_script_that_changed_is_read_again(run: Any, env: dict[str, str], tmp_path: Path) -> None:
    app = made(tmp_path)
    assert status(run, app, env)["history"][0]["irreversible"] == status(run, app, env)["history"][0]["irreversible"]
    (script,) = app.versions.glob("b2*")
    script.write_text(script.read_text().replace("revision b2", "another message"))
    assert status(run, app, env)["history"][0]["message"] == "another message"
    app.add({"c3": Rev("b2")})
    assert status(run, app, env)["heads"] == ["c3"]
    script.unlink()
    assert "b2" in run("status", cwd=app.directory, env=env).stderr


@pytest.mark.parametrize(
    "extra",
    [
        "",
        "prepend_sys_path = .",
        "prepend_sys_path = . src:lib",
        "version_locations = %(here)s/migrations/versions",
        "recursive_version_locations = true",
        "sqlalchemy.url = postgresql://u:p%%25@h/x\npath_separator = os",
    ],
)
def test_an_ini_is_read_as_alembic_reads_it(tmp_path: Path, extra: str) -> None:
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").touch()
    ini = tmp_path / "alembic.ini"
    ini.write_text(f"[DEFAULT]\nshared = 1\n[alembic]\nscript_location = %(here)s/migrations\n{extra}\n")
    theirs, ours = open_config(ini, "alembic", {"added": "50%"}), PlainConfig.of(ini, "alembic", {"added": "50%"})
    for name in ("script_location", "sqlalchemy.url", "shared", "added", "absent", "prepend_sys_path"):
        assert ours is None or ours.get_main_option(name) == theirs.get_main_option(name)
    project = alembic_project(ini, tmp_path)
    with quietly():
        directory = ScriptDirectory.from_config(project.config())
    assert [str(path) for path in project.version_locations] == [str(path) for path in directory._version_locations]


@given(st.permutations(range(6)), st.booleans())
def test_a_line_is_in_alembics_order_whatever_the_order_of_files(order: list[int], labelled: bool) -> None:
    files = [
        ScriptFile(Path(f"{n}.py"), {"revision": f"r{n}", "down_revision": f"r{n - 1}" if n else None}, {}, None,
                   frozenset(), None)
        for n in order
    ]  # fmt: skip
    found = line(files)
    assert found is not None
    assert [file.values["revision"] for file in found] == ["r5", "r4", "r3", "r2", "r1", "r0"]


@pytest.mark.parametrize(
    "downs",
    [
        {"a": None, "b": "a", "c": "a"},
        {"a": None, "b": None},
        {"a": "b", "b": "a"},
        {"a": None, "c": "missing"},
        {"a": None, "b": "a", "c": "d", "d": "c"},
        {"a": None, "b": "a", "m": ("a", "b")},
    ],
)
def test_what_is_no_line_is_left_to_alembic(downs: dict[str, Any]) -> None:
    files = [
        ScriptFile(Path(f"{name}.py"), {"revision": name, "down_revision": down}, {}, None, frozenset(), None)
        for name, down in downs.items()
    ]
    assert line(files) is None


def test_nothing_of_alembic_is_imported_for_a_line(run: Any, env: dict[str, str], tmp_path: Path) -> None:
    app = made(tmp_path)
    status(run, app, env)
    done = run("status", cwd=app.directory, env={**env, "PYTHONPROFILEIMPORTTIME": "1"})
    for name in ("alembic.config", "alembic.script", "sqlalchemy.orm", "dbadmin.dialects.mysql"):
        assert f" {name}\n" not in done.stderr, name


def test_pending_on_a_line_is_what_alembic_would_run(tmp_path: Path) -> None:
    app = made(tmp_path)
    app.add({"c3": Rev("b2"), "d4": Rev("c3")})
    ours, theirs = open_scripts(app.project), by_alembic(app)
    for current in ((), ("a1",), ("c3",), ("d4",)):
        steps = theirs._upgrade_revs("heads", current)
        assert ours.pending(current) == tuple(step.revision.revision for step in steps)
