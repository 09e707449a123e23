"""verify-rollback --after-upgrade: what the new version writes is a loss only where the downgrade loses it."""

from pathlib import Path

import pytest
from rehearsing import BASE, PEOPLE, build, facts, rehearsed
from servers import TestDatabase
from snapshots import leg, snap, table

from dbadmin.errors import StatementFailed, UsageError
from dbadmin.migrations.script import checked
from dbadmin.results import AfterUpgrade, RollbackFinding
from dbadmin.rollback.after import Written, not_steady
from dbadmin.rollback.walk import Walk
from dbadmin.state import compare

UP = """
op.add_column("people", sa.Column("age", sa.Integer))
op.create_table("pets", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
with op.batch_alter_table("people") as batch:
    batch.alter_column("name", existing_type=sa.String(50), nullable=True)
"""
DOWN = """
with op.batch_alter_table("people") as batch:
    batch.alter_column("name", existing_type=sa.String(50), nullable=False)
op.drop_table("pets")
op.drop_column("people", "age")
"""
HARMLESS = """
-- rows that the old version knows as well; and one that it may forget
INSERT INTO people (id, name, mood) VALUES (10, 'Hedy', 'calm');
UPDATE people SET mood = 'brisk' WHERE id = 1;
DELETE FROM people WHERE id = 3;
"""


def written(directory: Path, text: str, name: str = "after.sql") -> Path:
    path = directory / name
    path.write_text(text)
    return path


@pytest.mark.rehearsal
@pytest.mark.parametrize("engine_kind", ["sqlite", "postgresql"])
def test_rows_that_stay_are_no_residue_and_what_the_downgrade_drops_is_lost_by_design(
    database: TestDatabase, tmp_path: Path
) -> None:
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", UP, DOWN)}, at="a1", fill=PEOPLE)
    report = rehearsed(app, after_upgrade=written(tmp_path, HARMLESS))
    assert (report.verdict, facts(report)) == ("safe", {("blocked-by-new-data", "b2", "people.name")})
    assert report.after_upgrade is not None
    assert (report.after_upgrade.touched, report.after_upgrade.skipped) == (("people",), None)

    more = HARMLESS + "INSERT INTO pets VALUES (1, 'Rex'), (2, 'Tom'); UPDATE people SET age = 7 WHERE id = 10;"
    report = rehearsed(app, after_upgrade=written(tmp_path, more))
    found = {f.object: (f.code, f.phase, f.rows, f.by_design) for f in report.findings if f.severity == "error"}
    assert found == {
        "pets": ("rows-lost", "downgrade", 2, True),
        "people.age": ("values-lost", "downgrade", 1, True),
    }
    assert report.verdict == "lossy"
    assert "data-at-risk" not in {f.code for f in report.findings}, "the risk has become a fact"


@pytest.mark.rehearsal
def test_a_sequence_that_falls_back_below_what_the_new_version_took_is_found(
    postgresql: TestDatabase, tmp_path: Path
) -> None:
    down = 'op.execute("ALTER SEQUENCE people_id_seq RESTART WITH 4")\nop.drop_column("people", "age")'
    revisions = {"a1": BASE, "b2": ("a1", 'op.add_column("people", sa.Column("age", sa.Integer))', down)}
    fill = (*PEOPLE, "SELECT setval('people_id_seq', 3)")
    app = build(tmp_path, postgresql.url, revisions, at="a1", fill=fill)
    assert facts(rehearsed(app)) == set()
    script = written(tmp_path, "INSERT INTO people (name) VALUES ('Hedy'), ('Lise')")
    report = rehearsed(app, after_upgrade=script)
    (found,) = [f for f in report.findings if f.severity == "error"]
    assert (found.code, found.object, found.revision) == ("sequence-changed", "people_id_seq", "b2")
    assert (report.verdict, "in the walk with after.sql" in found.detail) == ("residue", True)


