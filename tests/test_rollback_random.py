"""Random tables, rows and migrations: an exact downgrade is safe, and with one thing wrong it is not.

Few of them every time, always the same; `pytest -m slow tests/test_rollback_random.py` makes many new ones.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_schemas import Case, cases
from rehearsing import build, facts, rehearsed
from servers import TestDatabase

FEW = 3
MANY = {"sqlite": 60, "postgresql": 25, "mariadb": 25}

pytestmark = pytest.mark.timeout(3600)


def fill(database: TestDatabase, case: Case) -> None:
    """Put the rows into the tables, as their types want them."""
    with database.connect() as connection:
        for table in case.tables:
            types: dict[str, Any] = {c.name: eval(c.type, {"sa": sa}) for c in table.columns}
            there = sa.table(table.name, *(sa.column(name, made) for name, made in types.items()))
            connection.execute(there.insert(), list(table.rows))


def judge(case: Case, database: TestDatabase, directory: Path) -> None:
    """Rehearse the exact downgrade, then the spoiled one, on the same rows."""
    revisions = {"a1": case.base, "b2": ("a1", case.upgrade, case.downgrade)}
    app = build(directory, database.url, {"a1": case.base}, at="a1")
    fill(database, case)
    app.add({"b2": revisions["b2"]})
    exact = rehearsed(app)
    assert (exact.verdict, facts(exact)) == ("safe", set()), (case, exact.findings)
    app.add({"b2": ("a1", case.upgrade, case.spoil())})
    spoiled = rehearsed(app)
    assert spoiled.verdict in ("residue", "lossy", "broken"), (case, spoiled.findings)
    assert {f.revision for f in spoiled.findings if f.severity == "error"} == {"b2"}, (case, spoiled.findings)


def property_of(
    database: TestDatabase,
    factory: pytest.TempPathFactory,
    fresh: Callable[[], TestDatabase],
    examples: int,
    **how: Any,
) -> None:
    """Judge so many random applications, each on an empty database."""

    @settings(
        max_examples=examples, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), **how,
    )  # fmt: skip
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        case = data.draw(cases(database.kind != "sqlite"))
        judge(case, fresh(), factory.mktemp("random"))

    holds()


@pytest.fixture
def fresh(database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], TestDatabase]:
    """Empties the database: the same one each time, but for SQLite's files."""

    def again() -> TestDatabase:
        if database.kind == "sqlite":
            url = database.url.set(database=str(tmp_path_factory.mktemp("file") / "app.db"))
            return TestDatabase("sqlite", url, "app.db")
        engine = sa.create_engine(database.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            metadata = sa.MetaData()
            metadata.reflect(connection)
            metadata.drop_all(connection)
        return database

    return again


@pytest.mark.rehearsal
@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_an_exact_downgrade_is_safe_and_a_spoiled_one_is_not(
    database: TestDatabase, fresh: Callable[[], TestDatabase], tmp_path_factory: pytest.TempPathFactory
) -> None:
    property_of(database, tmp_path_factory, fresh, FEW, derandomize=True)


@pytest.mark.slow
@pytest.mark.rehearsal
def test_many_exact_downgrades_are_safe_and_spoiled_ones_are_not(
    database: TestDatabase, fresh: Callable[[], TestDatabase], tmp_path_factory: pytest.TempPathFactory
) -> None:
    property_of(database, tmp_path_factory, fresh, MANY[database.kind])
    print(f"{database.kind}: {MANY[database.kind]} random applications, each judged exact and spoiled")
