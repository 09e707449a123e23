"""Copies on MariaDB servers that others use: marked, owned by an account of their own, reaching nothing else."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import Run
from rehearsing import BASE, PEOPLE, build, fact, facts
from servers import MariadbServer, Servers, TestDatabase, Unavailable
from test_places import KILLED, LOSSY, lost, rehearsed

from dbadmin.copies import open_copy, registry
from dbadmin.copies.make import open_in_place
from dbadmin.database import Database
from dbadmin.dialects import accounts, named, processes
from dbadmin.dialects.left import SERVER
from dbadmin.dialects.mysql import binaries, left
from dbadmin.dialects.mysql.server import Server
from dbadmin.errors import NotSupported, UsageError
from dbadmin.rollback import Options, Origin, Rehearsed, rehearse

pytestmark = pytest.mark.rehearsal

LOST = fact("values-lost", "people.mood")
HOSTILE = [
    "CREATE TRIGGER tr AFTER UPDATE ON people FOR EACH ROW INSERT INTO {other}.audit VALUES (new.id)",
    "CREATE PROCEDURE pr() INSERT INTO {other}.audit VALUES (2)",
    ("CREATE EVENT ev ON SCHEDULE EVERY 1 SECOND STARTS '2026-01-01 00:00:00'"
     " DO INSERT INTO {other}.audit VALUES (3)"),
    "CREATE VIEW vi AS SELECT id, name FROM people",
]  # fmt: skip
DEFINERS = " UNION ALL ".join(
    f"SELECT definer FROM information_schema.{kind}" for kind in ("views", "triggers", "routines", "events")
)


def ask(server: Server, *statements: str, user: str | None = None) -> list[tuple[Any, ...]]:
    url = server.url() if user is None else server.url().set(username=user)
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    rows: list[tuple[Any, ...]] = []
    with engine.connect() as connection:
        for statement in statements:
            done = connection.exec_driver_sql(statement.replace("%", "%%"))
            rows = [tuple(row) for row in done] if done.returns_rows else []
    return rows


def standing(server: Server) -> set[str]:
    """Databases, and accounts with what they may do."""
    rights = """
        SELECT concat(grantee, ': ', privilege_type) FROM information_schema.user_privileges
         UNION SELECT concat(grantee, ' in ', table_schema) FROM information_schema.schema_privileges"""
    return {str(row[0]) for row in (*ask(server, rights), *ask(server, "SHOW DATABASES"))}


@pytest.fixture
def server(servers: Servers) -> Server:
    """The server of the tests' own MariaDB databases."""
    try:
        running = servers.get(MariadbServer)
    except Unavailable as error:
        pytest.skip(str(error))
    assert isinstance(running, MariadbServer)
    return running.server


@pytest.fixture(scope="module")
def other(temporary_directory: Path) -> Iterator[Server]:
    """Another server, as a user would name one with --scratch: its event scheduler is on."""
    found = binaries.find("mariadb")
    if not found:
        pytest.skip("no mariadbd on this machine")
    with Server.start(temporary_directory / "other-my", binaries=found[0]) as started:
        ask(started, "SET GLOBAL event_scheduler = ON")
        yield started


@contextmanager
def audited(server: Server) -> Iterator[str]:
    """A database that must not be written to, and proof that it was not."""
    ask(server, "CREATE DATABASE precious", "CREATE TABLE precious.audit (id INT)")
    try:
        yield "precious"
        assert ask(server, "SELECT * FROM precious.audit") == []
    finally:
        ask(server, "DROP DATABASE precious")


