"""The house: files and functions of one idea, and no engine's name where every engine is meant."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "dbadmin"
LONGEST_FILE, LONGEST_FUNCTION = 300, 40
REASON = "Long because "
"""How the docstring of what needs more room begins to say why."""
ENGINES = {"sqlite", "postgresql", "mysql", "mariadb"}
MAKES_ONE = "cli/commands/demo.py"
"""Makes an application on the engine that it is asked for."""


@cache
def files() -> dict[str, tuple[int, ast.Module]]:
    """The package's files by their paths: their lines, and what is written there."""
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(ROOT.rglob("*.py"))
        if "project" not in path.parts
    }
    return {name: (text.count("\n"), ast.parse(text)) for name, text in texts.items()}


def statements(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and its docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def long_functions() -> Iterator[tuple[str, str, int]]:
    for name, (_, tree) in files().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = statements(node)
                if length > LONGEST_FUNCTION and REASON not in (ast.get_docstring(node) or ""):
                    yield name, node.name, length


def test_a_file_is_one_idea_or_says_why_it_is_long() -> None:
    long = {name: lines for name, (lines, _) in files().items() if lines > LONGEST_FILE}
    assert {name: n for name, n in long.items() if REASON not in (ast.get_docstring(files()[name][1]) or "")} == {}


def test_a_function_fits_on_a_screen_or_says_why_it_is_long() -> None:
    assert list(long_functions()) == []


def test_no_engine_is_asked_for_by_name_outside_of_dialects() -> None:
    """A rule may say which engines it is for; what it does there stands in `dialects`."""
    asked = [
        (name, ast.unparse(node))
        for name, (_, tree) in files().items()
        if not name.startswith("dialects/") and name != MAKES_ONE
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.MatchValue)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and part.value in ENGINES
    ]
    assert asked == []
