"""Where the copy comes from and where it lives: in place, on servers that the user names, from commands."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from apps import App
from conftest import Run
from rehearsing import BASE, PEOPLE, build, fact, facts
from servers import PostgresqlServer, Servers, TestDatabase, Unavailable

from dbadmin.copies import open_copy, registry
from dbadmin.database import Database
from dbadmin.dialects import named
from dbadmin.dialects.left import SERVER
from dbadmin.dialects.postgresql import left
from dbadmin.dialects.postgresql.server import Server
from dbadmin.dialects.servers import PrivateServer
from dbadmin.errors import ConnectionFailed, DbadminError, EmptyPlan, NotFinished, NotSupported, UsageError
from dbadmin.render.layouts.rollback import still_there
from dbadmin.results import RollbackReport
from dbadmin.rollback import Options, Origin, Rehearsed, rehearse
from dbadmin.rollback.origin import check

pytestmark = pytest.mark.rehearsal

LOSSY = {
    "a1": BASE,
    "b2": (
        "a1",
        "op.execute(\"UPDATE people SET mood = 'gone' WHERE id = 3\")",
        'op.execute("UPDATE people SET mood = NULL WHERE id = 3")',
    ),
}
"""One row loses its mood by mistake."""
LOST = fact("values-lost", "people.mood")


def rehearsed(app: App, url: Any = None, *, configured: Any = None, **origin: Any) -> RollbackReport:
    """Rehearse an application's rollback on `url` (default: its own database)."""
    options = Options(origin=Origin(**origin))
    database = Database(sa.create_engine(url or app.url, poolclass=sa.NullPool))
    source = Rehearsed(database, app.project, environment=app.environment, configured=configured)
    try:
        return rehearse(source, options, progress=lambda what, done, total: None)
    finally:
        database.close()


def lost(report: RollbackReport) -> Any:
    (found,) = [f for f in report.findings if f.code == "values-lost"]
    return found


def databases(server: Server) -> set[str]:
    """The names of a server's databases."""
    return set(_as_superuser(server, "SELECT datname FROM pg_database"))


