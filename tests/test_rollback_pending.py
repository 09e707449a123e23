"""verify-rollback of pending revisions, on every engine: each gets the verdict it deserves, and no other."""

from pathlib import Path

import pytest
from rehearsing import BAG, BASE, PEOPLE, THINGS, Case, build, fact, facts, rehearsed
from servers import TestDatabase

pytestmark = pytest.mark.rehearsal

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
         frozenset({fact("rows-lost", "people")}),
         besides={"mariadb": frozenset({fact("sequence-changed", "people")})}),  # ids given by hand move it there
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
    Case("changes values and restores them", "op.execute(\"UPDATE people SET name = 'A!' WHERE name = 'Ada'\")",
         "op.execute(\"UPDATE people SET name = 'Ada' WHERE name = 'A!'\")", "safe"),
    Case("is not repeatable",
         'op.add_column("people", sa.Column("at", sa.Float(53)))\n'
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
             batch.drop_constraint("ck_people_name", type_="check")
         """, """
         with op.batch_alter_table("people", recreate="always") as batch:
             batch.add_column(sa.Column("x", sa.Integer))
         with op.batch_alter_table("people", recreate="always") as batch:
             batch.drop_column("x")
         """, "broken", frozenset({fact("schema-missing", "people.ck_people_name"), fact("reupgrade-failed", "b2")}),
         only="sqlite"),
    Case("excludes a table", 'op.create_index("ix_mood", "people", ["mood"])', 'op.drop_index("ix_mood", "people")',
         "unproven", frozenset({fact("not-compared", "people", None)}), options={"exclude": ("people",)}),
    Case("does not compare data", 'op.create_index("ix_mood", "people", ["mood"])',
         'op.drop_index("ix_mood", "people")', "unproven", frozenset({fact("not-compared", "all rows", None)}),
         options={"data": False}),
    Case("hangs", "import time\ntime.sleep(60)", "pass", "broken", frozenset({fact("step-timeout", "b2")}),
         options={"timeout": 5.0}),
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
    found = set(case.found | case.besides.get(database.kind, frozenset()))
    assert (report.verdict, facts(report)) == (case.verdict, found), report.summary
    assert case.notes <= facts(report, notes=True)
    assert report.source_unchanged is True
    assert report.plan.kind == "pending"


ADDS_AGE = 'op.add_column("people", sa.Column("age", sa.Integer))'
DROPS_MOOD = 'op.drop_column("people", "mood")'
RENAMES = 'op.execute("ALTER TABLE people RENAME COLUMN mood TO feeling")'
RENAMES_BACK = 'op.execute("ALTER TABLE people RENAME COLUMN feeling TO mood")'
JUDGED = [
    Case("renames a column there and back", RENAMES, RENAMES_BACK, "safe"),
    Case("renames a table there and back", 'op.rename_table("people", "persons")',
         'op.rename_table("persons", "people")', "safe"),
    Case("renames the key there and back", 'op.execute("ALTER TABLE people RENAME COLUMN id TO pid")',
         'op.execute("ALTER TABLE people RENAME COLUMN pid TO id")', "safe"),
    Case("renames a column and leaves it so", RENAMES, "print('no')", "broken",
         frozenset({fact("schema-missing", "people.mood"), fact("schema-left-behind", "people.feeling"),
                    fact("reupgrade-failed", "b2")}), only="sqlite"),
    Case("renames a column and refuses to go back", RENAMES, "raise NotImplementedError", "irreversible",
         frozenset({fact("not-implemented", "b2")}), only="sqlite"),
    Case("drops a column and refuses to go back", DROPS_MOOD, "raise NotImplementedError", "lossy",
         frozenset({fact("not-implemented", "b2"), fact("values-lost", "people.mood")})),
    Case("drops a column, and a default fills it", DROPS_MOOD,
         'op.add_column("people", sa.Column("mood", sa.String(20), server_default="none"))\n'
         'if op.get_bind().dialect.name != "sqlite":\n    op.alter_column("people", "mood", server_default=None)',
         "lossy", frozenset({fact("values-lost", "people.mood")}), only="postgresql"),
    Case("moves values to another table and back", """
         op.create_table("moods", sa.Column("person", sa.Integer, primary_key=True), sa.Column("mood", sa.String(20)))
         op.execute("INSERT INTO moods SELECT id, mood FROM people WHERE mood IS NOT NULL")
         op.drop_column("people", "mood")
         """, """
         op.add_column("people", sa.Column("mood", sa.String(20)))
         op.execute("UPDATE people SET mood = (SELECT moods.mood FROM moods WHERE person = people.id)")
         op.drop_table("moods")
         """, "safe", notes=frozenset({fact("data-at-risk", "moods")})),
    Case("fills gaps to forbid them", """
         op.execute("UPDATE people SET mood = '' WHERE mood IS NULL")
         with op.batch_alter_table("people") as batch:
             batch.alter_column("mood", existing_type=sa.String(20), nullable=False)
         """, """
         with op.batch_alter_table("people") as batch:
             batch.alter_column("mood", existing_type=sa.String(20), nullable=True)
         """, "lossy", frozenset({fact("values-changed", "people.mood")})),
    Case("widens a type there and back", """
         with op.batch_alter_table("people") as batch:
             batch.alter_column("name", existing_type=sa.String(50), type_=sa.Text(), existing_nullable=False)
         """, """
         with op.batch_alter_table("people") as batch:
             batch.alter_column("name", existing_type=sa.Text(), type_=sa.String(50), existing_nullable=False)
         """, "safe", besides={"postgresql": frozenset({fact("blocked-by-new-data", "people.name")})}),
    Case("leaves a view behind", 'op.execute("CREATE VIEW v AS SELECT id FROM people")', "print('no')", "broken",
         frozenset({fact("schema-left-behind", "v"), fact("reupgrade-failed", "b2")}), only="postgresql"),
    Case("leaves a trigger behind", 'op.execute("CREATE TRIGGER tr AFTER INSERT ON people BEGIN SELECT 1; END")',
         "print('no')", "broken",
         frozenset({fact("schema-left-behind", "people.tr"), fact("reupgrade-failed", "b2")}), only="sqlite"),
    Case("changes a default", "op.execute(\"ALTER TABLE people ALTER mood SET DEFAULT 'x'\")", "print('no')", "residue",
         frozenset({fact("schema-changed", "people.mood")}), only="postgresql"),
    Case("leaves a comment", "op.execute(\"COMMENT ON COLUMN people.mood IS 'x'\")", "print('no')", "residue",
         frozenset({fact("schema-changed", "people.mood")}), only="postgresql"),
    Case("swallows a refused connection and fails", """
         import socket
         try:
             socket.create_connection(("192.0.2.1", 80), 1)
         except BaseException:
             pass
         raise ValueError("something else")
         """, "pass", "broken",
         frozenset({fact("upgrade-failed", "b2"), fact("escaped-connection", "192.0.2.1:80")}), only="sqlite"),
    Case("hangs in the server with a table locked",
         'op.execute("LOCK TABLE people; SELECT pg_sleep(600)")', "pass", "broken",
         frozenset({fact("step-timeout", "b2")}),
         besides={"postgresql": frozenset({fact("lock-held", "people")})},
         options={"timeout": 5.0, "lock_budget": 2.0}, only="postgresql"),
]  # fmt: skip


EVERY_DAY = (
    "renames a column there and back", "drops a column and refuses to go back",
    "drops a column, and a default fills it", "leaves a comment", "swallows a refused connection and fails",
    "hangs in the server with a table locked",
)  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=() if case.name in EVERY_DAY else pytest.mark.slow) for case in JUDGED],
)
def test_what_looks_like_something_else_is_judged_for_what_it_is(
    case: Case, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    for engine in (case.only,) if case.only else ("sqlite", "postgresql"):
        database: TestDatabase = request.getfixturevalue(engine)
        (tmp_path / engine).mkdir()
        revisions = {"a1": BASE, "b2": ("a1", case.upgrade, case.downgrade)}
        report = rehearsed(build(tmp_path / engine, database.url, revisions, at="a1", fill=PEOPLE), **case.options)
        found = set(case.found | case.besides.get(engine, frozenset()))
        assert (report.verdict, facts(report)) == (case.verdict, found), (engine, report.summary)
        assert facts(report, notes=True) - facts(report) - set(case.notes) <= {fact("order-changed", "people")}
        assert all(f.by_design for f in report.findings if f.code == "values-lost")


KEYLESS = {
    "a column is left": ("ALTER TABLE bag ADD COLUMN c INTEGER", "broken", {fact("schema-left-behind", "bag.c")}),
    "one of two equal rows is deleted": ("DELETE FROM bag WHERE a = 3", "lossy", {fact("rows-lost", "bag")}),
    "values change": ("UPDATE bag SET b = 'z' WHERE a = 2", "lossy", {fact("values-changed", "bag.b")}),
    "values are exchanged between rows": (
        "UPDATE bag SET b = CASE a WHEN 2 THEN NULL WHEN 3 THEN 'y' ELSE b END", "lossy", None),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYLESS)
def test_a_table_without_a_key_is_judged_by_its_contents(name: str, database: TestDatabase, tmp_path: Path) -> None:
    statement, verdict, expected = KEYLESS[name]
    revisions = {"a1": BAG, "b2": ("a1", f"op.execute({statement!r})", "print('no')")}
    report = rehearsed(build(tmp_path, database.url, revisions, at="a1", fill=THINGS))
    found = facts(report) - {fact("reupgrade-failed", "b2")}
    assert report.verdict == verdict
    if expected is not None:
        assert found == expected
    else:
        assert {code for code, *_ in found} == {"values-changed"}


def test_a_column_dropped_from_a_table_without_a_key_is_lost_by_design(database: TestDatabase, tmp_path: Path) -> None:
    down = 'op.add_column("bag", sa.Column("b", sa.String(20)))'
    revisions = {"a1": BAG, "b2": ("a1", 'op.drop_column("bag", "b")', down)}
    report = rehearsed(build(tmp_path, database.url, revisions, at="a1", fill=THINGS))
    (found,) = [f for f in report.findings if f.severity == "error"]
    assert (found.code, found.object, found.rows, found.by_design) == ("values-lost", "bag.b", 3, True)
    assert (found.revision, found.phase) == ("b2", "upgrade")


SERIAL = (None, 'op.execute("CREATE TABLE t (id serial PRIMARY KEY, x int)")', 'op.drop_table("t")')
SEQUENCES = {
    "gave more numbers": (("INSERT INTO t (x) VALUES (1)", "DELETE FROM t WHERE x = 1"), "note"),
    "was restarted": (("ALTER SEQUENCE t_id_seq RESTART", "SELECT 1"), "error"),
    "was set to the same next number": (("SELECT setval('t_id_seq', 3, false)", "SELECT 1"), None),
    "has another increment": (("ALTER SEQUENCE t_id_seq INCREMENT 5", "SELECT 1"), "error"),
    "belongs to nobody": (("ALTER SEQUENCE t_id_seq OWNED BY NONE", "SELECT 1"), "error"),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence(name: str, postgresql: TestDatabase, tmp_path: Path) -> None:
    (up, down), severity = SEQUENCES[name]
    revisions = {"a1": SERIAL, "b2": ("a1", f"op.execute({up!r})", f"op.execute({down!r})")}
    report = rehearsed(build(tmp_path, postgresql.url, revisions, at="a1", fill=("INSERT INTO t (x) VALUES (7), (8)",)))
    found = [(f.object, f.severity) for f in report.findings if f.code == "sequence-changed"]
    assert found == ([("t_id_seq", severity)] if severity else [])
    assert report.verdict == ("residue" if severity == "error" else "safe")


def test_an_enum_value_cannot_be_taken_back(postgresql: TestDatabase, tmp_path: Path) -> None:
    made = "op.execute(\"CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id int PRIMARY KEY, m mood)\")"
    up = "op.execute(\"ALTER TYPE mood ADD VALUE IF NOT EXISTS 'b'\")"
    report = rehearsed(build(tmp_path, postgresql.url, {"a1": (None, made, ""), "b2": ("a1", up, "pass")}, at="a1"))
    assert facts(report) == {fact("schema-changed", "mood"), fact("downgrade-empty", "b2")}


ENV_PY = """
from alembic import context
from sqlalchemy import NullPool, create_engine, text

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=NullPool)
mangle = text("UPDATE people SET mood = upper(mood)")
with engine.connect() as connection:
    if {before}:
        connection.execute(mangle)
        connection.commit()
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
    if {after}:
        connection.execute(mangle)
        connection.commit()
