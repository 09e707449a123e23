"""Tables on a terminal: side by side where they fit, with long cells below their row, or row by row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dbadmin.render.document import Column, Tone
from dbadmin.render.values import ABSENT, visible
from dbadmin.render.writers.fitting import GAP, NARROWEST, cut, longest_word, share, torn, width, wrap

STYLES: dict[str, str] = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "strong": "1"}
COMFORTABLE = 30
"""A column that may stand below its row does so when it would get fewer places than this."""
INDENT = 6
"""What stands below its row begins so far from the margin, at most."""
READABLE = 18
"""A column that is wrapped gets no fewer places than this where others can go below."""
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
    rail: Sequence[str] = ()

    @property
    def headers(self) -> list[str]:
        """The names of the columns."""
        return [visible(column.name) for column in self.columns]


def drawn(sheet: Sheet) -> Iterator[str]:
    """The lines of a table, none wider than the room."""
    natural = [max([width(header), *(width(row[i]) for row in sheet.cells)]) for i, header in enumerate(sheet.headers)]
    for readable in (READABLE, NARROWEST):
        floors = [needed(sheet, i, natural[i], readable) for i in range(len(sheet.columns))]
        for beside in arrangements(sheet.columns):
            widths = share([natural[i] for i in beside], [floors[i] for i in beside], sheet.room) if beside else []
            if widths is not None:
                head, *rows = grid(sheet, beside, widths)
                yield from head
                for number, lines in enumerate(rows):
                    yield from lines
                    yield from under(sheet, number, beside)
                return
    yield from records(sheet)


def arrangements(columns: Sequence[Column]) -> Iterator[list[int]]:
    """Which columns stand side by side, the most first: all, those that do not go below, then ever fewer."""
    beside = list(range(len(columns)))
    yield beside
    beside = [i for i in beside if not columns[i].below]
    yield beside
    for i in sorted((i for i in beside if columns[i].yields), key=lambda i: (columns[i].yields, -i)):
        beside = [other for other in beside if other != i]
        yield beside


def needed(sheet: Sheet, at: int, natural: int, readable: int) -> int:
    """The places without which a column is not shown beside others.

    All for identifiers and numbers; the longest word for what is wrapped, as far as it would fit into a line of its
    own; a comfortable width for what could stand below instead.
    """
    column = sheet.columns[at]
    if column.whole or (column.align == "right" and natural <= 20) or (column.below and not column.wrap):
        return natural
    least = COMFORTABLE if column.below else readable if column.wrap else NARROWEST
    if column.wrap:
        words = map(longest_word, [sheet.headers[at], *(row[at] for row in sheet.cells)])
        least = max([least, *(min(word, sheet.room - INDENT) for word in words)])
    return min(natural, least)


def under(sheet: Sheet, row: int, beside: Sequence[int]) -> Iterator[str]:
    """The cells of one row that have no place beside the others: short ones share lines, long ones have their own.

    The first long one needs no label.
    """
    columns, cells = sheet.columns, sheet.cells[row]
    away = [i for i in range(len(columns)) if i not in beside and cells[i] != ABSENT]
    first = next((i for i, column in enumerate(columns) if column.below), None)
    short = [f"{sheet.headers[i]}: {cells[i]}" for i in away if not columns[i].below]
    long = [("" if i == first else f"{sheet.headers[i]}: ") + cells[i] for i in away if columns[i].below]
    rail = sheet.rail[row] if sheet.rail else ""
    taken = width(rail) + 1 if rail else 0
    for text in [*packed(short, sheet.room - max(INDENT, taken + GAP)), *long]:
        spare = sheet.room - taken - longest_word(text)
        deep = max(min(INDENT - taken, spare if spare >= 0 else INDENT), min(GAP, sheet.room - taken - 1), 0)
        for number, line in enumerate(wrap(text, max(sheet.room - taken - deep, 1))):
            yield f"{rail:<{taken}}{' ' * (deep if number else max(deep - GAP, 0))}{line}"


def packed(texts: Sequence[str], limit: int) -> list[str]:
    """Short texts in as few lines as they need.

    >>> packed(["key: primary", "null: no", "default: 0"], 24)
    ['key: primary; null: no', 'default: 0']
    """
    lines: list[str] = []
    for text in texts:
        if lines and width(lines[-1]) + GAP + width(text) <= limit:
            lines[-1] += f"; {text}"
        else:
            lines.append(text)
    return lines


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
    heights = [max(map(len, row), default=0) for row in rows]
    for rail, height, row in zip(sheet.rail, heights[2:], rows[2:], strict=False):
        row[0] += [rail] * (height - len(row[0]))
    table = [["\n".join(lines) for lines in row] for row in rows]
    align = [sheet.columns[i].align for i in which]
    lines = iter(tabulate(table, tablefmt="plain", disable_numparse=True, colalign=align).split("\n"))
    groups = [[next(lines).rstrip() for _ in range(height)] for height in heights]
    return [groups[0] + groups[1], *groups[2:]]


def records(sheet: Sheet) -> Iterator[str]:
    """One line per cell, one rule per row: for tables with more columns than the terminal has room for."""
    headers, room = sheet.headers, sheet.room
    label = min(max(map(width, headers)), max(room // 2 - GAP, 1))
    for number, (cells, tones) in enumerate(zip(sheet.cells, sheet.tones, strict=True), start=1):
        head = f"── {number} "
        yield sheet.paint(cut(head + "─" * max(min(room, 40) - len(head), 0), room), "dim")
        for column, header, cell, tone in zip(sheet.columns, headers, cells, tones, strict=True):
            yield from entry(sheet, column, header, (cell, tone), label)


def entry(sheet: Sheet, column: Column, header: str, content: tuple[str, Tone | None], label: int) -> Iterator[str]:
    """A label and the cell beside it; the cell stands below where there is no room for the label, or for it whole."""
    (cell, tone), paint = content, sheet.paint
    beside = sheet.room - label - GAP
    whole = column.whole or column.wrap or column.below
    if beside < 1 or width(header) > label or (whole and torn(cell, beside, sheet.room)):
        yield from (paint(line, "dim") for line in wrap(header, sheet.room))
        indent = 0 if torn(cell, sheet.room - GAP, sheet.room) else min(GAP, sheet.room - 1)
        yield from (
            " " * indent + paint(line, tone)
            for line in within(column, wrap(cell, sheet.room - indent), sheet.room - indent)
        )
        return
    first, *rest = within(column, wrap(cell, beside), beside)
    yield f"{paint(header, 'dim')}{' ' * (label - width(header) + GAP)}{paint(first, tone)}".rstrip()
    yield from (" " * (label + GAP) + paint(line, tone) for line in rest)


def within(column: Column, lines: list[str], limit: int) -> list[str]:
    """At most MOST_LINES lines of data; the last one says that there were more."""
    if len(lines) <= MOST_LINES or column.wrap or column.whole or column.below:
        return lines
    return [*lines[: MOST_LINES - 1], cut(lines[MOST_LINES - 1] + " " * limit, limit)]
