"""A rehearsal looks only at tables that a step touched; the others are proven to be as they were."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from rehearsing import BASE, PEOPLE, build, execute, facts, rehearsed
from servers import TestDatabase
from snapshots import key, snap, table

from dbadmin.dialects import TableData, TableName, every
from dbadmin.dialects.values import UNREAD
from dbadmin.state import completed, first_read
from dbadmin.state.snapshot import _changed_tables

QUIET = ("CREATE TABLE quiet (id integer PRIMARY KEY, x integer)", "INSERT INTO quiet VALUES (1, 1), (2, 2)")
T, U = TableName(None, "t"), TableName(None, "u")


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the tables that were fingerprinted from outside of the walked process."""
    names: set[str] = set()
    for dialect in every():
        fingerprints = type(dialect.fingerprint)
        monkeypatch.setattr(fingerprints, "tables", _noting(names, fingerprints.tables))
    return names


def _noting(names: set[str], original: Any) -> Any:
    def tables(self: Any, connection: Any, wanted: Sequence[TableName]) -> Mapping[TableName, TableData]:
        names.update(map(str, wanted))
        found: Mapping[TableName, TableData] = original(self, connection, wanted)
        return found

    return tables


@pytest.mark.rehearsal
def test_only_touched_tables_are_looked_at_and_all_are_compared(
    database: TestDatabase, tmp_path: Path, looked_at: set[str]
) -> None:
    revisions = {"a1": BASE, "b2": ("a1", "op.execute(\"UPDATE people SET mood = 'lost'\")", "pass")}
    report = rehearsed(build(tmp_path, database.url, revisions, at="a1", fill=(*PEOPLE, *QUIET)))
    assert ("values-changed", "b2", "people.mood") in facts(report)
    assert looked_at == {"people"}
    compared = report.compared
    assert (compared.tables, compared.looked_at, compared.untouched, compared.rows) == (2, 1, 1, 3)


@pytest.mark.rehearsal
def test_an_index_that_is_no_key_costs_no_look_at_its_table(
    postgresql: TestDatabase, tmp_path: Path, looked_at: set[str]
) -> None:
    up, down = 'op.create_index("ix_mood", "people", ["mood"])', 'op.drop_index("ix_mood", "people")'
    report = rehearsed(build(tmp_path, postgresql.url, {"a1": BASE, "b2": ("a1", up, down)}, at="a1", fill=PEOPLE))
    assert (report.verdict, looked_at) == ("safe", set())
    assert report.compared.untouched == 1


@pytest.mark.rehearsal
def test_a_table_first_touched_late_is_compared_with_what_it_held_and_blamed_on_who_touched_it(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    made = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("{0}")'
    revisions = {
        "a1": BASE,
        "b2": ("a1", *(text.format("first") for text in made)),
        "c3": ("b2", "pass", 'op.execute("UPDATE people SET mood = NULL WHERE id = 3")'),
        "d4": ("c3", *(text.format("last") for text in made)),
    }
    report = rehearsed(build(tmp_path, sqlite.url, revisions, at="a1", fill=(*PEOPLE, *QUIET)))
    assert facts(report) == {("values-lost", "c3", "people.mood")}
    assert [(f.phase, f.rows) for f in report.findings if f.code == "values-lost"] == [("downgrade", 1)]


@pytest.mark.rehearsal
def test_from_the_head_a_table_touched_on_the_way_up_alone_is_compared_with_the_head(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    revisions = {
        "a1": BASE,
        "b2": ("a1", "pass", "pass"),
        "c3": ("b2", 'op.execute("UPDATE people SET mood = NULL WHERE id = 1")', "pass"),
    }
    app = build(tmp_path, sqlite.url, revisions, at="a1", fill=(*PEOPLE, *QUIET))
    app.alembic("upgrade", "heads")
    execute(sqlite.url, "UPDATE people SET mood = 'back' WHERE id = 1")
    report = rehearsed(app, to="a1")
    assert [(f.code, f.severity, f.object) for f in report.findings] == [("not-repeatable", "note", "people.mood")]
    assert (report.compared.untouched, report.compared.tables) == (1, 2)


@pytest.mark.rehearsal
def test_after_a_process_that_cannot_tell_what_it_wrote_everything_is_looked_at(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    up = """
    op.execute("UPDATE people SET mood = 'x'")
    op.get_bind().connection.commit()
    import os
    os._exit(3)
    """
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", up, "pass")}, at="a1", fill=(*PEOPLE, *QUIET))
    report = rehearsed(app)
    (failed,) = [step for step in report.steps if step.state == "failed"]
    assert failed.left_behind == ("rows of people changed",)
    assert report.compared.untouched == 0


def test_a_table_is_looked_back_at_once_something_looked_at_it_or_removed_it() -> None:
    start = snap(t=UNREAD, u=UNREAD, v=UNREAD)
    states = [snap(t=UNREAD, u=table(), v=UNREAD), snap(u=UNREAD, v=UNREAD)]
    assert first_read(start, states) == (T, U)
    assert first_read(snap(t=table()), [snap(t=table(x="a"))]) == ()
    held = {T: table(5), U: table(7)}
    assert completed(states[0], held) == snap(t=table(5), u=table(), v=UNREAD)


@pytest.mark.parametrize(
    ("definition", "again"), [("CREATE INDEX i ON t (x)", set()), ("CREATE UNIQUE INDEX i ON t (x)", {T})]
)
def test_an_index_that_may_be_the_key_makes_its_table_be_looked_at_again(
    definition: str, again: set[TableName]
) -> None:
    assert _changed_tables({}, {key("index", "t.i"): definition}) == again
