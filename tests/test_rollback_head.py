"""verify-rollback from the head, on every engine: what a downgrade takes, and what it leaves."""

from pathlib import Path

import pytest
from rehearsing import BAG, BASE, PEOPLE, THINGS, build, execute, facts, rehearsed
from servers import TestDatabase

from dbadmin.results import RollbackReport

pytestmark = pytest.mark.rehearsal


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
    report = rehearsed(app)
    assert (report.verdict, facts(report)) == ("safe", set())


def test_migrations_that_create_no_table_give_no_reference(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": (None, "pass", "pass"), "b2": ("a1", "print('up')", "print('down')")}
    app = build(tmp_path, database.url, revisions, at="base")
    execute(database.url, "CREATE TABLE made_by_create_all (id integer primary key)")
    app.alembic("stamp", "head")
    report = rehearsed(app)
    assert report.verdict == "unproven"
    assert facts(report) == {("no-reference", None, "schema")}
    assert report.exit_code == 5


PLANS = (
    """
    op.create_table("plans", sa.Column("id", sa.Integer, primary_key=True), sa.Column("price", sa.Integer))
    op.execute("INSERT INTO plans VALUES (1, 10), (2, 20), (3, 30)")
    """,
    'op.drop_table("plans")',
)
Lost = set[tuple[str, str, int | None, bool | None]]
SEEDED: dict[str, tuple[str, str, Lost]] = {
    "untouched since": ("SELECT 1", "safe", set()),
    "edited since": ("UPDATE plans SET price = 99 WHERE id = 2", "lossy", {("values-lost", "plans.price", 1, True)}),
    "added to since": ("INSERT INTO plans VALUES (4, 40)", "lossy", {("rows-lost", "plans", 1, True)}),
    "emptied since": ("DELETE FROM plans", "residue", {("rows-added", "plans", 3, None)}),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_table_that_the_downgrade_drops_and_the_upgrade_seeds(
    name: str, database: TestDatabase, tmp_path: Path
) -> None:
    since, verdict, expected = SEEDED[name]
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", *PLANS)}, fill=PEOPLE)
    execute(database.url, since)
    report = rehearsed(app)
    assert (report.verdict, _losses(report)) == (verdict, expected)


def _losses(report: RollbackReport) -> Lost:
    return {(f.code, f.object, f.rows, f.by_design) for f in report.findings if f.severity != "note"}


def test_rows_exchanged_for_others_are_not_told_by_their_number(database: TestDatabase, tmp_path: Path) -> None:
    down = (
        'op.execute("DELETE FROM people WHERE id = 3")\n'
        "op.execute(\"INSERT INTO people (id, name) VALUES (30, 'Other')\")"
    )
    report = rehearsed(build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", "print('up')", down)}, fill=PEOPLE))
    assert report.verdict == "lossy"
    assert _losses(report) == {("rows-lost", "people", 1, True), ("rows-added", "people", 1, None)}


def test_a_column_made_by_hand_is_lost_with_its_values_where_its_table_is_made_anew(
    database: TestDatabase, tmp_path: Path
) -> None:
    down = "\n".join((BAG[2], BAG[1]))
    app = build(tmp_path, database.url, {"a1": BAG, "b2": ("a1", "print('up')", down)})
    execute(database.url, "ALTER TABLE bag ADD COLUMN by_hand INTEGER", "INSERT INTO bag (a, by_hand) VALUES (1, 5)")
    report = rehearsed(app)
    assert report.verdict == "lossy"
    assert ("values-lost", "bag.by_hand", 1, True) in _losses(report)


def test_values_in_a_table_without_a_key_are_lost_with_their_column(database: TestDatabase, tmp_path: Path) -> None:
    column = ('op.add_column("bag", sa.Column("c", sa.Integer))', 'op.drop_column("bag", "c")')
    app = build(tmp_path, database.url, {"a1": BAG, "b2": ("a1", *column)}, fill=THINGS)
    assert rehearsed(app).verdict == "safe"
    execute(database.url, "UPDATE bag SET c = 5 WHERE a = 1")
    assert _losses(rehearsed(app)) == {("values-lost", "bag.c", 2, True)}


def test_the_deeper_of_two_revisions_is_blamed_where_the_upper_one_undoes_itself(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    revisions = {
        "a1": BASE,
        "b2": ("a1", "print('up')", 'op.execute("UPDATE people SET name = upper(name)")'),
        "c3": (
            "b2", "op.execute(\"UPDATE people SET name = name || '!'\")",
            'op.execute("UPDATE people SET name = substr(name, 1, length(name) - 1)")',
        ),
    }  # fmt: skip
    report = rehearsed(build(tmp_path, sqlite.url, revisions, fill=PEOPLE), steps=2)
    assert facts(report) == {("values-changed", "b2", "people.name")}


def test_the_revision_whose_downgrade_drops_too_much_is_blamed(sqlite: TestDatabase, tmp_path: Path) -> None:
    down = 'op.drop_index("ix_c", "people")\nop.drop_index("ix_people_name", "people")'
    revisions = {
        "a1": BASE,
        "b2": ("a1", *_index("ix_b")),
        "c3": ("b2", 'op.create_index("ix_c", "people", ["name", "mood"])', down),
    }
    report = rehearsed(build(tmp_path, sqlite.url, revisions, fill=PEOPLE), steps=2)
    assert facts(report) == {("schema-missing", "c3", "people.ix_people_name")}
    assert report.findings[0].phase == "downgrade"


def test_drift_that_the_upgrade_heals_is_no_finding(database: TestDatabase, tmp_path: Path) -> None:
    index = (
        'op.create_index("ix_mood", "people", ["mood"], if_not_exists=True)',
        'op.drop_index("ix_mood", "people", if_exists=True)',
    )
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", *index)}, fill=PEOPLE)
    execute(database.url, "DROP INDEX ix_mood" + (" ON people" if database.kind == "mariadb" else ""))
    report = rehearsed(app)
    assert (report.verdict, facts(report)) == ("safe", set())


def test_a_table_that_no_script_makes_is_compared_with_nothing_and_that_is_said(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    up = """
    if sa.inspect(op.get_bind()).has_table("made"):
        op.create_index("ix_made", "made", ["x"], if_not_exists=True)
    """
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", up, "print('forgot')")}, at="a1")
    execute(sqlite.url, "CREATE TABLE made (id integer PRIMARY KEY, x integer)", "CREATE TABLE other (x integer)")
    app.alembic("upgrade", "head")
    report = rehearsed(app)
    assert (report.verdict, facts(report)) == ("unproven", {("no-reference", "b2", "made")})


def _index(name: str = "ix_mood") -> tuple[str, str]:
    return f'op.create_index("{name}", "people", ["mood"])', f'op.drop_index("{name}", "people")'
