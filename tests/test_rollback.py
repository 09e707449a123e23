"""verify-rollback around the verdict: what is accepted, what a failure leaves, which way is walked."""

from pathlib import Path
from typing import Any

import pytest
from apps import Rev
from rehearsing import BASE, PEOPLE, build, facts, rehearsed
from servers import TestDatabase

from dbadmin.errors import NotFinished

pytestmark = pytest.mark.rehearsal


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


REFUSED = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except BaseException:
    pass
"""


def test_accepting_a_refused_connection_does_not_accept_what_was_not_rehearsed(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    from dbadmin.rollback.verdict import Acceptance

    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", REFUSED, "pass")}, at="a1", fill=PEOPLE)
    report = rehearsed(app, accept=(Acceptance.parse("escaped-connection"),))
    assert (report.verdict, report.ok, report.exit_code) == ("unproven", False, 5)
    assert facts(report) == {("escaped-connection", None, "192.0.2.1:80"), ("not-compared", None, "upgrade")}


def test_a_failed_downgrade_tells_what_it_did_and_not_what_went_before_it(
    database: TestDatabase, tmp_path: Path
) -> None:
    table = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("{0}")'
    revisions = {
        "a1": BASE,
        "b2": ("a1", table[0].format("t1"), table[1].format("t1") + '\nraise ValueError("half")'),
        "c3": ("b2", table[0].format("t2"), table[1].format("t2")),
    }
    report = rehearsed(build(tmp_path, database.url, revisions, at="a1", fill=PEOPLE))
    assert facts(report) == {("downgrade-failed", "b2", "b2")}
    failed = next(step for step in report.steps if step.state == "failed")
    half = database.kind != "postgresql"  # which takes everything back
    assert failed.committed == (("DROP TABLE t1",) if half else ())
    assert failed.left_behind == (("table t1 gone",) if half else ())


def test_locks_are_told_of_the_revision_that_took_them(postgresql: TestDatabase, tmp_path: Path) -> None:
    revisions = {
        "a1": BASE,
        "b2": ("a1", 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")'),
        "c3": ("b2", 'op.create_table("t", sa.Column("id", sa.Integer))', 'op.drop_table("t")'),
    }
    report = rehearsed(build(tmp_path, postgresql.url, revisions, at="a1", fill=PEOPLE))
    steps = {
        (step.phase, step.revision): {lock.object: lock.mode for lock in step.locks or ()} for step in report.steps
    }
    assert steps["upgrade", "b2"]["people"] == "AccessExclusive"
    assert not {"people", "people_id_seq"} & steps["upgrade", "c3"].keys()
    assert steps["downgrade", "b2"]["people"] == "AccessExclusive"
    assert "people" not in steps["downgrade", "c3"]


def test_a_source_that_was_migrated_while_it_was_copied_is_not_judged(
    sqlite: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbadmin.dialects.sqlite.place import SqlitePlace

    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", *_index())}, at="a1", fill=PEOPLE)
    original = SqlitePlace.copy

    def migrated_first(self: SqlitePlace, *arguments: Any, **more: Any) -> Any:
        app.alembic("upgrade", "head")
        return original(self, *arguments, **more)

    monkeypatch.setattr(SqlitePlace, "copy", migrated_first)
    with pytest.raises(NotFinished, match="it was migrated meanwhile"):
        rehearsed(app)


def _index(name: str = "ix_mood") -> tuple[str, str]:
    return f'op.create_index("{name}", "people", ["mood"])', f'op.drop_index("{name}", "people")'
