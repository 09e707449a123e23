"""Tables on a terminal: side by side where they fit, with long cells below their row, or row by row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dbadmin.render.document import Column, Tone
from dbadmin.render.values import ABSENT, visible
from dbadmin.render.writers.fitting import GAP, cut, share, width, wrap

STYLES: dict[str, str] = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "strong": "1"}
COMFORTABLE = 30
"""A column that may stand below its row does so when it would get fewer places than this."""
MOST_LINES = 6
"""A cell is cut after this many lines where rows are shown one by one."""

Paint = Callable[[str, str | None], str]


def coloured(line: str, style: str | None) -> str:
    """The line in a style; an empty line stays empty."""
    return f"\x1b[{STYLES[style]}m{line}\x1b[0m" if style and line else line


def plain(line: str, style: str | None) -> str:
    """The line as it is."""
    return line


@dataclass(frozen=True)
class Sheet:
    """What is drawn: cells as text that is safe to print, the room in columns, and how to colour."""

    columns: Sequence[Column]
    cells: Sequence[Sequence[str]]
    tones: Sequence[Sequence[Tone | None]]
    room: int
    paint: Paint

    @property
    def headers(self) -> list[str]:
        """The names of the columns."""
        return [visible(column.name) for column in self.columns]


def drawn(sheet: Sheet) -> Iterator[str]:
    """The lines of a table, none wider than the room."""
    columns = sheet.columns
    natural = [max([width(header), *(width(row[i]) for row in sheet.cells)]) for i, header in enumerate(sheet.headers)]
    widths = shared(sheet, natural, range(len(columns))) if columns else []
    below = [i for i, column in enumerate(columns) if column.below]
    if widths is not None and all(widths[i] >= needed(columns[i], natural[i]) for i in below):
        for lines in grid(sheet, range(len(columns)), widths):
            yield from lines
        return
    beside = [i for i in range(len(columns)) if i not in below]
    widths = shared(sheet, natural, beside) if below else None
    if widths is None:
        yield from records(sheet)
        return
    head, *rows = grid(sheet, beside, widths)
    yield from head
    for lines, cells in zip(rows, sheet.cells, strict=True):
        yield from lines
        yield from under(sheet, cells, below)


def needed(column: Column, natural: int) -> int:
    """How many places a column that may stand below its row has to get beside it: all of them where it would be cut."""
    return min(natural, COMFORTABLE) if column.wrap else natural


def shared(sheet: Sheet, natural: Sequence[int], which: Sequence[int]) -> list[int] | None:
    """Widths for some of the columns: identifiers stay whole if the rest can give way, else they are cut as well."""
    wanted = [natural[i] for i in which]
    shrinks = [sheet.columns[i].align == "left" or natural[i] > 20 for i in which]
    kept = [able and not sheet.columns[i].whole for i, able in zip(which, shrinks, strict=True)]
    return share(wanted, kept, sheet.room) or share(wanted, shrinks, sheet.room)


def under(sheet: Sheet, cells: Sequence[str], below: list[int]) -> Iterator[str]:
    """The long cells of one row, each in lines of its own; the first needs no label."""
    for i in below:
        if cells[i] != ABSENT:
            label = "" if i == below[0] else f"{sheet.headers[i]}: "
            first, *rest = wrap(label + cells[i], sheet.room - 6)
            yield f"    {first}"
            yield from (f"      {line}" for line in rest)


def grid(sheet: Sheet, which: Sequence[int], widths: Sequence[int]) -> list[list[str]]:
    """The lines that tabulate draws for these columns: the header's with its rule, then those of each row."""
    from tabulate import tabulate

    def fit(texts: Sequence[str], styles: Sequence[str | None]) -> list[list[str]]:
        return [
            [
                sheet.paint(line, styles[i])
                for line in (wrap(texts[i], limit) if sheet.columns[i].wrap else [cut(texts[i], limit)])
            ]
            for i, limit in zip(which, widths, strict=True)
        ]

    # The header stands among the rows: tabulate gives real headers two columns more than they need.
    head = fit(sheet.headers, ["strong"] * len(sheet.columns))
    rule = [[sheet.paint("─" * limit, "dim")] for limit in widths]
    rows = [head, rule, *(fit(cells, tones) for cells, tones in zip(sheet.cells, sheet.tones, strict=True))]
    table = [["\n".join(lines) for lines in row] for row in rows]
    align = [sheet.columns[i].align for i in which]
    lines = iter(tabulate(table, tablefmt="plain", disable_numparse=True, colalign=align).split("\n"))
    heights = [max(map(len, row), default=0) for row in rows]
    groups = [[next(lines).rstrip() for _ in range(height)] for height in heights]
    return [groups[0] + groups[1], *groups[2:]]


def records(sheet: Sheet) -> Iterator[str]:
    """One line per cell, one rule per row: for tables with more columns than the terminal has room for."""
    headers, room, paint = sheet.headers, sheet.room, sheet.paint
    label = min(max(map(width, headers)), max(room // 2 - GAP, 1))
    value = room - label - GAP
    for number, (cells, tones) in enumerate(zip(sheet.cells, sheet.tones, strict=True), start=1):
        head = f"── {number} "
        yield paint(cut(head + "─" * max(min(room, 40) - len(head), 0), room), "dim")
        for header, cell, tone in zip(headers, cells, tones, strict=True):
            if value < 1:
                yield paint(cut(cell, room), tone)
                continue
            first, *rest = within(wrap(cell, value), value)
            name = cut(header, label)
            gap = " " * (label - width(name) + GAP)
            yield f"{paint(name, 'dim')}{gap}{paint(first, tone)}".rstrip()
            yield from (" " * (label + GAP) + paint(line, tone) for line in rest)


def within(lines: list[str], limit: int) -> list[str]:
    """At most MOST_LINES lines; the last one says that there were more."""
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], cut(lines[MOST_LINES - 1] + " " * limit, limit)]
