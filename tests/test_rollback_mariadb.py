"""Where every definition commits by itself: what a step that failed half-way has done for good, and left behind."""

from pathlib import Path

import pytest
from rehearsing import BASE, PEOPLE, Fact, build, facts, rehearsed
from servers import TestDatabase

pytestmark = pytest.mark.rehearsal

HALF = """
    op.add_column("people", sa.Column("age", sa.Integer))
    op.execute("UPDATE people SET age = 40")
    op.create_index("ix_nowhere", "people", ["no_such_column"])
"""


def test_a_step_that_fails_half_way_tells_what_is_committed_and_what_is_left(
    mariadb: TestDatabase, tmp_path: Path
) -> None:
    app = build(tmp_path, mariadb.url, {"a1": BASE, "b2": ("a1", HALF, "pass")}, at="a1", fill=PEOPLE)
    report = rehearsed(app)
    (step,) = report.steps[:1]
    assert (report.verdict, facts(report)) == ("broken", {("upgrade-failed", "b2", "b2")})
    assert step.committed == ("ALTER TABLE people ADD COLUMN age INTEGER", "UPDATE people SET age = 40")
    assert step.failed_statement is not None and "ix_nowhere" in step.failed_statement
    assert step.left_behind == ("column people.age made", "rows of people changed")
    assert report.source_unchanged


def test_a_view_that_the_downgrade_makes_anew_belongs_to_whom_it_belonged(
    mariadb: TestDatabase, tmp_path: Path
) -> None:
    view = "op.execute('CREATE VIEW names AS SELECT id, name FROM people')", "op.execute('DROP VIEW names')"
    revisions = {"a1": BASE, "b2": ("a1", *view), "c3": ("b2", view[1], view[0])}
    account = "owner_of_views@'local%%'"  # a host that is no name of the copy's: on the copy it cannot log in
    mariadb.execute(f"CREATE USER {account}", f"GRANT ALL ON {mariadb.name}.* TO {account}")
    try:
        app = build(tmp_path, mariadb.url.set(username="owner_of_views"), revisions, at="b2", fill=PEOPLE)
        report = rehearsed(app)
        assert (report.verdict, facts(report)) == ("safe", set())
    finally:
        mariadb.execute(f"DROP USER {account}")


@pytest.mark.slow
def test_an_account_of_another_host_owns_on_the_copy_what_it_owns_at_the_source(
    mariadb: TestDatabase, tmp_path: Path
) -> None:
    """The account could not log in there: its views, made anew or not, are the same as before all the same."""
    made, gone = (
        "op.execute('CREATE VIEW {0} AS SELECT id, name FROM people')",
        "op.execute('DROP VIEW {0}')",
    )
    revisions = {
        "a1": BASE,
        "b2": (
            "a1",
            f"{made.format('kept')}; {made.format('names')}",
            f"{gone.format('names')}; {gone.format('kept')}",
        ),
        "c3": ("b2", gone.format("names"), made.format("names")),
    }
    account = "owner_of_views@'local%%'"
    mariadb.execute(f"CREATE USER {account}", f"GRANT ALL ON {mariadb.name}.* TO {account}")
    try:
        app = build(tmp_path, mariadb.url.set(username="owner_of_views"), revisions, fill=PEOPLE)
        report = rehearsed(app)
        assert (report.plan.kind, report.verdict, facts(report)) == ("head", "safe", set())
    finally:
        mariadb.execute(f"DROP USER {account}")


KEPT = (
    "CREATE TABLE prices (id INT PRIMARY KEY, price INT) WITH SYSTEM VERSIONING",
    "INSERT INTO prices VALUES (1, 10), (2, 20), (3, 30)",
    "UPDATE prices SET price = 11 WHERE id = 1",
    "DELETE FROM prices WHERE id = 3",
)
"""A table of two rows, and two that its history has."""
WITHOUT_HISTORY = 'op.execute("ALTER TABLE prices DROP SYSTEM VERSIONING")'
WITH_HISTORY = 'op.execute("ALTER TABLE prices ADD SYSTEM VERSIONING")'
REPRICE = 'op.execute("UPDATE prices SET price = price {} 1")'


@pytest.mark.parametrize(
    ("upgrade", "downgrade", "verdict", "found"),
    [
        (WITHOUT_HISTORY, WITH_HISTORY, "lossy", {("rows-lost", "b2", "prices")}),
        (REPRICE.format("+"), REPRICE.format("-"), "safe", set()),
    ],
    ids=["dropped", "grown"],
)
def test_the_history_of_a_table_is_kept_or_told(
    mariadb: TestDatabase, tmp_path: Path, upgrade: str, downgrade: str, verdict: str, found: set[Fact]
) -> None:
    revisions = {"a1": (None, "pass", "pass"), "b2": ("a1", upgrade, downgrade)}
    app = build(tmp_path, mariadb.url, {"a1": revisions["a1"]}, at="a1", fill=KEPT)
    app.add({"b2": revisions["b2"]})
    report = rehearsed(app)
    assert (report.verdict, facts(report)) == (verdict, found)
    if found:
        (lost,) = [f for f in report.findings if f.code == "rows-lost"]
        assert (lost.rows, lost.phase, lost.by_design) == (2, "upgrade", True)
        assert "history of prices" in lost.detail
