"""Backups are walked by a role that owns the database and may do nothing beyond it, whatever hides in the backup."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import Run
from dumping import pg_dump, silent
from rehearsing import BASE, PEOPLE, build, facts
from servers import PostgresqlServer, Servers, TestDatabase

from dbadmin.copies import registry
from dbadmin.dialects.postgresql.server import Server
from dbadmin.errors import StatementFailed
from dbadmin.results import RollbackReport
from dbadmin.rollback import Options, Origin, Rehearsed, rehearse

pytestmark = pytest.mark.rehearsal

TRIES = r"""
CREATE EXTENSION dblink;
CREATE FUNCTION tries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
declare attempt text; begin
  foreach attempt in array array[
    $q$COPY (SELECT 1) TO PROGRAM 'touch {here}/program'$q$,
    $q$COPY (SELECT 1) TO '{here}/file'$q$,
    $q$DO $d$ declare o oid := lo_from_bytea(0, 'x'); begin perform lo_export(o, '{here}/large_object'); end $d$ $q$,
    $q$CREATE TABLE stolen AS SELECT pg_read_file('{here}/secret') AS x$q$,
    $q$SELECT dblink_connect('hostaddr=127.0.0.1 port={port} user=dbadmin password=x')$q$,
    $q$SELECT * FROM dblink('hostaddr=127.0.0.1 port={port} password=x', 'SELECT 1') AS t(x int)$q$,
    $q$ALTER ROLE dbadmin_owner SUPERUSER$q$,
    $q$SET ROLE dbadmin$q$,
    $q$CREATE ROLE intruder SUPERUSER$q$,
    $q$ALTER SYSTEM SET work_mem = '1MB'$q$
  ] loop
    begin execute attempt; insert into worked values (attempt); exception when others then null; end;
  end loop;
  return new;
