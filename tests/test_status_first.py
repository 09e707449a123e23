"""status as it is asked the first time: what env.py's process says is enough, and the answer is the ordinary one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apps import App, Rev, make_app
from rehearsing import execute
from servers import TestDatabase
from test_known import LINE, NOWHERE, aged, at, imports, variables, with_session

from dbadmin.admin import open_application
from dbadmin.app import load_application, load_settings
from dbadmin.app.bare_status import kept, status_at_first
from dbadmin.app.env_py import EnvPy
from dbadmin.app.load import Loader
from dbadmin.dialects import bare
from dbadmin.dialects.bare import NotAsBefore
from dbadmin.migrations import early
from dbadmin.migrations.connecting import describe
from dbadmin.migrations.process import nursery

ORDINARY = ("--statement-timeout", "60")
"""With this, status connects through SQLAlchemy."""
PLAIN = """
from alembic import context
{more}
context.configure(url={url!r}, version_table="alembic_version")
with context.begin_transaction():
    context.run_migrations()
"""
COUNTING = """
with open("runs", "a") as out:
    out.write("x")
"""


def told(run: Any, app: App, *options: str, **more: str) -> tuple[int, str, str]:
    found = run("status", "--format", "json", *options, cwd=app.directory, env={**variables(app), **NOWHERE, **more})
    return found.code, found.stdout, found.stderr


def runs(app: App) -> int:
    path = app.directory / "runs"
    return len(path.read_text()) if path.exists() else 0


def at_revision(database: TestDatabase, revision: str = "a1") -> None:
    execute(
        database.url,
        "CREATE TABLE alembic_version (version_num varchar(32) primary key)",
        f"INSERT INTO alembic_version VALUES ('{revision}')",
    )


def test_the_first_answer_is_the_ordinary_one_and_needs_no_sqlalchemy(
    run: Any, database: TestDatabase, tmp_path: Path
) -> None:
    app = make_app(tmp_path, url=database.url, revisions=LINE)
    at_revision(database)
    code, out, _ = found = told(run, app)
    assert found == told(run, app, *ORDINARY)
    assert code == 0 and json.loads(out)["state"] == "behind"
    assert " sqlalchemy\n" not in imports(run, app, **NOWHERE)


@pytest.mark.parametrize(
    "state",
    ["empty", "gone", *(pytest.param(name, marks=pytest.mark.slow) for name in ("unmanaged", "unknown-revision"))],
)
def test_what_needs_more_than_the_version_table_is_told_the_ordinary_way(
    run: Any, sqlite: TestDatabase, tmp_path: Path, state: str
) -> None:
    app = make_app(
        tmp_path,
        url=sqlite.url,
        revisions=LINE,
        env=PLAIN.format(url=sqlite.url.render_as_string(False), more=COUNTING),
    )
    Path(sqlite.url.database or "").touch()
    if state == "unmanaged":
        execute(sqlite.url, "CREATE TABLE t (id integer)")
    elif state == "unknown-revision":
        at_revision(sqlite, "b3")
    elif state == "gone":
        Path(sqlite.url.database or "").unlink()
    code, out, error = found = told(run, app)
    assert runs(app) == 1, "what env.py's process has said is not asked for again"
    assert found == told(run, app, *ORDINARY)
    if state == "gone":
        assert code == 3 and "there is no SQLite database" in out + error
    else:
        assert code == 0 and json.loads(out)["state"] == state


FAILURES = {
    "raises": "raise RuntimeError('no settings')",
    "exits": "import sys; sys.exit(3)",
    "ends its process": "import os; os._exit(3)",
    "is killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "connects": "import sqlite3; sqlite3.connect('other.db')",
    "lacks a module": "import no_such_module",
    "is no Python": "def (",
}
EVERY_DAY = ("raises", "ends its process")


@pytest.mark.parametrize(
    "failure", [pytest.param(name, marks=() if name in EVERY_DAY else pytest.mark.slow) for name in FAILURES]
)
def test_an_env_py_that_fails_is_asked_once_and_told_as_ever(run: Any, tmp_path: Path, failure: str) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    (tmp_path / "app.db").touch()
    app = make_app(
        tmp_path, url=url, revisions=LINE, env=PLAIN.format(url=url, more=f"{COUNTING}\n{FAILURES[failure]}")
    )
    code, out, error = found = told(run, app)
    once = runs(app)
    assert found == told(run, app, *ORDINARY)
    assert runs(app) == 2 * once and once <= 2, "online and offline"
    assert code in (2, 5) and "env.py" in out + error


def test_what_env_py_prints_and_leaves_running_disturbs_nobody(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    more = """
import os, sys, threading, time
print("x" * 200_000, flush=True)
sys.stderr.write("y" * 200_000)
threading.Thread(target=time.sleep, args=(60,)).start()
forked = os.fork()
if forked == 0:
    time.sleep(60)
