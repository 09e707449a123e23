"""What a report shows of rows: keys, and with --reveal values; of columns that look like credentials not even keys."""

import json
from pathlib import Path
from typing import Any

import pytest
from apps import Rev
from rehearsing import BASE, PEOPLE, build, execute, rehearsed
from servers import TestDatabase

from dbadmin.render import render

pytestmark = pytest.mark.rehearsal

CHANGES = (
    """
    op.execute("UPDATE people SET mood = 'fine' WHERE id = 1")
    op.execute("UPDATE people SET mood = NULL WHERE id = 3")
    op.execute("DELETE FROM people WHERE id = 2")
    """,
    "print('no')",
)


def samples(report: Any) -> dict[tuple[str, str], Any]:
    return {(f.code, f.object): f.sample for f in report.findings if f.severity == "error"}


def test_samples_are_keys_and_with_reveal_values_before_and_after(database: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, database.url, {"a1": BASE, "b2": ("a1", *CHANGES)}, at="a1", fill=PEOPLE)
    if database.kind == "sqlite":
        report = rehearsed(app)
        assert samples(report)["rows-lost", "people"] == (2,)
        assert set(samples(report)["values-changed", "people.mood"]) == {1, 3}
        assert "calm" not in json.dumps(report.to_dict(), default=str), "no value without --reveal"
    report = rehearsed(app, reveal=True)
    revealed = samples(report)
    assert revealed["rows-lost", "people"] == (
        {"key": 2, "before": {"id": 2, "name": "Grete", "mood": None}, "after": None},
    )
    assert {"key": 1, "before": "calm", "after": "fine"} in revealed["values-changed", "people.mood"]
    assert {"key": 3, "before": "keen", "after": None} in revealed["values-lost", "people.mood"]
    assert "1: calm → fine" in render(report, "table")
    assert json.loads(render(report, "json"))["findings"][0]["sample"]


SESSIONS = Rev(
    None,
    """
    op.create_table("sessions", sa.Column("token", sa.String(40), primary_key=True), sa.Column("user", sa.String(40)))
    """,
    'op.drop_table("sessions")',
)


def test_keys_that_look_like_credentials_are_withheld(sqlite: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": SESSIONS, "b2": ("a1", 'op.execute("DELETE FROM sessions")', "print('no')")}
    app = build(tmp_path, sqlite.url, revisions, at="a1")
    execute(sqlite.url, "INSERT INTO sessions VALUES ('s3cr3t', 'Ada')")
    assert samples(rehearsed(app)) == {("rows-lost", "sessions"): None}
    (item,) = samples(rehearsed(app, reveal=True))["rows-lost", "sessions"]
    assert item == {"key": "s3cr3t", "before": {"token": "s3cr3t", "user": "Ada"}, "after": None}
    assert samples(rehearsed(app, sensitive=("other",))) == {("rows-lost", "sessions"): ("s3cr3t",)}
