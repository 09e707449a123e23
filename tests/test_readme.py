"""The README says what is true: its picture is what the demo prints, its Python runs, its commands exist."""

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pexpect
import pytest
from demos import demo

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.rehearsal


def block(after: str) -> str:
    """The text of the code block that follows a marker."""
    return README.split(after, 1)[1].split("```", 2)[1].split("\n", 1)[1]


def steady(text: str) -> list[str]:
    """A transcript without what differs: times, what this kernel protects, and how they fold and align."""
    text = re.sub(r"\(in force: hooks, [^)]+\)", "(in force)", text)
    text = re.sub(r"\d+(?:\.\d+)? (?:ms|s)\b", "T", text).split("\ntime ")[0]
    return [" ".join(line.replace("─", "").split()) for line in text.splitlines() if line.strip()]


def typed(command: str, directory: Path) -> str:
    """What a terminal of 110 columns without colour shows of a command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "110", "DATABASE_URL": ""}
    terminal = pexpect.spawn(
        "sh", ["-c", f"{sys.executable} -m {command} 2>/dev/null"], cwd=str(directory), env=environment,
        dimensions=(60, 110), encoding="utf-8", timeout=120,
    )  # fmt: skip
    shown: str = terminal.read()
    terminal.close()
    return shown.replace("\r\n", "\n").replace(str(directory.parent), "/path/to")


def test_the_picture_is_what_the_demo_prints(temporary_directory: Path) -> None:
    app = demo(temporary_directory / "demo")  # a short path: lines fold where they would for a reader
    shown = typed("dbadmin verify-rollback", app.directory)
    told, *drawn = words_of((ROOT / "docs" / "pictures" / "report.svg").read_text(encoding="utf-8"))
    assert told == "$ dbadmin verify-rollback"
    stale = "docs/pictures/report.svg is stale: python docs/pictures/make.py draws it"
    assert steady(shown) == steady("\n".join(drawn)), stale


def words_of(picture: str) -> list[str]:
    """The lines of text in a terminal's picture: pieces of one height are one line."""
    lines: dict[str, str] = {}
    for height, text in re.findall(r'<text class="report-r\d+" x="[^"]*" y="([^"]*)"[^>]*>(.*?)</text>', picture):
        lines[height] = f"{lines.get(height, '')} {unescape(text)}".replace("\xa0", " ").strip()
    return list(lines.values())


def test_the_pictures_are_small_and_load_nothing() -> None:
    for name in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / name).stat().st_size < 200_000, name
    assert "url(http" not in (ROOT / "docs" / "pictures" / "report.svg").read_text(encoding="utf-8")


def test_the_python_of_the_readme_runs_on_the_demo(tmp_path: Path) -> None:
    app = demo(tmp_path / "demo")
    code = block("answers about rows are DataFrames:")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=app.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_readme_run_on_the_demo(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    import shlex

    app = demo(tmp_path / "demo")
    lines = [line.partition("#")[0] for line in block("## In your application").splitlines()]
    commands = [shlex.split(part) for line in lines for part in line.split(";") if part.strip().startswith("dbadmin")]
    assert len(commands) >= 10
    for command in commands:
        if command[1] == "shell":
            command += ["-c", "print(count(User))"]
        finished = run(*command[1:], cwd=app.directory)
        assert finished.code == 0, f"{command}: {finished.stderr}"
