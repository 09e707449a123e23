"""A query's rows into a file, in the format that its suffix names."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from dbadmin.database import Database
from dbadmin.dialects import Progress, private
from dbadmin.errors import UsageError
from dbadmin.frames.absent import with_what_is_there
from dbadmin.frames.parquet import to_parquet
from dbadmin.frames.rows import rows
from dbadmin.frames.statements import Statement, prepare
from dbadmin.render import FILE_FORMATS, render

SUFFIXES = (".parquet", ".csv", ".json", ".md", ".html")


def export(
    database: Database | Connection,
    statement: Statement,
    path: "str | os.PathLike[str]",
    *,
    params: Mapping[str, Any] | None = None,
    limit: int | None = None,
    numeric: str = "decimal",
    progress: Progress | None = None,
) -> int:
    """Write the rows of a query to a file, and give their number; an existing file is replaced once all is there.

    Parameters: `limit`, rows at most (None: every row); `path`, whose suffix decides: .parquet (constant memory,
    types as in `frames.arrow`), .csv .json .md .html (as the command line writes them); `numeric`, "float" for
    numbers that Parquet's readers count with; `progress`, called with what is done, the rows so far and None.
    Raises UsageError for another suffix or a statement that is no query, MissingExtra for Parquet without pyarrow,
    StatementFailed where a value does not fit.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{target}: the suffix decides the format", hint=f"one of {' '.join(SUFFIXES)}")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target}: there is no directory {target.parent}", hint="make it first, or name another file")
    prepared = prepare(statement, params)
    if not prepared.streams:
        raise UsageError("only a query's rows can be written to a file", hint="give SELECT …")
    with complete(target) as part:
        if suffix == ".parquet":

            def ask(asked: Statement) -> int:
                return to_parquet(database, prepare(asked, params), part, limit, numeric=numeric, progress=progress)

            return with_what_is_there(database, statement, ask)
        found = rows(database, statement, limit=limit, params=params)
        part.write_bytes(render(found, FILE_FORMATS[suffix], kind="sql").encode("utf-8", "backslashreplace"))
        return len(found.rows)


@contextmanager
def complete(target: Path) -> Iterator[Path]:
    """A file beside the target that takes its place once it is written; readable by its owner only."""
    with private.written(target) as part:
        yield part
