"""HTML: one self-contained page, or the same blocks as a fragment for a notebook."""

import html
from collections.abc import Sequence
from typing import Any

from dbadmin.render.document import (
    Block,
    Callout,
    Code,
    Column,
    Document,
    Drawing,
    Heading,
    KeyValues,
    Table,
    Text,
    tone_of,
    value_of,
)
from dbadmin.render.values import text, visible

STYLE = """
.dbadmin { --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --stripe: #f6f8fa; --paper: #fff;
  --good: #1a7f37; --bad: #cf222e; --warn: #9a6700;
  color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) {
  .dbadmin { --ink: #e6edf3; --quiet: #9198a1; --line: #3d444d; --stripe: #151b23; --paper: #0d1117;
    --good: #3fb950; --bad: #f85149; --warn: #d29922; } }
.dbadmin h1 { font-size: 1.4em; margin: 0 0 .8em; } .dbadmin h2 { font-size: 1.1em; margin: 1.4em 0 .4em; }
.dbadmin .scroll { overflow-x: auto; margin: 0 0 1em; }
.dbadmin table thead th { white-space: nowrap; overflow-wrap: normal; }
.dbadmin table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0; }
.dbadmin table th, .dbadmin table td { border-bottom: 1px solid var(--line); padding: .3em .7em; text-align: left;
  vertical-align: top; max-width: 40em; overflow-wrap: anywhere; background: transparent; color: inherit; }
.dbadmin td.short { overflow-wrap: normal; white-space: nowrap; }
.dbadmin tbody tr:nth-child(even) { background: var(--stripe); }
.dbadmin .right { text-align: right; white-space: nowrap; }
.dbadmin.dbadmin table th, .dbadmin.dbadmin table td { text-align: left; }
.dbadmin.dbadmin table .right { text-align: right; }
.dbadmin .facts tr:nth-child(n) { background: transparent; }
.dbadmin .facts th { color: var(--quiet); font-weight: normal; white-space: nowrap; }
.dbadmin .rows tr:nth-child(n) { background: transparent; } .dbadmin .rows tr.above td { border-bottom: 0; }
.dbadmin .rows tr.below td { max-width: 60em; padding-top: 0; } .dbadmin .rows tr.below p { margin: 0 0 .2em; }
.dbadmin .rows td.short { overflow-wrap: normal; }
.dbadmin .good { color: var(--good); } .dbadmin .bad { color: var(--bad); }
.dbadmin .warn { color: var(--warn); }
.dbadmin .dim, .dbadmin .note { color: var(--quiet); }
.dbadmin .callout { border-left: 4px solid currentcolor; padding: .4em .8em; margin: 0 0 1em; }
.dbadmin .callout span { color: var(--ink); }
.dbadmin .callout strong { font-size: 1.15em; margin-right: .6em; }
.dbadmin pre { background: var(--stripe); border: 1px solid var(--line); padding: .6em .8em;
  overflow-x: auto; }
.dbadmin pre code { background: none; }
@media (max-width: 48em) {
  .dbadmin .wide, .dbadmin .wide tbody, .dbadmin .wide tr { display: block; }
  .dbadmin .wide thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .dbadmin .wide tr { border-bottom: 2px solid var(--line); padding: .5em 0; }
  .dbadmin .wide td { display: grid; grid-template-columns: 7.5em 1fr; max-width: none; border: 0;
    padding: .1em .7em; text-align: left; white-space: normal; }
  .dbadmin .wide td::before { content: attr(data-label); color: var(--quiet); }
  .dbadmin.dbadmin table.wide td { text-align: left; }
  .dbadmin .wide td.absent { display: none; }
  .dbadmin .wide tr.above { border-bottom: 0; padding-bottom: 0; } .dbadmin .wide tr.below td { display: block; } }
""".strip()
PAGE_STYLE = "body { margin: 0; background: var(--paper); } main { max-width: 78em; margin: auto; padding: 1.5em; }"
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
SHORT = 24
"""Cells up to this many characters stay in one line."""
WIDE = 6
"""A table of so many columns stands as a list of cells in a narrow window."""


def write(document: Document) -> str:
    """A page that needs nothing else: no script, no font, no address is loaded."""
    title = escape(document.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}\n{PAGE_STYLE}\n</style>\n</head>\n"
        f'<body class="dbadmin">\n<main>\n<h1>{title}</h1>\n{blocks_html(document)}\n</main>\n</body>\n'
        "</html>\n"
    )


