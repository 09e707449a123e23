"""What a run did, step by step; and a run with one of its steps broken."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nthfailure.inject import shape
from nthfailure.worlds import World

QUESTIONS = ("SELECT", "WITH", "SHOW", "PRAGMA", "SET", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")
REMOVING = ("remove", "rmdir", "kill", "DROP", "REASSIGN")
"""Acts of tidying up: where one of these fails, something may stay, if that is said."""
CALLERS = 4
"""So many functions of dbadmin's, innermost first, tell one site from another."""


@dataclass(frozen=True)
class Step:
    """An outside act: its name, what it was, and where in dbadmin's code, innermost first."""

    name: str
    what: str
    stack: tuple[str, ...]

    @property
    def act(self) -> str:
        """What kind of act it is."""
        return self.name.split(" ")[0]

    @property
    def asks(self) -> bool:
        """Whether it is a statement that changes nothing."""
        return self.act == "sql" and self.what.lstrip().split(" ")[0].upper() in QUESTIONS

    @property
    def again(self) -> bool:
        """Whether the run had come there before."""
        return not self.name.endswith("#1")

    @cached_property
    def site(self) -> tuple[str, ...]:
        """The act, the statement without its values, and the innermost callers: the same whatever the command is."""
        return (self.act, shape(self.name, self.what), *self.stack[:CALLERS])

    @cached_property
    def phase(self) -> tuple[str, ...]:
        """What part of the command it belongs to; steps of one phase differ in what came before them alone."""
        return (self.act, *self.stack[::-1][4:10]) if self.asks else (self.act, *self.stack[:3])

    @property
    def tidies(self) -> bool:
        """Whether it removes something, or is on the way to."""
        return self.act in REMOVING or self.what.lstrip().startswith(REMOVING) or any(map(tidying, self.stack))


def tidying(frame: str) -> bool:
    """Whether this function of dbadmin's puts things away."""
    return frame.split(" ")[-1] in (
        "stop", "drop", "drop_all", "drop_of", "drop_role", "drop_clones", "remove", "_remove_part", "_abort", "close",
        "left_behind", "empty", "clean", "sweep", "_drop", "_drop_left",
    )  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code (negative: the signal that killed it) and what it said."""

    code: int
    stdout: str
    stderr: str

    @property
    def killed(self) -> bool:
        return self.code < 0


def injected(world: World, arguments: Sequence[str], kind: str, step: str) -> Ended:
    """Run the command line in a process of its own, with this break."""
    log = world.home / "log"
    log.unlink(missing_ok=True)
    # Where no application is named it need not be asked: its env.py is run for verify-rollback.
    there = None if arguments[0] == "verify-rollback" else world.home / "home"
    done = world.run("tests.nthfailure.inject", str(log), kind, step, "--", *arguments, there=there)
    return Ended(done.returncode, done.stdout, done.stderr)


def told(world: World) -> Iterator[dict[str, Any]]:
    """What the last run wrote to its log."""
    with suppress(FileNotFoundError):
        for line in (world.home / "log").read_text().splitlines():
            yield json.loads(line)


def counted(world: World) -> tuple[Step, ...]:
    """The steps of the last run, whose KIND was "count"."""
    return tuple(Step(line["step"], line["what"], tuple(line["stack"])) for line in told(world))


def fired(world: World) -> bool:
    """Whether the last run came to the step that was to be broken."""
    return any("fired" in line for line in told(world))