with open("forked", "w") as out:
    out.write(str(forked))
"""
    url = sqlite.url.render_as_string(False)
    app = make_app(tmp_path, url=url, revisions=LINE, env=PLAIN.format(url=url, more=more))
    at_revision(sqlite)
    code, out, error = told(run, app)
    assert (code, json.loads(out)["state"], error) == (0, "behind", "")
    forked = Path("/proc") / (app.directory / "forked").read_text()
    until = time.monotonic() + 5
    while forked.exists() and "State:\tZ" not in (forked / "status").read_text() and time.monotonic() < until:
        time.sleep(0.05)
    assert time.monotonic() < until, "it was ended with its group"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What is kept, of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path / "cache"


def kept_of(cache: Path) -> dict[str, Any]:
    """What is kept of the database, and it is forgotten."""
    (path,) = cache.rglob("database-*.json")
    found: dict[str, Any] = json.loads(path.read_text())
    for one in cache.rglob("*.json"):
        one.unlink()
    return found


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ({}, {}),
        pytest.param({"connect_timeout": "7"}, {"PGOPTIONS": "-c work_mem=4MB"}, marks=pytest.mark.slow),
        pytest.param({"options": "-c statement_timeout=9s"}, {"PGCONNECT_TIMEOUT": "3"}, marks=pytest.mark.slow),
    ],
)
def test_the_way_there_is_the_one_that_sqlalchemy_takes(
    database: TestDatabase,
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, str],
    more: dict[str, str],
) -> None:
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    if database.kind == "sqlite":
        query = {"timeout": "3"} if query else {}
    elif database.kind == "mariadb" and query:
        query = {"charset": "utf8mb4", "read_timeout": "5"}
    app = at(make_app(tmp_path, url=database.url.update_query_dict(query), revisions=LINE))
    settings = load_settings({"app": str(app.directory)})
    status = status_at_first(Loader(settings, env_py=EnvPy.begun(settings)))
    assert status is not None
    light = kept_of(cache)
    application = load_application(settings, models=False, remember=True)
    with open_application(application, "read-only") as admin, kept(application, admin.database):
        assert admin.status() == status
    assert light == kept_of(cache)


def test_a_session_is_connected_through(run: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'application' / 'app.db'}"
    noticing = "\n@event.listens_for(engine, 'connect')\ndef on_connect(c, r):\n    open('connected', 'w')\n"
    app = at(with_session(tmp_path, url, more=noticing))
    assert told(run, app)[0] == 0
    assert (app.directory / "connected").exists()


WITHOUT = """
try:
    main()
finally:
    assert "sqlalchemy" not in sys.modules
"""
ORDINARY_SESSIONS = {"plain": "{}", "pool": "{'pool_size': 2, 'pool_pre_ping': True}", "arguments": "{'echo': False}"}


@pytest.mark.parametrize("options", ORDINARY_SESSIONS.values(), ids=ORDINARY_SESSIONS)
def test_a_session_that_sqlalchemy_alone_connects_is_asked_elsewhere(
    run: Any, database: TestDatabase, tmp_path: Path, options: str
) -> None:
    app = with_session(tmp_path, database.url.render_as_string(False), options)
    at_revision(database)
    found = told(run, app)
    assert found == told(run, app, *ORDINARY)
    assert found[0] == 0 and json.loads(found[1])["state"] == "behind"
    code = f"import sys; from dbadmin.__main__ import main\nsys.argv = ['dbadmin', 'status']\n{WITHOUT}"
    named = {name: value for name, value in os.environ.items() if not name.startswith(("DBADMIN_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=app.directory, env={**named, **NOWHERE}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_way_of_a_session_is_the_one_that_it_takes(
    database: TestDatabase, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"sqlite": {"timeout": 3, "check_same_thread": False}, "postgresql": {"application_name": "shop"}}
    options = str({"connect_args": arguments.get(database.kind, {"charset": "utf8mb4"})})
    app = at(with_session(tmp_path, database.url.render_as_string(False), options))
    settings = load_settings({"app": str(app.directory)})
    with nursery(os.environ):
        status = status_at_first(Loader(settings, env_py=EnvPy.begun(settings)))
    assert status is not None
    light = kept_of(cache)
    assert str(app.directory / "app" / "session.py") in light["seen"]["files"] and light["finds"]
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:  # another test's
        monkeypatch.delitem(sys.modules, name)
    application = load_application(settings, models=False, remember=True)
    with open_application(application, "read-only") as admin, kept(application, admin.database):
        assert admin.status() == status
    ordinary = kept_of(cache)
    for one in (light, ordinary):  # this process has imported more
        seen = one.pop("seen")
        one["read"] = [name for kind in ("files", "folders") for name in seen[kind] if name.startswith(str(tmp_path))]
        one.pop("state")
    assert light == ordinary


CONNECTED = """
def by_hand():
    with open("/proc/self/cmdline") as line, open("connected", "a") as out:
        out.write(line.read())
    import sqlite3
    return sqlite3.connect({path!r})
