"""What is said where a walk ends early, or goes further down than what is pending."""

from pathlib import Path
from typing import Any

import pytest
from rehearsing import BASE, PEOPLE, build, facts, rehearsed
from servers import TestDatabase

pytestmark = pytest.mark.rehearsal

AGE = 'op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")'
FAILS = 'op.drop_table("nothing")'
SWALLOWED = """
import sqlite3
try:
    sqlite3.connect("/srv/other.db")
except BaseException:
    pass
"""


@pytest.mark.parametrize(
    ("revisions", "at", "options", "verdict", "said"),
    [
        ({"b2": ("a1", AGE[0], FAILS)}, "a1", {}, "broken", {("downgrade-failed", "b2", "b2")}),
        ({"b2": ("a1", SWALLOWED, "pass")}, "a1", {}, "unproven",
         {("escaped-connection", None, "/srv/other.db"), ("not-compared", None, "upgrade")}),
        ({"b2": ("a1", *AGE), "c3": ("b2", "pass", "pass")}, "b2", {"to": "a1"}, "safe", set()),
        ({"b2": ("a1", AGE[0], FAILS), "c3": ("b2", "pass", "pass")}, "b2", {"to": "a1"}, "broken",
         {("downgrade-failed", "b2", "b2")}),
    ],
)  # fmt: skip
def test_the_reason_is_named_and_what_was_walked_is_judged(
    revisions: Any, at: str, options: dict[str, Any], verdict: str, said: Any, sqlite: TestDatabase, tmp_path: Path
) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE, **revisions}, at=at, fill=PEOPLE)
    report = rehearsed(app, **options)
    assert (report.verdict, facts(report)) == (verdict, said)
