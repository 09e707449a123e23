"""The boxes of tables in a drawing: a title, a row for each column."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbadmin.render.diagram.chosen import Shown
from dbadmin.render.diagram.dot import kind, mark
from dbadmin.render.diagram.layered import Size
from dbadmin.render.values import visible
from dbadmin.render.writers.fitting import cut, width
from dbadmin.results import Diagram, DiagramColumn

FONT_SIZE = 12
LETTER = 7.25
"""Width of a letter; the font has one width for all, and East Asian ones take two."""
ROW = 18.0
TITLE = 27.0
PADDING = 9.0
MARK = 26.0
BOX_GAP = 28.0
LONGEST_NAME = 36
LONGEST_TYPE = 26
INK, QUIET = "#1f2328", "#6e7781"
TINTS = ("#ddf4ff", "#dafbe1", "#fff1cc", "#fbe3f4", "#e5defa", "#ffe2d6", "#d3f2f0", "#e6eab8")
EDGES = ("#0969da", "#1a7f37", "#9a6700", "#bf3989", "#8250df", "#bc4c00", "#1b7c83", "#6b7300")


@dataclass(frozen=True)
class Colours:
    """A colour for each group, by turns."""

    order: Mapping[str | None, int]

    @classmethod
    def of(cls, diagram: Diagram) -> "Colours":
        """Colours in the groups' order."""
        groups = sorted({table.group for table in diagram.tables if table.group is not None})
        return cls({group: number for number, group in enumerate(groups)})

    def tint(self, group: str | None) -> str:
        """The ground of a title."""
        return TINTS[self.order.get(group, 0) % len(TINTS)] if group in self.order or not self.order else "#eaeef2"

    def edge(self, group: str | None) -> str:
        """The border of a box."""
        return EDGES[self.order.get(group, 0) % len(EDGES)] if group in self.order or not self.order else "#6e7781"


@dataclass(frozen=True)
class Row:
    """A column as it is written; `target` is the colour of what it refers to in another group."""

    column: DiagramColumn
    name: str
    said: str
    target: str | None


@dataclass(frozen=True)
class Box:
    """A table as it is drawn."""

    shown: Shown
    rows: Sequence[Row]
    tint: str
    edge: str
    centre: bool

    @property
    def name(self) -> str:
        """The table's name."""
        return self.shown.table.table

    @property
    def heading(self) -> tuple[str, str]:
        """The table's name, and its model's."""
        model = self.shown.table.model
        return cut(visible(self.name), LONGEST_NAME), cut(visible(model), LONGEST_NAME) if model else ""

    @property
    def size(self) -> Size:
        """What the box takes."""
        names = max((width(row.name) for row in self.rows), default=0)
        types = max((width(row.said) for row in self.rows), default=0)
        heading = sum(map(width, self.heading)) + 2
        letters = max(names + types + 2 + MARK / LETTER, heading, len(self.shown.note or "") + MARK / LETTER)
        lines = len(self.rows) + (self.shown.note is not None)
        return Size(letters * LETTER + 2 * PADDING, TITLE + lines * ROW + (6 if lines else 0))

    def port(self, columns: Sequence[str]) -> float:
        """The height at which a line to these columns ends: their row's, else the title's."""
        for number, row in enumerate(self.rows):
            if row.column.name == columns[0]:
                return TITLE + (number + 0.5) * ROW + 3
        return TITLE / 2

    def lines(self, x: float, y: float) -> Iterator[str]:
        """The box with its upper left corner at a point."""
        size = self.size
        yield f"<g><title>{html.escape(visible(self.name))}</title>"
        yield rectangle(
            x, y, size, fill="#ffffff", more=f' stroke="{self.edge}" stroke-width="{2.5 if self.centre else 1}"'
        )
        yield rectangle(x + 1, y + 1, Size(size.width - 2, TITLE - 2), fill=self.tint)
        name, model = self.heading
        yield text_at(x + PADDING, y + TITLE / 2, name, weight="bold")
        if model:
            yield text_at(x + size.width - PADDING, y + TITLE / 2, model, fill=QUIET, anchor="end")
        for number, row in enumerate(self.rows):
            yield from row_lines(row, x, y + TITLE + (number + 0.5) * ROW + 3, size.width)
        if self.shown.note:
            at = y + TITLE + (len(self.rows) + 0.5) * ROW + 3
            yield text_at(x + PADDING + (MARK if self.rows else 0), at, self.shown.note, fill=QUIET)
        yield "</g>"


def row_lines(row: Row, x: float, y: float, wide: float) -> Iterator[str]:
    """One column."""
    key = mark(row.column)
    if key:
        yield text_at(x + PADDING, y, key, fill=QUIET, size=FONT_SIZE - 3)
    weight = "bold" if row.column.primary_key else None
    yield text_at(x + PADDING + MARK, y, row.name, weight=weight)
    if row.said:
        yield text_at(x + wide - PADDING, y, row.said, fill=row.target or QUIET, anchor="end")


def boxes_of(
    diagram: Diagram, shown: Mapping[str, Shown], colours: Colours, home: Mapping[str, str | None]
) -> dict[str, Box]:
    """The box of each table; a reference to a table at another home is written out, as no line leads there."""
    groups = {table.table: table.group for table in diagram.tables}
    return {
        name: Box(
            one,
            [row_of(column, name, colours, groups, home) for column in one.columns],
            colours.tint(one.table.group),
            colours.edge(one.table.group),
            diagram.around == name,
        )
        for name, one in shown.items()
    }


def row_of(
    column: DiagramColumn,
    table: str,
    colours: Colours,
    groups: Mapping[str, str | None],
    home: Mapping[str, str | None],
) -> Row:
    """A column with its type, or with what it refers to where no line shows that."""
    name = cut(visible(column.name), LONGEST_NAME)
    referred = column.refers_to
    if referred is not None and (referred not in home or home[referred] != home[table]):
        said = f"→ {cut(visible(referred), LONGEST_TYPE)}{'?' if column.nullable else ''}"
        return Row(column, name, said, colours.edge(groups.get(referred)))
    return Row(column, name, cut(visible(kind(column)), LONGEST_TYPE), None)


def rectangle(x: float, y: float, size: Size, *, fill: str, more: str = "") -> str:
    """A box with slightly round corners."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{size.width:.1f}" height="{size.height:.1f}" rx="4"'
    return f'<rect {place} fill="{fill}"{more}/>'


def text_at(
    x: float,
    y: float,
    text: str,
    *,
    fill: str = INK,
    weight: str | None = None,
    anchor: str = "start",
    size: int = FONT_SIZE,
) -> str:
    """Text whose middle stands at `y`."""
    more = f' font-weight="{weight}"' if weight else ""
    more += f' text-anchor="{anchor}"' if anchor != "start" else ""
    more += f' font-size="{size}"' if size != FONT_SIZE else ""
    return f'<text x="{x:.1f}" y="{y + size * 0.35:.1f}" fill="{fill}"{more}>{html.escape(visible(text))}</text>'