"""
ELSEWHERE = """
try:
    import only_env_py_knows
    SessionLocal.configure(bind=create_engine("sqlite:///other.db"))
except ImportError:
    pass
"""
OTHER_SESSIONS = {
    "a connection of its own": ("{'creator': lambda: by_hand()}", CONNECTED),
    "a listener": ("{}", "@event.listens_for(engine, 'do_connect')\ndef on(d, r, c, p):\n    c[0] = {path!r}\n"),
    "options": ("{'execution_options': {'schema_translate_map': {None: None}}}", ""),
    "it prints": ("{}", "print('hello')\n"),
    "it warns": ("{}", "import warnings\nwarnings.warn('mind this')\n"),
    "it raises": ("{}", "raise RuntimeError('no settings')\n"),
    "it ends its process": ("{}", "if 'nursery' in open('/proc/self/cmdline').read():\n    os._exit(3)\n"),
    "it connects": ("{}", "import sqlite3\nsqlite3.connect('other.db')\n"),
    "another database": ("{}", "engine = create_engine('sqlite:///other.db')\nSessionLocal.configure(bind=engine)\n"),
    "no engine": ("{}", "SessionLocal = sessionmaker()\n"),
    "another path": ("{}", ELSEWHERE),
}
EVERY_DAYS_SESSIONS = ("a connection of its own", "it prints", "another database", "another path")


@pytest.mark.parametrize(
    "session",
    [pytest.param(name, marks=() if name in EVERY_DAYS_SESSIONS else pytest.mark.slow) for name in OTHER_SESSIONS],
)
def test_any_other_session_is_told_the_ordinary_way(run: Any, tmp_path: Path, session: str) -> None:
    path = str(tmp_path / "application" / "app.db")
    options, more = OTHER_SESSIONS[session]
    app = with_session(tmp_path, f"sqlite:///{path}", options, more.replace("{path!r}", repr(path)))
    for name, revision in (("app.db", "a1"), ("other.db", "b2")):
        execute(
            f"sqlite:///{app.directory / name}",
            "CREATE TABLE alembic_version (version_num varchar(32))",
            f"INSERT INTO alembic_version VALUES ('{revision}')",
        )
    if session == "another path":
        (app.directory / "elsewhere").mkdir()
        (app.directory / "elsewhere" / "only_env_py_knows.py").touch()
        env_py = app.project.env_py
        env_py.write_text(f"import sys\nsys.path.append({str(app.directory / 'elsewhere')!r})\n{env_py.read_text()}")
    found = told(run, app)
    assert found == told(run, app, *ORDINARY)
    assert (found[0] == 0) == (session not in ("another database", "another path")), found
    if session == "a connection of its own":
        assert "nursery" not in (app.directory / "connected").read_text(), "nothing is connected to elsewhere"


def test_a_session_sees_the_environment_as_it_is(run: Any, tmp_path: Path) -> None:
    seen = "\nimport json\nwith open('seen', 'a') as out:\n    out.write(json.dumps(dict(os.environ)) + '\\n')\n"
    app = at(with_session(tmp_path, f"sqlite:///{tmp_path / 'application' / 'app.db'}", more=seen))
    (app.directory / "seen").unlink(missing_ok=True)
    own = {"PGPASSWORD": "s3cret", "PGOPTIONS": "-c work_mem=4MB", "DATABASE_PATH": "a b"}
    assert told(run, app, **own)[0] == 0
    assert told(run, app, *ORDINARY, **own)[0] == 0
    elsewhere, here = (app.directory / "seen").read_text().splitlines()
    assert json.loads(elsewhere) == json.loads(here)
    assert json.loads(here).items() >= own.items()


@pytest.mark.slow
def test_two_sessions_leave_the_choice_to_env_py(run: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'application' / 'app.db'}"
    app = at(with_session(tmp_path, url))
    session = (app.directory / "app" / "session.py").read_text()
    (app.directory / "app" / "other.py").write_text(session.replace("app.db'", "other.db'"))
    assert told(run, app) == told(run, app, *ORDINARY)
    assert " sqlalchemy\n" not in imports(run, app, **NOWHERE)


def test_a_placeholder_leads_to_database_url(run: Any, tmp_path: Path) -> None:
    url = "postgresql+psycopg://user:pass@localhost/dbname"
    app = make_app(tmp_path, url="sqlite:///app.db", revisions=LINE, env=PLAIN.format(url=url, more=""))
    app.ini.write_text(app.ini.read_text().replace("sqlite:///app.db", url))
    database = f"sqlite:///{app.directory / 'app.db'}"
    execute(database, "CREATE TABLE alembic_version (version_num varchar(32))")
    code, out, error = found = told(run, app, DATABASE_URL=database)
    assert found == told(run, app, *ORDINARY, DATABASE_URL=database)
    assert code == 0, error
    assert json.loads(out)["database"]["url"].endswith("app.db")
    answer = {"url": url, "url_origin": "env.py", "databases": []}
    describe(answer, app.project)
    assert answer["way"] is None, "nobody tries to connect there"


@pytest.mark.slow
def test_listeners_of_env_py_are_no_business_of_this_process(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    more = """
from sqlalchemy import Engine, event

