"""Rows as the database gave them: `recent`, `group`, `join`, `sql`, `count --by`."""

import re
from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from uuid import UUID

from dbadmin.render.document import Block, Column, Document, Table, Text
from dbadmin.render.values import plural
from dbadmin.results import Rows, RowSets

NUMERIC = re.compile(
    r"(?:unsigned )?(?:big|small|tiny|medium)?int|numeric|decimal|number|float|real|double|money|serial"
)


def lay_out_rows(result: Rows, *, detail: bool = False) -> Document:
    """The rows, and how many there are."""
    if not result.columns and result.rows_changed is not None:
        return Document("Rows", (Text(changed(result)),), None)
    main = rows_table(result)
    blocks: list[Block] = [main]
    if result.rows_changed is not None:
        blocks.append(Text(changed(result)))
    return Document("Rows", tuple(blocks), main, remarks(result))


def lay_out_row_sets(result: RowSets, *, detail: bool = False) -> Document:
    """One statement's rows after the other."""
    documents = [lay_out_rows(rows) for rows in result.results]
    blocks = tuple(block for document in documents for block in document.blocks)
    main = next((document.main for document in documents if document.main), None)
    return Document("Rows", blocks, main, tuple(note for d in documents for note in d.asides))


def changed(result: Rows) -> str:
    """How many rows a statement changed."""
    return f"{plural(result.rows_changed or 0, 'row')} changed"


def rows_table(result: Rows) -> Table:
    """The rows as a table; numbers to the right, points in time and UUIDs never cut."""
    columns = tuple(
        Column(column.name, "right" if is_numeric(result, index) else "left", whole=says_nothing_cut(result, index))
        for index, column in enumerate(result.columns)
    )
    return Table(columns, result.rows, note=how_many(result), empty="")


def remarks(result: Rows) -> tuple[str, ...]:
    """What the rows do not show."""
    found = list(result.notes)
    if result.withheld:
        found.append(kept_back(result.withheld))
    if result.missing:
        found.append(left_out(result.missing))
    return tuple(found)


def kept_back(withheld: Sequence[str]) -> str:
    """What is said of columns that nobody asked for by name.

    >>> kept_back(["users.api_token"])
    'left out, as they look like credentials: users.api_token (name them to see them)'
    """
    return f"left out, as they look like credentials: {', '.join(withheld)} (name them to see them)"


def left_out(missing: Sequence[str]) -> str:
    """What is said of columns that the models have and the database has not.

    >>> left_out(["orders.note"])
    'left out, as the database does not have them: orders.note (dbadmin status shows pending revisions)'
    """
    return (
        f"left out, as the database does not have them: {', '.join(missing)} (dbadmin status shows pending revisions)"
    )


def how_many(result: Rows) -> str:
    """`3 rows`, or `10 of >10 rows` where the limit cut the list.

    >>> how_many(Rows((), [()] * 10, 10, True, None))
    '10 of >10 rows'
    """
    shown = len(result.rows)
    return f"{shown} of >{shown} rows" if result.truncated else plural(shown, "row")


def is_numeric(result: Rows, index: int) -> bool:
    """By the column's type; where there is none, by what stands in it."""
    named = result.columns[index].type
    if named:
        return NUMERIC.match(named.lower()) is not None and "[" not in named
    values = [row[index] for row in result.rows if row[index] is not None]
    return bool(values) and all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values
    )


def says_nothing_cut(result: Rows, index: int) -> bool:
    """Whether each value is a point in time or a UUID: their beginnings tell too little."""
    values = (row[index] for row in result.rows if row[index] is not None)
    first = next(values, None)  # most columns are told by it, however many rows there are
    return isinstance(first, date | time | UUID) and all(isinstance(value, date | time | UUID) for value in values)
