"""Every kind of drift on every engine: it is found, its remedy runs as it is told, and the drift is gone."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from apps import make_app
from drifts import drifts
from rehearsing import execute
from servers import TestDatabase
from test_drift import drift

from dbadmin.dialects import ObjectKey, named
from dbadmin.queries.written import split_statements
from dbadmin.results import Drift

pytestmark = pytest.mark.rehearsal


def apply(database: TestDatabase, fact: Drift) -> None:
    """Run a remedy: SQL, or Alembic's operations."""
    remedy = fact.remedy or ""
    if remedy.startswith("with op."):
        engine = sa.create_engine(database.url)
        with engine.begin() as connection:
            exec(remedy, {"op": Operations(MigrationContext.configure(connection)), "sa": sa})
        engine.dispose()
        return
    _, by_hand, sql = remedy.rpartition("when its rows have been looked at: ")
    assert by_hand or sql.split()[0].isupper(), f"{fact.kind} {fact.object}: {remedy}"
    for statement in split_statements(sql):
        execute(database.url, statement)


def test_every_remedy_runs_and_the_drift_is_gone(database: TestDatabase, tmp_path: Path) -> None:
    cases = drifts(database.kind)
    made = "\n".join(f"op.get_bind().exec_driver_sql({statement!r})" for statement in cases.made)
    app = make_app(tmp_path, url=database.url, revisions={"a1": (None, made, "pass")})
    app.alembic("upgrade", "head")
    assert drift(app).drift == ()
    for text in cases.by_hand:
        for statement in split_statements(text):
            execute(database.url, statement)
    found = drift(app)
    assert found.drift_skipped is None
    assert {(d.kind, d.object) for d in found.drift or ()} == cases.found
    for fact in found.drift or ():
        apply(database, fact)
    assert drift(app).drift == ()


def test_no_statement_is_told_for_a_column_that_no_statement_adds() -> None:
    key, mending = ObjectKey("column", "t.c"), named("sqlite").mending
    assert mending.make(key, "INTEGER GENERATED ALWAYS AS (a * 2) STORED") is None
    assert mending.change(key, "INTEGER GENERATED ALWAYS AS (a) VIRTUAL", "INTEGER") is None
