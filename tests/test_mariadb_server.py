"""A private MariaDB server is reachable for nobody else, and nothing of it stays."""

import os
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from servers import MariadbServer, Servers

from dbadmin.dialects import accounts, processes
from dbadmin.dialects.mysql import binaries, server
from dbadmin.dialects.mysql.server import Server
from dbadmin.errors import NoScratchServer

pytestmark = pytest.mark.skipif(not binaries.find("mariadb"), reason="no mariadbd on this machine")


def ask(server: Server, query: str) -> tuple[object, ...]:
    with sa.create_engine(server.url(), poolclass=sa.NullPool).connect() as connection:
        return tuple(connection.exec_driver_sql(query).one())


def test_it_listens_on_a_socket_in_a_closed_directory_and_leaves_nothing() -> None:
    with Server.start() as running:
        pid, directory = running.pid, running.directory
        assert pid is not None
        assert directory.stat().st_mode & 0o777 == 0o700
        assert processes.user_of(pid) != 0
        assert ask(running, "SELECT @@skip_networking, @@log_bin, @@event_scheduler") == (1, 0, "OFF")
        assert ask(running, "SELECT @@performance_schema, @@local_infile, @@secure_file_priv") == (
            1, 0, f"{directory}/files/",
        )  # fmt: skip
    assert not directory.exists()
    assert not processes.is_alive(pid)


def test_its_url_asks_for_no_certificates_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server.start() as running:
        monkeypatch.setattr(ssl, "create_default_context", lambda **_: pytest.fail("certificates are read"))
        assert ask(running, "SELECT 1") == (1,)


def test_it_is_made_without_a_look_at_the_temporary_tables_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # no copy of one that was made before
    of_others = Path("/tmp", f"#sql-temptable-{os.getpid():x}-1-1.MAI")
    of_others.touch()
    accounts.give(of_others, accounts.for_servers())
    try:
        with Server.start():
            assert of_others.exists()
    finally:
        of_others.unlink(missing_ok=True)


def test_a_second_server_ends_with_the_first_and_begins_with_its_data() -> None:
    with Server.start() as first:
        with sa.create_engine(first.url(), poolclass=sa.NullPool).connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE told")
        with first.paused() as data:
            second = first.another(first.directory / "second", data=data)
        assert ask(second, "SHOW DATABASES LIKE 'told'") == ask(first, "SHOW DATABASES LIKE 'told'") == ("told",)
        with sa.create_engine(second.url(), poolclass=sa.NullPool).connect() as connection:
            connection.exec_driver_sql("DROP DATABASE told")
        assert ask(first, "SHOW DATABASES LIKE 'told'") == ("told",)
        pid = second.pid
        assert pid is not None
    assert not processes.is_alive(pid)


def test_the_server_of_a_killed_owner_is_found_and_removed() -> None:
    code = (
        "from dbadmin.dialects.mysql.server import Server; import sys, time\n"
        "s = Server.start(); print(s.directory, flush=True); time.sleep(100)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    with owner:
        assert owner.stdout is not None
        directory = Path(owner.stdout.readline().strip())
        os.kill(owner.pid, signal.SIGKILL)
    (found,) = [left for left in server.disposable() if left.directory == directory]
    assert found.record.owner_alive() is False
    pid = found.pid
    assert pid is not None
    found.stop()
    assert not directory.exists()
    assert not processes.is_alive(pid)


def test_a_start_that_fails_tells_what_the_server_said_and_leaves_nothing() -> None:
    before = [found.directory for found in server.disposable()]
    with pytest.raises(NoScratchServer, match="no-such-option"):
        Server.start(settings={"no-such-option": "1"})
    assert [found.directory for found in server.disposable()] == before


def test_a_kept_server_outlives_the_block_until_it_is_stopped() -> None:
    with Server.start() as running:
        running.keep()
    (found,) = (left for left in server.disposable() if left.directory == running.directory)
    assert (found.running, found.record.kept) == (True, True)
    found.stop()
    until = time.monotonic() + 5
    while running.directory.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not running.directory.exists()


def test_a_newer_series_than_any_here_is_refused_with_what_there_is() -> None:
    (newest, *_) = binaries.find("mariadb")
    with pytest.raises(NoScratchServer, match=rf"no MariaDB 99\.1 or later .*found MariaDB {newest.version}"):
        binaries.require("mariadb", (99, 1))


def test_the_nearest_series_that_can_hold_the_source_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    (one, *_) = binaries.find("mariadb")
    several = [replace(one, version=version) for version in ("12.3.1", "11.4.9", "10.6.3", "11.8.2")]
    monkeypatch.setattr(binaries, "_on_machine", lambda: iter(several))
    assert binaries.require("mariadb", (11, 0)).version == "11.4.9"
    assert binaries.require("mariadb").version == "12.3.1"


def test_a_session_that_ended_by_itself_holds_no_test_up(servers: Servers) -> None:
    running = servers.get(MariadbServer)
    assert isinstance(running, MariadbServer)
    running.end_session(2**31 - 1)
    with pytest.raises(sa.exc.OperationalError, match="Unknown column"):
        running.end_session("nobody")
