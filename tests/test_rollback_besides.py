"""What further walks add to a report: told in every format, counted for the verdict, and never told twice."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Run
from rehearsing import BASE, PEOPLE, build, facts, rehearsed
from results_samples import LOSSY
from servers import TestDatabase
from sqlalchemy import make_url

from dbadmin.render import render
from dbadmin.results import AfterUpgrade, EachRevision, RollbackFinding
from dbadmin.rollback.after import Written
from dbadmin.rollback.besides import Besides
from dbadmin.rollback.origin import Origin


def found(code: str, obj: str, revision: str = "b2", severity: str = "error") -> RollbackFinding:
    return RollbackFinding(code, severity, "downgrade", revision, obj, None, None, False, True, f"{obj} is wrong")  # type: ignore[arg-type]


BROKEN = EachRevision("b2", "second", "broken", None, (found("downgrade-failed", "b2"),))
EACH = (EachRevision("a1", "first", "safe"), BROKEN, EachRevision("c3", "third", None, "it begins where b2 ends"))
AFTER = AfterUpgrade("after.sql", seconds=0.25, touched=("posts", "users"))
REPORT = replace(LOSSY, each=EACH, after_upgrade=AFTER)


@pytest.mark.parametrize("format", ["table", "markdown", "html"])
def test_each_revision_and_the_script_are_told(format: str) -> None:
    drawn = render(REPORT, format, width=200 if format == "table" else None)
    assert "Each revision by itself" in drawn
    assert "it begins where b2 ends" in drawn and "b2 is wrong" in drawn
    assert "wrote posts, users, in a walk of its own" in drawn
    assert "Each revision by itself" not in render(LOSSY, format)


def test_json_has_both_and_they_are_null_where_nobody_asked() -> None:
    told = json.loads(render(REPORT, "json"))
    assert [(one["revision"], one["verdict"]) for one in told["each"]] == [
        ("a1", "safe"),
        ("b2", "broken"),
        ("c3", None),
    ]
    assert told["each"][1]["findings"][0]["code"] == "downgrade-failed"
    assert told["after_upgrade"] == {
        "file": "after.sql", "skipped": None, "seconds": 0.25, "touched": ["posts", "users"],
    }  # fmt: skip
    plain = json.loads(render(LOSSY, "json"))
    assert (plain["each"], plain["after_upgrade"]) == (None, None)


def test_a_script_that_was_not_run_says_why() -> None:
    report = replace(LOSSY, after_upgrade=AfterUpgrade("after.sql", skipped="the downgrade fails without it"))
    assert "after.sql was not run: the downgrade fails without it" in render(report, "table", width=200)


def test_revealed_values_are_drawn_and_what_terminals_obey_is_not() -> None:
    sample = ({"key": 3, "before": "a\x1b[31m", "after": None}, {"key": 4})
    finding = replace(LOSSY.findings[0], sample=sample)
    drawn = render(replace(LOSSY, findings=(finding,)), "table")
    assert "rows: 3: a" in drawn and "→ –, 4)" in drawn
    assert "\x1b[31m" not in drawn


def test_what_every_walk_found_is_told_once_and_worst_first() -> None:
    known = (found("rows-lost", "t"), found("data-at-risk", "u", severity="note"))
    each = (
        EachRevision("b2", "", "lossy", None, (found("rows-lost", "t"),)),
        EachRevision("c3", "", "broken", None, (found("downgrade-failed", "c3", "c3"), found("rows-lost", "t", "c3"))),
    )
    written = Written(AFTER, (found("rows-lost", "u"),))
    merged = Besides(written, each).merged(known)
    assert [(f.code, f.revision, f.object) for f in merged] == [
        ("downgrade-failed", "c3", "c3"), ("rows-lost", "b2", "t"), ("rows-lost", "c3", "t"), ("rows-lost", "b2", "u"),
    ]  # fmt: skip
    assert Besides().merged(known) == known


COLUMN = 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")'


@pytest.mark.rehearsal
def test_the_command_line_takes_all_of_it(sqlite: TestDatabase, tmp_path: Path, run: Run) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", *COLUMN)}, at="a1", fill=PEOPLE)
    (app.directory / "after.py").write_text(
        "from sqlalchemy import text\nsession.execute(text('UPDATE people SET age = 7'))"
    )
    asked = ("verify-rollback", "--after-upgrade", "after.py", "--each", "--reveal", "--format", "json")
    done = run(*asked, cwd=app.directory)
    assert done.code == 1, done.stderr
    report = done.json()
    assert (report["verdict"], report["after_upgrade"]["touched"]) == ("lossy", ["people"])
    assert [(one["revision"], one["verdict"]) for one in report["each"]] == [("b2", "safe")]
    assert report["findings"][0]["code"] == "values-lost"
    assert report["findings"][0]["rows"] == 3

    refused = run(*asked[:3], "--to-git", "v1", "--to", "a1", cwd=app.directory)
    assert (refused.code, "--to and --to-git exclude each other" in refused.stderr) == (2, True)
    (app.directory / "after.py").write_text("x = (")
    refused = run(*asked[:3], cwd=app.directory)
    assert (refused.code, "after.py:1: " in refused.stderr) == (2, True)


@pytest.mark.parametrize("where", ["file", "variable"])
def test_values_are_never_revealed_by_a_setting(where: str, sqlite: TestDatabase, tmp_path: Path, run: Run) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE}, at="base")
    environment = {"DBADMIN_VERIFY_ROLLBACK_REVEAL": "1"} if where == "variable" else {}
    if where == "file":
        (app.directory / "dbadmin.toml").write_text("[verify-rollback]\nreveal = true\n")
    done = run("verify-rollback", "--dry-run", cwd=app.directory, env=environment)
    assert done.code == 2
    assert "reveal" in done.stderr


@pytest.mark.rehearsal
def test_a_given_copy_is_left_where_the_deciding_walk_ended(database: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", *COLUMN)}, at="a1", fill=PEOPLE)
    script = tmp_path / "after.sql"
    script.write_text("UPDATE people SET age = 7; DELETE FROM people WHERE id = 3")
    elsewhere = make_url(f"sqlite:///{tmp_path / 'configured.db'}")
    report = rehearsed(
        app, source={"configured": elsewhere}, origin=Origin(in_place=True), each=True, after_upgrade=script
    )
    assert facts(report) == {("values-lost", "b2", "people.age")}
    assert [one.verdict for one in report.each or ()] == ["safe"]
    assert database.rows("SELECT version_num FROM alembic_version") == [("b2",)]
    assert database.rows("SELECT count(*), count(age) FROM people") == [(3, 0)], "the script ran on another copy"
