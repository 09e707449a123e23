"""What a result looks like, before any format: a title and blocks of cells.

A layout turns a result into a Document; every writer shows the same blocks, so formats agree cell for cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Tone = Literal["good", "bad", "warn", "dim"]
"""How a text is meant; a writer draws it as colour where colour is allowed, and never as the only sign."""


@dataclass(frozen=True)
class Cell:
    """A value with a tone. Plain values may stand in its place."""

    value: Any
    tone: Tone | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    `wrap`: long text goes on in further lines (else it is cut with …). `below`: on a terminal too narrow for
    a readable column, the text stands in lines of its own under the row. `whole`: an identifier that is copied, never
    cut or torn where a line has room for it. `yields`: the column goes below its row, with its name, before a word of
    any other is torn: 1 first, then 2; of equals the last. `path`: a file, on a terminal told from the directory
    one is in.
    """

    name: str
    align: Literal["left", "right"] = "left"
    wrap: bool = False
    below: bool = False
    whole: bool = False
    yields: int = 0
    path: bool = False


@dataclass(frozen=True)
class Heading:
    """A headline inside a document."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    tone: Tone | None = None


@dataclass(frozen=True)
class Callout:
    """The answer in one line: a word and the reason."""

    word: str
    detail: str
    tone: Tone


@dataclass(frozen=True)
class KeyValues:
    """Labels and their values; pairs whose value is None are shown as absent."""

    pairs: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Code:
    """Lines to be typed or read as they are."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Drawing:
    """A picture: pages show the SVG, markdown the text that it draws itself; a terminal shows neither."""

    svg: str
    text: str
    language: str


@dataclass(frozen=True)
class Table:
    """Rows of cells. `title` stands above, `note` below; `empty` is said where there are no rows.

    `empty=None` leaves out a table without rows (CSV still gives its header). `fold`: a page that can fold
    details shows the table folded. `rail`: what the first column shows beside the further lines of each row, so that
    a graph is not torn.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    title: str | None = None
    note: str | None = None
    empty: str | None = None
    fold: bool = False
    rail: Sequence[str] = ()


Block = Heading | Text | Callout | KeyValues | Code | Drawing | Table


@dataclass(frozen=True)
class Document:
    """A titled sequence of blocks; `main` is the table that CSV gives.

    `asides` are remarks about the answer: pages show them, on a terminal they go to stderr.
    """

    title: str
    blocks: tuple[Block, ...]
    main: Table | None = None
    asides: tuple[str, ...] = ()


def value_of(cell: Any) -> Any:
    """The value in a cell."""
    return cell.value if isinstance(cell, Cell) else cell


def tone_of(cell: Any) -> Tone | None:
    """The tone of a cell."""
    return cell.tone if isinstance(cell, Cell) else None
