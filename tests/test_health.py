"""`dbadmin inspect`: each check finds what it is for and mends it, and what cannot be looked at is skipped."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TestDatabase

import dbadmin
from dbadmin.errors import UnknownName, UsageError
from dbadmin.health.run import every_check
from dbadmin.results import HealthFinding, Inspection

pytestmark = pytest.mark.usefixtures("elsewhere")
SICK = {
    "sqlite": (
        "CREATE TABLE parents (id integer PRIMARY KEY, code text UNIQUE)",
        "CREATE TABLE children (id integer PRIMARY KEY, parent_id integer REFERENCES parents (id), note text)",
        "CREATE TABLE typed (id integer PRIMARY KEY, parent_id text REFERENCES parents (id))",
        "CREATE INDEX ix_typed ON typed (parent_id)",
        "CREATE INDEX ix_note ON children (note)",
        "CREATE INDEX ix_note_again ON children (note)",
        "CREATE INDEX ix_note_id ON children (note, id)",
        "CREATE TABLE keyless (a integer)",
    ),
    "postgresql": (
        "CREATE TABLE parents (id bigint PRIMARY KEY, code text UNIQUE)",
        "CREATE TABLE children (id integer PRIMARY KEY, parent_id bigint REFERENCES parents (id), note text)",
        "CREATE TABLE typed (id integer PRIMARY KEY, parent_id integer REFERENCES parents (id))",
        "CREATE INDEX ix_typed ON typed (parent_id)",
        "CREATE INDEX ix_note ON children (note)",
        "CREATE INDEX ix_note_again ON children (note)",
        "CREATE INDEX ix_note_id ON children (note, id)",
        "CREATE TABLE keyless (a integer NOT NULL)",
        "CREATE TABLE nearly (a integer NOT NULL, b text NOT NULL)",
        "CREATE UNIQUE INDEX ux_nearly ON nearly (a, b)",
        'CREATE TABLE "Odd ""name" (id integer PRIMARY KEY, "of parent" bigint REFERENCES parents (id))',
        "CREATE TABLE taken (id text, row_id text)",
        "CREATE TABLE divided (id integer, parent_id bigint REFERENCES parents (id), k integer) PARTITION BY RANGE (k)",
        "CREATE TABLE divided_1 PARTITION OF divided FOR VALUES FROM (0) TO (10)",
        "CREATE INDEX ix_k ON divided (k)",
        "CREATE INDEX ix_k_again ON divided (k)",
        'CREATE SCHEMA "other.sch%%ema"',
        'CREATE TABLE "other.sch%%ema".t (a integer PRIMARY KEY, "ü b" text)',
        'CREATE INDEX "1 x" ON "other.sch%%ema".t (lower("ü b") DESC) INCLUDE (a) WHERE "ü b" <> \'a%%b\'\'\'',
        'CREATE INDEX "2 x" ON "other.sch%%ema".t (lower("ü b") DESC) INCLUDE (a) WHERE "ü b" <> \'a%%b\'\'\'',
    ),
    "mariadb": (
        "CREATE TABLE parents (id bigint PRIMARY KEY, code varchar(20) UNIQUE)",
        "CREATE TABLE typed (id integer PRIMARY KEY, code varchar(10) REFERENCES parents (code), note varchar(20))",
        "CREATE INDEX ix_note ON typed (note)",
        "CREATE INDEX ix_note_again ON typed (note)",
        "CREATE INDEX ix_note_id ON typed (note, id)",
        "CREATE TABLE keyless (a integer NOT NULL)",
        "CREATE TABLE nearly (a integer NOT NULL, b varchar(20) NOT NULL)",
        "CREATE UNIQUE INDEX ux_nearly ON nearly (a, b)",
        "CREATE INDEX ix_hidden ON nearly (b)",
        "ALTER TABLE nearly ALTER INDEX ix_hidden IGNORED",
        "CREATE TABLE `Odd%% ``name` (id integer PRIMARY KEY, a integer)",
        "CREATE INDEX `ix ``1` ON `Odd%% ``name` (a)",
        "CREATE INDEX `ix ``2` ON `Odd%% ``name` (a)",
        "CREATE TABLE taken (id text, row_id text)",
        "CREATE TABLE divided (id integer, k integer) PARTITION BY RANGE (k) (PARTITION a VALUES LESS THAN (10))",
        "CREATE TABLE counted (n integer NOT NULL AUTO_INCREMENT, KEY ix_n (n))",
    ),
}
EXPECTED = {
    "sqlite": {
        "fk-without-index:children.parent_id",
        "fk-type-mismatch:typed.parent_id",
        "duplicate-index:children.ix_note_again",
        "overlapping-index:children.ix_note",
        "no-primary-key:keyless",
    },
    "postgresql": {
        "fk-without-index:children.parent_id",
        'fk-without-index:Odd "name.of parent',
        "fk-type-mismatch:typed.parent_id",
        "duplicate-index:children.ix_note_again",
        "overlapping-index:children.ix_note",
        "no-primary-key:keyless",
        "no-primary-key:nearly",
        "no-primary-key:taken",
        "no-primary-key:divided",
        "fk-without-index:divided.parent_id",
        "duplicate-index:divided.ix_k_again",
        "duplicate-index:other.sch%ema.t.2 x",
    },
    "mariadb": {
        "fk-type-mismatch:typed.code",
        "duplicate-index:typed.ix_note_again",
        "overlapping-index:typed.ix_note",
        "no-primary-key:keyless",
        "no-primary-key:nearly",
        "invalid-index:nearly.ix_hidden",
        "duplicate-index:Odd% `name.ix `2",
        "no-primary-key:taken",
        "no-primary-key:divided",
        "no-primary-key:counted",
    },
}
STRUCTURE = (
    "fk-without-index", "fk-type-mismatch", "duplicate-index", "overlapping-index", "no-primary-key", "invalid-index",
)  # fmt: skip


@pytest.fixture
def sick(database: TestDatabase) -> TestDatabase:
    """A database with one of each ill that its schema can have."""
    database.execute(*SICK[database.kind])
    return database


def inspected(database: TestDatabase, *checks: str, **options: Any) -> Inspection:
    with dbadmin.connect(url=database.url) as db:
        return db.inspect(*checks, **options)


def structure(database: TestDatabase) -> dict[str, HealthFinding]:
    """Findings about the schema, by key."""
    names = [name for name in STRUCTURE if name != "invalid-index" or database.kind != "sqlite"]
    return {finding.key: finding for finding in inspected(database, *names).findings}


def applied(database: TestDatabase, statements: tuple[str, ...]) -> None:
    """Run statements as a user would type them, outside of a transaction."""
    options = {"ssl_disabled": True} if database.kind == "mariadb" else {}
    engine = sa.create_engine(database.url, isolation_level="AUTOCOMMIT", connect_args=options)
    try:
        with engine.connect() as connection:
            cursor = connection.connection.cursor()  # the driver's own: nothing reads a % in it
            for statement in statements:
                cursor.execute(statement)
            cursor.close()
    finally:
        engine.dispose()


def test_what_a_finding_says_mends_it_and_the_reverse_takes_that_back(sick: TestDatabase) -> None:
    found = structure(sick)
    assert set(found) == EXPECTED[sick.kind]
    assert [key for key, finding in found.items() if not finding.sql and not finding.remedy] == []
    mended = {key: finding for key, finding in found.items() if finding.sql}
    applied(sick, tuple(one for finding in mended.values() for one in finding.sql))
    assert set(structure(sick)) == set(found) - set(mended)
    applied(sick, tuple(one for finding in reversed(mended.values()) for one in finding.undo))
    assert set(structure(sick)) == set(found)


def test_a_type_below_a_view_comes_with_the_views_instead_of_sql_that_fails(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TABLE parents (id bigint PRIMARY KEY)",
        'CREATE TABLE children (id integer PRIMARY KEY, "of" integer REFERENCES parents, other integer'
        " REFERENCES parents)",
        'CREATE VIEW "All children" AS SELECT "of" FROM children',
    )
    found = {finding.object: finding for finding in inspected(postgresql, "fk-type-mismatch").findings}
    seen, free = found["children.of"], found["children.other"]
    assert (seen.sql, seen.undo) == ((), ())
    assert '"All children"' in str(seen.remedy)
    applied(postgresql, free.sql)
    left = [finding.object for finding in inspected(postgresql, "fk-type-mismatch").findings]
    assert left == ["children.of"]


def test_an_index_that_nothing_read_is_told_of_and_one_that_is_needed_is_not(database: TestDatabase) -> None:
    if database.kind == "sqlite":
        (run,) = inspected(database_of(database), "unused-index").checks
        assert (run.state, "only" in str(run.reason)) == ("skipped", True)
        return
    on = ("SET GLOBAL userstat = ON",) if database.kind == "mariadb" else ()
    before = database.rows("SELECT @@GLOBAL.userstat")[0][0] if on else None
    database.execute(
        *on,
        "CREATE TABLE parents (id integer PRIMARY KEY, code varchar(20) UNIQUE)",
        "CREATE TABLE t (id integer PRIMARY KEY, parent_id integer REFERENCES parents (id), a integer, b integer)",
        "CREATE INDEX ix_parent ON t (parent_id)",
        "CREATE INDEX ix_used ON t (a)",
        "CREATE INDEX ix_idle ON t (b)",
        "CREATE UNIQUE INDEX ux ON t (b, a)",
    )
    try:
        force = "FORCE INDEX (ix_used)" if database.kind == "mariadb" else ""
        off = [] if database.kind == "mariadb" else ["SET enable_seqscan = off", "SET enable_bitmapscan = off"]
        flush = [] if database.kind == "mariadb" else ["SELECT pg_stat_force_next_flush()"]
        database.execute("INSERT INTO t VALUES (1, NULL, 1, 1)", *off, f"SELECT * FROM t {force} WHERE a = 1", *flush)
        young = inspected(database, "unused-index")
        assert [run.state for run in young.checks] == ["skipped"]
        assert "counters are only" in str(young.checks[0].reason)
        found = inspected(database, "unused-index", thresholds={"unused-index": 0}).findings
        assert [finding.object for finding in found] == ["t.ix_idle"]
        assert "not used once in" in found[0].detail
    finally:
        if on:
            database.execute(f"SET GLOBAL userstat = {before}")  # of a server that other tests share


def database_of(database: TestDatabase) -> TestDatabase:
    database.execute("CREATE TABLE t (id integer PRIMARY KEY)")
    return database


def test_an_index_whose_building_failed_is_told_of_and_built_again(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE TABLE t (id integer PRIMARY KEY, a integer)", "INSERT INTO t VALUES (1, 1), (2, 1)")
    with pytest.raises(Exception, match="could not create unique index"):
        applied(postgresql, ("CREATE UNIQUE INDEX CONCURRENTLY ux ON t (a)",))
    (finding,) = inspected(postgresql, "invalid-index").findings
    assert (finding.object, finding.severity) == ("t.ux", "error")
    postgresql.execute("DELETE FROM t WHERE id = 2")
    applied(postgresql, finding.sql)
    assert inspected(postgresql, "invalid-index").findings == ()


def test_findings_are_ignored_by_key_check_or_glob_and_what_met_none_is_said(sick: TestDatabase) -> None:
    entries = ("no-primary-key", {"key": "*:*ix_note_again", "reason": "soon"}, "unused-index:nothing")
    report = inspected(sick, "no-primary-key", "duplicate-index", ignore=entries, fail_on="note")
    said = {finding.key: finding.ignored for finding in report.findings}
    assert {reason for key, reason in said.items() if key.startswith("no-")} == {"no-primary-key"}
    assert {reason for key, reason in said.items() if key.endswith("ix_note_again")} == {"soon"}
    assert report.unmatched == ("unused-index:nothing",)
    assert report.ok == (not report.open)


def test_a_level_decides_whether_findings_are_bad_news(sick: TestDatabase) -> None:
    levels = {level: inspected(sick, "no-primary-key", fail_on=level).ok for level in ("error", "warning", "note")}
    assert levels == {"error": True, "warning": False, "note": False}
    assert inspected(sick, "no-primary-key").ok


def test_unknown_names_are_refused_with_their_neighbours(sqlite: TestDatabase) -> None:
    database_of(sqlite)
    with pytest.raises(UnknownName, match="did you mean 'unused-index'"):
        inspected(sqlite, "unused-indx")
    with pytest.raises(UnknownName, match="no check"):
        inspected(sqlite, thresholds={"nonsense": 1})
    with pytest.raises(UsageError, match="has no key"):
        inspected(sqlite, ignore=({"reason": "x"},))
    with pytest.raises(UsageError, match="is no level"):
        inspected(sqlite, fail_on="fatal")


def test_every_check_says_what_it_is(run: Any) -> None:
    listed = run("inspect", "--list", "--format", "json").json()["checks"]
    assert [check["name"] for check in listed] == list(every_check())
    for check in listed:
        assert check["engines"] and check["reads"] and check["why"] and check["mend"], check
    one = run("inspect", "--list", "unused-index", "--format", "json").json()["checks"]
    assert [check["name"] for check in one] == ["unused-index"]
    assert run("inspect", "--list", "nonsense").code == 2


def test_the_command_takes_its_lists_from_the_configuration(sqlite: TestDatabase, run: Any, tmp_path: Any) -> None:
    sqlite.execute(*SICK["sqlite"])
    url = sqlite.url.render_as_string(hide_password=False)
    (tmp_path / "dbadmin.toml").write_text(
        f"url = {json.dumps(url)}\n[inspect]\n"
        'ignore = ["overlapping-index", {key = "no-primary-key:keyless", reason = "a log"}]\n'
        'fail_on = "warning"\n'
    )
    finished = run("inspect", "no-primary-key", "overlapping-index", "--format", "json", cwd=tmp_path)
    answer = finished.json()
    ignored = {f["key"]: f["ignored"] for f in answer["findings"] if f["ignored"]}
    assert ignored["no-primary-key:keyless"] == "a log"
    bad = [f for f in answer["findings"] if not f["ignored"] and f["severity"] != "note"]
    assert (finished.code, answer["ok"]) == ((1, False) if bad else (0, True))
    assert run("inspect", "no-primary-key", "--ignore", "*", "--format", "json", cwd=tmp_path).code == 0
    assert "not CHECK=NUMBER" in run("inspect", "--threshold", "unused-index", cwd=tmp_path).stderr


NARROW = {
    "postgresql": ("DROP ROLE IF EXISTS narrow", "CREATE ROLE narrow LOGIN PASSWORD 'narrow'"),
    "mariadb": (
        "CREATE OR REPLACE USER narrow@localhost IDENTIFIED BY 'narrow'",
        "GRANT SELECT ON `{name}`.* TO narrow@localhost",
    ),
}
NO_MORE = {"postgresql": "DROP ROLE narrow", "mariadb": "DROP USER narrow@localhost"}


@pytest.fixture
def narrow(database: TestDatabase) -> Iterator[sa.URL]:
    """A login that may connect, on MariaDB read the tables, and nothing else."""
    if database.kind == "sqlite":
        pytest.skip("SQLite has no logins")
    database.execute(*(statement.format(name=database.name) for statement in NARROW[database.kind]))
    yield database.url.set(username="narrow", password="narrow")
    database.execute(NO_MORE[database.kind])


def test_a_login_without_rights_gets_an_answer(database: TestDatabase, narrow: sa.URL) -> None:
    apart = ("CREATE SCHEMA apart", "CREATE TABLE apart.t (a integer)") if database.kind == "postgresql" else ()
    database.execute(*SICK[database.kind], *apart)
    with dbadmin.connect(url=narrow) as db:
        report = db.inspect()
    assert {run.state for run in report.checks} <= {"ok", "found", "skipped"}
    skipped = {run.name: run for run in report.checks if run.state == "skipped"}
    assert all(run.reason for run in skipped.values())
    found = {finding.key for finding in report.findings}
    assert "no-primary-key:keyless" in found
    if database.kind == "postgresql":
        assert "no-primary-key:apart.t" in found
    else:
        assert "lacks a right" in str(skipped["blocking"].reason)
        database.execute(*str(skipped["blocking"].enable).rstrip(";").split("; "))
        with dbadmin.connect(url=narrow) as db:
            (run,) = db.inspect("blocking").checks
        assert run.state == "ok"
