"""docs/queries.md says what is true: its console is what the demo prints, its Python runs."""

import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, tzinfo
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from dbadmin.cli import dbadmin
from dbadmin.cli.state import Options
from dbadmin.example.make import make

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "queries.md"
PAGE = FILE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- console -->\n```console\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Clock(datetime):
    """The page was written at noon of one day."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Clock":  # type: ignore[override]
        return cls(2026, 11, 28, 12, tzinfo=tz)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("docs") / "demo", now=NOW).directory


def test_the_console_is_what_the_demo_prints(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)
    monkeypatch.setattr(import_module("dbadmin.queries.recent"), "datetime", Clock)
    for name in [name for name in os.environ if name.startswith("DBADMIN_") or name == "DATABASE_URL"]:
        monkeypatch.delenv(name)
    assert len(BLOCKS) == 2
    page = PAGE
    for block in BLOCKS:
        shown = ""
        for line in [line for line in block.splitlines() if line.startswith("$ ")]:
            ran = CliRunner().invoke(dbadmin, shlex.split(line)[2:], obj=Options(), standalone_mode=False)
            assert ran.exception is None, (line, ran.exception)
            shown += f"{line}\n{ran.output}\n"
        page = page.replace(block, re.sub(r" +$", "", shown, flags=re.MULTILINE).rstrip("\n") + "\n")
    if updating:
        FILE.write_text(page, encoding="utf-8")
    assert page == PAGE or updating


updating = bool(os.environ.get("DBADMIN_UPDATE_GOLDEN"))


def test_the_python_runs_on_the_demo(demo: Path) -> None:
    pytest.importorskip("duckdb")
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=demo,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(\d{4})-01-01 +\d+$", done.stdout, re.MULTILINE) == ["2025", "2026"], done.stdout
