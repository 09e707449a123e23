"""status over the bare driver, where all is as last time: the same answer, never an old one, and never a write."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from apps import STYLES, App, Rev, make_app
from rehearsing import execute
from servers import TestDatabase
from sqlalchemy import make_url

from dbadmin.dialects import bare
from dbadmin.dialects.bare import NotAsBefore, Way

LINE = {"a1": Rev(None, "op.execute('CREATE TABLE t (id integer)')"), "b2": Rev("a1"), "c3": Rev("b2")}
SESSION = """
import os
from sqlalchemy import create_engine, event
from sqlalchemy.orm import sessionmaker

engine = create_engine({url}, **{options})
SessionLocal = sessionmaker(bind=engine)
"""
LONG_AGO = 10**9
NOWHERE = {"XDG_CACHE_HOME": "/dev/null"}


def aged(directory: Path) -> None:
    """As if nothing had been written lately."""
    for path in directory.rglob("*"):
        if path.suffix != ".db":
            os.utime(path, (LONG_AGO, LONG_AGO))


def asked(run: Any, app: App, *options: str, **more: str) -> Any:
    found = run("status", "--format", "json", *options, cwd=app.directory, env={**variables(app), **more})
    return found.code, found.json()


def variables(app: App) -> dict[str, str]:
    return {name: value for name, value in app.environment.items() if name == "DATABASE_URL"}


@pytest.fixture
def run(run: Any, tmp_path: Path) -> Any:
    """As everywhere, with a cache of each test's own."""

    def within(*arguments: str, env: dict[str, str], cwd: Path) -> Any:
        return run(*arguments, cwd=cwd, env={"XDG_CACHE_HOME": str(tmp_path / "cache"), **env})

    return within


