"""`dbadmin inspect` on indexes and keys: right on every case of the collections, on every engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import _started, fresh
from healthcases import COLLECTIONS, DUPLICATES, FOREIGN_KEYS, Case
from servers import ENGINES, Servers, TestDatabase

import dbadmin
from dbadmin.results import HealthFinding

CELLS = [
    (kind, check, case) for check, by_engine in COLLECTIONS.items() for kind in ENGINES for case in by_engine[kind]
]
Found = dict[tuple[str, str], dict[str, HealthFinding]]


@pytest.fixture(scope="module")
def collected(servers: Servers, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Any]:
    """What each check found in a database that holds every case of its collection, by engine and check."""
    known: Found = {}

    def find(kind: str, check: str) -> dict[str, HealthFinding]:
        if (kind, check) not in known:
            directory: Path = tmp_path_factory.mktemp("cases")
            with fresh(_started(servers, ENGINES[kind], pytestconfig), directory) as database:
                make(database, COLLECTIONS[check][kind])
                with dbadmin.connect(url=database.url) as db:
                    report = db.inspect(check)
            assert [run.state for run in report.checks] != ["skipped"], report.checks
            known[kind, check] = {finding.object: finding for finding in report.findings}
        return known[kind, check]

    yield find


def make(database: TestDatabase, cases: tuple[Case, ...]) -> None:
    database.execute(*(case.spelled(statement) for case in cases for statement in case.sql))


@pytest.mark.parametrize("kind, check, case", CELLS, ids=lambda value: getattr(value, "name", value))
def test_each_case_is_decided_rightly(kind: str, check: str, case: Case, collected: Any) -> None:
    mine = {name for name in collected(kind, check) if case.spelled("{c}") in name or case.spelled("{p}") in name}
    assert mine == {case.spelled(object) for object in case.found}


def test_the_collections_are_as_large_as_was_promised() -> None:
    assert len({case.name for case in FOREIGN_KEYS["postgresql"]}) >= 24
    assert len({case.name for case in DUPLICATES["postgresql"]}) >= 13
