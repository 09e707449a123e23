"""docs/queries.md says what is true: its console is what the demo prints, its Python runs."""

import json
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dbadmin.example.make import make

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "queries.md"
PAGE = FILE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- console -->\n```console\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


CONSOLE = """
import json, shlex, sys
from datetime import datetime
from importlib import import_module
from click.testing import CliRunner
from dbadmin.cli import dbadmin
from dbadmin.cli.state import Options

class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 28, 12, tzinfo=tz)

import_module("dbadmin.queries.recent").datetime = Clock
ran = [CliRunner().invoke(dbadmin, line, obj=Options(), standalone_mode=False) for line in json.load(sys.stdin)]
json.dump([[one.output, repr(one.exception)] for one in ran], sys.stdout)
"""
"""Runs command lines in one process, whose clock stands at noon of the day when the page was written."""


def in_demo(demo: Path, code: str, given: str = "") -> str:
    """What a Python process in the demo's directory prints, with no setting of this shell."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("DBADMIN_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], input=given, cwd=demo, env={**settings, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("docs") / "demo", now=NOW).directory


def test_the_console_is_what_the_demo_prints(demo: Path) -> None:
    lines = [line for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
    assert (len(BLOCKS), len(lines)) == (2, 12)
    words = json.dumps([shlex.split(line)[2:] for line in lines])
    answers = iter(json.loads(in_demo(demo, CONSOLE, words)))
    page = PAGE
    for block in BLOCKS:
        shown = ""
        for line in [line for line in block.splitlines() if line.startswith("$ ")]:
            output, error = next(answers)
            assert error == "None", (line, error)
            shown += f"{line}\n{output}\n"
        page = page.replace(block, re.sub(r" +$", "", shown, flags=re.MULTILINE).rstrip("\n") + "\n")
    if os.environ.get("DBADMIN_UPDATE_GOLDEN"):
        FILE.write_text(page, encoding="utf-8")
    else:
        assert page == PAGE


def test_the_python_runs_on_the_demo(demo: Path) -> None:
    pytest.importorskip("duckdb")
    shown = in_demo(demo, "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)))
    assert re.findall(r"(\d{4})-01-01 +\d+$", shown, re.MULTILINE) == ["2025", "2026"], shown
