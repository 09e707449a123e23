"""Every known defect is caught, and no clean change is held to be one; `python -m tests.collect` prints figures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from collection import ENGINES, Change, Defect, false_alarm
from collection.cases import CASES, DEFECTS
from servers import TestDatabase

pytestmark = pytest.mark.rehearsal

EVERY_DAY = {
    "sqlite": {case.name for case in [case for case in CASES if "sqlite" in case.engines][::3]},
    "postgresql": {
        "a new enum value is used before it is committed",
        "a cascade takes policies along",
        "a partition comes and goes",
    },
    "mariadb": {
        "half of it is committed when it fails",
        "a change of type loses NOT NULL",
        "a trigger is added",
    },
}
"""Cases that are not left to the nightly run, as each takes seconds."""


def answers_due() -> Iterator[object]:
    """Each case on each of its engines."""
    for engine in ENGINES:
        for case in CASES:
            if engine in case.engines:
                every_day = engine not in EVERY_DAY or case.name in EVERY_DAY[engine]
                marks = () if every_day else (pytest.mark.slow,)
                yield pytest.param(engine, case, marks=marks, id=f"{engine}-{case.name}")


@pytest.mark.parametrize(("engine_kind", "case"), list(answers_due()), indirect=["engine_kind"])
def test_a_case_is_answered_rightly(engine_kind: str, case: Change, database: TestDatabase, tmp_path: Path) -> None:
    report = case.rehearse(tmp_path, database)
    assert (case.missed(engine_kind, report) if isinstance(case, Defect) else false_alarm(report)) is None


@pytest.mark.parametrize("engine", EVERY_DAY)
def test_the_cases_of_every_day_are_there(engine: str) -> None:
    assert {case.name for case in CASES if engine in case.engines} >= EVERY_DAY[engine]


def test_the_collection_is_large_enough_to_mean_something() -> None:
    assert len(DEFECTS) >= 60
    assert len(CASES) - len(DEFECTS) >= 25
