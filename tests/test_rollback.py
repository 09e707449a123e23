"""verify-rollback on tiny applications, on every engine: each gets the verdict it deserves, and no other."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from apps import Rev
from rehearsing import Fact, build, execute, facts, rehearsed
from servers import TestDatabase

pytestmark = pytest.mark.rehearsal

BASE = (
    None,
    """
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("mood", sa.String(20)),
        sa.CheckConstraint("id > 0", name="ck_people_id"),
    )
    op.create_index("ix_people_name", "people", ["name"])
    """,
    'op.drop_table("people")',
)
PEOPLE = ("INSERT INTO people (id, name, mood) VALUES (1, 'Ada', 'calm'), (2, 'Grete', NULL), (3, 'Émilie', 'keen')",)


@dataclass(frozen=True)
class Case:
    """An upgrade and a downgrade on top of BASE, and what a rehearsal must say of them."""

    name: str
    upgrade: str
    downgrade: str | None
    verdict: str
    found: frozenset[Fact] = frozenset()
    notes: frozenset[Fact] = frozenset()
    options: dict[str, Any] = field(default_factory=dict)
    only: str | None = None


def fact(code: str, obj: str, revision: str | None = "b2") -> Fact:
    return (code, revision, obj)


PENDING = [
    Case("adds and drops an index", 'op.create_index("ix_mood", "people", ["mood"])',
         'op.drop_index("ix_mood", "people")', "safe"),
    Case("adds and drops a table", 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))',
         'op.drop_table("t")', "safe", notes=frozenset({fact("data-at-risk", "t")})),
    Case("adds and drops a column", 'op.add_column("people", sa.Column("age", sa.Integer))',
         'op.drop_column("people", "age")', "safe", notes=frozenset({fact("data-at-risk", "people.age")})),
    Case("leaves an index behind", 'op.create_index("ix_mood", "people", ["mood"])', "print('nothing')", "broken",
         frozenset({fact("schema-left-behind", "people.ix_mood"), fact("reupgrade-failed", "b2")})),
    Case("does nothing on the way down", 'op.add_column("people", sa.Column("age", sa.Integer))', "pass", "broken",
         frozenset({fact("schema-left-behind", "people.age"), fact("downgrade-empty", "b2"),
                    fact("reupgrade-failed", "b2")})),
    Case("drops a column with values", 'op.drop_column("people", "mood")',
         'op.add_column("people", sa.Column("mood", sa.String(20)))', "lossy",
         frozenset({fact("values-lost", "people.mood")})),
    Case("drops a table with rows", 'op.drop_table("people")', BASE[1], "lossy",
         frozenset({fact("rows-lost", "people")})),
    Case("does not bring an index back", 'op.drop_index("ix_people_name", "people")', "print('nothing')", "broken",
         frozenset({fact("schema-missing", "people.ix_people_name"), fact("reupgrade-failed", "b2")})),
    Case("changes values and does not restore them", "op.execute(\"UPDATE people SET mood = 'fine'\")", "print('no')",
         "lossy", frozenset({fact("values-changed", "people.mood")})),
    Case("takes values away", 'op.execute("UPDATE people SET mood = NULL")', "print('no')", "lossy",
         frozenset({fact("values-lost", "people.mood")})),
    Case("deletes rows", 'op.execute("DELETE FROM people WHERE id = 2")', "print('no')", "lossy",
         frozenset({fact("rows-lost", "people")})),
    Case("leaves rows behind", "op.execute(\"INSERT INTO people (id, name) VALUES (9, 'Nine')\")", "print('no')",
         "broken", frozenset({fact("rows-added", "people"), fact("reupgrade-failed", "b2")})),
    Case("changes values and restores them", "op.execute(\"UPDATE people SET name = name || '!'\")",
         "op.execute(\"UPDATE people SET name = substr(name, 1, length(name) - 1)\")", "safe"),
    Case("is not repeatable",
         'op.add_column("people", sa.Column("at", sa.Float))\n'
         'import time\nop.execute(f"UPDATE people SET at = {time.time()}")',
         'op.drop_column("people", "at")', "safe",
         notes=frozenset({fact("data-at-risk", "people.at"), fact("not-repeatable", "people.at")})),
    Case("refuses by design", 'op.add_column("people", sa.Column("age", sa.Integer))',
         "raise NotImplementedError('there is no way back')", "irreversible",
         frozenset({fact("not-implemented", "b2")})),
    Case("has no downgrade", 'op.add_column("people", sa.Column("age", sa.Integer))', None, "irreversible",
         frozenset({fact("not-implemented", "b2")})),
    Case("raises on the way up", "raise ValueError('no settings here')", "pass", "broken",
         frozenset({fact("upgrade-failed", "b2")})),
    Case("raises on the way down", 'op.add_column("people", sa.Column("age", sa.Integer))',
         "raise ValueError('no settings here')", "broken", frozenset({fact("downgrade-failed", "b2")})),
    Case("drops a check with the batch", """
         with op.batch_alter_table("people", recreate="always") as batch:
             batch.drop_constraint("ck_people_id", type_="check")
         """, """
         with op.batch_alter_table("people", recreate="always") as batch:
             batch.add_column(sa.Column("x", sa.Integer))
         with op.batch_alter_table("people", recreate="always") as batch:
             batch.drop_column("x")
         """, "broken", frozenset({fact("schema-missing", "people.ck_people_id"), fact("reupgrade-failed", "b2")}),
         only="sqlite"),
    Case("excludes a table", 'op.create_index("ix_mood", "people", ["mood"])', 'op.drop_index("ix_mood", "people")',
         "unproven", frozenset({fact("not-compared", "people", None)}), options={"exclude": ("people",)}),
    Case("does not compare data", 'op.create_index("ix_mood", "people", ["mood"])',
         'op.drop_index("ix_mood", "people")', "unproven", frozenset({fact("not-compared", "all rows", None)}),
         options={"data": False}),
    Case("hangs", "import time\ntime.sleep(60)", "pass", "broken", frozenset({fact("step-timeout", "b2")}),
         options={"timeout": 1.0}),
    Case("leaves with success", "import sys\nsys.exit(0)", "pass", "broken", frozenset({fact("upgrade-failed", "b2")})),
    Case("leaves at once with success", "import os\nos._exit(0)", "pass", "broken",
         frozenset({fact("upgrade-failed", "b2")})),
    Case("prints a great deal", 'print("x" * 10_000_000)\nop.create_index("ix_mood", "people", ["mood"])',
         'op.drop_index("ix_mood", "people")', "safe"),
]  # fmt: skip


@pytest.mark.parametrize("case", PENDING, ids=lambda case: case.name)
def test_a_pending_revision_gets_its_verdict(case: Case, database: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": BASE, "b2": ("a1", case.upgrade, case.downgrade)}
    if case.only and database.kind != case.only:
        pytest.skip(f"a matter of {case.only}")
    app = build(tmp_path, database.url, revisions, at="a1", fill=PEOPLE)
    options = dict(case.options)
    if "exclude" in options:
        from dbadmin.dialects import TableName

        options["exclude"] = tuple(TableName(None, name) for name in options["exclude"])
    report = rehearsed(app, **options)
    assert (report.verdict, facts(report)) == (case.verdict, set(case.found)), report.summary
    assert case.notes <= facts(report, notes=True)
    assert report.source_unchanged is True
    assert report.plan.kind == "pending"


def test_going_down_from_the_head_rebuilds_an_index(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": BASE, "b2": ("a1", *_index())}
    report = rehearsed(build(tmp_path, database.url, revisions, fill=PEOPLE))
    assert (report.verdict, facts(report)) == ("safe", set())
    assert (report.plan.kind, report.plan.default, report.plan.target) == ("head", True, ("a1",))


def test_a_column_filled_since_the_upgrade_is_lost_by_design(database: TestDatabase, tmp_path: Path) -> None:
    column = ('op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")')
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", *column)}, fill=PEOPLE)
    execute(database.url, "UPDATE people SET age = 30 + id WHERE id < 3")
    report = rehearsed(app)
    (found,) = [f for f in report.findings if f.severity == "error"]
    assert (found.code, found.object, found.rows, found.by_design) == ("values-lost", "people.age", 2, True)
    assert (found.revision, found.phase, report.verdict) == ("b2", "downgrade", "lossy")


def test_rows_of_a_table_are_lost_by_design_and_blamed_on_its_own_revision(
    database: TestDatabase, tmp_path: Path
) -> None:
    revisions = {"a1": BASE, "b2": ("a1", "op.execute(\"UPDATE people SET mood = 'x'\")", "print('no')")}
    app = build(tmp_path, database.url, revisions, fill=())
    execute(database.url, *PEOPLE)
    report = rehearsed(app, to="base")
    assert facts(report) == {("rows-lost", "a1", "people")}
    assert next(f for f in report.findings if f.code == "rows-lost").by_design is True


def test_a_downgrade_that_mangles_values_is_told_from_one_that_drops_them(
    database: TestDatabase, tmp_path: Path
) -> None:
    down = 'op.execute("UPDATE people SET name = upper(name) WHERE id = 1")'
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", "print('up')", down)}, fill=PEOPLE)
    report = rehearsed(app)
    (found,) = [f for f in report.findings if f.severity == "error"]
    assert (found.code, found.object, found.rows, found.by_design) == ("values-changed", "people.name", 1, False)


def test_what_a_downgrade_leaves_is_seen_against_the_target_s_own_schema(
    database: TestDatabase, tmp_path: Path
) -> None:
    up = 'op.create_index("ix_mood", "people", ["mood"], if_not_exists=True)'
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", up, "pass")}, fill=PEOPLE)
    report = rehearsed(app)
    assert report.verdict == "residue"
    assert facts(report) == {("schema-left-behind", "b2", "people.ix_mood"), ("downgrade-empty", "b2", "b2")}


def test_drift_that_was_there_before_is_no_finding(database: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", *_index())}, fill=PEOPLE)
    execute(database.url, "CREATE INDEX by_hand ON people (mood, name)")
    assert (rehearsed(app).verdict, facts(rehearsed(app))) == ("safe", set())


def test_migrations_that_create_no_table_give_no_reference(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": (None, "pass", "pass"), "b2": ("a1", "print('up')", "print('down')")}
    app = build(tmp_path, database.url, revisions, at="base")
    execute(database.url, "CREATE TABLE made_by_create_all (id integer primary key)")
    app.alembic("stamp", "head")
    report = rehearsed(app)
    assert report.verdict == "unproven"
    assert facts(report) == {("no-reference", None, "schema")}
    assert report.exit_code == 5


def test_two_revisions_share_the_blame_rightly(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {
        "a1": BASE,
        "b2": ("a1", *_index()),
        "c3": ("b2", "op.execute(\"UPDATE people SET mood = 'one' WHERE id = 1\")", "print('no')"),
        "d4": ("c3", 'op.drop_index("ix_people_name", "people")', "print('no')"),
    }
    report = rehearsed(build(tmp_path, database.url, revisions, at="a1", fill=PEOPLE))
    assert facts(report) == {
        ("values-changed", "c3", "people.mood"),
        ("schema-missing", "d4", "people.ix_people_name"),
        ("reupgrade-failed", "d4", "d4"),
    }


def test_accepted_findings_stay_in_the_report_and_let_it_pass(database: TestDatabase, tmp_path: Path) -> None:
    from dbadmin.rollback.verdict import Acceptance

    drop = ('op.drop_column("people", "mood")', 'op.add_column("people", sa.Column("mood", sa.String(20)))')
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", *drop)}, at="a1", fill=PEOPLE)
    accept = (Acceptance.parse("b2:values-lost:people.*"), Acceptance.parse("rows-lost"))
    report = rehearsed(app, accept=accept)
    assert (report.verdict, report.ok, report.exit_code) == ("lossy", True, 0)
    assert [f.accepted for f in report.findings if f.code == "values-lost"] == [True]
    assert [f.object for f in report.findings if f.code == "acceptance-unused"] == ["rows-lost"]


def test_an_enum_value_added_in_one_revision_and_used_in_the_next_fails_as_in_production(
    postgresql: TestDatabase, tmp_path: Path
) -> None:
    revisions = {
        "a1": (None, "op.execute(\"CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id int primary key, m mood)\")", ""),
        "b2": ("a1", "op.execute(\"ALTER TYPE mood ADD VALUE 'b'\")", "pass"),
        "c3": ("b2", "op.execute(\"INSERT INTO t VALUES (1, 'b')\")", 'op.execute("DELETE FROM t WHERE id = 1")'),
    }
    report = rehearsed(build(tmp_path, postgresql.url, revisions, at="a1"))
    assert report.verdict == "broken"
    assert facts(report) == {("upgrade-failed", "c3", "c3")}
    assert "unsafe use of new value" in report.findings[0].detail


def test_what_went_through_before_a_failure_is_listed(sqlite: TestDatabase, tmp_path: Path) -> None:
    up = 'op.create_table("half", sa.Column("id", sa.Integer))\nraise ValueError("no")'
    report = rehearsed(build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", up, "pass")}, at="a1", fill=PEOPLE))
    (failed,) = [step for step in report.steps if step.state == "failed"]
    assert failed.left_behind is not None
    assert "table half made" in failed.left_behind
    assert [step.state for step in report.steps] == ["failed", "skipped", "skipped"]


def test_branches_are_walked_when_a_target_is_given(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {
        "a1": BASE,
        "b2": Rev("a1", *_index("ix_b"), labels=("left",)),
        "c3": Rev("a1", *_index("ix_c"), labels=("right",)),
    }
    app = build(tmp_path, database.url, revisions, fill=PEOPLE)
    report = rehearsed(app, to="left@a1")
    assert report.verdict == "safe"
    assert report.plan.downgrade == ("b2",)


def _index(name: str = "ix_mood") -> tuple[str, str]:
    return f'op.create_index("{name}", "people", ["mood"])', f'op.drop_index("{name}", "people")'