def fragment(document: Document) -> str:
    """The blocks with their style, to stand inside another page."""
    return f'<div class="dbadmin">\n<style>\n{STYLE}\n</style>\n{blocks_html(document)}\n</div>\n'


def blocks_html(document: Document) -> str:
    """All blocks, then the asides."""
    parts = [block_html(block) for block in document.blocks]
    parts += [f'<p class="note">{escape(aside)}</p>' for aside in document.asides]
    return "\n".join(part for part in parts if part)


def escape(written: str) -> str:
    """Text that means itself in HTML, in an attribute too."""
    return html.escape(visible(written))


def classes(*names: str | None) -> str:
    """A class attribute, or nothing."""
    given = " ".join(name for name in names if name)
    return f' class="{given}"' if given else ""


def block_html(block: Block) -> str:
    """One block."""
    match block:
        case Heading():
            return f"<h2>{escape(block.text)}</h2>"
        case Text():
            return f"<p{classes(block.tone)}>{escape(block.text)}</p>"
        case Callout():
            inner = f"<strong>{escape(block.word)}</strong><span>{escape(block.detail)}</span>"
            return f'<p class="callout {block.tone}">{inner}</p>'
        case KeyValues():
            rows = [
                f'<tr><th scope="row">{escape(label)}</th>{cell_html(cell, "left")}</tr>' for label, cell in block.pairs
            ]
            return scroll('<table class="facts">\n<tbody>\n' + "\n".join(rows) + "\n</tbody>\n</table>")
        case Code():
            code = "\n".join(escape(line.expandtabs(4)) for line in block.text.splitlines())
            return f"<pre><code>{code}</code></pre>"
        case Drawing():
            return scroll(block.svg)
        case Table():
            return table_html(block)


def table_html(table: Table) -> str:
    """Title, table and note."""
    if not table.rows and table.empty is None:
        return ""
    title = f"<h2>{escape(table.title)}</h2>\n" if table.title else ""
    note = f'\n<p class="note">{escape(table.note)}</p>' if table.note else ""
    if not table.rows and table.empty:
        return f"{title}<p>{escape(table.empty)}</p>{note}"
    below = [i for i, column in enumerate(table.columns) if column.below]
    beside = [i for i in range(len(table.columns)) if i not in below]
    head = "".join(
        f'<th scope="col"{classes("right" if c.align == "right" else None)}>{escape(c.name)}</th>'
        for c in (table.columns[i] for i in beside)
    )
    wide = len(beside) >= WIDE
    lines = [
        f"<table{classes('wide' if wide else None, 'rows' if below else None)}>",
        "<thead>",
        f"<tr>{head}</tr>",
        "</thead>",
        "<tbody>",
        *(row_html(table.columns, row, beside, below, labelled=wide) for row in table.rows),
        "</tbody>",
        "</table>",
    ]
    return title + scroll("\n".join(lines)) + note


def row_html(
    columns: Sequence[Column], row: Sequence[Any], beside: list[int], below: list[int], *, labelled: bool
) -> str:
    """One row, and what stands below it."""
    cells = [cell_html(row[i], columns[i].align, label=columns[i].name if labelled else None) for i in beside]
    under = [
        f"<p{classes(tone_of(row[i]))}>{label(columns[i], i == below[0])}{escape(text(value_of(row[i])))}</p>"
        for i in below
        if value_of(row[i]) is not None
    ]
    if not under:
        return f"<tr>{''.join(cells)}</tr>"
    whole = f'<td colspan="{len(beside)}">{"".join(under)}</td>'
    return f'<tr class="above">{"".join(cells)}</tr>\n<tr class="below">{whole}</tr>'


def label(column: Column, first: bool) -> str:
    """What names a cell that stands below its row; the first explains itself, as on a terminal."""
    return "" if first else f'<span class="dim">{escape(column.name)}: </span>'


def scroll(table: str) -> str:
    """A wide table scrolls by itself, not the page."""
    return f'<div class="scroll">\n{table}\n</div>'


def cell_html(cell: Any, align: str, *, label: str | None = None) -> str:
    """One cell; `label` names its column where the head of the table may be out of sight."""
    value = value_of(cell)
    written = text(value)
    side = "right" if align == "right" else "short" if len(written) <= SHORT else None
    absent = "absent" if label is not None and value is None else None
    named = f' data-label="{escape(label)}"' if label is not None else ""
    return f"<td{classes(side, absent, tone_of(cell))}{named}>{escape(written)}</td>"
