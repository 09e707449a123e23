"""The tutorial and the how-to pages say what is true: each command of a console runs as written and prints that."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from demos import demo

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CONSOLE = re.compile(r"<!-- console -->\n```console\n(.*?)```", re.DOTALL)
SCRIPT = "alembic/versions/a27f60c4b9e8_two_subscription_states.py"
pytestmark = [pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.timeout(600)]


class Terminal:
    """A shell in a terminal of 100 columns without colour, whose commands find dbadmin and alembic of this Python."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.home = home
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        kept = {name: os.environ[name] for name in ("TMPDIR", "HOME") if name in os.environ}
        self.child = pexpect.spawn(
            "sh", [], cwd=str(directory), dimensions=(60, 100), encoding="utf-8", timeout=120, echo=False,
            env={**kept, "PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PS1": "", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.child.close(force=True)

    def typed(self, line: str) -> str:
        """What a command prints on stdout."""
        self.child.sendline(f"{{ {line}; }} 2>/dev/null; echo '@''done'")
        self.child.expect("@done\r\n")
        shown = str(self.child.before).replace("\r\n", "\n").replace(str(self.home), "/path/to")
        return re.sub(r"[ \t]+$", "", shown, flags=re.MULTILINE).strip("\n")


def answered(block: str, terminal: Terminal) -> str:
    """A console block with what its commands print now."""
    shown = []
    for line in [line for line in block.splitlines() if line.startswith("$ ")]:
        printed = terminal.typed(line.removeprefix("$ "))
        shown.append(f"{line}\n{printed}\n" if printed else f"{line}\n")
    return "\n".join(shown).replace("\n\n$ cd", "\n$ cd")


def steady(page: str) -> list[str]:
    """A page's words without what differs: times, versions, what this kernel protects, and how they fold."""
    text = re.sub(r"\(in force: hooks[^)]*\)", "(in force)", " ".join(page.replace("─", "").split()))
    text = re.sub(r"\b\d+(?:\.\d+)? (?:ms|s)\b", "T", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    return re.sub(r"sqlite \d+\.\d+\.\d+", "sqlite V", text).split()


def holds(file: Path, now: Callable[[re.Match[str]], str]) -> None:
    """A page's consoles are as they are now; DBADMIN_UPDATE_GOLDEN=1 writes them instead."""
    page = file.read_text(encoding="utf-8")
    new = CONSOLE.sub(lambda block: f"<!-- console -->\n```console\n{now(block)}```", page)
    if os.environ.get("DBADMIN_UPDATE_GOLDEN"):
        file.write_text(new, encoding="utf-8")
    else:
        assert steady(new) == steady(page)


def test_every_command_of_the_tutorial_runs_as_written(temporary_directory: Path) -> None:
    home = temporary_directory / "t"  # short: lines fold where they would for a reader
    home.mkdir()
    script = home / "shop" / SCRIPT
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    mended = page.index("<!-- mended -->")

    def now(block: re.Match[str]) -> str:
        if block.start() > mended and "subscription_status_before" not in script.read_text(encoding="utf-8"):
            mend(script, page[mended:])
        return answered(block[1], terminal)

    with Terminal(home, home) as terminal:
        holds(DOCS / "tutorial.md", now)


@pytest.mark.parametrize("name", ["production-backup.md", "thin-clones.md"])
def test_the_consoles_of_how_to_pages_run_in_the_demo(name: str, temporary_directory: Path) -> None:
    home = temporary_directory / name.removesuffix(".md")
    app = demo(home / "demo", posts=20).directory
    for file, text in re.findall(r"<!-- (\w+\.py) -->\n```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL):
        (app / file).write_text(text, encoding="utf-8")
    with Terminal(app, home) as terminal:
        holds(DOCS / name, lambda block: answered(block[1], terminal))


def mend(script: Path, page: str) -> None:
    """Put the page's `upgrade` and `downgrade` where it says."""
    written = script.read_text(encoding="utf-8")
    head = written.partition("users = sa.table")[0]
    assert head != written
    script.write_text(head + page.split("```python\n")[1].split("```")[0], encoding="utf-8")