def test_a_copy_on_another_server_is_marked_and_what_runs_in_it_reaches_nothing_else(
    mariadb: TestDatabase, tmp_path: Path, other: Server, server: Server
) -> None:
    harmless = {"a1": BASE, "b2": (
        "a1", "op.execute(\"CREATE VIEW young AS SELECT id FROM people\")", "op.execute('DROP VIEW young')"),
    }  # fmt: skip
    app = build(tmp_path, mariadb.url, harmless, at="a1", fill=PEOPLE)
    before = standing(other)
    with audited(server), audited(other) as precious:
        mariadb.execute(*(statement.format(other=precious) for statement in HOSTILE))
        database = Database(sa.create_engine(mariadb.url, poolclass=sa.NullPool))
        with open_copy(database, progress=lambda *_: None, scratch=other.url()) as copy:
            (name,) = [row[0] for row in ask(other, "SHOW DATABASES LIKE 'dbadmin%'")]
            query = f"SELECT schema_comment FROM information_schema.schemata WHERE schema_name = '{name}'"
            assert json.loads(ask(other, query)[0][0].removeprefix("dbadmin copy "))["pid"] == os.getpid()
            assert (copy.info.name, "mariadb") in {(place.name, place.engine) for place in registry.existing()}
            with sa.create_engine(copy.url, poolclass=sa.NullPool).connect() as connection:
                for statement in (
                    "UPDATE people SET name = 'x' WHERE id = 1",
                    "CALL pr()",
                    f"INSERT INTO {precious}.audit VALUES (4)",
                    "CREATE USER x", "SET GLOBAL max_connections = 9", "CREATE DATABASE mine",
                    "CREATE DEFINER = root@localhost VIEW w AS SELECT 1", f"SELECT * FROM {precious}.audit",
                ):  # fmt: skip
                    with pytest.raises(sa.exc.DBAPIError, match=r"denied|not (allowed )?to"):
                        connection.exec_driver_sql(statement)
                states = connection.exec_driver_sql("SELECT status, definer FROM information_schema.events").all()
                assert [state[0] for state in states] == ["DISABLED"]
                found = connection.exec_driver_sql(DEFINERS).all()
                assert {row[0].partition("@")[0] for row in found} == {copy.url.username} and len(found) == 4
            pristine = copy.keep_pristine()
            with sa.create_engine(pristine, poolclass=sa.NullPool).connect() as connection:
                assert connection.exec_driver_sql("SELECT count(*) FROM vi").scalar() == 3
            assert any("trigger tr names the database precious, and is denied it" in done for done in copy.neutralised)
            assert "event ev disabled" in copy.neutralised
            assert any("event scheduler is on" in note for note in copy.not_covered)
        database.close()
        report = rehearsed(app, scratch=other.url())
        assert (report.verdict, facts(report), report.source_unchanged) == ("safe", set(), True)
        assert report.copy.method == "mariadb-dump"
    assert standing(other) == before


def test_the_source_s_own_server_has_to_be_meant_and_stays_as_it_is(
    mariadb: TestDatabase, tmp_path: Path, server: Server
) -> None:
    app = build(tmp_path, mariadb.url, LOSSY, at="a1", fill=PEOPLE)
    mariadb.execute("CREATE VIEW vi AS SELECT id, name FROM people")
    before = standing(server)
    with pytest.raises(UsageError, match="the source's own server"):
        rehearsed(app, scratch=server.url("mysql"))
    assert standing(server) == before
    report = rehearsed(app, scratch="same-server")
    assert (facts(report), lost(report).sample, report.source_unchanged) == ({LOST}, (3,), True)
    assert standing(server) == before
    assert mariadb.rows("SELECT version_num FROM alembic_version") == [("a1",)]


def test_statements_about_the_whole_server_are_kept_from_a_server_that_others_use(
    mariadb: TestDatabase, tmp_path: Path, server: Server
) -> None:
    accounts = {"a1": BASE, "b2": ("a1", 'op.execute("CREATE USER of_b2")', 'op.execute("DROP USER of_b2")')}
    app = build(tmp_path, mariadb.url, accounts, at="a1", fill=PEOPLE)
    report = rehearsed(app, scratch="same-server")
    assert report.verdict == "unproven"
    assert "the whole server (CREATE USER)" in {f.object for f in report.findings if f.code == "escaped-connection"}
    assert ask(server, "SELECT 1 FROM mysql.user WHERE user = 'of_b2'") == []


def test_an_account_that_may_make_nothing_is_told_what_to_grant_and_leaves_nothing(
    mariadb: TestDatabase, other: Server
) -> None:
    mariadb.execute("CREATE TABLE t (x INT)")
    ask(other, "CREATE USER plain@localhost")
    before = standing(other)
    database = Database(sa.create_engine(mariadb.url, poolclass=sa.NullPool))
    try:
        url = other.url().set(username="plain")
        with (
            pytest.raises(NotSupported, match="may not make databases") as refused,
            open_copy(database, progress=lambda *_: None, scratch=url),
        ):
            pass
        assert standing(other) == before
        for grant in str(refused.value.hint).split("; "):  # what the hint says is all that it takes
            ask(other, grant)
        granted = standing(other)
        with open_copy(database, progress=lambda *_: None, scratch=url) as copy:
            assert copy.url.username != "plain"
        assert standing(other) == granted
    finally:
        database.close()
        ask(other, "DROP USER plain@localhost")