@pytest.mark.rehearsal
def test_a_downgrade_that_fails_on_what_was_written_names_the_rule_and_the_rows(
    database: TestDatabase, tmp_path: Path
) -> None:
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", UP, DOWN)}, at="a1", fill=PEOPLE)
    script = written(tmp_path, "INSERT INTO people (id, name) VALUES (10, NULL), (11, NULL)")
    report = rehearsed(app, after_upgrade=script)
    assert report.verdict == "broken"
    assert facts(report) == {("downgrade-failed", "b2", "b2"), ("blocked-by-new-data", "b2", "people.name")}
    failed, blocked = (
        next(f for f in report.findings if f.code == code) for code in ("downgrade-failed", "blocked-by-new-data")
    )
    assert "it fails on what after.sql had written" in failed.detail
    assert "people.name (2 rows)" in failed.detail
    assert (blocked.rows, blocked.query) == (2, "SELECT count(*) FROM people WHERE name IS NULL")
    assert [step.state for step in report.steps] == ["ok", "ok", "ok"], "the deciding walk goes without the script"


@pytest.mark.rehearsal
def test_a_new_value_that_the_downgrade_cuts_short_is_changed_and_one_that_it_converts_is_not(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    up = 'op.execute("UPDATE people SET mood = upper(mood)")'
    down = """
    op.execute("UPDATE people SET mood = lower(mood)")
    op.execute("UPDATE people SET name = substr(name, 1, 8)")
    """
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", up, down)}, at="a1", fill=PEOPLE)
    script = written(tmp_path, "INSERT INTO people (id, name, mood) VALUES (10, 'Ada Lovelace', 'CALM')")
    report = rehearsed(app, after_upgrade=script)
    (found,) = [f for f in report.findings if f.severity == "error"]
    assert (found.code, found.object, found.rows, found.by_design) == ("values-changed", "people.name", 1, False)
    assert found.sample == (10,)


@pytest.mark.rehearsal
def test_what_differs_from_one_upgrade_to_the_next_is_no_loss_of_a_script_that_did_not_write_it(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    up = """
    op.add_column("people", sa.Column("at", sa.Float))
    import time
    op.execute(f"UPDATE people SET at = {time.time()}")
    op.create_table("pets", sa.Column("id", sa.Integer, primary_key=True))
    """
    down = 'op.drop_table("pets")\nop.drop_column("people", "at")'
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", up, down)}, at="a1", fill=PEOPLE)
    report = rehearsed(app, after_upgrade=written(tmp_path, "INSERT INTO pets VALUES (1)"))
    assert facts(report) == {("rows-lost", "b2", "pets")}


@pytest.mark.rehearsal
def test_from_the_head_the_script_adds_to_what_is_there(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", UP, DOWN)}, fill=PEOPLE)
    assert rehearsed(app).verdict == "safe"
    report = rehearsed(app, after_upgrade=written(tmp_path, "UPDATE people SET age = 1"))
    assert facts(report) == {("values-lost", "b2", "people.age"), ("blocked-by-new-data", "b2", "people.name")}
    assert report.plan.kind == "head"


PYTHON = """
from sqlalchemy import text

session.execute(text("INSERT INTO people (id, name) VALUES (10, 'Hedy')"))
assert connection.execute(text("SELECT count(*) FROM people")).scalar() == 4
session.commit()
with engine.begin() as other:
    other.execute(text("INSERT INTO pets VALUES (1, 'Rex')"))
"""


@pytest.mark.rehearsal
@pytest.mark.parametrize("engine_kind", ["sqlite", "postgresql"])
def test_a_python_script_has_engine_connection_and_session_on_the_copy(database: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", UP, DOWN)}, at="a1", fill=PEOPLE)
    report = rehearsed(app, after_upgrade=written(tmp_path, PYTHON, "after.py"))
    assert facts(report) == {("rows-lost", "b2", "pets"), ("blocked-by-new-data", "b2", "people.name")}
    assert database.rows("SELECT count(*) FROM people") == [(3,)], "the source is not written to"


@pytest.mark.rehearsal
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.sql", "SELECT 1;\n\n-- where?\nINSERT INTO nowhere\nVALUES (1);", r"a\.sql:4: .*nowhere"),
        ("a.py", "x = 1\n\nraise ValueError('no such customer')", r"a\.py:3: no such customer"),
        ("b.py", "import socket\nsocket.create_connection(('192.0.2.1', 80), 1)", r"b\.py:2: 192\.0\.2\.1:80"),
        ("c.py", "import socket\ntry:\n  socket.create_connection(('192.0.2.1', 80), 1)\nexcept BaseException:\n  pass",
         r"c\.py: .*192\.0\.2\.1:80"),
        ("d.py", "import sys\nsys.exit(3)", r"d\.py:2: SystemExit: 3"),
    ],
)  # fmt: skip
def test_a_script_that_fails_is_named_with_its_line(
    name: str, text: str, message: str, sqlite: TestDatabase, tmp_path: Path
) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", UP, DOWN)}, at="a1", fill=PEOPLE)
    with pytest.raises(StatementFailed, match=message) as raised:
        rehearsed(app, after_upgrade=written(tmp_path, text, name))
    assert raised.value.exit_code == 5


@pytest.mark.rehearsal
def test_without_a_downgrade_there_is_nothing_to_write_for(sqlite: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": BASE, "b2": ("a1", UP, "raise NotImplementedError")}
    report = rehearsed(build(tmp_path, sqlite.url, revisions, at="a1"), after_upgrade=written(tmp_path, "SELECT 1"))
    assert report.verdict == "irreversible"
    assert report.after_upgrade == AfterUpgrade(str(tmp_path / "after.sql"), skipped="the downgrade fails without it")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "SELECT 1", "not a script that can be run"),
        ("a.sql", "-- nothing yet\n ;", "holds no statement"),
        ("a.sql", "SELECT 1;\n\\set x 1", r":2: \\set is a command of psql's own"),
        ("a.py", "x = (1", ":1: "),
        ("a.sql", None, "No such file"),
    ],
)  # fmt: skip
def test_a_script_that_cannot_be_run_is_refused_before_anything_is_copied(
    name: str, text: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message):
        checked(path)


