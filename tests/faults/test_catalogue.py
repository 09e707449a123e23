"""The catalogue of faults is whole, and every test that it names is there."""

import re

from faults import LETTERS, TESTS, Fault, catalogue, file_of

FAULTS = list(catalogue())


def test_every_number_stands_once_and_in_order() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, 155))
    assert {fault.letter for fault in FAULTS} == set(LETTERS)


def test_every_case_is_tried_or_says_why_not() -> None:
    assert [fault.number for fault in FAULTS if not fault.tests and not fault.untried] == []


def test_every_named_test_exists() -> None:
    everything = "\n".join(path.read_text() for path in sorted(TESTS.rglob("*.py")) if path.parent.name != "faults")
    missing = [(fault.number, test) for fault in FAULTS for test in fault.tests if not exists(test, everything)]
    assert missing == []


def exists(test: str, everything: str) -> bool:
    """Whether the test's file defines it, and its parameter is written somewhere among the tests."""
    name, _, parameter = test.split("::")[1].partition("[")
    file = file_of(test)
    if not file.exists() or not re.search(rf"^(?:async )?def {name}\(", file.read_text(), re.MULTILINE):
        return False
    return parameter.removesuffix("]") in everything


def test_what_is_silent_is_tried() -> None:
    silent: list[Fault] = [fault for fault in FAULTS if fault.silent]
    assert silent and all(fault.tests for fault in silent)
