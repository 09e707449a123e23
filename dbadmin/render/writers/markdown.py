"""Markdown as GitHub and GitLab draw it: fit for a pull request."""

import html
import re
from collections.abc import Sequence
from typing import Any

from dbadmin.render.document import (
    Block,
    Callout,
    Code,
    Document,
    Drawing,
    Heading,
    KeyValues,
    Table,
    Text,
    value_of,
)
from dbadmin.render.values import text, visible

SIGNS = {"good": "✅", "warn": "⚠️", "bad": "❌", "dim": "ℹ️"}
_SPECIAL = re.compile(r"[\\`*\[\]|$]|(?<![^\W_])_|_(?![^\W_])")


def write(document: Document) -> str:
    """The document, with a headline of its own."""
    parts = [f"### {escape(document.title)}", *(block_text(block) for block in document.blocks)]
    parts += [f"_{escape(said)}_" for aside in document.asides if (said := aside.strip())]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(written: str) -> str:
    r"""Text that means itself in markdown and in HTML.

    >>> escape("a|b <i>*x* user_id")
    'a\\|b &lt;i&gt;\\*x\\* user_id'
    """
    escaped = _SPECIAL.sub(r"\\\g<0>", html.escape(visible(written), quote=False))
    return escaped.replace("~", r"\~") if escaped.count("~") > 1 else escaped  # a pair strikes through


def block_text(block: Block) -> str:
    """One block; an empty text is left out."""
    match block:
        case Heading():
            return f"#### {escape(block.text)}"
        case Text():
            return paragraph(escape(block.text))
        case Callout():
            return f"{SIGNS[block.tone]} **{escape(block.word)}**: {escape(block.detail)}"
        case KeyValues():
            return "\n".join(f"- {escape(label)}: {escape(text(value_of(cell)))}" for label, cell in block.pairs)
        case Code():
            return fenced(block)
        case Drawing():
            return fenced(Code(block.text, block.language))
        case Table():
            return table_text(block)


def paragraph(line: str) -> str:
    """A line that does not start a list, a heading or a rule.

    >>> paragraph("- a"), paragraph("1. b"), paragraph("c")
    ('\\\\- a', '1\\\\. b', 'c')
    """
    line = re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
    return re.sub(r"^([-+#=])", r"\\\1", line)


def fenced(block: Code) -> str:
    """A fence longer than any in the code."""
    code = "\n".join(visible(line.expandtabs(4)) for line in block.text.splitlines())
    longest = max((len(run) for run in re.findall("`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{block.language}\n{code}\n{fence}"


def table_text(table: Table) -> str:
    """Title, table and note; folded where the layout says so."""
    if not table.rows and table.empty is None:
        return ""
    note = paragraph(escape(table.note)) if table.note else ""
    if table.rows or table.empty == "":
        names = [column.name for column in table.columns]
        body = pipes(names, [column.align == "right" for column in table.columns], table.rows)
    else:
        body = paragraph(escape(table.empty or ""))
    if table.fold and table.title:
        summary = html.escape(visible(table.title))
        return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
    title = f"#### {escape(table.title)}" if table.title else ""
    return "\n\n".join(part for part in (title, body, note) if part)


def pipes(headers: Sequence[str], right: Sequence[bool], rows: Sequence[Sequence[Any]]) -> str:
    """A pipe table."""
    lines = [line_of([escape(header) for header in headers])]
    lines.append(line_of(["---:" if is_right else "---" for is_right in right]))
    lines += [line_of([escape(text(value_of(cell))) for cell in row]) for row in rows]
    return "\n".join(lines)


def line_of(cells: Sequence[str]) -> str:
    """One line of a pipe table."""
    return f"| {' | '.join(cells)} |"
