"""The documentation holds what the program does."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dbadmin.rollback.verdict import LEADS_TO

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "verify-rollback.md").read_text(encoding="utf-8")


def test_every_finding_that_decides_stands_beside_its_verdict() -> None:
    rows = dict(re.findall(r"^\| `([a-z]+)` \| (.*) \|$", PAGE, re.MULTILINE))
    for code, verdict in LEADS_TO.items():
        assert f"`{code}`" in rows[verdict], code


def test_every_option_that_the_page_names_is_one() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "dbadmin", "verify-rollback", "--help"], capture_output=True, text=True, check=True
    )
    known = set(re.findall(r"--[a-z-]+", shown.stdout)) | {"--skip-comments"}
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= known


@pytest.mark.rehearsal
def test_the_example_reports_are_made_by_their_script(tmp_path: Path) -> None:
    settings = {**os.environ, "PYTHONPATH": str(DOCS.parent)}  # wherever it is run: this checkout
    script = str(DOCS / "examples" / "make.py")
    subprocess.run([sys.executable, script, str(tmp_path)], check=True, timeout=200, env=settings)
    for name in ("report.txt", "report.md", "report.html", "report.json", "report.xml"):
        assert (DOCS / "examples" / name).exists(), name
    kept, made = (json.loads((where / "report.json").read_text()) for where in (DOCS / "examples", tmp_path))
    assert [keys_of(report) for report in (kept,)] == [keys_of(report) for report in (made,)]
    assert (kept["verdict"], kept["summary"], kept["plan"]) == (made["verdict"], made["summary"], made["plan"])
    assert [finding["code"] for finding in kept["findings"]] == [finding["code"] for finding in made["findings"]]


def keys_of(value: object) -> object:
    """The keys of an object, all the way down."""
    if isinstance(value, dict):
        return {key: keys_of(each) for key, each in value.items() if key not in ("timings", "versions", "locks")}
    if isinstance(value, list):
        return [keys_of(each) for each in value]
    return None
