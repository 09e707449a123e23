"""docs/inspect.md lists the checks that there are, and its options and Python exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from demos import demo

from dbadmin.health import checks

PAGE = Path(__file__).resolve().parents[1] / "docs" / "inspect.md"
MARK = "<!-- checks -->\n"


def listed() -> str:
    """The list as the page has it."""
    lines = []
    for check in checks().checks:
        live = ", live" if check.live else ""
        threshold = f" Threshold: {check.threshold}." if check.threshold else ""
        lines.append(
            f"- **`{check.name}`** ({check.level}; {', '.join(check.engines)}{live}): {check.why}."
            f" Reads: {check.reads}.{threshold} Mend: {check.mend}.\n"
        )
    return "".join(lines)


def test_the_page_lists_every_check_as_the_command_does() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, mark, after = text.partition(MARK)
    assert mark
    if os.environ.get("DBADMIN_UPDATE_GOLDEN") == "1":
        PAGE.write_text(before + mark + "\n" + listed(), encoding="utf-8")
    else:
        assert after.strip() == listed().strip()


def test_every_option_of_the_page_is_one() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dbadmin", "inspect", "--help"], capture_output=True, text=True, check=True
    )
    used = set(re.findall(r"--[a-z][a-z-]+", PAGE.read_text(encoding="utf-8").replace(MARK, "")))
    assert used - set(re.findall(r"--[a-z-]+", done.stdout)) == set()


@pytest.mark.slow
def test_the_python_of_the_page_runs_on_the_demo(tmp_path: Path) -> None:
    app = demo(tmp_path / "demo")
    code = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    settings = {**os.environ, "PYTHONPATH": str(PAGE.parents[1])}
    subprocess.run([sys.executable, "-c", code], cwd=app.directory, env=settings, check=True, timeout=100)
