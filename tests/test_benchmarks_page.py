"""The page of benchmarks is what was kept of them, and no other page quotes another figure."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import page
from tests.benchmarks.measure import Row

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
FAST = Row("frame of t", "the wire", 1.5, 5, 1.2, 1.0, 1.204, 1.1, 1.3, 10 * 2**20, 0)
SLOW = replace(FAST, name="status", against="alembic current", aim=0.5, ratio=0.996)
OTHER = replace(FAST, name="another reader", aim=None)
QUOTED = re.compile(
    r"(?<!aim of )(?<![\d.])(\d+(?:\.\d+)?(?= ?×)|\d+\.\d+(?= times))(?: ?×(?! ?\d)| times)"
    r"(?: <!-- benchmark: ([^>]+?) -->)?"
)
"""A ratio in a text (no product, and no aim), and after it the name of the row that it is from."""


def test_what_was_measured_is_kept_one_by_one_and_missed_aims_are_shown(tmp_path: Path) -> None:
    store = tmp_path / "benchmarks.json"
    page.write(store, {"frames": page.measured([FAST], 3.2, 0.1)})
    kept = page.read(store)
    page.write(store, {**kept, "status": page.measured([SLOW, OTHER], 4, 0.7)})
    kept = page.read(store)
    assert (kept["frames"].rows, kept["status"].rows) == ((FAST,), (SLOW, OTHER))
    text = page.page(["status", "frames", "memory"], kept)
    assert "3 rows: 1 reach their aim, 1 miss it, 1 have none." in text
    assert "Not measured yet: `memory`." in text
    cells = [[cell.strip() for cell in line.split("|")[1:7]] for line in text.splitlines() if line.startswith("| ")]
    assert ["status", "alembic current", "1.00", "1.10–1.30", "0.5", "missed"] in cells
    assert ["frame of t", "the wire", "1.20", "1.10–1.30", "1.5", "reached"] in cells
    assert ["another reader", "the wire", "1.20", "1.10–1.30", "", ""] in cells
    assert text.count("70% of the machine was busy") == 1


def test_a_machine_that_computes_is_busy() -> None:
    before = page.busy_now(0.3)
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as computing:
        try:
            during = page.busy_now(0.5)
        finally:
            computing.kill()
    assert 0 <= before <= 1
    assert during > 0.5 / (os.cpu_count() or 1)


def test_the_page_is_written_from_what_is_kept() -> None:
    from tests.benchmarks.rows import ROWS

    kept = page.read(PAGE.with_suffix(".json"))
    assert PAGE.read_text(encoding="utf-8") == page.page(ROWS, kept)


def wrong(text: str, ratios: dict[str, float]) -> list[str]:
    """What a text quotes without its row, or otherwise than the row has it."""
    found = []
    for figure, name in QUOTED.findall(text):
        digits = len(figure.partition(".")[2])
        if name not in ratios or f"{ratios[name]:.{digits}f}" != figure:
            found.append(f"{figure} × {name}")
    return found


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("1.2 × <!-- benchmark: frame of t -->", []),
        ("1.20× <!-- benchmark: frame of t -->", []),
        ("1.3 × <!-- benchmark: frame of t -->", ["1.3 × frame of t"]),
        ("faster: 2 ×", ["2 × "]),
        ("1.5 times <!-- benchmark: frame of t -->", ["1.5 × frame of t"]),
        ("the aim of 1.5 times, 9 × 6 kinds, in 3 times", []),
        ("2 × <!-- benchmark: gone -->", ["2 × gone"]),
    ],
)
def test_a_quoted_figure_that_is_not_the_pages_is_seen(text: str, bad: list[str]) -> None:
    assert wrong(text, {"frame of t": 1.204}) == bad


def test_every_ratio_that_the_readme_and_the_docs_quote_is_the_pages() -> None:
    ratios = page.ratios(page.read(PAGE.with_suffix(".json")))
    texts = [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path != PAGE)]
    assert len(texts) > 10
    assert {path.name: bad for path in texts if (bad := wrong(path.read_text(encoding="utf-8"), ratios))} == {}
