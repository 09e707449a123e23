"""Timing commands as whole processes, two in turn, by the operating system's own accounting."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """What is run: a command in a directory, with further variables; exit codes that count as success."""

    arguments: Sequence[str | Path]
    cwd: Path | None = None
    environment: Mapping[str, str] | None = None
    expected: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Sample:
    """One run: seconds on the clock, seconds of processor time, the largest resident size of a process in bytes."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Row:
    """A benchmark's result: medians of both, and the median of the ratios of runs that followed each other."""

    name: str
    against: str
    aim: float | None
    runs: int
    wall: float
    wall_against: float
    ratio: float
    lowest: float
    highest: float
    peak: int
    peak_against: int


def once(command: Command) -> Sample:
    """Run a command to its end; its output is thrown away, a wrong exit code is an error."""
    before = time.perf_counter()
    process = subprocess.Popen(
        [str(argument) for argument in command.arguments],
        cwd=command.cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(command.environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode not in command.expected:
        raise RuntimeError(f"{command.arguments} exited with {process.returncode}: {said.decode(errors='replace')}")
    # ru_maxrss counts the largest of the process and the children it waited for; KiB on Linux.
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def compare(name: str, subject: Command, against: Command, *, of: str, aim: float, runs: int) -> Row:
    """Run both in turn after one warm-up each."""
    once(subject)
    once(against)
    pairs = [(once(subject), once(against)) for _ in range(runs)]
    ratios = [mine.wall / other.wall for mine, other in pairs]
    return Row(
        name=name,
        against=of,
        aim=aim,
        runs=runs,
        wall=statistics.median(mine.wall for mine, _ in pairs),
        wall_against=statistics.median(other.wall for _, other in pairs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        peak=max(mine.peak for mine, _ in pairs),
        peak_against=max(other.peak for _, other in pairs),
    )
