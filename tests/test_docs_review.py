"""docs/review.md and docs/ci.md say what is true: rules and figures as in the code, hook and recipe run as written."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from demos import demo as copied
from review import cases, page

from dbadmin.migrations.review import RULES

ROOT = Path(__file__).resolve().parents[1]
CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
OURS = {"--page", "--histories", "--findings"}
"""Options of `python -m tests.review`."""
REVIEW = page.FILE.read_text(encoding="utf-8")


def test_every_rule_stands_in_the_page_with_an_example_that_it_finds() -> None:
    assert REVIEW.partition(page.BEGIN)[2].partition(page.END)[0] == page.section()


def test_the_figures_of_the_page_are_those_of_the_collection() -> None:
    collected = list(cases())
    found, clean = sum(case.found for case in collected), sum(not case.found for case in collected)
    said = f"{len(RULES)} rules, {found} of {found} found, 0 false alarms in {clean} clean revisions"
    assert said in " ".join(REVIEW.replace(":", ",").split())


def test_every_option_that_the_pages_name_is_one() -> None:
    shown = ""
    for command in ("review", "verify-rollback", "status"):
        ran = subprocess.run([sys.executable, "-m", "dbadmin", command, "--help"], capture_output=True, text=True)
        shown += ran.stdout
    assert set(re.findall(r"--[a-z][a-z-]+", REVIEW + CI)) <= set(re.findall(r"--[a-z][a-z-]+", shown)) | OURS


def block(mark: str) -> list[str]:
    """The lines of a marked block of docs/ci.md."""
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", CI, re.DOTALL)
    assert found is not None
    return found[1].strip().splitlines()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The demo, with dbadmin and alembic of this Python first on the path."""
    directory = tmp_path / "demo"
    copied(directory, users=30, posts=120)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    variables = {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    yield directory, {**variables, "TMPDIR": os.environ.get("TMPDIR", "/tmp")}


def typed(line: str, at: tuple[Path, dict[str, str]]) -> subprocess.CompletedProcess[str]:
    """A line of a recipe, as a shell runs it."""
    return subprocess.run(["sh", "-c", line], cwd=at[0], env=at[1], capture_output=True, text=True, timeout=120)


@pytest.mark.rehearsal
@pytest.mark.slow
def test_the_recipe_runs_as_written(demo: tuple[Path, dict[str, str]]) -> None:
    (demo[0] / "backups").mkdir()
    assert typed("dbadmin backup backups/shop.db", demo).returncode == 0
    codes = {}
    for line in (*block("before"), *block("after")):
        ran = typed(line, demo)
        codes[line.partition(" --")[0]] = ran.returncode
        assert "Traceback" not in ran.stderr, ran.stderr
    # The demo's pending revision merges values: the review warns, below the recipe's level; the rehearsal proves it.
    assert codes == {
        "dbadmin review": 0, "dbadmin verify-rollback": 1, "alembic upgrade head": 0, "dbadmin status": 0,
    }  # fmt: skip
    for name in ("review.sarif", "review.md", "rollback.json", "rollback.md"):
        assert (demo[0] / name).stat().st_size, name
    measured = typed("dbadmin review a27f60c4b9e8 --measured rollback.json", demo)
    assert measured.returncode == 0, measured.stderr


def test_the_hook_runs_as_written(demo: tuple[Path, dict[str, str]]) -> None:
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    entry = re.search(r"^  entry: (.*)$", hooks, re.MULTILINE)
    files = re.search(r"^  files: (.*)$", hooks, re.MULTILINE)
    documented = re.search(r"entry: (.*)$", "\n".join(block("pre-commit")), re.MULTILINE)
    assert entry and files and documented
    assert re.search(files[1], "alembic/versions/a27f60c4b9e8_two_subscription_states.py")
    assert not re.search(files[1], "alembic/env.py")
    for line, code in ((entry[1], 0), (documented[1], 1)):  # the demo's pending revision draws a warning
        ran = subprocess.run(shlex.split(line), cwd=demo[0], env=demo[1], capture_output=True, text=True, timeout=120)
        assert ran.returncode == code, ran.stderr
        assert "no database was asked" in ran.stderr
        assert "data-not-restored" in ran.stdout
    script = next((demo[0] / "alembic" / "versions").glob("a27f60c4b9e8*"))
    script.write_text(
        script.read_text().replace("def upgrade() -> None:", "def upgrade() -> None:\n    op.drop_table('x')")
    )
    assert "op.drop_table('x')" in script.read_text()
    warned = subprocess.run(shlex.split(documented[1]), cwd=demo[0], env=demo[1], capture_output=True, text=True)
    assert (warned.returncode, "table-dropped" in warned.stdout) == (1, True)
