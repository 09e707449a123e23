"""A copy of a MariaDB database is the whole of it, on a server of its own, and the source is only read."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from copying import opened, silent
from servers import TestDatabase

from dbadmin.dialects import Place, named
from dbadmin.dialects.mysql import dump, surroundings
from dbadmin.dialects.mysql.binaries import Binaries
from dbadmin.errors import NoScratchServer, NotFinished
from dbadmin.state import Snapshot, compare, snapshot

PASSWORD = "pa\"ss#w\\o'rd ;%41"
EVERYTHING = [
    ("CREATE TABLE users (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL, mood ENUM('a','b'), data BLOB,"
    " at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, j JSON, v INT AS (LENGTH(name)) STORED) AUTO_INCREMENT = 100"),
    (r"INSERT INTO users (name, data, j) VALUES ('Zoë 😀', x'00FF0A1B5C27', '{\"a\": 1}'),"
     r" ('tab\tnew\nline\\', '\0', NULL)"),
    ("CREATE TABLE posts (id INT PRIMARY KEY AUTO_INCREMENT, user_id INT, CONSTRAINT fk_user FOREIGN KEY (user_id)"
    " REFERENCES users (id) ON DELETE CASCADE)"),
    "INSERT INTO posts (user_id) VALUES (100), (101)",
    "CREATE VIEW names AS SELECT id, name FROM users",
    "CREATE DEFINER = nobody_here@localhost VIEW foreign_names AS SELECT id FROM users",
    "CREATE SEQUENCE numbers START WITH 10 INCREMENT BY 5",
    "SELECT NEXTVAL(numbers)",
    "CREATE TABLE passing (x INT) ENGINE = MEMORY",
    "INSERT INTO passing VALUES (1), (2)",
    "CREATE TABLE old (x INT PRIMARY KEY) ENGINE = MyISAM",
    "INSERT INTO old VALUES (7)",
    "CREATE TRIGGER tr AFTER INSERT ON posts FOR EACH ROW INSERT INTO old VALUES (new.id)",
    "CREATE DEFINER = nobody_here@localhost PROCEDURE pr() BEGIN SELECT 1; END",
    "CREATE FUNCTION fu(a INT) RETURNS INT DETERMINISTIC RETURN a + 1",
    "CREATE EVENT every_second ON SCHEDULE EVERY 1 SECOND STARTS '2026-01-01 00:00:00' DO INSERT INTO old VALUES (8)",
    "CREATE TABLE history (x INT) WITH SYSTEM VERSIONING",
    "INSERT INTO history VALUES (1)",
    "UPDATE history SET x = 2",
    ("CREATE TABLE parts (x INT) PARTITION BY RANGE (x)"
    " (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)"),
    "INSERT INTO parts VALUES (1), (11)",
]  # fmt: skip


@contextmanager
def connected(url: sa.URL) -> Iterator[sa.Connection]:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        yield connection


def rows(url: sa.URL, query: str) -> list[tuple[Any, ...]]:
    with connected(url) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def state(url: sa.URL) -> Snapshot:
    """Everything but the accounts of the server."""
    with connected(url) as connection:
        found = snapshot(connection)
    return replace(found, schema={key: text for key, text in found.schema.items() if key.kind != "user"})


@contextmanager
def placed(source: TestDatabase, url: sa.URL | None = None) -> Iterator[tuple[Place, Any]]:
    with connected(url or source.url) as connection:
        facts = named("mysql").copying.facts(connection)
    with named("mysql").copying.place(facts) as place:
        yield place, facts


@pytest.mark.rehearsal
def test_a_copy_on_a_private_server_is_said_to_be_mariadb(mariadb: TestDatabase) -> None:
    before = {one.name for one in named("mysql").copying.existing()}
    with placed(mariadb):
        (made,) = [one for one in named("mysql").copying.existing() if one.name not in before]
    assert made.engine == "mariadb"


@pytest.mark.rehearsal
def test_a_copy_and_its_clone_hold_everything_and_are_apart(mariadb: TestDatabase) -> None:
    mariadb.execute(*EVERYTHING)
    source = state(mariadb.url)
    with opened(str(mariadb.url)) as copy:
        assert compare(source, state(copy.url)) == ()
        pristine = copy.keep_pristine()
        assert compare(source, state(copy.url)) == ()
        with connected(copy.url) as connection:
            connection.exec_driver_sql("DELETE FROM users")
            connection.commit()
        assert compare(source, state(pristine)) == ()
        assert rows(pristine, "SELECT x FROM passing") == [(1,), (2,)]
        assert rows(pristine, "SELECT x FROM history FOR SYSTEM_TIME ALL ORDER BY x") == [(1,), (2,)]
        assert rows(pristine, "SELECT id FROM foreign_names ORDER BY id") == [(100,), (101,)]
        assert rows(pristine, "SELECT database(), fu(1)") == [(mariadb.name, 2)]
        assert rows(copy.url, "SELECT count(*) FROM posts") == [(0,)]
        assert "event every_second does not run" in copy.neutralised
        assert any("passing" in note and "old" in note for note in copy.not_covered)
    assert mariadb.rows("SELECT count(*) FROM users") == [(2,)]


@pytest.mark.rehearsal
def test_an_empty_database_is_called_like_the_source_and_made_like_it(mariadb: TestDatabase) -> None:
    mariadb.execute(f"ALTER DATABASE {mariadb.name} CHARACTER SET latin1 COLLATE latin1_german2_ci")
    query = "SELECT database(), @@character_set_database, @@collation_database"
    with placed(mariadb) as (place, _):
        url = place.empty("dbadmin_reference")
        assert rows(url, query) == mariadb.rows(query)
        place.drop("dbadmin_reference")


@pytest.mark.rehearsal
def test_a_password_is_on_no_command_line_and_the_copy_is_used_by_the_same_name(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    popen = subprocess.Popen

    def recorded(command: Any, **options: Any) -> Any:
        started.append(f"{command} {options.get('env')}")
        return popen(command, **options)

    escaped = PASSWORD.replace("\\", "\\\\").replace("'", "''").replace("%", "%%")
    mariadb.execute(
        f"CREATE USER app@'%%' IDENTIFIED BY '{escaped}'",
        f"GRANT ALL ON {mariadb.name}.* TO app@'%%'",
        "CREATE TABLE t (x INT)",
    )
    url = mariadb.url.set(username="app", password=PASSWORD)
    try:
        with placed(mariadb, url) as (place, facts):
            monkeypatch.setattr(subprocess, "Popen", recorded)
            copied = place.copy(url, mariadb.name, facts=facts, progress=silent)
            monkeypatch.undo()
            assert rows(copied.url, "SELECT CURRENT_USER()") == [("app@%",)]
    finally:
        mariadb.execute("DROP USER app@'%%'")
    assert len([line for line in started if "mariadb" in line]) == 2
    assert not [line for line in started if "rd ;%41" in line]


@pytest.mark.rehearsal
def test_what_cannot_come_along_is_left_out_and_told(mariadb: TestDatabase) -> None:
    other = f"{mariadb.name}_other"
    mariadb.execute(
        f"CREATE DATABASE {other}",
        f"CREATE TABLE {other}.there (x INT)",
        "CREATE TABLE t (x INT)",
        f"CREATE VIEW outside AS SELECT * FROM {other}.there",
        f"CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO {other}.there VALUES (new.x)",
        "CREATE TABLE gone (x INT)",
        "CREATE VIEW broken AS SELECT x FROM gone",
        "DROP TABLE gone",
        "CREATE USER reader@localhost",
        f"GRANT SELECT, SHOW VIEW ON {mariadb.name}.* TO reader@localhost",
        f"GRANT SELECT ON {other}.* TO reader@localhost",
    )
    try:
        with placed(mariadb) as (place, facts):
            copied = place.copy(mariadb.url, mariadb.name, facts=facts, progress=silent)
            assert rows(copied.url, "SHOW TABLES") == [("t",)]
            with connected(copied.url) as connection, pytest.raises(sa.exc.ProgrammingError, match=other):
                connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        with connected(mariadb.url.set(username="reader")) as connection:
            seen = surroundings.read(connection)
    finally:
        mariadb.execute("DROP USER reader@localhost", f"DROP DATABASE {other}")
    assert copied.neutralised == (f"trigger tr names the database {other}, which does not exist here",)
    told = " ".join(copied.not_covered)
    assert f"outside: a view on the database {other} is left out" in told
    assert "broken: a view that the source itself cannot read is left out" in told
    assert (seen.unseen, seen.only_some) == (("triggers", "events"), False)
    assert "triggers, events: this account may not see all of them" in " ".join(surroundings.not_covered(seen, "10.11"))


def fake_tool(directory: Path, script: str) -> Path:
    path = directory / "fake"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'CREATE TABLE t (x INT);'", "ended before the dump was complete"),
        ("echo 'CREATE TABLE t (x INT);'; echo '-- Dump completed'; echo 'no such table' >&2; exit 2", "no such table"),
        ("echo 'CREATE TABLE t (x NO);'; echo '-- Dump completed'", "loading the copy failed: .*Unknown data type"),
    ],
)
@pytest.mark.rehearsal
def test_a_dump_counts_only_when_it_is_whole_and_both_tools_say_so(
    mariadb: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    tool = Binaries.tool
    fake = fake_tool(tmp_path, script)
    monkeypatch.setattr(Binaries, "tool", lambda self, name: fake if name == "mariadb-dump" else tool(self, name))
    with placed(mariadb) as (place, facts), pytest.raises(NotFinished, match=told):
        place.copy(mariadb.url, mariadb.name, facts=facts, progress=silent)


@pytest.mark.rehearsal
def test_a_table_that_somebody_holds_locked_ends_the_dump(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "_WAIT", 1.0)
    mariadb.execute("CREATE TABLE t (x INT)")
    with placed(mariadb) as (place, facts), connected(mariadb.url) as other:
        other.exec_driver_sql("LOCK TABLES t WRITE")
        with pytest.raises(NotFinished, match="another session held a lock"):
            place.copy(mariadb.url, mariadb.name, facts=facts, progress=silent)


def test_a_source_of_mysql_is_no_matter_for_mariadb(mariadb: TestDatabase) -> None:
    with connected(mariadb.url) as connection:
        facts = replace(surroundings.read(connection), family="mysql", version="8.4.2")
    with (
        pytest.raises(NoScratchServer, match=r"no MySQL 8\.4 or later on this machine .*found MariaDB") as refused,
        named("mysql").copying.place(facts),
    ):
        pass
    assert "--copy-command" in (refused.value.hint or "")


def test_the_same_settings_are_in_force_on_the_copys_server(mariadb: TestDatabase) -> None:
    with connected(mariadb.url) as connection:
        found = replace(surroundings.read(connection), offset="+05:30")
    settings = {**found.settings, "sql_mode": "ANSI_QUOTES,STRICT_ALL_TABLES", "lower_case_table_names": "1"}
    with named("mysql").copying.place(replace(found, settings=settings)) as place:
        url = place.empty("dbadmin_reference")
        query = "SELECT @@GLOBAL.sql_mode, @@lower_case_table_names, @@GLOBAL.time_zone"
        assert rows(url, query) == [("ANSI_QUOTES,STRICT_ALL_TABLES", 1, "+05:30")]


class Found:
    def __init__(self, name: str, engine: str, comment: str = "") -> None:
        self.name, self.engine, self.comment = name, engine, comment


def test_a_table_that_lives_on_another_server_is_left_out() -> None:
    tables = [Found("here", "InnoDB"), Found("there", "FEDERATED"), Found("far", "CONNECT")]
    assert set(surroundings._left_out(tables, ())) == {"there", "far"}
