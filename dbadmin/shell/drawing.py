"""How objects look at the prompt: a Select with its SQL and first rows, ORM objects as tables."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

from dbadmin.render import notebook_html, render
from dbadmin.render.document import Code, Document, Heading, KeyValues
from dbadmin.render.layouts.rows import rows_table
from dbadmin.render.values import visible_lines
from dbadmin.render.writers import html, table
from dbadmin.results import Column as RowColumn
from dbadmin.results import Rows
from dbadmin.secrets import mask
from dbadmin.shell.live import Live
from dbadmin.shell.session import explained

FIRST = 10
"""Rows of a Select that are shown."""
LISTED = 20
"""Objects of a list that are shown: each may ask the database once."""


def width() -> int:
    """The terminal's width in columns."""
    return shutil.get_terminal_size().columns


def select_text(live: Live, statement: Any) -> str:
    """The SQL with placeholders, and the first rows."""
    sql, found, failed = asked(live, statement)
    return visible_lines(sql) + "\n\n" + (render(found, "table", width=width()).rstrip("\n") if found else failed)


def select_html(live: Live, statement: Any) -> str:
    """The same as HTML."""
    sql, found, failed = asked(live, statement)
    below = notebook_html(found) if found else f"<p>{escape(failed)}</p>"
    return html.fragment(Document("Select", (Code(visible_lines(sql), "sql"),), None)) + below


def asked(live: Live, statement: Any) -> tuple[str, Rows | None, str]:
    """A Select's SQL, its first rows, and why there are none where there are none."""
    from dbadmin.frames import rows

    sql = str(statement)
    try:
        found = live.within(lambda session: rows(session.connection(), statement, limit=FIRST))
    except Exception as error:
        known = explained(error, live.database)
        return mask(sql), None, mask(f"not run: {known.message if known is not None else type(error).__name__}")
    return mask(found.sql or sql), found, ""


def object_text(one: Any) -> str:
    """One ORM object as a table."""
    return table.write(vertical(one), limit=width()).rstrip("\n")


def object_html(one: Any) -> str:
    """The same as HTML."""
    return html.fragment(vertical(one))


def list_text(objects: Sequence[Any]) -> str | None:
    """ORM objects of one model as one table; None for any other list."""
    found = listed(objects)
    return None if found is None else table.write(found, limit=width()).rstrip("\n")


def list_html(objects: Sequence[Any]) -> str | None:
    """The same as HTML."""
    found = listed(objects)
    return None if found is None else html.fragment(found)


def vertical(one: Any) -> Document:
    """One object: a line for each column."""
    name = type(one).__name__
    return Document(name, (Heading(name), KeyValues(tuple(values(one)))), None)


def listed(objects: Any) -> Document | None:
    """Objects of one model as rows, the first of them; None where it is anything else."""
    from sqlalchemy import inspect
    from sqlalchemy.exc import NoInspectionAvailable

    if not objects or len({type(one) for one in objects}) != 1:
        return None
    try:
        if not hasattr(inspect(objects[0]), "mapper") or isinstance(objects[0], type):
            return None
    except NoInspectionAvailable:
        return None
    shown = [values(one) for one in objects[:LISTED]]
    names = tuple(RowColumn(name, None) for name, _ in shown[0])
    block = rows_table(Rows(names, tuple(tuple(value for _, value in one) for one in shown), None, False, None))
    if len(objects) > LISTED:
        block = replace(block, note=f"{LISTED} of {len(objects)} rows")
    return Document("Rows", (block,), block)


def values(one: Any) -> list[tuple[str, Any]]:
    """Name and value of each column that is not deferred."""
    from sqlalchemy import inspect

    return [(attr.key, getattr(one, attr.key)) for attr in inspect(one).mapper.column_attrs if not attr.deferred]
