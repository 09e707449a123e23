"""`python -m tests.benchmarks`."""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks import page
from tests.benchmarks.frames import READ_ROWS
from tests.benchmarks.measure import Row
from tests.benchmarks.rows import ROWS


def measure(name: str, runs: int) -> page.Measured:
    """One benchmark, in a directory that is gone afterwards."""
    busy, began = page.busy_now(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        Path(directory).chmod(0o755)  # servers run as another user
        print(f"measuring {name} …", file=sys.stderr)
        rows = ROWS[name](Path(directory), runs)
    return page.measured(rows if isinstance(rows, list) else [rows], time.perf_counter() - began, busy)


def main() -> None:
    """Measure, print, and write JSON or the page where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", choices=[*ROWS, []], help="benchmarks; all by default")
    parser.add_argument("--list", action="store_true", help="their names, and how long each took for the page")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command")
    parser.add_argument("--rows", type=int, help="rows of the tables that are read (frames-…); 1,000,000 by default")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument(
        "--page",
        type=Path,
        help="write this page, and the figures beside it as .json after each benchmark; without names those that the "
        "file has not yet, so that a run that was ended goes on",
    )
    given = parser.parse_args()
    store = (given.page or Path("docs/benchmarks.md")).with_suffix(".json")
    kept = page.read(store)
    if given.list:
        for name in ROWS:
            print(f"{name}: {kept[name].took:.0f} s" if name in kept else name)
        return
    if given.rows:
        os.environ[READ_ROWS] = str(given.rows)
    rows: list[Row] = []
    for name in given.names or [name for name in ROWS if not (given.page and name in kept)]:
        kept[name] = measure(name, given.runs)
        rows += kept[name].rows
        if given.page:
            page.write(store, kept)
            given.page.write_text(page.page(ROWS, kept), encoding="utf-8")
    if given.page:
        given.page.write_text(page.page(ROWS, kept), encoding="utf-8")
    print(", ".join(f"{key} {value}" for key, value in page.machine().items()))
    print(page.table(rows))
    if given.json:
        figures = {"machine": page.machine(), "rows": [asdict(row) for row in rows]}
        given.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
