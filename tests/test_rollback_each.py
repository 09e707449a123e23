"""verify-rollback --each: every revision by itself, and what the deciding walk hides."""

from pathlib import Path
from typing import Any

import pytest
from apps import Rev
from rehearsing import BASE, PEOPLE, build, execute, facts, rehearsed
from servers import TestDatabase
from test_rollback_plan import scripts

from dbadmin.results import RollbackReport
from dbadmin.rollback.each import single_down, single_up


def told(report: RollbackReport) -> dict[str, Any]:
    """Revision → its own verdict, or why there is none."""
    assert report.each is not None
    return {one.revision: one.verdict or one.skipped for one in report.each}


HIDDEN = {
    "a1": BASE,
    # its downgrade leaves a row behind, which c3's removes
    "b2": ("a1", "op.execute(\"INSERT INTO people (id, name) VALUES (9, 'Nine')\")", "print('forgot')"),
    "c3": (
        "b2", "op.execute(\"DELETE FROM people WHERE id = 9\")",
        "op.execute(\"UPDATE people SET mood = 'x' WHERE id = 1\")",
    ),
    "d4": ("c3", 'op.create_index("ix_mood", "people", ["mood"])', 'op.drop_index("ix_mood", "people")'),
}  # fmt: skip


@pytest.mark.rehearsal
@pytest.mark.parametrize("engine_kind", ["sqlite", "postgresql"])
def test_a_revision_by_itself_shows_what_a_later_one_hides(database: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, database.url, HIDDEN, at="a1", fill=PEOPLE)
    plain = rehearsed(app)
    assert facts(plain) == {("values-changed", "c3", "people.mood")}
    report = rehearsed(app, each=True)
    assert facts(report) == {
        ("values-changed", "c3", "people.mood"),  # told once, though both walks see it
        ("rows-lost", "c3", "people"),
        ("rows-added", "b2", "people"),
        ("reupgrade-failed", "b2", "b2"),
    }
    assert told(report) == {"b2": "broken", "c3": "lossy", "d4": "safe"}
    assert report.verdict == "broken"
    assert len([f for f in report.findings if f.object == "people.mood"]) == 1


@pytest.mark.rehearsal
def test_a_failure_in_one_does_not_keep_the_others_from_being_rehearsed(sqlite: TestDatabase, tmp_path: Path) -> None:
    revisions = {
        "a1": BASE,
        "b2": ("a1", 'op.create_index("ix_b", "people", ["name", "id"])', "raise ValueError('no')"),
        "c3": ("b2", 'op.drop_column("people", "mood")', 'op.add_column("people", sa.Column("mood", sa.Text))'),
        "d4": ("c3", "raise ValueError('nor up')", "pass"),
        "e5": ("d4", "pass", "pass"),
    }
    report = rehearsed(build(tmp_path, sqlite.url, revisions, at="a1", fill=PEOPLE), each=True)
    found = told(report)
    assert found.pop("e5").startswith("it begins where d4 ends, which fails: ")
    assert found == {"b2": "broken", "c3": "lossy", "d4": "broken"}
    assert ("downgrade-failed", "b2", "b2") in facts(report)
    assert ("upgrade-failed", "d4", "d4") in facts(report)


@pytest.mark.rehearsal
def test_from_the_head_each_goes_down_and_up_with_the_data_that_it_has(sqlite: TestDatabase, tmp_path: Path) -> None:
    column = 'op.add_column("people", sa.Column("{0}", sa.Integer))', 'op.drop_column("people", "{0}")'
    revisions = {
        "a1": BASE,
        "b2": (
            "a1",
            column[0].format("one"),
            column[1].format("one") + '\nop.create_index("left", "people", ["mood"])',
        ),
        "c3": ("b2", column[0].format("two"), column[1].format("two")),
        "d4": ("c3", 'op.execute("DROP INDEX IF EXISTS left")', "print('nothing')"),
    }
    app = build(tmp_path, sqlite.url, revisions, fill=PEOPLE)
    execute(sqlite.url, "UPDATE people SET two = 5 WHERE id < 3")
    report = rehearsed(app, to="a1", each=True)
    assert ("schema-left-behind", "b2", "people.left") in facts(report)
    assert told(report) == {"d4": "safe", "c3": "lossy", "b2": "residue"}
    (lost,) = [f for one in report.each or () for f in one.findings if f.code == "values-lost"]
    assert (lost.object, lost.rows, lost.by_design) == ("people.two", 2, True)
    assert len([f for f in report.findings if f.code == "values-lost"]) == 1


@pytest.mark.rehearsal
def test_each_follows_branches_and_says_where_no_command_goes(sqlite: TestDatabase, tmp_path: Path) -> None:
    def index(name: str) -> tuple[str, str]:
        return f'op.create_index("{name}", "people", ["mood"])', f'op.drop_index("{name}", "people")'

    revisions = {
        "a1": BASE,
        "b2": Rev("a1", *index("ix_b"), labels=("left",)),
        "b3": Rev("a1", *index("ix_c"), labels=("right",)),
        "m4": Rev(("b2", "b3")),
        "e5": Rev("m4", *index("ix_e")),
    }
    report = rehearsed(build(tmp_path, sqlite.url, revisions, at="a1", fill=PEOPLE), each=True)
    assert {name: verdict for name, verdict in told(report).items() if verdict != "safe"} == {}
    assert report.verdict == "safe"


def test_one_revision_is_walked_by_what_alembic_takes_or_not_at_all() -> None:
    up = single_up(scripts("linear"), ("a1aa",), "b2bb")
    assert up is not None and (up.up, up.down, up.top, up.plan.target) == ("b2bb", "a1aa", ("b2bb",), ("a1aa",))
    assert single_up(scripts("linear"), ("a1aa",), "c3cc") is None, "another one would run before it"
    first = single_up(scripts("linear"), (), "a1aa")
    assert first is not None and (first.down, first.plan.target) == ("base", ())
    down = single_down(scripts("linear"), ("c3cc",), "c3cc")
    assert down is not None and (down.down, down.up_again, down.plan.target) == ("b2bb", "c3cc", ("b2bb",))
    assert single_down(scripts("linear"), ("c3cc",), "b2bb") is None
    branch = single_down(scripts("branches"), ("a2", "w2"), "a2")
    assert branch is not None and (branch.plan.downgrade, branch.plan.target) == (("a2",), ("a1", "w2"))
    other = single_up(scripts("branches"), ("a2",), "w1")
    assert other is not None and other.plan.target == ("a2",)
