"""docs/benchmarks.md, written from what was measured and kept beside it as JSON, one benchmark at a time."""

import json
import os
import platform
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tabulate import tabulate

from tests.benchmarks.measure import Row

IDLE = 0.2
"""Share of the cores' time, before a benchmark begins, up to which the machine counts as idle."""
_CORES = Path("/proc/stat")
REACHED = "reached"
HEAD = """\
# Benchmarks

Written by `python -m tests.benchmarks --page docs/benchmarks.md`; not by hand. Each row runs two commands, or two
readers, in turn on the same machine, and gives the median of their ratios with the lowest and the highest: a ratio
holds on other machines too, seconds do not. Beside each stands what it is held against: the limit (what nobody can do
without), or another tool. `missed` means that the aim is not reached. Rows without an aim are there for comparison:
other readers (pandas, connectorx, polars, adbc), and one frame of all rows beside parts of it.
"""


@dataclass(frozen=True)
class Measured:
    """One benchmark: where and when, how long it took, how busy the cores were before it (0 to 1), its rows."""

    machine: Mapping[str, str | int | None]
    day: str
    took: float
    busy: float
    rows: tuple[Row, ...]


def machine() -> dict[str, str | int | None]:
    """Where and with what it is measured."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "sqlalchemy": version("sqlalchemy"),
        "alembic": version("alembic"),
    }


def busy_now(seconds: float = 1.0) -> float:
    """Which share of the cores' time somebody takes while this waits, 0 to 1; elsewhere than on Linux the load of the
    last minute, in which a benchmark before this one counts, too.
    """
    if not _CORES.exists():
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    idle, whole = _spent()
    time.sleep(seconds)
    idle_later, whole_later = _spent()
    return 1 - (idle_later - idle) / max(whole_later - whole, 1)


def _spent() -> tuple[int, int]:
    """Ticks that the cores were idle, and all of them (man 5 proc_stat: user nice system idle iowait …)."""
    ticks = [int(word) for word in _CORES.read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def measured(rows: Iterable[Row], took: float, busy: float) -> Measured:
    """What has just been measured here."""
    return Measured(machine(), datetime.now(UTC).date().isoformat(), round(took, 1), round(busy, 2), tuple(rows))


def read(path: Path) -> dict[str, Measured]:
    """What is kept; nothing where there is no file."""
    if not path.exists():
        return {}
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: Measured(**{**one, "rows": tuple(Row(**row) for row in one["rows"])}) for name, one in kept.items()}


def write(path: Path, kept: Mapping[str, Measured]) -> None:
    """Keep it: whole or not at all, since a benchmark that was measured is not to be measured again."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps({name: asdict(kept[name]) for name in sorted(kept)}, indent=1) + "\n")
    beside.replace(path)


def page(names: Iterable[str], kept: Mapping[str, Measured]) -> str:
    """The page: a table for each benchmark in the order of `names`, and which of them are not measured yet."""
    names = list(names)
    missing = [name for name in names if name not in kept]
    parts = [HEAD]
    rows = [row for name in names if name in kept for row in kept[name].rows]
    aimed = [row for row in rows if row.aim is not None]
    reached = sum(met(row) == REACHED for row in aimed)
    missed, without = len(aimed) - reached, len(rows) - len(aimed)
    parts.append(f"{len(rows)} rows: {reached} reach their aim, {missed} miss it, {without} have none.\n")
    if missing:
        parts.append(f"Not measured yet: {', '.join(f'`{name}`' for name in missing)}.\n")
    for name in names:
        if name in kept:
            parts.append(f"## {name}\n\n{_taken(kept[name])}\n\n{table(kept[name].rows)}\n")
    return "\n".join(parts)


def met(row: Row) -> str:
    """Whether the ratio, as it is shown, reaches the aim; nothing where there is none."""
    if row.aim is None:
        return ""
    return REACHED if round(row.ratio, 2) <= row.aim else "missed"


def table(rows: Iterable[Row]) -> str:
    """The rows as a table; seconds and MiB are medians and peaks."""
    lines = [
        [r.name, r.against, f"{r.ratio:.2f}", f"{r.lowest:.2f}–{r.highest:.2f}", "" if r.aim is None else r.aim,
         met(r), f"{r.wall:.3f}", f"{r.wall_against:.3f}", _mib(r.peak),
         _mib(r.peak_against)]
        for r in rows
    ]  # fmt: skip
    headers = ["work", "held against", "ratio", "range", "aim", "", "s", "s against", "MiB", "MiB against"]
    return tabulate(lines, headers, tablefmt="github", disable_numparse=True)


def ratios(kept: Mapping[str, Measured]) -> dict[str, float]:
    """The ratio of each row by its name."""
    return {row.name: row.ratio for one in kept.values() for row in one.rows}


def _taken(one: Measured) -> str:
    where = ", ".join(f"{key} {value}" for key, value in one.machine.items())
    busy = (
        "" if one.busy <= IDLE else f" {one.busy:.0%} of the machine was busy with something else: hints, no figures."
    )
    return f"{one.day}, {where}; {one.rows[0].runs if one.rows else 0} runs, {one.took:.0f} s.{busy}"


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f}" if size else ""
