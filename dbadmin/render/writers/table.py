"""The terminal: tables drawn by tabulate, never wider than the terminal, coloured only where allowed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
    tone_of,
    value_of,
)
from dbadmin.render.values import text, visible
from dbadmin.render.writers.fitting import GAP, cut, torn, width, wrap
from dbadmin.render.writers.grid import Paint, Sheet, coloured, drawn, plain

UNLIMITED = 10_000_000
NARROW_VALUE = 12
"""Values with fewer places than this stand under their label instead of beside it."""


def write(document: Document, *, limit: int | None = None, colour: bool = False, here: str | None = None) -> str:
    """The document as text.

    `limit` is the terminal's width in columns, None for no limit; files below the directory `here` are told from there.
    """
    room = max(limit, 1) if limit else UNLIMITED
    paint = coloured if colour else plain
    blocks = [nearer(block, here) if here and isinstance(block, Table) else block for block in document.blocks]
    parts = ["\n".join(block_lines(block, room, paint)) for block in blocks]
    joined: list[str] = []
    above: Block | None = None
    for block, part in zip(document.blocks, parts, strict=True):
        if part:
            together = isinstance(block, Text | Code) and isinstance(above, Callout | Text)
            joined += ["" if together or not joined else "\n", part, "\n"]
            above = block
    return "".join(joined)


def nearer(table: Table, here: str) -> Table:
    """A table whose paths begin at a directory: shorter, and as one would type them there."""
    paths = [column.path for column in table.columns]
    if not any(paths):
        return table

    def from_here(cell: Any, is_path: bool) -> Any:
        return cell.removeprefix(here.rstrip("/") + "/") if is_path and isinstance(cell, str) else cell

    rows = [[from_here(cell, is_path) for cell, is_path in zip(row, paths, strict=True)] for row in table.rows]
    return replace(table, rows=rows)


def block_lines(block: Block, room: int, paint: Paint) -> Iterator[str]:
    """The lines of one block."""
    match block:
        case Heading():
            yield from (paint(line, "strong") for line in wrap(visible(block.text), room))
        case Text():
            yield from (paint(line, block.tone) for line in wrap(visible(block.text), room))
        case Callout():
            yield from callout_lines(block, room, paint)
        case KeyValues():
            yield from pair_lines(block.pairs, room, paint)
        case Code():
            yield from code_lines(block.text, room)
        case Drawing():
            pass
        case Table():
            yield from table_lines(block, room, paint)


def code_lines(code: str, room: int) -> Iterator[str]:
    """Lines of code, set off from the margin; a line that goes on is set off further."""
    for line in code.splitlines():
        written = visible(line.expandtabs(4).strip())
        indent = min(4 + len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip()), max(room - 10, 0))
        if torn(written, room - indent - GAP, room - GAP):
            indent = 0
        first, *rest = wrap(written, max(room - indent - GAP, 1))
        yield " " * indent + first
        yield from (" " * (indent + GAP) + piece for piece in rest)


def callout_lines(block: Callout, room: int, paint: Paint) -> Iterator[str]:
    """The word in its colour, then the reason, wrapped under itself where there is room."""
    word = visible(block.word)
    indent = width(word) + GAP
    if room - indent < 20 or torn(visible(block.detail), room - indent, room):
        yield from (paint(line, block.tone) for line in wrap(word, room))
        yield from wrap(visible(block.detail), room)
        return
    first, *rest = wrap(visible(block.detail), room - indent)
    yield f"{paint(word, block.tone)}{' ' * GAP}{first}".rstrip()
    yield from (" " * indent + line for line in rest)


def pair_lines(pairs: Sequence[tuple[str, Any]], room: int, paint: Paint) -> Iterator[str]:
    """Labels in one column, values in the next, long values wrapped under themselves."""
    labels = [cut(visible(label), room) for label, _ in pairs]
    indent = max(map(width, labels), default=0) + GAP
    if room - indent < NARROW_VALUE:
        for label, (_, cell) in zip(labels, pairs, strict=True):
            yield paint(label, "dim")
            yield from (paint("  " + line, tone_of(cell)) for line in wrap(shown(cell), max(room - 2, 1)))
        return
    for label, (_, cell) in zip(labels, pairs, strict=True):
        if torn(shown(cell), room - indent, room - GAP):  # what is copied stays whole, below its label
            yield paint(label, "dim")
            yield from (paint("  " + line, tone_of(cell)) for line in wrap(shown(cell), room - GAP))
            continue
        first, *rest = wrap(shown(cell), room - indent)
        gap = " " * (indent - width(label))
        yield f"{paint(label, 'dim')}{gap}{paint(first, tone_of(cell))}"
        yield from (" " * indent + paint(line, tone_of(cell)) for line in rest)


def shown(cell: Any) -> str:
    """A cell's text in one line that cannot steer the terminal."""
    return visible(text(value_of(cell)))


def table_lines(table: Table, room: int, paint: Paint) -> Iterator[str]:
    """Title, table, note; a table that does not fit is shown row by row."""
    if not table.rows and table.empty is None:
        return
    if table.title:
        yield from (paint(line, "strong") for line in wrap(visible(table.title), room))
    cells = [[shown(cell) for cell in row] for row in table.rows]
    tones = [[tone_of(cell) for cell in row] for row in table.rows]
    if table.rows or table.empty == "":
        yield from drawn(Sheet(table.columns, cells, tones, room, paint, table.rail))
    else:
        yield from wrap(visible(table.empty or ""), room)
    if table.note:
        yield from (paint(line, "dim") for line in wrap(visible(table.note), room))
