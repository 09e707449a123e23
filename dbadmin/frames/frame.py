"""A statement's rows as a pandas DataFrame, typed by its columns and not by what stands in them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, overload

from sqlalchemy import Connection

from dbadmin.database import Database
from dbadmin.dialects import Progress
from dbadmin.dialects.columns import NotColumnar
from dbadmin.errors import UsageError
from dbadmin.frames.absent import with_what_is_there
from dbadmin.frames.building import Backend, Building, Form, Numerics, tolerant
from dbadmin.frames.chunks import chunks as in_chunks
from dbadmin.frames.columnar import columnar
from dbadmin.frames.statements import (
    CLIENT_SIDE,
    Prepared,
    Statement,
    changed,
    changed_beside_rows,
    check_seen,
    is_client_side,
    opened,
    prepare,
)
from dbadmin.interrupts import held_back

if TYPE_CHECKING:
    import pandas as pd

BATCH = 20_000
"""Rows fetched at a time, turned into arrays before the next: Python objects never pile up."""


@overload
def frame(
    database: Database | Connection, statement: Statement, *, params: Mapping[str, Any] | None = None,
    chunks: None = None, numeric: Numerics = "decimal", dtype_backend: Backend = "numpy_nullable",
    progress: Progress | None = None,
) -> "pd.DataFrame": ...  # fmt: skip


@overload
def frame(
    database: Database | Connection, statement: Statement, *, params: Mapping[str, Any] | None = None,
    chunks: int, numeric: Numerics = "decimal", dtype_backend: Backend = "numpy_nullable",
    progress: Progress | None = None,
) -> "Iterator[pd.DataFrame]": ...  # fmt: skip


def frame(
    database: Database | Connection,
    statement: Statement,
    *,
    params: Mapping[str, Any] | None = None,
    chunks: int | None = None,
    numeric: Numerics = "decimal",
    dtype_backend: Backend = "numpy_nullable",
    progress: Progress | None = None,
) -> "pd.DataFrame | Iterator[pd.DataFrame]":
    """The rows of a statement as a DataFrame whose dtypes follow the columns' types, also without rows.

    Integer → Int64, Boolean → boolean, Float → float64, Numeric → Decimal objects, text → string, Date → date
    objects, DateTime → datetime64[us], with time zone → datetime64[us, UTC], interval → timedelta64[us], UUID,
    JSON, arrays and bytes → Python objects. A column with a value that does not fit (infinity, a damaged date)
    is Python objects, which one warning says. For SQL that is only text, types are the driver's; SQLite has
    none, so there they are guessed from the values.

    Parameters: `database`, a Database, or a Connection whose transaction is to be seen; `statement`, a helper's
    Query, a SQLAlchemy statement, or SQL with `:name` for `params`; `chunks`, iterate over frames of so many
    rows in constant memory; `numeric`, "float" for float64 instead of Decimal objects; `dtype_backend`, "pyarrow"
    for pandas's Arrow dtypes (`frames.arrow`); `progress`, called with what is done, the rows so far and None.

    `attrs["sql"]` has the SQL with placeholders, `attrs["withheld"]` what was left out, `attrs["missing"]` columns
    that a helper left out because the database does not have them, `attrs["reader"]` "arrow" where the result was read
    by columns, else "rows", and `attrs["fallback"]` why; of what is no query, `attrs["rows_changed"]` has the number
    of rows that it changed, None where that is not told.
    """
    form = Form(numeric, dtype_backend)
    told = progress or _untold
    if chunks is not None:
        if chunks < 1:
            raise UsageError(f"chunks is {chunks}; give a number of rows above 0", hint="such as chunks=100_000")
        return in_chunks(database, prepare(statement, params), chunks, form, told)

    def ask(asked: Statement) -> "pd.DataFrame":
        prepared = prepare(asked, params)

        def work(connection: Connection) -> "pd.DataFrame":
            found = _whole(connection, prepared, form, told)
            if not len(found):
                check_seen(connection, prepared)
            return found

        return work(database) if isinstance(database, Connection) else database.run(work)

    return with_what_is_there(database, statement, ask)


def _untold(what: str, done: float, total: float | None) -> None:
    """Progress that nobody is told of."""


def _whole(connection: Connection, prepared: Prepared, form: Form, progress: Progress) -> "pd.DataFrame":
    """All rows, by columns where that is possible."""
    try:
        with columnar(connection, prepared, BATCH) as running:
            frame = Building(connection, prepared, running, form)
            try:
                for count, batch in running.batches:
                    frame.take(count, batch)
                    progress("rows", frame.rows, None)
                return frame.built("arrow", None)
            except CLIENT_SIDE as error:
                if not is_client_side(error):
                    raise
                fallback = "a stored value is not what its column's type says"
                for _ in running.batches:  # to its end, so that the transaction goes on
                    pass
    except NotColumnar as reason:
        fallback = str(reason)
    return tolerant(lambda raw: _collect(connection, prepared, form, progress, raw, fallback))


def done(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame of a statement that gives no rows, with words for what it did."""
    with held_back():
        from dbadmin.frames.done import Done

    return Done.of(frame)


def _collect(
    connection: Connection, prepared: Prepared, form: Form, progress: Progress, raw: bool, fallback: str
) -> "pd.DataFrame":
    with opened(connection, prepared, BATCH, raw=raw) as running:
        frame = Building(connection, prepared, running, form)
        for batch in running.result.partitions(BATCH) if running.result.returns_rows else ():
            frame.add(batch, running.raw)
            progress("rows", frame.rows, None)
        if not prepared.streams:
            tell = changed_beside_rows if running.result.returns_rows else changed
            frame.attrs["rows_changed"] = tell(running.result, frame.attrs["sql"])
        built = frame.built("rows", fallback)
        return built if running.result.returns_rows else done(built)