def test_what_a_killed_run_left_on_a_server_is_found_and_dropped_and_nothing_else(
    mariadb: TestDatabase, other: Server, run: Run
) -> None:
    mariadb.execute("CREATE TABLE t (x INT)")
    ask(other, "CREATE DATABASE dbadmin_of_a_colleague", "CREATE USER dbadmin_colleague")
    before = standing(other)
    urls = [url.render_as_string(hide_password=False) for url in (mariadb.url, other.url())]

    def kill() -> str:
        assert subprocess.run([sys.executable, "-c", KILLED, *urls], check=False).returncode == -signal.SIGKILL
        (found,) = [place for place in registry.existing() if place.name.startswith(left.PREFIX)]
        made = standing(other) - before
        assert found.owner_alive is False and len([name for name in made if name.startswith("dbadmin_")]) == 2
        assert json.loads((found.directory / SERVER).read_text()).keys() == {"url", "account_host", "product"}
        return found.name

    try:
        name = kill()
        assert name in run("copies", "--clean").stdout
        assert standing(other) == before
        kill()
        database = Database(sa.create_engine(mariadb.url, poolclass=sa.NullPool))
        with open_copy(database, progress=lambda *_: None, scratch=other.url()):  # the next run there does it too
            assert len({name for name in standing(other) - before if name.startswith("dbadmin_")}) == 1
        database.close()
        assert standing(other) == before
        assert not [place for place in registry.existing() if place.name.startswith(left.PREFIX)]
    finally:
        ask(other, "DROP DATABASE dbadmin_of_a_colleague", "DROP USER dbadmin_colleague")


def test_a_database_without_the_mark_is_never_dropped(other: Server) -> None:
    from dbadmin.dialects.mysql import databases
    from dbadmin.errors import InternalError

    ask(other, "CREATE DATABASE dbadmin_x1_shop COMMENT 'ours'")
    try:
        with databases.connected(other.url()) as admin, pytest.raises(InternalError, match="not carry dbadmin's mark"):
            databases.drop_marked(admin, "x1", "dbadmin_x1_shop")
        assert ask(other, "SHOW DATABASES LIKE 'dbadmin_x1%'") == [("dbadmin_x1_shop",)]
    finally:
        ask(other, "DROP DATABASE dbadmin_x1_shop")


def test_a_backup_goes_to_the_server_that_scratch_names(
    mariadb: TestDatabase, tmp_path: Path, other: Server, server: Server, run: Run
) -> None:
    app = build(tmp_path, mariadb.url, LOSSY, at="a1", fill=PEOPLE)
    before = standing(other)
    with audited(other) as precious:
        mariadb.execute(*(statement.format(other=precious) for statement in HOSTILE[1:]))
        file = tmp_path / "shop.sql"
        tool = binaries.find("mariadb")[0].tool("mariadb-dump")
        with file.open("wb") as out:
            subprocess.run(
                [tool, "--no-defaults", f"--socket={server.socket}", "-uroot", "--routines", "--events", mariadb.name],
                stdout=out, check=True,
            )  # fmt: skip
        url = other.url().render_as_string(hide_password=False)
        done = run("verify-rollback", "--backup", file, "--scratch", url, "--format", "json", cwd=app.directory)
        assert done.json()["verdict"] == "lossy", done
    assert standing(other) == before


def test_a_server_that_cannot_mark_or_hold_the_source_is_refused(mariadb: TestDatabase, other: Server) -> None:
    from dataclasses import replace

    from dbadmin.dialects.mysql import marked, surroundings

    with sa.create_engine(mariadb.url, poolclass=sa.NullPool).connect() as connection:
        found = surroundings.read(connection)
    for changed, told in (
        (replace(found, version="99.1.0"), "older than the source"),
        (replace(found, foreign_keys=("a.b (shop)",)), "foreign keys into other databases"),
        (replace(found, engines=frozenset({"ROCKSDB"})), "lacks storage engines"),
    ):
        with pytest.raises(NotSupported, match=told), marked.opened(other.url(), changed):
            pass
    ask(other, "SET GLOBAL read_only = 1")
    try:
        with pytest.raises(NotSupported, match="read-only"), named("mysql").copying.on_server(other.url(), found):
            pass
    finally:
        ask(other, "SET GLOBAL read_only = 0")
    assert not [place for place in registry.existing() if place.name.startswith(left.PREFIX)]


# A physical copy, by the user's own command.

APART = """
SELECT @@event_scheduler, @@skip_networking, @@log_bin, @@innodb_undo_directory,
       (SELECT COUNT(*) FROM audit), (SELECT COUNT(*) FROM mysql.plugin),
       (SELECT COUNT(*) FROM mysql.global_priv WHERE JSON_VALUE(priv, '$.authentication_string') LIKE '*%%'),
       (SELECT GROUP_CONCAT(user) FROM mysql.global_priv WHERE JSON_VALUE(priv, '$.account_locked') IS NULL)
"""
"""Whether events, network and binary log are off, and files, rows, plugins, passwords and logins in the copy."""


