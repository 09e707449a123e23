"""verify-rollback, the rows of the judging tables and the codes that the other tests leave out, one by one."""

import ast
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rehearsing import BASE, PEOPLE, build, execute, facts, rehearsed
from servers import TestDatabase

from dbadmin.rollback.verdict import CODES

INDEX = 'op.create_index("ix", "people", ["mood"])', 'op.drop_index("ix", "people")'
AGE = 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")'
AGE_0 = 'op.add_column("people", sa.Column("age", sa.Integer, server_default="0"))', 'op.drop_column("people", "age")'
Notes = set[tuple[str, str, int | None]]


def notes(report: Any) -> Notes:
    return {(f.code, f.object, f.rows) for f in report.findings if f.severity == "note"}


@pytest.mark.rehearsal
def test_a_source_that_somebody_migrates_meanwhile_is_said_to_have_changed(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", *INDEX)}, at="a1", fill=PEOPLE)

    def meddle(what: str, done: float, total: float | None) -> None:
        if what == "downgrade":
            with closing(sqlite3.connect(str(sqlite.url.database))) as other:
                other.execute("CREATE TABLE sneaked (id integer)")

    report = rehearsed(app, progress=meddle)
    assert (report.verdict, facts(report)) == ("unproven", {("source-changed", None, "source")})
    assert (report.source_unchanged, report.exit_code) == (False, 5)


@pytest.mark.rehearsal
def test_what_a_batch_operation_leaves_behind_is_called_so(sqlite: TestDatabase, tmp_path: Path) -> None:
    down = f'{INDEX[1]}\nop.execute("CREATE TABLE IF NOT EXISTS _alembic_tmp_people (id integer)")'
    report = rehearsed(build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", INDEX[0], down)}, at="a1", fill=PEOPLE))
    assert (report.verdict, facts(report)) == ("residue", {("leftover", "b2", "_alembic_tmp_people")})


@pytest.mark.rehearsal
def test_a_column_that_comes_back_in_another_place_is_a_note(sqlite: TestDatabase, tmp_path: Path) -> None:
    drop = 'op.drop_column("people", "mood")', 'op.add_column("people", sa.Column("mood", sa.String(20)))'
    fill = ("INSERT INTO people (id, name) VALUES (1, 'Ada')",)
    base = (None, BASE[1] + AGE[0], BASE[2])
    report = rehearsed(build(tmp_path, sqlite.url, {"a1": base, "b2": ("a1", *drop)}, at="a1", fill=fill))
    assert (report.verdict, notes(report)) == ("safe", {("order-changed", "people", None)})


@pytest.mark.rehearsal
def test_a_name_that_the_server_made_anew_is_a_note(postgresql: TestDatabase, tmp_path: Path) -> None:
    up = """
    op.rename_table("people", "persons")
    op.execute("ALTER TABLE persons ALTER name DROP NOT NULL, ALTER mood DROP NOT NULL")
    op.execute("ALTER TABLE persons ALTER name SET NOT NULL")
    """
    down = 'op.rename_table("persons", "people")'
    report = rehearsed(build(tmp_path, postgresql.url, {"a1": BASE, "b2": ("a1", up, down)}, at="a1", fill=PEOPLE))
    assert (report.verdict, notes(report)) == ("safe", {("name-changed", "people.name", None)})


@pytest.mark.rehearsal
def test_a_server_default_that_is_a_clock_or_a_die_is_not_repeatable(postgresql: TestDatabase, tmp_path: Path) -> None:
    columns = {"at": "DateTime", "dice": "Float", "uid": "Uuid"}
    functions = {"at": "clock_timestamp()", "dice": "random()", "uid": "gen_random_uuid()"}
    up = "\n".join(
        f'op.add_column("people", sa.Column("{name}", sa.{kind}, server_default=sa.text("{functions[name]}")))'
        for name, kind in columns.items()
    )
    down = "\n".join(f'op.drop_column("people", "{name}")' for name in columns)
    report = rehearsed(build(tmp_path, postgresql.url, {"a1": BASE, "b2": ("a1", up, down)}, at="a1", fill=PEOPLE))
    expected = {(code, f"people.{name}", None) for name in columns for code in ("not-repeatable", "data-at-risk")}
    assert (report.verdict, notes(report)) == ("safe", expected)


FROM_THE_HEAD = {
    # in D absent, H′ equals H
    "rebuilt": (AGE_0, "SELECT 1", "safe", set(), {("data-at-risk", "people.age", 3)}),
    # in D absent, H′ differs: even if a new default fills it
    "filled by a default": (AGE_0, "UPDATE people SET age = 30 WHERE id = 1", "lossy",
                            {("values-changed", "b2", "people.age")}, set()),
    # in D the same as in H, H′ differs
    "changed by the upgrade alone": (("op.execute(\"UPDATE people SET mood = mood || '!'\")", "print('nothing')"),
                                     "SELECT 1", "safe", set(), {("not-repeatable", "people.mood", None)}),
    # nothing is in it yet
    "empty until now": (AGE, "SELECT 1", "safe", set(), {("data-at-risk", "people.age", 0)}),
}  # fmt: skip


@pytest.mark.rehearsal
@pytest.mark.parametrize("name", FROM_THE_HEAD)
def test_from_the_head_each_row_of_the_table_is_judged(name: str, sqlite: TestDatabase, tmp_path: Path) -> None:
    revision, since, verdict, found, expected = FROM_THE_HEAD[name]
    app = build(tmp_path, sqlite.url, {"a1": BASE}, fill=PEOPLE)
    app.add({"b2": ("a1", *revision)})
    app.alembic("upgrade", "head")
    execute(sqlite.url, since)
    report = rehearsed(app)
    assert report.summary.startswith("1 step: b2 → a1 (default): ")
    if name == "filled by a default":
        (lost,) = [f for f in report.findings if f.severity == "error"]
        assert (lost.code, lost.object, lost.rows, lost.by_design) == ("values-lost", "people.age", 1, True)
        assert (report.verdict, notes(report)) == (verdict, set())
        return
    assert (report.verdict, facts(report), notes(report)) == (verdict, found, expected)


@pytest.mark.rehearsal
def test_a_later_revision_that_drops_the_table_does_not_hide_who_lost_the_rows(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    revisions = {
        "a1": BASE,
        "b2": ("a1", 'op.execute("DELETE FROM people WHERE id = 1")', "print('no')"),
        "c3": ("b2", 'op.rename_table("people", "persons")', 'op.rename_table("persons", "people")'),
        "d4": ("c3", 'op.execute("DELETE FROM persons WHERE id = 2")', "print('no')"),
    }
    report = rehearsed(build(tmp_path, sqlite.url, revisions, at="a1", fill=PEOPLE), each=True)
    assert {("rows-lost", "b2", "people"), ("rows-lost", "d4", "persons")} <= facts(report)
    assert {one.revision: one.verdict for one in report.each or ()} == {"b2": "lossy", "c3": "safe", "d4": "lossy"}


@pytest.mark.rehearsal
def test_an_enum_value_of_one_revision_is_not_there_for_the_next_in_one_transaction_and_is_by_itself(
    postgresql: TestDatabase, tmp_path: Path
) -> None:
    revisions = {
        "a1": (None, "op.execute(\"CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id int primary key, m mood)\")", ""),
        "b2": ("a1", "op.execute(\"ALTER TYPE mood ADD VALUE IF NOT EXISTS 'b'\")", "pass"),
        "c3": ("b2", "op.execute(\"INSERT INTO t VALUES (1, 'b')\")", 'op.execute("DELETE FROM t WHERE id = 1")'),
    }
    report = rehearsed(build(tmp_path, postgresql.url, revisions, at="a1"), each=True)
    assert report.verdict == "broken"
    assert ("upgrade-failed", "c3", "c3") in facts(report)
    assert {one.revision: one.verdict for one in report.each or ()} == {"b2": "residue", "c3": "safe"}


def test_every_code_is_asserted_by_a_test() -> None:
    named: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name in ("test_rollback_verdict.py", "test_render.py"):
            continue  # these speak of codes without having met one
        tree = ast.parse(path.read_text())
        named |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in CODES}
    assert set(CODES) - named == set()