@event.listens_for(Engine, "do_connect")
def elsewhere(dialect, record, cargs, cparams):
    cargs[0] = "/no/such/file"

import sqlalchemy
sqlalchemy.create_engine = sqlalchemy.engine.create_engine = None
"""
    url = sqlite.url.render_as_string(False)
    app = make_app(tmp_path, url=url, revisions=LINE, env=PLAIN.format(url=url, more=more))
    at_revision(sqlite)
    found = told(run, app)
    assert found == told(run, app, *ORDINARY)
    assert json.loads(found[1])["state"] == "behind"


@pytest.mark.parametrize(
    "url",
    ["postgresql+asyncpg://me@db.invalid/x", "sqlite:///app.db?plugin=mine", "postgresql+psycopg2://db.invalid/x"],
)
def test_a_way_that_others_have_a_say_in_is_not_told(url: str) -> None:
    from sqlalchemy import make_url

    with pytest.raises(NotAsBefore):
        bare.given(make_url(url))


@pytest.mark.slow
def test_revisions_beside_each_other_are_told_alike(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": Rev(None), "b2": Rev("a1"), "c3": Rev("a1"), "d4": Rev(("b2", "c3"))}
    app = make_app(tmp_path, url=sqlite.url, revisions=revisions)
    at_revision(sqlite)
    aged(app.directory)
    assert told(run, app) == told(run, app, *ORDINARY)


PARENT = """
import os
with open(f"/proc/{os.getppid()}/cmdline") as line, open("parent", "w") as out:
    out.write(line.read())
"""


@pytest.mark.parametrize(
    ("options", "early"), [((), True), (("--env-file", "more.env"), False)], ids=["here", "with other variables"]
)
def test_env_py_has_a_process_that_was_there_before_dbadmin_knew_of_it(
    run: Any, sqlite: TestDatabase, tmp_path: Path, options: tuple[str, ...], early: bool
) -> None:
    url = sqlite.url.render_as_string(False)
    app = make_app(tmp_path, url=url, revisions=LINE, env=PLAIN.format(url=url, more=PARENT))
    (app.directory / "more.env").write_text("MORE=1\n")
    at_revision(sqlite)
    own_process = {"PYTHONPROFILEIMPORTTIME": "1"}
    code, _, said = told(run, app, *options, **own_process)
    assert code == 0, said
    assert (app.directory / "parent").read_text().endswith("\0captures\0") == early
    imported = [line.rpartition("|")[2].strip() for line in said.splitlines() if line.startswith("import time:")]
    assert ("dbadmin.migrations.process" in imported[: imported.index("click")]) == early


def test_no_process_is_there_for_what_is_not_asked(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("DBADMIN_")]:
        monkeypatch.delenv(name)
    app = at(make_app(tmp_path, url="sqlite:///app.db", revisions=LINE))
    monkeypatch.chdir(app.directory)
    for said in ([], ["--check"], ["--format=json"], ["--history", "--format", "csv", "--output=x.html"]):
        assert early._will_be_asked(["status", *said]), said
    for said in (["--help"], ["--url", "env:X"], ["--url=env:X"], ["--drift"], ["--app", "x"], ["x"]):
        assert not early._will_be_asked(["status", *said]), said
    assert not early._will_be_asked(["tables"]) and not early._will_be_asked([])
    assert told(run, app, XDG_CACHE_HOME=str(tmp_path / "cache"))[0] == 0
    assert not early._will_be_asked(["status"]), "the answer is kept"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cache").mkdir()
    assert early._will_be_asked(["status"])
    (tmp_path / ".cache" / "dbadmin").symlink_to(tmp_path / "cache" / "dbadmin")
    assert not early._will_be_asked(["status"])
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert early._will_be_asked(["status"])
    monkeypatch.setenv("DBADMIN_URL", "sqlite://")
    assert not early._will_be_asked(["status"])
    monkeypatch.delenv("DBADMIN_URL")
    monkeypatch.chdir(tmp_path)
    assert not early._will_be_asked(["status"]), "there is no project here"
