"""What proves a backup, table by table, and what keeps it from being made or restored."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dumping import mariadb_dump, silent
from rehearsing import BASE, build, facts
from rehearsing import PEOPLE as PEOPLE_TOO
from servers import ENGINES, MariadbServer, PostgresqlServer, Servers, TestDatabase
from test_backup import PEOPLE, back_up, change_what_is_restored, shown

import dbadmin
from dbadmin.admin import open_admin
from dbadmin.copies import restoring
from dbadmin.copies.backups import open_backup, proof, write
from dbadmin.copies.make import chosen_place, open_from_command, refuse_too_large
from dbadmin.database import Database
from dbadmin.dialects import TableName
from dbadmin.dialects.backups import of_engine
from dbadmin.errors import ConnectionFailed, DamagedBackup, InternalError, MissingExtra, NotFinished, UsageError
from dbadmin.rollback import Options, Rehearsed, judge, rehearse
from dbadmin.rollback.origin import Origin
from dbadmin.state import snapshot

pytestmark = pytest.mark.rehearsal

BAG = TableName(None, "bag")


def quiet(*_: object) -> None: ...


@pytest.fixture
def filled(sqlite: TestDatabase) -> TestDatabase:
    sqlite.execute(*PEOPLE)
    return sqlite


@contextmanager
def opened(database: TestDatabase) -> Iterator[Database]:
    made = Database(sa.create_engine(database.url, poolclass=sa.NullPool))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("statement", "lacks"),
    [("DROP VIEW names", "view names"), ("DROP INDEX ix_name", "index .*ix_name"), ("DROP TABLE bag", "table bag")],
)
def test_an_object_that_did_not_come_back_is_named(
    statement: str, lacks: str, filled: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_what_is_restored(statement, monkeypatch)
    with pytest.raises(DamagedBackup, match=f"lacks what the database has: .*{lacks}"):
        back_up(filled, tmp_path / "shop.db", verify=True)
    assert not (tmp_path / "shop.db").exists()


def test_accounts_of_the_server_are_not_looked_for_in_a_backup(mariadb: TestDatabase, tmp_path: Path) -> None:
    mariadb.execute(
        "CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1)",
        "CREATE OR REPLACE USER elsewhere@localhost", f"GRANT SELECT ON {mariadb.name}.* TO elsewhere@localhost",
    )  # fmt: skip
    try:
        report = back_up(mariadb, tmp_path / "shop.sql", verify=True)
    finally:
        mariadb.execute("DROP USER elsewhere@localhost")
    assert report.proof is not None
    assert (report.proof.rows, report.proof.not_proven) == (1, ())


def test_a_backup_by_an_account_that_sees_some_tables_says_so(mariadb: TestDatabase, tmp_path: Path) -> None:
    mariadb.execute(
        "CREATE TABLE t (id integer PRIMARY KEY)", "CREATE TABLE hidden (id integer PRIMARY KEY)",
        "CREATE OR REPLACE USER some@localhost", f"GRANT SELECT ON {mariadb.name}.t TO some@localhost",
    )  # fmt: skip
    seen = replace(mariadb, url=mariadb.url.set(username="some"))
    try:
        told = " ".join(back_up(seen, tmp_path / "some.sql").not_covered)
    finally:
        mariadb.execute("DROP USER some@localhost")
    assert "tables: this account sees those alone that it was granted one by one" in told
    assert "tables:" not in " ".join(back_up(mariadb, tmp_path / "all.sql").not_covered)


def test_a_table_that_was_dropped_meanwhile_is_not_proven(
    filled: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = proof.read_state

    def drop_first(source: Any, progress: Any) -> Any:
        with closing(sqlite3.connect(str(filled.url.database))) as other:
            other.execute("DROP TABLE bag")
        return reading(source, progress)

    monkeypatch.setattr(proof, "read_state", drop_first)
    report = back_up(filled, tmp_path / "shop.db", verify=True)
    assert report.proof is not None
    assert [(one.table, one.reason) for one in report.proof.not_proven] == [("bag", "it was dropped meanwhile")]
    assert report.exit_code == 5


def test_what_cannot_be_read_or_compared_is_not_proven_and_what_is_missing_is_damage(filled: TestDatabase) -> None:
    with opened(filled) as database, filled.connect() as source, filled.connect() as copy:
        state = database.run(snapshot)
        bag = state.data[BAG]
        partly = replace(bag, not_compared={"b": "no exact method for its type"})
        unreadable = replace(bag, not_compared={"": "permission denied"})
        other_method = replace(bag, method="of another server")

        def told(old: Any, held: Any) -> str | None:
            states = [replace(state, data={**state.data, BAG: data} if data else {}) for data in (old, old, held)]
            return proof._compare(copy, BAG, (states[0], states[1], states[2]), source)

        assert told(bag, bag) is None
        assert told(bag, other_method) is None, "rows are compared where fingerprints cannot be"
        assert told(bag, unreadable) == "permission denied"
        assert told(unreadable, None) == "permission denied"
        assert told(partly, partly) == "no exact method for its type"
        with pytest.raises(DamagedBackup, match="lacks the table bag"):
            told(bag, None)


def test_an_ordinary_role_s_backup_is_proven_on_a_server_that_hashes_otherwise(
    postgresql: TestDatabase, tmp_path: Path
) -> None:
    postgresql.execute(*(statement.replace("%", "%%") for statement in PEOPLE))
    postgresql.execute("CREATE ROLE reader LOGIN", "GRANT pg_read_all_data TO reader")
    try:
        reader = TestDatabase("postgresql", postgresql.url.set(username="reader"), postgresql.name)
        report = back_up(reader, tmp_path / "shop.dump", verify=True)
        assert report.proof is not None and report.proof.not_proven == ()
    finally:
        postgresql.execute("DROP OWNED BY reader", "DROP ROLE reader")


def test_what_cannot_be_written_is_told_before_any_work(
    filled: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there.db").mkdir()
    wrong = (
        ("shop/", "the suffix says"),
        ("gone/shop.db", "there is no directory"),
        ("there.db", "a directory is not replaced"),
    )
    with open_admin(url=filled.url, app=str(tmp_path)) as admin:
        for name, why in wrong:
            with pytest.raises(UsageError, match=why):
                admin.backup(f"{tmp_path}/{name}")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(UsageError, match="cannot be written to"):
        write.refuse_target(tmp_path / "shop.db", folder=False, force=False)


def test_a_compression_that_is_not_installed_names_its_extra(
    filled: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtra, match="zstandard"):
        back_up(filled, tmp_path / "shop.db.zst")
    assert [path.name for path in tmp_path.iterdir() if "shop.db" in path.name] == []


def test_a_backup_of_another_engine_fills_nothing(
    filled: TestDatabase, postgresql: TestDatabase, tmp_path: Path
) -> None:
    path = Path(back_up(filled, tmp_path / "shop.db").path)
    with pytest.raises(UsageError, match="is a database of postgresql"):
        dbadmin.restore(path, shown(postgresql.url), app=str(tmp_path))
    with (
        opened(postgresql) as database,
        pytest.raises(UsageError, match="made a database of sqlite, and the source is postgresql"),
        open_from_command(database, f"echo sqlite:///{path}", None, environment=os.environ, progress=quiet),
    ):
        pass


def test_a_place_that_is_no_url_and_a_size_that_nobody_knows(filled: TestDatabase) -> None:
    with opened(filled) as database, pytest.raises(InternalError, match="was not read as a URL"):
        chosen_place(database, None, "postgresql://app:***@h/d")
    refuse_too_large(None, 0, 0)


def test_a_restore_that_is_interrupted_says_how_the_database_is_now(
    postgresql: TestDatabase, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgresql.execute(*(statement.replace("%", "%%") for statement in PEOPLE))
    path = Path(back_up(postgresql, tmp_path / "shop.dump").path)
    server = servers.get(PostgresqlServer)
    assert ENGINES["postgresql"] is PostgresqlServer
    target = server.create(tmp_path)
    engine = of_engine("postgresql")

    def leave_and_stop(*_: Any, **__: Any) -> Any:
        target.execute("CREATE TABLE half (x integer)")
        raise KeyboardInterrupt

    def lose(*_: Any) -> None:
        raise ConnectionFailed("the server is gone", hint="look for it")

    try:
        with monkeypatch.context() as patch:
            patch.setattr(type(engine), "load", leave_and_stop)
            with pytest.raises(KeyboardInterrupt) as stopped:
                dbadmin.restore(path, shown(target.url), app=str(tmp_path))
            assert stopped.value.__notes__ == [f"{target.name} is empty, as it was"]
            patch.setattr(type(engine), "empty", lose)
            with pytest.raises(KeyboardInterrupt) as stopped:
                dbadmin.restore(path, shown(target.url), app=str(tmp_path))
            assert stopped.value.__notes__ == [f"{target.name} may hold a part of it (the server is gone)"]
            patch.setattr(type(engine), "empty", quiet)
            assert restoring.left_behind("postgresql", target.url, target.name, ()) == f"{target.name} holds half"
    finally:
        server.drop(target)


def test_a_server_that_is_not_there_is_told_before_the_backup_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed):
        dbadmin.restore(tmp_path / "none", f"postgresql+psycopg:///shop?host={tmp_path}", app=str(tmp_path))


def test_a_refusal_of_the_engine_gives_the_hint_of_a_restore(
    filled: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(back_up(filled, tmp_path / "shop.db").path)
    said = NotFinished("it does not fit", hint="restore it yourself, then --in-place")

    def refuse(*_: Any, **__: Any) -> Any:
        raise said

    monkeypatch.setattr(type(of_engine("sqlite")), "load", refuse)
    with pytest.raises(NotFinished, match=r"it does not fit; other\.db is empty, as it was") as caught:
        dbadmin.restore(path, f"sqlite:///{tmp_path}/other.db", app=str(tmp_path))
    assert caught.value.hint == "restore it into another database, or with the engine's own tools"


def test_a_dump_that_cannot_be_checked_proves_nothing_and_an_empty_one_is_damage(
    mariadb: TestDatabase, servers: Servers, tmp_path: Path
) -> None:
    running = servers.get(MariadbServer)
    assert isinstance(running, MariadbServer)
    app = build(tmp_path, mariadb.url, {"a1": BASE, "b2": ("a1", "pass", "pass")}, at="a1", fill=PEOPLE_TOO)
    dump = mariadb_dump(running.server.socket, mariadb.name, tmp_path / "dump", "--skip-comments")
    source = Rehearsed(None, app.project, environment=app.environment)
    report = rehearse(source, Options(origin=Origin(backup=dump)), progress=silent)
    assert "unproven" in report.verdict
    assert ("not-compared", None, "backup") in facts(report)
    dump.write_text("-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n-- Dump completed on 2026-01-02\n")
    with pytest.raises(DamagedBackup, match="holds no statement"), open_backup(dump, progress=silent):
        pass


def test_a_script_that_cannot_be_read_any_more_has_no_text() -> None:
    assert judge._text("/gone/b2.py") == judge._text(None) == ""
