"""CSV: the main table of a document, safe to open in a spreadsheet."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dbadmin.render.document import Document, KeyValues, value_of
from dbadmin.render.values import text

QUOTE = '"'
QUOTED = re.compile('[",\r\n]')
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a formula begins for a spreadsheet; the wide signs do so where East Asian text is typed."""
NUMBERS = (int, float, Decimal)


def write(document: Document) -> str:
    """The main table, else the facts as two columns. Absent is an empty field."""
    if document.main is not None:
        header = [safe(column.name) for column in document.main.columns]
        rows = [[field(cell) for cell in row] for row in document.main.rows]
        return "".join(map(line, [header, *rows]))
    pairs = [pair for block in document.blocks if isinstance(block, KeyValues) for pair in block.pairs]
    return "".join(line([safe(label), field(cell)]) for label, cell in pairs)


def line(fields: Sequence[str]) -> str:
    r"""A line of CSV. The csv module leaves a lone carriage return unquoted, which ends a row when read.

    >>> line(["a,b", "1\r2", ""])
    '"a,b","1\r2",\n'
    """
    if list(fields) == [""]:
        return '""\n'  # an empty line would be no row at all
    return ",".join(f'"{f.replace(QUOTE, QUOTE * 2)}"' if QUOTED.search(f) else f for f in fields) + "\n"


def field(cell: Any) -> str:
    """A cell's text; text that a spreadsheet would take for a formula gets an apostrophe, numbers do not."""
    value = value_of(cell)
    if value is None:
        return ""
    return text(value) if isinstance(value, NUMBERS) else safe(text(value))


def safe(written: str) -> str:
    """Text that no spreadsheet takes for a formula.

    >>> safe("=1+1"), safe("plain")
    ("'=1+1", 'plain')
    """
    return f"'{written}" if written.startswith(FORMULA) else written
