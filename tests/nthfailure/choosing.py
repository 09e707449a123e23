"""Which steps are broken, and how: each site of the code at least once, rather than each time that it is passed.

A server's rehearsal has some 2,000 steps, most of them the same line of code once more: a file after a file removed, a
poll after a poll. What a break can meet is told by where it comes (the site) and by what has been done so far (the
phase); and between two acts that change something, the world outside is the same whichever question is broken.

    an act that changes something, at a site that no earlier command of this engine came to
                                   error, SIGKILL, late, and one of the others in turn; at its last time error, SIGKILL
    a question at such a site      error, and one of the others in turn
    the first and the last step of each phase of each command
                                   one kind in turn, where nothing of the above is tried there
"""

import re
import zlib
from collections.abc import Collection, Iterable, Sequence

from nthfailure.steps import Step

Choice = tuple[Step, tuple[str, ...]]
"""A step and the kinds of break that it gets."""
OTHERS = ("SIGINT", "SIGTERM", "twice")


def each_site(steps: Sequence[Step], kinds: Collection[str], known: set[tuple[str, ...]]) -> list[Choice]:
    """The choice above, of these kinds; enters the sites of these steps in `known`."""
    first = {step.site: step for step in reversed(steps)}
    last = {step.site: step for step in steps}
    ends = {step.phase: step for step in reversed(steps)}.values(), {step.phase: step for step in steps}.values()
    meant: dict[Step, tuple[str, ...]] = {}
    for site in first.keys() - known:
        if first[site].asks:
            meant[first[site]] = ("error", turn(first[site], [kind for kind in kinds if kind != "error"]))
        else:
            meant[last[site]] = ("error", "SIGKILL")
            meant[first[site]] = ("error", "SIGKILL", "late", turn(first[site], OTHERS))
    for step in {*ends[0], *ends[1]} - meant.keys():
        meant[step] = (turn(step, list(kinds)),)
    known.update(first)
    return [(step, tuple(kind for kind in kinds if kind in meant[step])) for step in steps if step in meant]


def each_step(steps: Sequence[Step], kinds: Collection[str], most: int | None) -> list[Choice]:
    """All of these steps, or so many, evenly spread; in all of these ways."""
    if most is not None and len(steps) > most:
        steps = [steps[round(number * (len(steps) - 1) / max(most - 1, 1))] for number in range(most)]
    return [(step, tuple(kinds)) for step in dict.fromkeys(steps)]


def shared(choices: Iterable[Choice], scenario: str, share: tuple[int, int]) -> list[Choice]:
    """The N-th of M shares. Each cell is in one of them, and stays in it when lines move or a poll is repeated."""
    number, shares = share
    mine = [(step, tuple(kind for kind in kinds if mark(step, scenario, kind) % shares == number - 1))
            for step, kinds in choices]  # fmt: skip
    return [(step, kinds) for step, kinds in mine if kinds]


def turn(step: Step, kinds: Sequence[str]) -> str:
    """One of these kinds; which one is the site's own, and the same in every run. Nothing where there is none."""
    return kinds[mark(step) % len(kinds)] if kinds else ""


def mark(step: Step, *words: str) -> int:
    """A number that a site always has, on whatever lines of its files, together with these words."""
    return zlib.crc32(re.sub(r"\d+", "", "\0".join((*step.site, *words))).encode())
