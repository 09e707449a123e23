"""`python -m tests.benchmarks`."""

import argparse
import json
import os
import platform
import sqlite3
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from tabulate import tabulate

from tests.benchmarks.frames import READ_ROWS
from tests.benchmarks.measure import Row
from tests.benchmarks.rows import ROWS


def machine() -> dict[str, str | int | None]:
    """Where and with what it was measured."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "sqlalchemy": version("sqlalchemy"),
        "alembic": version("alembic"),
    }


def table(rows: list[Row]) -> str:
    """The rows as a table; seconds and MiB are medians and peaks."""
    lines = [
        [r.name, r.against, f"{r.wall:.3f}", f"{r.wall_against:.3f}", f"{r.ratio:.2f}",
         f"{r.lowest:.2f}–{r.highest:.2f}", r.aim, _mib(r.peak), _mib(r.peak_against)]
        for r in rows
    ]  # fmt: skip
    headers = ["work", "held against", "s", "s against", "ratio", "range", "aim", "MiB", "MiB against"]
    return tabulate(lines, headers, tablefmt="github")


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f}" if size else ""


def main() -> None:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", choices=[*ROWS, []], help="rows to measure; all by default")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command")
    parser.add_argument("--rows", type=int, help="rows of the tables that are read (frames-…); 1,000,000 by default")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    if given.rows:
        os.environ[READ_ROWS] = str(given.rows)
    rows: list[Row] = []
    for name in given.names or ROWS:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
            Path(directory).chmod(0o755)  # servers run as another user
            print(f"measuring {name} …", file=sys.stderr)
            measured = ROWS[name](Path(directory), given.runs)
            rows += measured if isinstance(measured, list) else [measured]
    where = machine()
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps({"machine": where, "rows": [asdict(row) for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
