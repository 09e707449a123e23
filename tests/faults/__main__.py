"""`python -m tests.faults [--list]`: the figures of the catalogue; nothing is run, the tests are only collected."""

import argparse
import contextlib
import io
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as pytest finds the modules of this directory

import pytest

from faults import LETTERS, TESTS, Fault, catalogue, file_of

ENGINES = {"sqlite": ("sqlite",), "postgresql": ("postgres", "psycopg", "asyncpg"), "mariadb": ("mariadb", "mysql")}
"""An engine → what a test's module, fixtures or parameters hold that runs on it."""


class Collected:
    """What pytest would run: each test with its parameters and engines."""

    def __init__(self) -> None:
        self.tests: dict[tuple[Path, str], list[tuple[str, set[str]]]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            parameters = getattr(getattr(item, "callspec", None), "params", {})
            name = getattr(item, "originalname", item.name)
            words = " ".join([item.path.stem, *getattr(item, "fixturenames", ()), *map(repr, parameters.values())])
            engines = {engine for engine, signs in ENGINES.items() if any(sign in words.lower() for sign in signs)}
            self.tests[item.path, name].append((item.nodeid, engines))


def collected() -> Collected:
    """Every test of the repository, slow ones too."""
    found = Collected()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = pytest.main(["--collect-only", "-q", "-m", "", "-p", "no:cacheprovider", str(TESTS)], plugins=[found])
    if status:
        raise SystemExit(f"the tests cannot be collected:\n{said.getvalue()[-2000:]}")
    return found


def runs_of(fault: Fault, found: Collected) -> list[tuple[str, set[str]]]:
    """The tests that a case names, once for each of their parameters, with their engines."""
    runs: list[tuple[str, set[str]]] = []
    for test in fault.tests:
        name, _, parameter = test.split("::")[1].partition("[")
        wanted = parameter.removesuffix("]")
        runs += [run for run in found.tests[file_of(test), name] if wanted in run[0].partition("[")[2]]
    return runs


def figures(faults: list[Fault], runs: Mapping[int, list[tuple[str, set[str]]]]) -> str:
    """The lines that are printed."""
    tried = [fault for fault in faults if fault.tests]
    of_all = len({run[0] for found in runs.values() for run in found})
    silent = sum(fault.silent for fault in faults)
    lines = [f"{len(faults)} cases, {len(tried)} of them tried in {of_all} tests; {silent} would be silent, all tried"]
    for letter, title in LETTERS.items():
        of_letter = [fault for fault in faults if fault.letter == letter]
        lines.append(f"  {letter} {title}: {sum(bool(f.tests) for f in of_letter)} of {len(of_letter)}")
    for engine in ENGINES:
        lines.append(f"on {engine}: {sum(any(engine in on for _, on in found) for found in runs.values())} cases")
    lines.append(f"whatever the engine: {sum(any(not on for _, on in found) for found in runs.values())} cases")
    lines.append("not tried, in whole or in part:")
    lines += [f"  {f.number} {'in part' if f.tests else 'at all'}: {f.untried}" for f in faults if f.untried]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--list", action="store_true", help="every case with its tests")
    whole = parser.parse_args().list
    faults, found = list(catalogue()), collected()
    runs = {fault.number: runs_of(fault, found) for fault in faults}
    empty = [fault.number for fault in faults if fault.tests and not runs[fault.number]]
    if empty:
        raise SystemExit(f"cases whose tests pytest does not find: {empty}")
    if whole:
        for fault in faults:
            print(f"{fault.number} {'(silent) ' if fault.silent else ''}{fault.what}")
            print("".join(f"    {test}\n" for test in fault.tests), end="")
    print(figures(faults, runs))


if __name__ == "__main__":
    main()
