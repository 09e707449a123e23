"""Where every definition commits by itself: what a step that failed half-way has done for good, and left behind."""

from pathlib import Path

import pytest
from rehearsing import BASE, PEOPLE, build, facts, rehearsed
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