@pytest.mark.slow
def test_the_page_s_mariadb_backup_is_a_copy_apart_and_gone_afterwards(
    tmp_path: Path, temporary_directory: Path
) -> None:
    scripts = temporary_directory / "mariadb-backup"
    shutil.copytree(Path(__file__).parents[1] / "docs" / "examples" / "mariadb-backup", scripts)
    outside = {"innodb-undo-directory": str(scripts)}  # mariadb-backup tells the copy's server to use it, too
    with Server.start(temporary_directory / "whole-my", settings=outside) as whole:
        ask(whole, "CREATE DATABASE shop",
            "CREATE USER backing_up@localhost IDENTIFIED BY 'backup-secret'",
            "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO backing_up@localhost",
            "INSERT INTO mysql.plugin VALUES ('spider', 'ha_spider.so')")  # fmt: skip
        app = build(tmp_path, whole.url("shop"), LOSSY, at="a1", fill=PEOPLE)
        ask(whole, "CREATE TABLE shop.audit (id INT)",
            "CREATE EVENT shop.ev ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.audit VALUES (1)")  # fmt: skip
        login = scripts / "source.cnf"
        login.write_text(f"[client]\nsocket={whole.socket}\nuser=backing_up\npassword=backup-secret\n")
        login.chmod(0o600)
        as_user = ""
        if account := accounts.owner_of(whole.directory):
            as_user = f"setpriv --reuid={account.uid} --regid={account.gid} --clear-groups "
            accounts.give(scripts, account)
            os.chown(login, account.uid, account.gid)
        state = ("SELECT * FROM mysql.global_priv ORDER BY user, host", "SELECT name, status FROM mysql.event",
                 "SELECT * FROM mysql.plugin", "SELECT * FROM shop.audit")  # fmt: skip
        before = [standing(whole), *(ask(whole, query) for query in state)]
        database = Database(sa.create_engine(app.url, poolclass=sa.NullPool))
        environment = {**app.environment, "PATH": os.environ["PATH"], "TMPDIR": str(scripts)}
        source = Rehearsed(database, app.project, environment=environment)
        copy, drop = (f"{as_user}sh {scripts}/{name}.sh" for name in ("copy", "drop"))
        seen: list[Any] = []

        def look(what: str, done: float, total: float | None) -> None:
            if what == "downgrade" and not seen:
                (place,) = scripts.glob("dbadmin_*")
                url = app.url.set(username="dbadmin").update_query_dict({"unix_socket": f"{place}/s"})
                with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
                    seen.extend(connection.exec_driver_sql(APART).one())
                seen.extend((place.stat().st_mode & 0o777, int((place / "pid").read_text())))

        origin = Origin(copy_command=f"{copy} {login} shop", drop_command=drop)
        report = rehearse(source, Options(origin=origin), progress=look)
        database.close()
        assert (facts(report), lost(report).sample, report.source_unchanged) == ({LOST}, (3,), True)
        assert report.copy.left is None and "event ev disabled" in report.neutralised
        *apart, pid = seen
        assert apart == ["OFF", 1, 0, "./", 0, 0, 0, "dbadmin", 0o700]
        assert not list(scripts.glob("dbadmin_*")) and not processes.is_alive(pid)
        assert [standing(whole), *(ask(whole, query) for query in state)] == before


def test_a_table_that_reaches_another_server_is_named_where_the_copy_is_the_user_s(other: Server) -> None:
    ask(other, "INSTALL SONAME 'ha_federatedx'", "CREATE DATABASE far", "CREATE TABLE far.t (id INT)",
        "CREATE DATABASE near",
        f"CREATE SERVER far FOREIGN DATA WRAPPER mysql OPTIONS (USER 'root', DATABASE 'far', SOCKET '{other.socket}')",
        "CREATE TABLE near.there (id INT) ENGINE = FEDERATED CONNECTION = 'far/t'")  # fmt: skip
    try:
        database = Database(sa.create_engine(other.url("near"), poolclass=sa.NullPool))
        with open_in_place(database) as copy:
            ask(other, "INSERT INTO near.there VALUES (7)")
            assert ask(other, "SELECT * FROM far.t") == [(7,)]  # so it had to be said
            assert [told for told in copy.not_covered if told.startswith("table there reaches another server")]
    finally:
        ask(other, "DROP DATABASE near", "DROP DATABASE far", "DROP SERVER far", "UNINSTALL SONAME 'ha_federatedx'")
