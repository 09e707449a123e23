"""One run with one of its acts broken, and everything that has to be true afterwards."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nthfailure.scenarios import Ended, Scenario
from nthfailure.worlds import World

KINDS = {"error": (), "SIGINT": (130,), "SIGTERM": (143,), "SIGKILL": (-9,), "late": (130,), "twice": (130,)}
ENDS = KINDS | {"SIGHUP": (143,)}
"""A kind of break → the exit codes it leads to. An error may be survived, or end in one of FAILURES."""
FAILURES = (3, 4, 5)
QUESTIONS = ("SELECT", "WITH", "SHOW", "PRAGMA", "SET", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")
REMOVING = ("remove", "rmdir", "kill", "DROP", "REASSIGN")
"""Acts of tidying up: where one of these fails, something may stay, if that is said."""


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
    def place(self) -> tuple[str, ...]:
        """Steps of one place differ in what came before them alone; questions, in the phase that asks them."""
        if self.act == "sql" and self.what.lstrip().split(" ")[0].upper() in QUESTIONS:
            return (self.act, *self.stack[::-1][4:10])
        return (self.act, *self.stack[:3])

    @property
    def tidies(self) -> bool:
        """Whether it removes something, or is on the way to."""
        return self.act in REMOVING or self.what.lstrip().startswith(REMOVING) or any(map(tidying, self.stack))


def tidying(frame: str) -> bool:
    """Whether this function of dbadmin's puts things away."""
    return frame.split(" ")[-1] in (
        "stop", "drop", "drop_all", "drop_of", "drop_role", "drop_clones", "remove", "_remove_part", "_abort", "close",
        "left_behind", "empty", "clean", "sweep",
    )  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A scenario, a kind of break, a step, and what was wrong (nothing, if all was well)."""

    scenario: str
    engine: str
    kind: str
    step: Step
    wrong: tuple[str, ...] = ()
    survived: bool = False
    left: bool = False


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


def steps_of(world: World, scenario: Scenario) -> tuple[Step, ...]:
    """Run it unbroken, to count; it has to succeed and leave nothing. Twice where the first run warms a cache up."""
    for _ in range(1 if world.kind == "sqlite" else 2):
        ended = injected(world, scenario.prepare(world), "count", "-")
        wrong = scenario.judge(world, ended)
        left = world.litter() | world.orphans()
        assert (ended.code, wrong, left) == (0, [], set()), f"{scenario.name} by itself: {ended} {wrong} {left}"
        found = tuple(Step(line["step"], line["what"], tuple(line["stack"])) for line in told(world))
        world.sweep()
    return found


def chosen(steps: Sequence[Step], every: bool, most: int | None = None) -> tuple[Step, ...]:
    """All of them; or the first and the last of each place; or so many, evenly spread."""
    if not every:
        first = {step.place: step for step in reversed(steps)}
        last = {step.place: step for step in steps}
        wanted = {*first.values(), *last.values()}
        steps = [step for step in steps if step in wanted]
    if most is not None and len(steps) > most:
        steps = [steps[round(number * (len(steps) - 1) / (most - 1))] for number in range(most)]
    return tuple(dict.fromkeys(steps))


def attempt(world: World, scenario: Scenario, kind: str, step: Step) -> Cell:
    """Break the run there, look, clean up as a user would, and look again."""
    ended = injected(world, scenario.prepare(world), kind, step.name)
    wrong: list[str] = []
    survived = kind == "error" and ended.code == 0
    fired = any("fired" in line for line in told(world))
    if not fired and step.act == "kill":
        return Cell(scenario.name, world.kind, kind, step, survived=True)  # what was to be ended had ended by itself
    if not fired:
        wrong.append(f"not reached (exit {ended.code}: {ended.stderr.strip()[:200]})")
    wrong += exit_wrong(kind, ended, survived)
    wrong += scenario.judge(world, ended)
    may_stay = kind == "SIGKILL" or (kind == "error" and step.tidies)
    left = world.litter() | (set() if may_stay else world.orphans())
    if left and not may_stay:
        wrong.append(f"left: {', '.join(sorted(left))}")
    elif left and kind == "error" and not said(left, ended):
        wrong.append(f"left and not said: {', '.join(sorted(left))}: {ended.stderr.strip()}")
    if may_stay:
        wrong += cleaned(world)
    state = world.state()
    wrong += [f"changed: {key}: {world.before[key]} → {state[key]}" for key in state if state[key] != world.before[key]]
    world.sweep()
    return Cell(scenario.name, world.kind, kind, step, tuple(wrong), survived, bool(left))


def exit_wrong(kind: str, ended: Ended, survived: bool) -> list[str]:
    """What is wrong with how it ended and what it said."""
    wrong = []
    expected = ENDS[kind] or FAILURES
    if ended.code not in expected and not survived:
        wrong.append(f"exit {ended.code}: {ended.stderr.strip()[:300]}")
    if "Traceback" in ended.stderr or "Exception ignored" in ended.stderr:
        wrong.append(f"a traceback: {ended.stderr[-600:]}")
    if not ended.stderr.strip() and ended.code > 0:
        wrong.append(f"said nothing: {ended.stderr!r}")
    return wrong


def said(left: set[str], ended: Ended) -> bool:
    """Whether the run told that something stayed."""
    talk = ended.stderr + ended.stdout
    return "dbadmin copies" in talk or any(Path(path).name in talk for path in left)


def cleaned(world: World) -> list[str]:
    """`dbadmin copies` names what is left, `--clean` removes it, all of it and nothing else."""
    wrong = []
    done = world.run("dbadmin", "copies", "--clean", "--format", "json")
    if done.returncode:
        return [f"copies --clean: exit {done.returncode}: {done.stderr.strip()}"]
    left = world.litter() | world.orphans()
    if left:
        names = json.loads(done.stdout)["removed"]
        wrong.append(f"left by copies --clean, which removed {names}: {', '.join(sorted(left))}")
    return wrong