end $$;
CREATE TABLE worked (what text);
CREATE TRIGGER tries BEFORE UPDATE ON people FOR EACH ROW WHEN (new.id = 1) EXECUTE FUNCTION tries();
"""
TOUCHES = {
    "a1": BASE,
    "b2": (
        "a1",
        'op.execute("UPDATE people SET mood = upper(mood)")',
        'op.execute("UPDATE people SET mood = lower(mood)")',
    ),
}
"""Both ways fire the trigger."""


@pytest.fixture
def here(temporary_directory: Path) -> Iterator[Path]:
    """A directory that every account of this machine may write to."""
    directory = temporary_directory / "open"
    directory.mkdir(exist_ok=True)
    directory.chmod(0o777)
    (directory / "secret").write_text("secret")
    yield directory
    for path in directory.iterdir():
        path.unlink()


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A port of this machine that somebody may knock at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        yield listener


def knocked(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


def dumped(server: Server, name: str, path: Path) -> Path:
    return pg_dump(PostgresqlServer.binaries(), server, name, path, "--format=custom")


@pytest.fixture
def server(servers: Servers, postgresql: TestDatabase) -> Server:
    running = servers.get(PostgresqlServer)
    assert isinstance(running, PostgresqlServer)
    return running.server


def rehearsed(app: Any, path: Path, *, after_upgrade: Path | None = None, **origin: Any) -> RollbackReport:
    source = Rehearsed(None, app.project, environment=app.environment)
    options = Options(origin=Origin(backup=path, **origin), after_upgrade=after_upgrade)
    return rehearse(source, options, progress=silent)


def test_a_trigger_of_a_backup_can_run_nothing_and_reach_nothing_when_a_migration_fires_it(
    postgresql: TestDatabase, server: Server, tmp_path: Path, here: Path
) -> None:
    app = build(tmp_path, postgresql.url, TOUCHES, at="a1", fill=PEOPLE)
    with listening() as listener:
        port = listener.getsockname()[1]
        postgresql.execute(TRIES.replace("{here}", str(here)).replace("{port}", str(port)).replace("%", "%%"))
        path = dumped(server, postgresql.name, tmp_path / "hostile.dump")
        report = rehearsed(app, path)
        assert {found.name for found in here.iterdir()} == {"secret"}
        assert not knocked(listener)
        assert "worked" not in {f.object for f in report.findings}, "an attempt went through"
        assert (report.verdict, report.steps[0].state) == ("safe", "ok")
        assert any("goes as a role that is none" in line for line in report.not_covered)
    rehearsed(app, path, trusted=True)  # the bait is one: whoever trusts it has it run
    assert {"program", "file", "large_object"} <= {found.name for found in here.iterdir()}


def test_a_step_that_needs_a_superuser_is_not_proven_and_says_the_way_on(
    postgresql: TestDatabase, server: Server, tmp_path: Path
) -> None:
    loads = {
        "a1": BASE,
        "b2": ("a1", 'op.execute("CREATE EXTENSION file_fdw")', 'op.execute("DROP EXTENSION file_fdw")'),
    }
    app = build(tmp_path, postgresql.url, loads, at="a1", fill=PEOPLE)
    path = dumped(server, postgresql.name, tmp_path / "shop.dump")
    report = rehearsed(app, path)
    (found,) = report.findings
    assert (report.verdict, report.exit_code, found.code, found.revision) == ("unproven", 5, "not-compared", "b2")
    assert "permission denied to create extension" in found.detail and "--trust-backup" in str(found.remedy)
    assert rehearsed(app, path, trusted=True).verdict == "safe"
    script = tmp_path / "after.sql"
    script.write_text("ALTER SYSTEM SET work_mem = '2MB'")
    plain = build(tmp_path / "plain", postgresql.url, {"a1": BASE, "b2": ("a1", "pass", "pass")})
    with pytest.raises(StatementFailed, match="permission denied to set parameter") as refused:
        rehearsed(plain, path, after_upgrade=script)
    assert "--trust-backup" in str(refused.value.hint)


def test_what_the_owner_of_a_database_may_do_is_rehearsed_as_ever(
    postgresql: TestDatabase, server: Server, tmp_path: Path
) -> None:
    up = """
    op.execute("CREATE EXTENSION citext")
    op.execute("DROP EXTENSION hstore")
    op.execute("CREATE SCHEMA more")
    op.execute("GRANT CREATE ON SCHEMA more TO reader")
    op.execute("CREATE TABLE more.pets (id int)")
    op.execute("ALTER TABLE more.pets OWNER TO reader")
    """
    down = """
    op.execute("DROP SCHEMA more CASCADE")
    op.execute("CREATE EXTENSION hstore")
    op.execute("DROP EXTENSION citext")
    """
    app = build(tmp_path, postgresql.url, {"a1": BASE, "b2": ("a1", up, down)}, at="a1", fill=PEOPLE)
    postgresql.execute(
        "CREATE ROLE reader", "CREATE EXTENSION hstore", "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE people FORCE ROW LEVEL SECURITY", "CREATE POLICY p ON people TO reader USING (id > 1)",
    )  # fmt: skip
    try:
        path = dumped(server, postgresql.name, tmp_path / "shop.dump")
        report = rehearsed(app, path)
        assert (facts(report), report.verdict) == (set(), "safe"), report.findings
    finally:
        postgresql.execute("DROP POLICY p ON people", "DROP ROLE reader")


@pytest.mark.slow
def test_a_backup_at_the_head_is_compared_with_what_the_scripts_make(
    postgresql: TestDatabase, server: Server, tmp_path: Path
) -> None:
    up = """
    op.execute("CREATE EXTENSION citext")
    op.execute("CREATE TABLE more (id serial PRIMARY KEY, word citext UNIQUE)")
    op.execute("CREATE VIEW words AS SELECT word FROM more")
    op.execute("GRANT SELECT ON words TO PUBLIC")
    """
    down = 'op.execute("DROP VIEW words")\nop.drop_table("more")\nop.execute("DROP EXTENSION citext")'
    app = build(tmp_path, postgresql.url, {"a1": BASE, "b2": ("a1", up, down)}, fill=PEOPLE)
    report = rehearsed(app, dumped(server, postgresql.name, tmp_path / "shop.dump"))
    assert (report.plan.kind, report.verdict) == ("head", "safe"), report.findings


def test_on_a_server_of_the_user_s_the_role_is_gone_afterwards(
    postgresql: TestDatabase, server: Server, tmp_path: Path, here: Path, run: Run
) -> None:
    app = build(tmp_path, postgresql.url, TOUCHES, at="a1", fill=PEOPLE)
    postgresql.execute(TRIES.replace("{here}", str(here)).replace("{port}", "9").replace("%", "%%"))
    path = dumped(server, postgresql.name, tmp_path / "hostile.dump")
    with Server.start(binaries=PostgresqlServer.binaries()) as other:
        engine = sa.create_engine(other.url("template1"), poolclass=sa.NullPool)
        roles = "SELECT rolname FROM pg_roles WHERE rolname ~ '^dbadmin' ORDER BY 1"
        report = rehearsed(app, path, scratch=other.url())
        with engine.connect() as connection:
            assert connection.exec_driver_sql(roles).scalars().all() == ["dbadmin"]
    assert report.verdict == "safe" and {found.name for found in here.iterdir()} == {"secret"}


def test_who_trusts_a_backup_says_so_on_the_command_line_alone(tmp_path: Path, run: Run) -> None:
    done = run("verify-rollback", cwd=tmp_path, env={"DBADMIN_VERIFY_ROLLBACK_TRUST_BACKUP": "1"})
    assert done.code == 2 and "taken from the command line only" in done.stderr


KILLED = """
import os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from dbadmin.copies.backups import open_backup
from dbadmin.copies.make import open_restored
with open_backup(Path(sys.argv[1]), progress=lambda *_: None) as backup:
    with open_restored(backup, progress=lambda *_: None, scratch=sa.make_url(sys.argv[2])) as copy:
        copy.keep_pristine()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_the_role_that_a_killed_run_left_goes_with_its_databases(
    postgresql: TestDatabase, server: Server, tmp_path: Path
) -> None:
    postgresql.execute("CREATE TABLE t (x int)")
    path = dumped(server, postgresql.name, tmp_path / "shop.dump")
    with Server.start(binaries=PostgresqlServer.binaries()) as other:

        def there() -> tuple[list[str], list[str]]:
            with sa.create_engine(other.url("template1"), poolclass=sa.NullPool).connect() as connection:
                names = ("SELECT rolname FROM pg_roles", "SELECT datname FROM pg_database")
                roles, databases = (connection.exec_driver_sql(name).scalars().all() for name in names)
            return [r for r in roles if r.startswith("dbadmin_")], [d for d in databases if d.startswith("dbadmin_")]

        url = other.url().render_as_string(hide_password=False)
        done = subprocess.run([sys.executable, "-c", KILLED, str(path), url], check=False)
        assert (done.returncode, [len(names) for names in there()]) == (-signal.SIGKILL, [1, 2])
        registry.clean()
        assert there() == ([], [])