def kept(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").rglob("database-*.json"))


def imports(run: Any, app: App, **more: str) -> str:
    done = run("status", cwd=app.directory, env={**variables(app), **more, "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.code == 0, done.stderr
    text: str = done.stderr
    return text


def with_session(directory: Path, url: str, options: str = "{}", more: str = "") -> App:
    app = make_app(directory, url=url, revisions=LINE)
    (app.directory / "app" / "session.py").write_text(SESSION.format(url=repr(url), options=options) + more)
    return app


def at(app: App, revision: str = "a1") -> App:
    app.alembic("upgrade", revision)
    aged(app.directory)
    return app


def test_the_second_answer_is_the_first_and_needs_no_sqlalchemy(
    run: Any, database: TestDatabase, tmp_path: Path
) -> None:
    app = at(make_app(tmp_path, url=database.url, revisions=LINE))
    first = asked(run, app)
    assert kept(tmp_path)
    assert asked(run, app) == first == asked(run, app, **NOWHERE)
    assert first[1]["state"] == "behind" and first[1]["database"]["engine"] in ("sqlite", "postgresql", "mariadb")
    assert " sqlalchemy\n" not in imports(run, app)
    app.alembic("upgrade", "head")
    assert asked(run, app, "--check")[1]["state"] == "up-to-date"


@pytest.mark.slow
def test_what_is_not_as_it_was_is_told_the_ordinary_way(run: Any, database: TestDatabase, tmp_path: Path) -> None:
    app = at(make_app(tmp_path, url=database.url, revisions=LINE))
    asked(run, app)
    execute(database.url, "UPDATE alembic_version SET version_num = 'b3'")
    assert asked(run, app) == asked(run, app, **NOWHERE)
    assert asked(run, app)[1]["state"] == "unknown-revision"
    execute(database.url, "DELETE FROM alembic_version")
    assert asked(run, app)[1]["state"] == "unmanaged"
    execute(database.url, "DROP TABLE alembic_version", "DROP TABLE t")
    assert asked(run, app)[1]["state"] == "empty"


@pytest.mark.slow
def test_a_database_that_is_gone_is_said_to_be(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    app = at(make_app(tmp_path, url=sqlite.url, revisions=LINE))
    asked(run, app)
    Path(sqlite.url.database or "").unlink()
    found = run("status", cwd=app.directory, env={})
    assert found.code == 3 and "there is no SQLite database" in found.stderr


EVERY_DAY = ("env.py", "a session factory")


@pytest.mark.slow
@pytest.mark.parametrize("style", [style for style in STYLES if style != "attributes_get"])
def test_every_style_of_env_py_is_told_alike(run: Any, database: TestDatabase, tmp_path: Path, style: str) -> None:
    app = make_app(tmp_path, url=database.url, revisions=LINE, env=style)
    execute(
        database.url,
        "CREATE TABLE alembic_version (version_num varchar(32) primary key)",
        "INSERT INTO alembic_version VALUES ('a1')",
    )
    aged(app.directory)
    anew = asked(run, app, **NOWHERE)
    assert [asked(run, app) for _ in range(3)] == [anew] * 3


def changes(second: str) -> dict[str, Callable[[App, Path], dict[str, str]]]:
    """What leads to the `second` database, or away from the version table; new variables."""

    def written(app: App, name: str, text: str) -> dict[str, str]:
        path = app.directory / name
        path.write_text(text)
        return {}

    def replaced(app: App, name: str, old: str, new: str) -> dict[str, str]:
        return written(app, name, (app.directory / name).read_text().replace(old, new))

    table = "context.configure(version_table='other', "
    return {
        "env.py": lambda app, first: replaced(app, "migrations/env.py", "context.configure(", table),
        "alembic.ini": lambda app, first: replaced(app, "alembic.ini", str(first), second),
        "a session factory": lambda app, first: written(
            app, "app/session.py", SESSION.format(url=repr(f"sqlite:///{second}"), options="{}")
        ),
        "pyproject.toml": lambda app, first: written(
            app, "pyproject.toml", f'[tool.dbadmin]\nurl = "sqlite:///{second}"\n'
        ),
        "a variable": lambda app, first: {"DBADMIN_URL": f"sqlite:///{second}"},
        "a .env": lambda app, first: written(app, ".env", f"DBADMIN_URL=sqlite:///{second}\n"),
        "the module path": lambda app, first: (
            written(app, "lib_settings.py", "") or {"PYTHONPATH": os.pathsep.join([str(app.directory), *_path()])}
        ),
    }


def _path() -> list[str]:
    import dbadmin

    return [str(Path(dbadmin.__file__).parent.parent)]


@pytest.mark.parametrize(
    "change", [pytest.param(name, marks=() if name in EVERY_DAY else pytest.mark.slow) for name in changes("")]
)
def test_no_old_answer_after_a_change(run: Any, sqlite: TestDatabase, tmp_path: Path, change: str) -> None:
    app = at(make_app(tmp_path, url=sqlite.url, revisions=LINE))
    first, second = Path(sqlite.url.database or ""), tmp_path / "second.db"
    with closing(sqlite3.connect(second)) as other:
        other.execute("CREATE TABLE alembic_version (version_num varchar(32))")
        other.execute("INSERT INTO alembic_version VALUES ('c3')")
        other.commit()
    before = asked(run, app)
    more = changes(str(second))[change](app, first)
    aged(app.directory)  # as a checkout or rsync would have it
    after = asked(run, app, **more)
    assert after == asked(run, app, **more, **NOWHERE)
    assert (after != before) == (change != "the module path")


@pytest.mark.parametrize(
    ("options", "more", "is_kept"),
    [
        ("{}", "", True),
        pytest.param("{'connect_args': {'check_same_thread': False}}", "", True, marks=pytest.mark.slow),
        pytest.param("{'creator': lambda: __import__('sqlite3').connect('app.db')}", "", False, marks=pytest.mark.slow),
        ("{}", "\n@event.listens_for(engine, 'connect')\ndef on_connect(c, r):\n    c.execute('SELECT 1')\n", False),
        pytest.param(
            "{'execution_options': {'schema_translate_map': {None: 'main'}}}", "", False, marks=pytest.mark.slow
        ),
        pytest.param("{}", "\nos.environ['SQLITE_TMPDIR'] = '/tmp'\n", False, marks=pytest.mark.slow),
        pytest.param("{}", "\nimport socket; socket.getaddrinfo('localhost', 1)\n", False, marks=pytest.mark.slow),
    ],
)
def test_a_session_is_known_where_it_connects_as_its_url_says(
    run: Any, tmp_path: Path, options: str, more: str, is_kept: bool
) -> None:
    url = f"sqlite:///{tmp_path / 'application' / 'app.db'}"
    app = at(with_session(tmp_path, url, options, more))
    first = asked(run, app)
    assert bool(kept(tmp_path)) == is_kept
    assert asked(run, app) == first == asked(run, app, **NOWHERE)
    if is_kept:
        assert " sqlalchemy\n" not in imports(run, app)
        session = app.directory / "app" / "session.py"
        session.write_text(session.read_text().replace("app.db'", "other.db'"))
        aged(app.directory)
        assert run("status", cwd=app.directory, env={}).code != 0  # it leads elsewhere than env.py


@pytest.mark.parametrize("stands_in", [pytest.param("url", marks=pytest.mark.slow), "variable"])
def test_no_password_is_kept(run: Any, postgresql: TestDatabase, tmp_path: Path, stands_in: str) -> None:
    url = postgresql.url.set(password="tiger@lily").render_as_string(hide_password=False)
    code = "os.environ['THE_URL']"
    given = {"THE_URL": url}
    if stands_in == "variable":
        code = "make_url(os.environ['THE_URL']).set(password=os.environ['THE_WORD'])"
        given = {"THE_URL": postgresql.url.set(password=None).render_as_string(), "THE_WORD": "tiger@lily"}
    env = STYLES["getenv"].replace('os.environ["DATABASE_URL"]', code).replace("%(configure)s", "")
    env = env.replace("\nurl =", "\nfrom sqlalchemy import make_url\nurl =")
    app = make_app(tmp_path, url=postgresql.url, revisions=LINE, env=env)
    (app.directory / ".env").unlink()
    execute(
        postgresql.url,
        "CREATE TABLE alembic_version (version_num varchar(32) primary key)",
        "INSERT INTO alembic_version VALUES ('a1')",
    )
    aged(app.directory)
    first = asked(run, app, **given)
    assert first[1]["state"] == "behind" and asked(run, app, **given) == first
    assert kept(tmp_path)
    for path in (tmp_path / "cache").rglob("*.json"):
        text = path.read_text()
        assert "tiger" not in text and "tiger" not in json.dumps(json.loads(text), ensure_ascii=False)
    assert " sqlalchemy\n" not in imports(run, app, **given)


def test_a_session_that_takes_writes_is_not_asked(database: TestDatabase) -> None:
    """Opened without what makes it read-only: the proof must notice."""
    url = make_url(database.url)
    if database.kind == "sqlite":
        from dbadmin.dialects.sqlite.bare import _prove

        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection, pytest.raises(NotAsBefore):
            _prove(connection)
        return
    cargs, cparams = url.get_dialect()().create_connect_args(url)
    if database.kind == "postgresql":
        import psycopg

        from dbadmin.dialects.postgresql.bare import _prove as prove

        assert bare.parameters("psycopg", cargs, cparams) is None
        cparams.pop("context", None)
        with psycopg.connect(**cparams) as opened, pytest.raises(NotAsBefore):
            prove(opened)
        return
    import pymysql

    from dbadmin.dialects.mysql import bare as mysql

    way = Way("pymysql", (), cparams)
    assert mysql.READ_ONLY
    with closing(pymysql.connect(**way.cparams)) as connection, connection.cursor() as cursor:
        with pytest.raises(NotAsBefore):
            mysql._prove(cursor, begin="START TRANSACTION READ WRITE")
        cursor.execute("SHOW TABLES")
        assert cursor.fetchall() == ()


BRANCHES = {
    "a1": Rev(None, labels=("left",)), "b2": Rev("a1"), "c3": Rev("a1", depends_on=("z9",)), "z9": Rev(None),
    "d4": Rev(("b2", "c3")), "e5": Rev("z9", labels=("right",)),
}  # fmt: skip


def test_a_graph_is_told_again_without_alembic(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=sqlite.url, revisions=BRANCHES)
    app.alembic("upgrade", "b2")
    aged(app.directory)
    anew = asked(run, app, **NOWHERE)
    assert len(anew[1]["pending"]) == 4 and len(anew[1]["heads"]) == 2
    assert [asked(run, app) for _ in range(2)] == [anew] * 2
    assert " sqlalchemy\n" not in imports(run, app)
    app.add({"f6": Rev("d4")})
    aged(app.directory)
    assert "f6" in asked(run, app)[1]["heads"]
