"""What can go wrong, by number: configuration, env.py, connections, scripts, data, resources, backups, output.

    python -m tests.faults                       # the figures: cases, tried on which engines, not tried and why
    python -m tests.faults --list                # every case with its tests

A case is covered by the tests that it names; `untried` says what of it cannot be tried in a test of this repository,
and why. `silent` marks what gives a wrong answer without an error where nobody takes care.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
LETTERS = {
    "A": "configuration",
    "B": "finding and running the application's code",
    "C": "connections",
    "D": "migration scripts",
    "E": "data that a comparison may miss",
    "F": "resources and interruption",
    "G": "backups",
    "H": "output and verdict",
}


@dataclass(frozen=True)
class Fault:
    """One case. Each of `tests` is `test_module::test_name`, with a parameter's id in brackets where only it counts."""

    number: int
    what: str
    tests: tuple[str, ...]
    untried: str | None = None
    silent: bool = False

    @property
    def letter(self) -> str:
        """The chapter that the number belongs to."""
        ends = {16: "A", 26: "B", 38: "C", 84: "D", 107: "E", 127: "F", 148: "G"}
        return next((letter for end, letter in ends.items() if self.number <= end), "H")


def fault(number: int, what: str, *tests: str, untried: str | None = None, silent: bool = False) -> Fault:
    """A Fault whose tests are given one by one."""
    return Fault(number, what, tests, untried, silent)


def file_of(test: str) -> Path:
    """The file that a test's name points to.

    >>> file_of("test_render::test_x").name, file_of("faults/test_output::test_x").parent.name
    ('test_render.py', 'faults')
    """
    return TESTS / f"{test.split('::')[0]}.py"


def catalogue() -> Iterator[Fault]:
    """Every case, in the order of the numbers."""
    from faults import applications, backups, contents, running, scripts

    for module in (applications, scripts, contents, running, backups):
        yield from module.FAULTS
