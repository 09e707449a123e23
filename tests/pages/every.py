"""The pages of docs/reference: which there are, and how they are written."""

from collections.abc import Callable
from pathlib import Path

from pages import checks, commands, configuration, drift, findings, json_keys, layers, python

DOCS = Path(__file__).resolve().parents[2] / "docs"
WRITTEN_BY = "<!-- written by python -m tests.pages: change the code, or what tests/pages says about it -->\n\n"
PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands.page,
    "reference/findings.md": findings.page,
    "reference/checks.md": checks.page,
    "reference/drift.md": drift.page,
    "reference/configuration.md": configuration.page,
    "reference/json.md": json_keys.page,
    "reference/python.md": python.page,
    "pictures/layers.svg": layers.picture,
}
"""File in docs → what it holds."""


def text(name: str) -> str:
    """A file as it should be."""
    return (WRITTEN_BY if name.endswith(".md") else "") + PAGES[name]().rstrip("\n") + "\n"


def write() -> None:
    """Write every file."""
    for name in PAGES:
        (DOCS / name).write_text(text(name), encoding="utf-8")
