"""Words and tables of Markdown, as the pages use them."""

from collections.abc import Iterable, Sequence
from inspect import cleandoc
from textwrap import dedent


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is escaped, and lines are joined."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell(text) for text in line)} |\n" for line in lines)


def cell(text: str) -> str:
    """One cell.

    >>> cell("a|b\\n c")
    'a\\\\|b c'
    """
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text.strip(chr(10))}\n```\n"


def paragraphs(docstring: str | None) -> list[str]:
    """The paragraphs of a docstring, each on one line; indented lines are code, doctests are left out.

    >>> paragraphs("One\\n    line.\\n\\n    >>> 1\\n    1")
    ['One line.']
    """
    found = []
    for part in cleandoc(docstring or "").split("\n\n"):
        if not part.strip() or part.lstrip().startswith(">>>"):
            continue
        indented = all(line.startswith("    ") for line in part.splitlines())
        found.append(code(dedent(part), "python").rstrip() if indented else " ".join(part.split()))
    return found