def found(code: str, obj: str, rows: int | None = None) -> RollbackFinding:
    return RollbackFinding(code, "note", "downgrade", "b2", obj, rows, None, False, False, "")


def test_the_second_walk_tells_only_what_the_first_did_not() -> None:
    known = [found("data-at-risk", "t.x"), found("data-at-risk", "u"), found("blocked-by-new-data", "t.y"),
             found("values-lost", "t.z", 3)]  # fmt: skip
    second = Written(
        AfterUpgrade("a.sql"),
        (found("values-lost", "t.x", 1), found("blocked-by-new-data", "t.y", 2), found("values-lost", "t.z", 4)),
    )
    merged = {(f.code, f.object): f.rows for f in second.merged(known)}
    assert merged == {
        ("data-at-risk", "u"): None, ("values-lost", "t.z"): 3, ("values-lost", "t.x"): 1,
        ("blocked-by-new-data", "t.y"): 2,
    }  # fmt: skip
    assert Written(AfterUpgrade("a.sql", skipped="why")).merged(known) == known


def test_columns_and_rows_that_two_upgrades_make_differently_are_known() -> None:
    one, other = snap(t=table(x="a", y="b"), u=table(3, z="a")), snap(t=table(x="c", y="b"), u=table(4, z="a"))
    walk = Walk(snap())
    walk.legs["upgrade"] = leg("upgrade", snap(), ("b2", one))
    walk.repeated = compare(one, other)
    assert not_steady(walk) == {"t.x": "t", "u": "u", "u.id": "u"}
