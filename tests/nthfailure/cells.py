"""One run with one of its acts broken, and everything that has to be true afterwards."""

import json
from dataclasses import dataclass
from pathlib import Path

from nthfailure.scenarios import Scenario
from nthfailure.steps import Ended, Step, counted, fired, injected
from nthfailure.worlds import World

KINDS = {"error": (), "SIGINT": (130,), "SIGTERM": (143,), "SIGKILL": (-9,), "late": (130,), "twice": (130,)}
ENDS = KINDS | {"SIGHUP": (143,)}
"""A kind of break → the exit codes it leads to. An error may be survived, or end in one of FAILURES."""
FAILURES = (3, 4, 5)


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
    missed: bool = False
    """Whether this time the run came there less often than when its steps were counted, and so went on unbroken."""


def steps_of(world: World, scenario: Scenario) -> tuple[Step, ...]:
    """Run it unbroken, to count; it has to succeed and leave nothing. Twice where the first run warms a cache up."""
    for _ in range(1 if world.kind == "sqlite" else 2):
        ended = injected(world, scenario.prepare(world), "count", "-")
        wrong = scenario.judge(world, ended)
        left = world.litter() | world.orphans()
        assert (ended.code, wrong, left) == (0, [], set()), f"{scenario.name} by itself: {ended} {wrong} {left}"
        found = counted(world)
        world.sweep()
    return found


def attempt(world: World, scenario: Scenario, kind: str, step: Step) -> Cell:
    """Break the run there, look, clean up as a user would, and look again."""
    ended = injected(world, scenario.prepare(world), kind, step.name)
    broken = fired(world)
    missed = not broken and ended.code == 0 and (step.again or step.act == "kill")  # a poll less, a process gone
    survived = ended.code == 0 and (missed or kind == "error")
    wrong = [] if broken or missed else [f"not reached (exit {ended.code}: {ended.stderr.strip()[:200]})"]
    wrong += exit_wrong(kind, ended, survived, refuses=scenario.refuses)
    wrong += scenario.judge(world, ended)
    may_stay = broken and (scenario.leaves or kind == "SIGKILL" or (kind == "error" and step.tidies))
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
    return Cell(scenario.name, world.kind, kind, step, tuple(wrong), survived, bool(left), missed)


def exit_wrong(kind: str, ended: Ended, survived: bool, *, refuses: bool = False) -> list[str]:
    """What is wrong with how it ended and what it said."""
    wrong = []
    expected = ENDS[kind] or (*FAILURES, *((2,) if refuses else ()))
    if ended.code not in expected and not survived:
        wrong.append(f"exit {ended.code}: {ended.stderr.strip()[:300]}")
    if "Traceback" in ended.stderr or "Exception ignored" in ended.stderr:
        wrong.append(f"a traceback: {ended.stderr[-600:]}")
    if not ended.stderr.strip() and not reported(ended) and ended.code > 0:
        wrong.append(f"said nothing: {ended.stderr!r}")
    return wrong


def reported(ended: Ended) -> bool:
    """Whether the report itself says what went wrong: a table that could not be read leaves a verdict unproven."""
    try:
        report = json.loads(ended.stdout)
    except ValueError:
        return "NOT PROVEN" in ended.stdout
    return report["ok"] is False and bool(report.get("summary"))


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