def _as_superuser(server: Server, statement: str, database: str = "template1") -> list[Any]:
    engine = sa.create_engine(server.url(database), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        done = connection.exec_driver_sql(statement.replace("%", "%%"))
        return list(done.scalars()) if done.returns_rows else []


@pytest.fixture
def server(servers: Servers) -> Server:
    """The server of the tests' own PostgreSQL databases."""
    try:
        running = servers.get(PostgresqlServer)
    except Unavailable as error:
        pytest.skip(str(error))
    assert isinstance(running, PostgresqlServer)
    return running.server


@pytest.fixture(scope="module")
def other(temporary_directory: Path) -> Iterator[Server]:
    """Another server, as a user would name one with --scratch."""
    started = Server.start(temporary_directory / "other", binaries=PostgresqlServer.binaries(), durable=True)
    yield started
    started.stop()


def test_a_kept_copy_can_be_looked_into(database: TestDatabase, tmp_path: Path, run: Run) -> None:
    app = build(tmp_path, database.url, LOSSY, at="a1", fill=PEOPLE)
    done = run("verify-rollback", "--keep", "--format", "json", cwd=app.directory)
    copy = json.loads(done.stdout)["copy"]
    try:
        assert copy["kept"] and copy["url"] != str(database.url)
        words = ["--url", copy["url"], "--format", "json"]
        found = run("sql", "SELECT version_num FROM alembic_version", *words, cwd=tmp_path)
        assert json.loads(found.stdout)["rows"] == [["b2"]]
        assert "read-only" in run("sql", "DELETE FROM people WHERE id = 1", *words, cwd=tmp_path).stderr
        listed = {one["name"]: one for one in run("copies", "--format", "json").json()["copies"]}
        assert listed[copy["name"]]["kept"] and listed[copy["name"]]["bytes"] > 8_000
    finally:
        assert run("copies", "--drop", copy["name"]).code == 0
    assert database.rows("SELECT version_num FROM alembic_version") == [("a1",)]


# In place.


def test_a_database_that_is_itself_the_copy_is_rehearsed_where_it_is(database: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, database.url, LOSSY, at="a1", fill=PEOPLE)
    report = rehearsed(app, configured=elsewhere(tmp_path), in_place=True)
    assert facts(report) == {LOST}
    assert lost(report).sample == (3,)
    assert (report.source.kind, report.source_unchanged, report.backup) == ("in-place", None, None)
    assert report.copy.method == "in place"
    assert database.rows("SELECT version_num FROM alembic_version") == [("b2",)]


def elsewhere(directory: Path) -> sa.URL:
    """A configured database that is another one."""
    path = directory / "configured.db"
    path.touch()
    return sa.URL.create("sqlite", database=str(path))


def test_the_configured_database_is_never_its_own_copy_by_whatever_name(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    linked = tmp_path / "restored.db"
    os.link(str(sqlite.url.database), linked)
    before = linked.read_bytes()
    url = sa.URL.create("sqlite", database=str(linked))
    with pytest.raises(UsageError, match="is the configured database") as refused:
        rehearsed(app, url, configured=sqlite.url, in_place=True)
    assert linked.read_bytes() == before
    assert "--yes-this-is-a-copy restored.db" in str(refused.value.hint)
    with pytest.raises(UsageError, match=r"says app\.db, and the database is called restored\.db"):
        rehearsed(app, url, configured=sqlite.url, in_place=True, named="app.db")
    assert facts(rehearsed(app, url, configured=sqlite.url, in_place=True, named="restored.db")) == {LOST}


def test_a_server_by_another_address_is_known_again(postgresql: TestDatabase, tmp_path: Path, server: Server) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    alias = tmp_path / "alias"
    alias.mkdir()
    (alias / ".s.PGSQL.5432").symlink_to(server.socket_dir / ".s.PGSQL.5432")
    url = postgresql.url.update_query_dict({"host": str(alias)})
    with pytest.raises(UsageError, match="is the configured database"):
        rehearsed(app, url, configured=postgresql.url, in_place=True)
    assert postgresql.rows("SELECT version_num FROM alembic_version") == [("a1",)]


def test_a_configured_database_that_cannot_be_asked_might_be_the_same(postgresql: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    unreachable = postgresql.url.update_query_dict({"host": str(tmp_path)})
    with pytest.raises(UsageError, match="cannot be asked"):
        rehearsed(app, configured=unreachable, in_place=True)
    assert facts(rehearsed(app, configured=unreachable, in_place=True, named=postgresql.name)) == {LOST}


def test_a_role_that_may_make_no_database_has_its_twin_on_a_private_server(
    postgresql: TestDatabase, tmp_path: Path, server: Server
) -> None:
    _as_superuser(server, "CREATE ROLE plain LOGIN")
    try:
        _as_superuser(server, f"ALTER DATABASE {postgresql.name} OWNER TO plain")
        postgresql.execute("GRANT ALL ON SCHEMA public TO plain")
        url = postgresql.url.set(username="plain")
        app = build(tmp_path, url, LOSSY, at="a1", fill=PEOPLE)
        before = databases(server)
        report = rehearsed(app, configured=elsewhere(tmp_path), in_place=True)
        assert (facts(report), lost(report).sample) == ({LOST}, (3,))
        assert databases(server) == before
    finally:
        _as_superuser(server, f"ALTER DATABASE {postgresql.name} OWNER TO dbadmin")
        postgresql.execute("DROP OWNED BY plain CASCADE")
        _as_superuser(server, "DROP ROLE plain")


def test_what_a_physical_copy_could_do_to_its_original_is_stopped_first(
    postgresql: TestDatabase, tmp_path: Path
) -> None:
    postgresql.execute(
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER production FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db', dbname 'prod')",
        "CREATE USER MAPPING FOR PUBLIC SERVER production OPTIONS (user 'app', password 'fdw-secret')",
        "CREATE SUBSCRIPTION feed CONNECTION 'host=db password=feed-secret' PUBLICATION p WITH (connect = false)",
    )
    try:
        app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
        report = rehearsed(app, configured=elsewhere(tmp_path), in_place=True)
        assert "foreign server production leads nowhere" in report.neutralised
        assert "subscription feed parted from its slot" in report.neutralised
        assert postgresql.rows("SELECT subenabled, subslotname FROM pg_subscription") == [(False, None)]
        assert postgresql.rows("SELECT srvoptions FROM pg_foreign_server") == [(["host=/nonexistent", "dbname=prod"],)]
    finally:
        postgresql.execute("ALTER SUBSCRIPTION feed SET (slot_name = NONE)", "DROP SUBSCRIPTION feed")


# On servers that the user names.


def test_a_copy_on_another_server_is_marked_closed_to_others_and_gone_afterwards(
    postgresql: TestDatabase, tmp_path: Path, other: Server, server: Server
) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    before = databases(other)
    database = Database(sa.create_engine(app.url, poolclass=sa.NullPool))
    seen: dict[str, Any] = {}

    def look(what: str, done: float, total: float | None) -> None:
        if what == "downgrade":
            query = "SELECT datname FROM pg_database WHERE datname LIKE 'dbadmin%'"
            seen["names"] = _as_superuser(other, query)
            seen["open"] = _as_superuser(
                other, f"SELECT has_database_privilege('pg_monitor', '{seen['names'][0]}', 'CONNECT')"
            )
            seen["mark"] = _as_superuser(
                other,
                f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{seen['names'][0]}'",
            )
            seen["listed"] = {place.name for place in registry.existing()}

    source = Rehearsed(database, app.project, environment=app.environment)
    try:
        report = rehearse(source, Options(origin=Origin(scratch=other.url())), progress=look)
    finally:
        database.close()
    assert (facts(report), lost(report).sample, report.source_unchanged) == ({LOST}, (3,), True)
    assert report.copy.name in seen["listed"]
    assert len(seen["names"]) == 2 and all(name.startswith("dbadmin_") for name in seen["names"])
    assert seen["open"] == [False]
    assert json.loads(seen["mark"][0].removeprefix("dbadmin copy "))["pid"] == os.getpid()
    assert databases(other) == before


def test_the_source_s_own_server_has_to_be_meant(postgresql: TestDatabase, tmp_path: Path, server: Server) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    before = databases(server)
    with pytest.raises(UsageError, match="the source's own server"):
        rehearsed(app, scratch=server.url("postgres"))
    assert databases(server) == before
    idle = rehearsed(app, scratch="same-server")
    with postgresql.connect():
        busy = rehearsed(app, scratch="same-server")
    assert (idle.copy.method, busy.copy.method) == ("TEMPLATE", "pg_dump")
    for report in (idle, busy):
        assert (facts(report), report.source_unchanged) == ({LOST}, True)
    assert databases(server) == before


def test_statements_about_the_whole_server_are_kept_from_the_source_s_own(
    postgresql: TestDatabase, tmp_path: Path, server: Server
) -> None:
    roles = {
        "a1": BASE,
        "b2": ("a1", 'op.execute("CREATE ROLE reporting_of_b2")', 'op.execute("DROP ROLE reporting_of_b2")'),
    }
    app = build(tmp_path, postgresql.url, roles, at="a1", fill=PEOPLE)
    report = rehearsed(app, scratch="same-server")
    assert report.verdict == "unproven"
    assert "the whole server (CREATE ROLE)" in {f.object for f in report.findings if f.code == "escaped-connection"}
    assert _as_superuser(server, "SELECT 1 FROM pg_roles WHERE rolname = 'reporting_of_b2'") == []
    assert rehearsed(app).verdict == "safe"


PAST_SQLALCHEMY = """
import asyncio
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

def attempt(driver, statement):
    raw = create_engine(URLS[driver]).raw_connection()
    try:
        raw.cursor().execute(statement)
    except BaseException as error:
        print(driver, error)

async def asynchronous(statement):
    async with create_async_engine(URLS["asyncpg"]).connect() as connection:
        try:
            await (await connection.get_raw_connection()).driver_connection.execute(statement)
        except BaseException as error:
            print("asyncpg", error)

op.get_bind().connection.cursor().execute(b"SELECT 1")
attempt("psycopg", "CREATE ROLE past_sqlalchemy")
attempt("psycopg2", b"ALTER SYSTEM SET work_mem = '2MB'")
attempt("pg8000", "DROP OWNED BY dbadmin")
asyncio.run(asynchronous("CREATE DATABASE past_sqlalchemy"))
"""


def test_statements_about_the_whole_server_are_kept_from_it_past_sqlalchemy_too(
    postgresql: TestDatabase, tmp_path: Path, server: Server
) -> None:
    before = databases(server)
    drivers, with_driver = ("psycopg", "psycopg2", "pg8000", "asyncpg"), named("postgresql").address.with_driver
    urls = {d: with_driver(postgresql.url, d).render_as_string(hide_password=False) for d in drivers}
    up = f"URLS = {urls!r}\n{PAST_SQLALCHEMY}"
    app = build(tmp_path, postgresql.url, {"a1": BASE, "b2": ("a1", up, "pass")}, at="a1", fill=PEOPLE)
    report = rehearsed(app, scratch="same-server")
    refused = {f.object for f in report.findings if f.code == "escaped-connection"}
    statements = ("CREATE ROLE", "ALTER SYSTEM", "DROP OWNED", "CREATE DATABASE")
    assert refused == {f"the whole server ({statement})" for statement in statements}, report.findings
    assert _as_superuser(server, "SELECT 1 FROM pg_roles WHERE rolname = 'past_sqlalchemy'") == []
    assert _as_superuser(server, "SHOW work_mem") == ["4MB"] and databases(server) == before


def test_a_copy_that_others_look_at_is_rehearsed_in_place_all_the_same(
    postgresql: TestDatabase, tmp_path: Path, server: Server
) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    before = databases(server)
    with postgresql.connect() as looking_on:
        looking_on.exec_driver_sql("SELECT 1")
        report = rehearsed(app, configured=elsewhere(tmp_path), in_place=True)
        assert looking_on.exec_driver_sql("SELECT 1").scalar() == 1  # nobody ended its session
    assert (facts(report), lost(report).sample) == ({LOST}, (3,))
    assert databases(server) == before


@pytest.mark.slow
def test_a_head_is_compared_with_its_reference_on_the_same_server(postgresql: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, fill=PEOPLE)
    report = rehearsed(app, scratch="same-server")
    assert report.plan.kind == "head"
    assert "no-reference" not in {f.code for f in report.findings}


def test_a_server_that_lacks_what_the_source_has_is_refused(
    postgresql15: TestDatabase, tmp_path: Path, other: Server
) -> None:
    url = postgresql15.url
    app = build(tmp_path, other.url(), LOSSY, at="base")
    database = Database(sa.create_engine(app.url, poolclass=sa.NullPool))
    source = Rehearsed(database, app.project, environment=app.environment)
    try:
        with pytest.raises(NotSupported, match="older than the source"):
            rehearse(source, Options(origin=Origin(scratch=url)), progress=lambda *_: None)
    finally:
        database.close()


def test_sqlite_says_that_it_has_no_servers(sqlite: TestDatabase, tmp_path: Path, other: Server) -> None:
    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    with pytest.raises(NotSupported, match="no servers"):
        rehearsed(app, scratch="same-server")
    with pytest.raises(UsageError, match="of postgresql, and the database is of sqlite"):
        rehearsed(app, scratch=other.url())


KILLED = """
import os, signal, sys
import sqlalchemy as sa
from pathlib import Path
from dbadmin.database import Database
from dbadmin.copies import open_copy
from dbadmin.migrations.scripts import read_project
database = Database(sa.create_engine(sys.argv[1], poolclass=sa.NullPool))
with open_copy(database, progress=lambda *_: None, scratch=sa.make_url(sys.argv[2])) as copy:
    copy.keep_pristine()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_left_on_a_server_is_found_and_dropped_and_nothing_else(
    postgresql: TestDatabase, other: Server, run: Run
) -> None:
    postgresql.execute("CREATE TABLE t (x int)")
    _as_superuser(other, "DROP DATABASE IF EXISTS dbadmin_of_a_colleague")
    _as_superuser(other, "CREATE DATABASE dbadmin_of_a_colleague")
    before = databases(other)
    urls = [url.render_as_string(hide_password=False) for url in (postgresql.url, other.url())]

    def kill() -> str:
        assert subprocess.run([sys.executable, "-c", KILLED, *urls], check=False).returncode == -signal.SIGKILL
        (found,) = [place for place in registry.existing() if place.name.startswith(left.PREFIX)]
        assert (found.owner_alive, len(databases(other) - before)) == (False, 2)
        assert "password" not in (found.directory / SERVER).read_text()
        return found.name

    name = kill()
    assert name in run("copies", "--clean").stdout
    assert databases(other) == before
    kill()
    database = Database(sa.create_engine(postgresql.url, poolclass=sa.NullPool))
    with open_copy(database, progress=lambda *_: None, scratch=other.url()):  # the next run there does it too
        assert len(databases(other) - before) == 1
    database.close()
    assert databases(other) == before
    assert not [place for place in registry.existing() if place.name.startswith(left.PREFIX)]
    _as_superuser(other, "DROP DATABASE dbadmin_of_a_colleague")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_connection_lost_while_dropping_is_told_by_the_copy_s_name_and_the_rest_is_dropped_later(
    engine: str, request: pytest.FixtureRequest, run: Run
) -> None:
    database: TestDatabase = request.getfixturevalue(engine)
    database.execute("CREATE TABLE t (x int)")
    url = database.url.render_as_string(hide_password=False)
    code = KILLED.replace("sa.make_url(sys.argv[2])", "'same-server'")
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == -signal.SIGKILL
    (name,) = [place.name for place in registry.existing() if place.name.startswith("dbadmin-on-")]
    query, end = {
        "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({pid})"),
        "mariadb": ("SELECT connection_id()", "KILL {pid}"),
    }[engine]
    lost: list[int] = []

    def lose(connection: sa.Connection, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DROP DATABASE") and not lost:
            cursor.execute(query)
            lost.append(cursor.fetchone()[0])
            database.execute(end.format(pid=lost[0]))

    sa.event.listen(sa.Engine, "before_cursor_execute", lose)
    try:
        with pytest.raises(ConnectionFailed, match=f"cannot drop the databases of {name} on") as told:
            registry.clean()
        assert told.value.hint == f"dbadmin copies --drop {name}"
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", lose)
    assert lost and name in run("copies", "--clean").stdout
    assert not [place for place in registry.existing() if place.name == name]


# From a command.


@pytest.fixture
def commands(sqlite: TestDatabase, tmp_path: Path) -> dict[str, Any]:
    """A copy command for a SQLite file, and a drop command that says what it was told."""
    copy, told = tmp_path / "clone.db", tmp_path / "told"
    return {
        "copy_command": f"echo preparing; cp {sqlite.url.database} {copy} && echo sqlite:///{copy}",
        "drop_command": f'echo "$DBADMIN_COPY_URL $DBADMIN_COPY_NAME" >> {told}; rm -f {copy}',
    }


def told(directory: Path) -> list[str]:
    path = directory / "told"
    return path.read_text().splitlines() if path.exists() else []


def test_a_copy_from_a_command_is_dropped_by_another(
    sqlite: TestDatabase, tmp_path: Path, commands: dict[str, Any]
) -> None:
    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    report = rehearsed(app, **commands)
    assert (facts(report), lost(report).sample, report.source_unchanged) == ({LOST}, (3,), True)
    assert (report.source.kind, report.copy.method, report.copy.kept) == ("copy-command", "copy command", False)
    (line,) = told(tmp_path)
    assert line.startswith(f"sqlite:///{tmp_path}/clone.db dbadmin_")
    assert not (tmp_path / "clone.db").exists()


def test_the_drop_command_runs_after_a_failure_too(
    sqlite: TestDatabase, tmp_path: Path, commands: dict[str, Any]
) -> None:
    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=(*PEOPLE, "UPDATE alembic_version SET version_num = 'zz'"))
    with pytest.raises(EmptyPlan):
        rehearsed(app, **commands)
    assert len(told(tmp_path)) == 1


@pytest.mark.parametrize("link", [False, True])
def test_a_command_that_gives_the_source_is_refused(
    sqlite: TestDatabase, tmp_path: Path, commands: dict[str, Any], link: bool
) -> None:
    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    path = Path(str(sqlite.url.database))
    if link:
        (tmp_path / "clone.db").hardlink_to(path)
        path = tmp_path / "clone.db"
    before = path.read_bytes()
    commands |= {"copy_command": f"echo sqlite:///{path}", "drop_command": f"echo x >> {tmp_path}/told"}
    with pytest.raises(UsageError, match="gave the source itself"):
        rehearsed(app, **commands)
    assert (path.read_bytes(), told(tmp_path)) == (before, ["x"])


def test_a_failing_copy_command_says_why_without_its_secrets(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    command = "echo 'cannot reach postgresql://u:hunter22@db/x' >&2; exit 7"
    with pytest.raises(NotFinished, match=r"exit code 7: cannot reach postgresql://u:.*@db/x") as error:
        rehearsed(app, copy_command=command)
    assert "hunter22" not in error.value.message


def test_a_drop_command_that_needs_a_url_is_not_run_without_one(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    drop = f'echo "dropping $DBADMIN_COPY_URL" >> {tmp_path}/told'
    with pytest.raises(NotFinished, match=r"exit code 1.*the drop command was not run"):
        rehearsed(app, copy_command="false", drop_command=drop)
    assert told(tmp_path) == []
    with pytest.raises(NotFinished, match="exit code 1"):
        rehearsed(app, copy_command="false", drop_command=f"echo $DBADMIN_COPY_NAME >> {tmp_path}/told")
    assert told(tmp_path)[0].startswith("dbadmin_")


def test_a_report_outlives_a_copy_that_could_not_be_dropped(
    sqlite: TestDatabase, tmp_path: Path, commands: dict[str, Any], run: Run
) -> None:
    app = shop(sqlite, tmp_path)
    words = ["--copy-command", commands["copy_command"], "--drop-command", "echo no such clone >&2; exit 3"]
    page, suite = tmp_path / "report.html", tmp_path / "report.xml"
    arguments = [*words, "--accept", "b2:*", "--format", "json", "--output", page, "--output", suite]
    done = run("verify-rollback", *arguments, cwd=app.directory)
    found = json.loads(done.stdout)
    assert (done.code, found["ok"], found["verdict"]) == (5, False, "lossy")
    assert found["copy"]["kept"] and "exit code 3: no such clone" in found["copy"]["left"]
    assert "could not be removed: the drop command ended with exit code 3: no such clone" in done.stderr
    assert "clone.db" in done.stderr and "clone.db is still there" in page.read_text()
    assert '<error message="the drop command' in suite.read_text()


def test_a_report_outlives_a_private_place_that_could_not_be_removed(
    sqlite: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    remove = shutil.rmtree

    def refuse(path: Any, *more: Any, **options: Any) -> None:
        if "dbadmin-" in str(path):
            raise OSError(16, "Device or resource busy", str(path))
        remove(path, *more, **options)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    report = rehearsed(app)
    monkeypatch.undo()
    assert (facts(report), report.exit_code, report.copy.kept) == ({LOST}, 5, True)
    assert report.copy.left is not None and "Device or resource busy" in report.copy.left
    assert f"dbadmin copies --drop {report.copy.name}" in report.copy.left
    registry.drop(report.copy.name)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_report_names_what_stood_beside_a_copy_and_could_not_be_removed(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: TestDatabase = request.getfixturevalue(engine)
    app = build(tmp_path, database.url, LOSSY, at="a1", fill=PEOPLE)
    running: list[PrivateServer] = []

    def gone(*_: Any) -> None:
        raise sa.exc.OperationalError("DROP", None, Exception("password=s3cret the server is gone\nrows"))

    def refused(server: PrivateServer, step: signal.Signals) -> None:
        running.append(server)
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as broken:
        if engine == "postgresql":
            broken.setattr(left, "drop_of", gone)
        else:
            broken.setattr(PrivateServer, "_ends_with", refused)
        report = rehearsed(app, configured=elsewhere(tmp_path), in_place=True)
    assert (facts(report), report.exit_code) == ({LOST}, 5)
    said = "could not be dropped: password=*** the server is gone" if engine == "postgresql" else "not permitted"
    assert report.copy.left is not None and said in report.copy.left
    (standing,) = [place.name for place in registry.existing() if place.name in report.copy.left]
    assert report.copy.left.endswith(f"; dbadmin copies --drop {standing}")
    assert still_there(report) == (
        f"something of the rehearsal on {report.copy.name} could not be removed: {report.copy.left}",
    )
    assert registry.drop(standing).name == standing
    assert standing not in {place.name for place in registry.existing()}
    for server in running:
        server.stop()  # it is gone; its process is waited for


@pytest.mark.slow
def test_a_url_may_stand_in_a_variable(postgresql: TestDatabase, servers: Servers, tmp_path: Path) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    made = servers.get(PostgresqlServer).create(tmp_path)
    try:
        build(tmp_path, made.url, LOSSY, at="a1", fill=PEOPLE, name="clone")
        environment = {**app.environment, "CLONE": made.url.render_as_string(hide_password=False)}
        database = Database(sa.create_engine(app.url, poolclass=sa.NullPool))
        source = Rehearsed(database, app.project, environment=environment)
        options = Options(origin=Origin(copy_command="echo env:CLONE"))
        report = rehearse(source, options, progress=lambda what, done, total: None)
        database.close()
        assert facts(report) == {LOST}
        assert made.rows("SELECT version_num FROM alembic_version") == [("b2",)]
        assert postgresql.rows("SELECT version_num FROM alembic_version") == [("a1",)]
    finally:
        servers.get(PostgresqlServer).drop(made)


@pytest.mark.parametrize("moment", ["copying", "walking"])
def test_ctrl_c_runs_the_drop_command(sqlite: TestDatabase, tmp_path: Path, moment: str) -> None:
    slow = LOSSY | {"c3": ("b2", "import time; time.sleep(60)", "pass")}
    app = build(tmp_path, sqlite.url, slow, at="a1", fill=PEOPLE)
    copy, ready = tmp_path / "clone.db", tmp_path / "ready"
    wait = f"touch {ready}; sleep 60" if moment == "copying" else f"touch {ready}"
    command = f"cp {sqlite.url.database} {copy}; echo sqlite:///{copy}; {wait}"
    drop = f'echo "$DBADMIN_COPY_URL" >> {tmp_path}/told; rm -f {copy}'
    process = subprocess.Popen(
        [sys.executable, "-m", "dbadmin", "verify-rollback", "--copy-command", command, "--drop-command", drop],
        cwd=app.directory, env={**app.environment, "TMPDIR": tempfile.gettempdir(), "PYTHONPATH": str(Path.cwd())},
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5 if moment == "copying" else 3)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, ""), stderr
    assert told(tmp_path) == [f"sqlite:///{copy}"]
    assert not copy.exists()


# A standby as the source.


@contextmanager
def standby_of(server: Server, directory: Path) -> Iterator[sa.URL]:
    """A streaming replica of a server, made by pg_basebackup; gives the URL of its first database."""
    from dbadmin.dialects import accounts
    from dbadmin.dialects.postgresql import cluster

    account = accounts.owner_of(server.directory)
    tools = Path(server.record.binaries)
    directory.mkdir()
    accounts.give(directory, account)
    data, options = directory / "data", accounts.options(account)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    conninfo = f"host={server.socket_dir} port=5432 user=dbadmin"
    subprocess.run(
        [tools / "pg_basebackup", "-d", conninfo, "-D", data, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"],
        check=True, capture_output=True, env=environment, cwd=directory, **options,
    )  # fmt: skip
    settings = {"unix_socket_directories": str(directory), "listen_addresses": "", "fsync": "off",
                "dynamic_shared_memory_type": "mmap", "hot_standby": "on"}  # fmt: skip
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [tools / "postgres", "-D", data, *arguments], env=environment, cwd=directory, stdout=log, stderr=log,
            **options,
        )  # fmt: skip
    try:
        until = time.monotonic() + 30
        while (time.monotonic() < until and not (found := cluster.running(data))) or not found.ready:
            time.sleep(0.05)
        yield server.url().update_query_dict({"host": str(directory)})
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(directory)


def test_a_hot_standby_is_rehearsed_and_the_primary_is_spared(
    tmp_path: Path, temporary_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server.start(temporary_directory / "primary", durable=True) as primary:
        try:
            _as_superuser(primary, "CREATE DATABASE shop")
            app = build(tmp_path, primary.url("shop"), LOSSY, at="a1", fill=PEOPLE)
            with standby_of(primary, temporary_directory / "standby") as first:
                url = first.set(database="shop")
                sessions = "SELECT sessions FROM pg_stat_database WHERE datname = 'shop'"
                before = _as_superuser(primary, sessions)
                report = rehearsed(app, url, configured=app.url)
                assert (facts(report), report.source_unchanged) == ({LOST}, True)
                assert _as_superuser(primary, sessions) == before
                with pytest.raises(NotSupported, match="standby"):
                    rehearsed(app, url, configured=app.url, scratch="same-server")
        finally:
            primary.stop()


# A physical copy, by the user's own command.


@pytest.mark.slow
def test_the_page_s_base_backup_is_a_copy_apart_and_gone_afterwards(
    tmp_path: Path, temporary_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbadmin.dialects import accounts

    scripts = temporary_directory / "base-backup"
    shutil.copytree(Path(__file__).parents[1] / "docs" / "examples" / "base-backup", scripts)
    with Server.start(temporary_directory / "whole", durable=True) as whole:
        try:
            _as_superuser(whole, "CREATE DATABASE shop")
            app = build(tmp_path, whole.url("shop"), LOSSY, at="a1", fill=PEOPLE)
            _as_superuser(whole, "CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS x", "shop")
            feed = "CREATE SUBSCRIPTION feed CONNECTION 'host=db' PUBLICATION p"
            _as_superuser(whole, f"{feed} WITH (connect = false, slot_name = 'feed')", "shop")
            account = accounts.owner_of(whole.directory)
            as_user = f"setpriv --reuid={account.uid} --regid={account.gid} --clear-groups " if account else ""
            environment = {
                **app.environment, "PGHOST": str(whole.socket_dir), "PGUSER": "dbadmin", "TMPDIR": str(scripts),
                "PATH": f"{whole.record.binaries}:{os.environ['PATH']}",
            }  # fmt: skip
            if account:
                accounts.give(scripts, account)
            database = Database(sa.create_engine(app.url, poolclass=sa.NullPool))
            source = Rehearsed(database, app.project, environment=environment)
            copy, drop = (f"{as_user}sh {scripts}/{name}.sh" for name in ("copy", "drop"))
            rows: list[Any] = []

            def look(what: str, done: float, total: float | None) -> None:
                if what == "downgrade":
                    (place,) = scripts.glob("dbadmin_*")
                    url = app.url.update_query_dict({"host": str(place)}).set(username="dbadmin")
                    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
                        rows.append(connection.exec_driver_sql("SELECT count(*) FROM fleeting").scalar())

            origin = Origin(copy_command=f"{copy} shop", drop_command=drop)
            report = rehearse(source, Options(origin=origin), progress=look)
            database.close()
            assert (facts(report), lost(report).sample, report.source_unchanged) == ({LOST}, (3,), True)
            assert report.copy.left is None and "subscription feed parted from its slot" in report.neutralised
            assert rows == [0]  # as the page says: a base backup has no rows of unlogged tables
            assert not list(scripts.glob("dbadmin_*"))
            kept = "SELECT subslotname FROM pg_subscription"
            assert _as_superuser(whole, kept) == ["feed"]
        finally:
            _as_superuser(whole, "ALTER SUBSCRIPTION feed SET (slot_name = NONE)", "shop")
            whole.stop()


# Words that contradict each other, and places that are protected.


@pytest.mark.parametrize(
    ("origin", "keep", "said"),
    [
        ({"in_place": True, "backup": Path("x")}, False, "--backup and --in-place exclude"),
        ({"in_place": True, "scratch": "same-server"}, False, "--in-place and --scratch exclude"),
        ({"copy_command": "x", "scratch": "same-server"}, False, "--copy-command and --scratch exclude"),
        ({"backup": Path("x"), "scratch": "same-server"}, False, "a backup has none"),
        ({"in_place": True}, True, "--in-place and --keep exclude"),
        ({"drop_command": "x"}, False, "--drop-command drops what"),
        ({"named": "x"}, False, "goes with --in-place"),
    ],
)
def test_options_that_contradict_each_other_are_refused(origin: dict[str, Any], keep: bool, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(Origin(**origin), keep=keep)


def shop(sqlite: TestDatabase, directory: Path, config: str = "") -> App:
    """An application that the command line finds, with a pending revision."""
    app = build(directory, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    (app.directory / "dbadmin.toml").write_text(config)
    return app


@pytest.mark.parametrize("word", ["in_place = true", 'yes_this_is_a_copy = "app.db"'])
def test_what_destroys_a_database_is_never_read_from_a_file(
    sqlite: TestDatabase, tmp_path: Path, run: Run, word: str
) -> None:
    app = shop(sqlite, tmp_path, f"[tool.dbadmin.verify-rollback]\n{word}\n")
    (app.directory / "dbadmin.toml").rename(app.directory / "pyproject.toml")
    done = run("verify-rollback", cwd=app.directory)
    assert done.code == 2 and "taken from the command line only" in done.stderr
    name = word.partition(" ")[0].upper()
    (app.directory / "pyproject.toml").unlink()
    done = run("verify-rollback", cwd=app.directory, env={f"DBADMIN_VERIFY_ROLLBACK_{name}": "1"})
    assert done.code == 2 and "taken from the command line only" in done.stderr


def test_the_command_line_rehearses_in_place_what_is_not_protected(
    sqlite: TestDatabase, tmp_path: Path, run: Run
) -> None:
    app = shop(sqlite, tmp_path, 'protected = ["prod"]\n')
    for name in ("restored.db", "prod.db"):
        shutil.copy(str(sqlite.url.database), tmp_path / name)
    done = run("verify-rollback", "--in-place", cwd=app.directory)
    assert done.code == 2 and "is the configured database" in done.stderr
    done = run("verify-rollback", "--in-place", "--url", f"sqlite:///{tmp_path}/prod.db", cwd=app.directory)
    assert done.code == 2 and "is protected (prod)" in done.stderr
    url = f"sqlite:///{tmp_path}/restored.db"
    found = run("verify-rollback", "--in-place", "--url", url, "--format", "json", cwd=app.directory).json()
    assert (found["verdict"], found["source"]["kind"], found["source_unchanged"]) == ("lossy", "in-place", None)
    assert found["copy"]["name"] == "restored.db"


def test_a_dry_run_tells_the_method_of_each(sqlite: TestDatabase, tmp_path: Path, run: Run) -> None:
    app = shop(sqlite, tmp_path)
    before = Path(str(sqlite.url.database)).read_bytes()
    shutil.copy(str(sqlite.url.database), tmp_path / "restored.db")

    def method(*words: str) -> Any:
        return run("verify-rollback", "--dry-run", "--format", "json", *words, cwd=app.directory).json()

    assert method()["method"] == "backup API, into a private directory"
    command = method("--copy-command", "touch ran", "--drop-command", "touch ran")
    size = Path(str(sqlite.url.database)).stat().st_size
    assert (command["method"], command["needed"]) == ("the copy command", size)  # what it is compared with
    assert [method(*words)["needed"] // size for words in ([], ["--each"])] == [2, 3]
    place = method("--in-place", "--url", f"sqlite:///{tmp_path}/restored.db")
    assert place["method"].startswith("none: the database itself is the copy")
    limited = run("verify-rollback", "--dry-run", "--max-copy", "1kB", cwd=app.directory)
    assert limited.code == 2 and "--max-copy allows" in limited.stdout
    refused = run("verify-rollback", "--max-copy", "1kB", cwd=app.directory)
    assert refused.code == 2 and "more than --max-copy allows (1,000)" in refused.stderr
    assert Path(str(sqlite.url.database)).read_bytes() == before and not (app.directory / "ran").exists()


def test_a_third_copy_is_counted_before_anything_is_copied(
    sqlite: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbadmin.dialects.sqlite.copying import SqliteCopying

    app = build(tmp_path, sqlite.url, LOSSY, at="a1", fill=PEOPLE)
    size = Path(str(sqlite.url.database)).stat().st_size
    monkeypatch.setattr(SqliteCopying, "free_space", lambda self: 3 * size - 1)
    assert facts(rehearsed(app)) == {LOST}
    database = Database(sa.create_engine(app.url, poolclass=sa.NullPool))
    source = Rehearsed(database, app.project, environment=app.environment)
    with pytest.raises(UsageError, match=f"needs {3 * size:,} bytes for 3 copies") as refused:
        rehearse(source, Options(each=True), progress=lambda *_: pytest.fail("something was copied"))
    database.close()
    assert str(refused.value.hint).startswith("leave out --each")


def test_room_on_a_server_of_the_user_s_is_said_to_be_unknown(
    postgresql: TestDatabase, tmp_path: Path, other: Server, run: Run
) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    url = other.url().render_as_string(hide_password=False)
    dry = run("verify-rollback", "--dry-run", "--scratch", url, "--each", cwd=app.directory)
    assert (dry.code, "free there" in dry.stdout, "unknown" in dry.stdout) == (0, True, True)
    assert "free space on the server that holds the copies is unknown" in dry.stderr
    found = run("verify-rollback", "--scratch", url, "--format", "json", cwd=app.directory)
    assert "2 copies need about" in found.stderr and found.json()["verdict"] == "lossy"


# Backups: see test_backups.py for what is in them; here, that nothing else is needed.


def test_a_backup_is_rehearsed_without_any_database(sqlite: TestDatabase, tmp_path: Path, run: Run) -> None:
    app = shop(sqlite, tmp_path)
    shutil.move(str(sqlite.url.database), tmp_path / "nightly.bak")
    found = run("verify-rollback", "--backup", tmp_path / "nightly.bak", "--format", "json", cwd=app.directory).json()
    assert (found["verdict"], found["source"]["kind"], found["source_unchanged"]) == ("lossy", "backup", None)
    assert found["backup"]["revision"] == "a1" and len(found["backup"]["sha256"]) == 64
    assert not Path(str(sqlite.url.database)).exists()  # nobody made it by connecting
    dry = run(
        "verify-rollback", "--backup", tmp_path / "nightly.bak", "--dry-run", "--format", "json", cwd=app.directory
    ).json()
    assert dry["plan"] is None and dry["method"].startswith("restore ")


def test_a_backup_goes_to_the_server_that_scratch_names(
    postgresql: TestDatabase, tmp_path: Path, other: Server, server: Server, run: Run
) -> None:
    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    archive = tmp_path / "shop.dump"
    dump = Path(server.record.binaries) / "pg_dump"
    where = ["-h", str(server.socket_dir), "-U", "dbadmin", "-Fc", "-f", str(archive), postgresql.name]
    subprocess.run([dump, *where], check=True)
    before, sessions = databases(other), f"SELECT sessions FROM pg_stat_database WHERE datname = '{postgresql.name}'"
    counted = _as_superuser(server, sessions)
    url = other.url().render_as_string(hide_password=False)
    found = run("verify-rollback", "--backup", archive, "--scratch", url, "--format", "json", cwd=app.directory).json()
    assert found["verdict"] == "lossy", found
    assert databases(other) == before
    assert _as_superuser(server, sessions) == counted


def test_where_no_private_server_can_be_started_three_ways_on_are_named(
    postgresql: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbadmin.dialects.postgresql import binaries

    app = build(tmp_path, postgresql.url, LOSSY, at="a1", fill=PEOPLE)
    monkeypatch.setattr(binaries, "find", lambda *_: ())
    with pytest.raises(DbadminError) as error:
        rehearsed(app)
    assert error.value.exit_code == 4
    for way in ("pip install 'dbadmin-toolkit[scratch]'", "--scratch URL", "--copy-command"):
        assert way in str(error.value.hint)
