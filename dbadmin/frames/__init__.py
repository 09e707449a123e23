"""Statements → typed DataFrames for notebooks, and → rows for the command line.

    frame(database, select(User).where(User.id == 3))
    frame(database, "select * from users where id = :id", params={"id": 3})
    for part in frame(database, recent(BlogPost), chunks=100_000): …

pandas is imported with the first frame. Ctrl-C waits while it is, and while numpy and Arrow are: an import of theirs
that was broken off cannot be done again in the same process.
"""

from dbadmin.interrupts import held_back

with held_back():
    from dbadmin.frames.files import export
    from dbadmin.frames.frame import frame
    from dbadmin.frames.rows import rows, statement_rows
from dbadmin.queries.values import parse_parameters
from dbadmin.queries.written import split_statements, without_where

__all__ = [
    "export", "frame", "parse_parameters", "rows", "split_statements", "statement_rows", "without_where",
]  # fmt: skip