"""


@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True)], ids=["before", "after"])
def test_what_env_py_itself_writes_around_the_revisions_is_seen(
    before: bool, after: bool, database: TestDatabase, tmp_path: Path
) -> None:
    revisions = {"a1": BASE, "b2": ("a1", *_index())}
    app = build(tmp_path, database.url, revisions, at="a1", fill=PEOPLE)
    app.env_py.write_text(ENV_PY.format(before=before, after=after))
    assert facts(rehearsed(app)) == {fact("values-changed", "people.mood")}


def test_a_walk_that_goes_further_down_does_not_hide_what_the_upgrade_lost(
    database: TestDatabase, tmp_path: Path
) -> None:
    revisions = {
        "a1": BASE,
        "b2": ("a1", 'op.create_index("ix_id", "people", ["id", "name"])', 'op.drop_index("ix_id", "people")'),
        "c3": ("b2", DROPS_MOOD, 'op.add_column("people", sa.Column("mood", sa.String(20)))'),
        "d4": ("c3", 'op.execute("UPDATE people SET name = upper(name)")', "print('no')"),
    }
    report = rehearsed(build(tmp_path, database.url, revisions, at="b2", fill=PEOPLE), to="a1")
    assert report.plan.kind == "head"
    assert facts(report) == {("values-lost", "c3", "people.mood"), ("values-changed", "d4", "people.name")}
    lost = next(f for f in report.findings if f.code == "values-lost")
    assert (lost.rows, lost.by_design, lost.phase) == (2, True, "upgrade")


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


def _index(name: str = "ix_mood") -> tuple[str, str]:
    return f'op.create_index("{name}", "people", ["mood"])', f'op.drop_index("{name}", "people")'
