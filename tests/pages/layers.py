"""docs/pictures/layers.svg: who may import whom, drawn from the contract in pyproject.toml and the docstrings."""

import ast
import tomllib
from html import escape
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).resolve().parents[2]
WIDTH, ROW, GAP, LINE = 900, 40, 6, 13
COLOURS = {
    "cli": "#dbe9f6", "shell": "#dbe9f6", "admin": "#dbe9f6", "rollback": "#f7dfd4", "copies": "#f7dfd4",
    "migrations": "#f7dfd4", "state": "#f7dfd4", "drift": "#f7dfd4", "dialects": "#e4efd8", "render": "#efe4f3",
    "results": "#efe4f3",
}  # fmt: skip
"""What one sees, what a rehearsal is made of, the engines, and answers; the rest is white."""


def picture() -> str:
    """The drawing: a row for each layer, the upper ones know the lower ones."""
    rows = layers()
    height = len(rows) * (ROW + GAP) + GAP
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n']
    parts.append("<title>The layers of dbadmin: imports run downward only</title>\n")
    for number, names in enumerate(rows):
        width = (WIDTH - GAP) / len(names)
        for place, name in enumerate(names):
            parts.append(box(name, GAP + place * width, GAP + number * (ROW + GAP), width - GAP))
    return "".join(parts) + "</svg>\n"


def layers() -> list[list[str]]:
    """The contract's layers, from above."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    return [[name.strip() for name in layer.split("|")] for layer in contracts[0]["layers"]]


def box(name: str, x: float, y: float, width: float) -> str:
    """A package: its name, and the first sentence of its docstring."""
    said = wrap(sentence(name), int((width - 100) / 6.2)) if width > 300 else []
    lines = "".join(
        f'<text x="{x + 100:.0f}" y="{y + ROW / 2 + 4 + (n - (min(len(said), 2) - 1) / 2) * LINE:.0f}" font-size="11">'
        f"{escape(line)}</text>\n"
        for n, line in enumerate(said[:2])
    )
    return (
        f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{ROW}" rx="4" fill="{COLOURS.get(name, "#fff")}" '
        f'stroke="#888"/>\n<text x="{x + 10:.0f}" y="{y + ROW / 2 + 4:.0f}" font-size="13" font-weight="bold">'
        f"{name}</text>\n{lines}"
    )


def sentence(name: str) -> str:
    """The first line of a package's or a module's docstring."""
    path = ROOT / "dbadmin" / name
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0].replace("`", "")
