"""verify-rollback, one row and one statement at a time: who changed a value, and what a failed step leaves."""

from pathlib import Path

import pytest
from rehearsing import build, execute, facts, rehearsed
from servers import TestDatabase

pytestmark = pytest.mark.rehearsal

SCORES = (
    None,
    'op.create_table("scores", sa.Column("id", sa.Integer, primary_key=True), sa.Column("points", sa.Integer))',
    'op.drop_table("scores")',
)
FOUR = ("INSERT INTO scores (id, points) VALUES (1, 10), (2, 20), (3, 30), (4, NULL)",)


def down_and_up(database: TestDatabase, tmp_path: Path, down: str, up: str) -> set[tuple[str, str, int | None]]:
    """(code, severity, rows) of a rehearsal from the head, where the upgrade first ran on an empty table."""
    revisions = {"a1": SCORES, "b2": ("a1", up, down)}
    app = build(tmp_path, database.url, revisions)
    execute(database.url, *FOUR)
    report = rehearsed(app)
    return {(f.code, f.severity, f.rows) for f in report.findings}


def test_rows_that_only_the_upgrade_changes_are_told_from_those_that_the_downgrade_changed(
    database: TestDatabase, tmp_path: Path
) -> None:
    down = 'op.execute("UPDATE scores SET points = 0 WHERE id = 1")'
    up = 'op.execute("UPDATE scores SET points = 99 WHERE id = 2")'
    assert down_and_up(database, tmp_path, down, up) == {
        ("values-changed", "error", 1),
        ("not-repeatable", "note", None),
    }


def test_rows_that_the_downgrade_changes_and_the_upgrade_restores_are_no_finding(
    database: TestDatabase, tmp_path: Path
) -> None:
    down = 'op.execute("UPDATE scores SET points = points + 1 WHERE id < 3")'
    up = 'op.execute("UPDATE scores SET points = points - 1 WHERE id < 3")'
    assert down_and_up(database, tmp_path, down, up) == set()


def test_restored_rows_do_not_hide_that_the_upgrade_changes_another(database: TestDatabase, tmp_path: Path) -> None:
    down = 'op.execute("UPDATE scores SET points = 0 WHERE id = 1")'
    up = 'op.execute("UPDATE scores SET points = CASE id WHEN 1 THEN 10 ELSE NULL END WHERE id IN (1, 2)")'
    assert down_and_up(database, tmp_path, down, up) == {("not-repeatable", "note", None)}


def test_a_failed_step_lists_what_it_committed_and_no_more(sqlite: TestDatabase, tmp_path: Path) -> None:
    up = """
    op.create_table("kept", sa.Column("id", sa.Integer))
    op.execute("SELECT 1")
    op.execute("INSERT INTO kept VALUES (1)")
    op.execute("CREATE TABLE undone (id integer)")
    raise ValueError("no further")
    """
    revisions = {"a1": SCORES, "b2": ("a1", up, "pass")}
    report = rehearsed(build(tmp_path, sqlite.url, revisions, at="a1"))
    (failed,) = [step for step in report.steps if step.state == "failed"]
    assert failed.committed == ("CREATE TABLE kept ( id INTEGER )",)
    assert failed.left_behind is not None
    assert {"table kept made"} <= set(failed.left_behind)
    assert not any("undone" in left for left in failed.left_behind)


def test_an_autocommit_block_commits_what_came_before_it(postgresql: TestDatabase, tmp_path: Path) -> None:
    up = """
    op.execute("CREATE TABLE before (id int)")
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_points ON scores (points)")
    op.execute("CREATE TABLE after (id int)")
    raise ValueError("no further")
    """
    revisions = {"a1": SCORES, "b2": ("a1", up, "pass")}
    report = rehearsed(build(tmp_path, postgresql.url, revisions, at="a1"))
    (failed,) = [step for step in report.steps if step.state == "failed"]
    assert failed.committed == (
        "CREATE TABLE before (id int)",
        "CREATE INDEX CONCURRENTLY ix_points ON scores (points)",
    )


def test_what_an_earlier_step_did_is_not_left_behind_by_the_one_that_fails(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    revisions = {
        "a1": SCORES,
        "b2": ("a1", 'op.create_table("second", sa.Column("id", sa.Integer))', 'op.drop_table("second")'),
        "c3": ("b2", 'op.create_table("third", sa.Column("id", sa.Integer))\nraise ValueError("no")', "pass"),
    }
    report = rehearsed(build(tmp_path, sqlite.url, revisions, at="a1"))
    assert facts(report) == {("upgrade-failed", "c3", "c3")}
    (failed,) = [step for step in report.steps if step.state == "failed"]
    assert failed.left_behind is not None
    assert any("third" in left for left in failed.left_behind)
    assert not any("second" in left for left in failed.left_behind)
