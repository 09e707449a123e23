"""A statement's rows as a pandas DataFrame, typed by its columns and not by what stands in them."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from dbadmin.database import Database, connecting, errors
from dbadmin.errors import StatementFailed, UsageError
from dbadmin.frames.lenient import read
from dbadmin.frames.statements import (
    CLIENT_SIDE,
    Opened,
    Prepared,
    Statement,
    is_client_side,
    opened,
    prepare,
    shown_sql,
)

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
BATCH = 20_000
"""Rows fetched at a time, turned into arrays before the next: Python objects never pile up."""


@overload
def frame(
    database: Database | Connection,
    statement: Statement,
    *,
    params: Mapping[str, Any] | None = None,
    chunks: None = None,
) -> "pd.DataFrame": ...


@overload
def frame(
    database: Database | Connection,
    statement: Statement,
    *,
    params: Mapping[str, Any] | None = None,
    chunks: int,
) -> "Iterator[pd.DataFrame]": ...


def frame(
    database: Database | Connection,
    statement: Statement,
    *,
    params: Mapping[str, Any] | None = None,
    chunks: int | None = None,
) -> "pd.DataFrame | Iterator[pd.DataFrame]":
    """The rows of a statement as a DataFrame whose dtypes follow the columns' types, also without rows.

    Integer → Int64, Boolean → boolean, Float → float64, Numeric → Decimal objects, text → string, Date → date
    objects, DateTime → datetime64[us], with time zone → datetime64[us, UTC], interval → timedelta64[us], UUID,
    JSON, arrays and bytes → Python objects. A column with a value that does not fit (infinity, a damaged date)
    is Python objects, which one warning says. For SQL that is only text, types are the driver's; SQLite has
    none, so there they are guessed from the values.

    Parameters: `database`, a Database, or a Connection whose transaction is to be seen; `statement`, a helper's
    Query, a SQLAlchemy statement, or SQL with `:name` for `params`; `chunks`, iterate over frames of so many
    rows in constant memory. `attrs["sql"]` has the SQL with placeholders, `attrs["withheld"]` what was left out.
    """
    prepared = prepare(statement, params)
    if chunks is not None:
        if chunks < 1:
            raise UsageError(f"chunks is {chunks}; give a number of rows above 0")
        return _chunks(database, prepared, chunks)
    if isinstance(database, Connection):
        return _whole(database, prepared)
    return database.run(lambda connection: _whole(connection, prepared))


def _whole(connection: Connection, prepared: Prepared) -> "pd.DataFrame":
    """All rows. The place where a driver's Arrow results can come in: it gets a statement, it gives a frame."""
    return tolerant(lambda raw: _collect(connection, prepared, raw=raw))


def tolerant(fetch: Callable[[bool], T]) -> T:
    """Fetch; once more with raw values where a stored value cannot be read as what its type says."""
    try:
        return fetch(False)
    except CLIENT_SIDE as error:
        if not is_client_side(error):
            raise
        try:
            return fetch(True)
        except CLIENT_SIDE:
            raise unreadable(error) from error


def unreadable(error: BaseException) -> StatementFailed:
    """The error for a stored value that stays unreadable; the value itself is not told."""
    return StatementFailed(f"a stored value cannot be read as its column's type ({type(error).__name__})")


def _collect(connection: Connection, prepared: Prepared, *, raw: bool) -> "pd.DataFrame":
    with opened(connection, prepared, BATCH, raw=raw) as running:
        batches = running.result.partitions(BATCH) if running.names else iter(())
        return _build(connection, prepared, running, batches)


def _build(connection: Connection, prepared: Prepared, running: Opened, batches: Any) -> "pd.DataFrame":
    import pandas as pd

    from dbadmin.frames.columns import ColumnOfFrame

    columns = [ColumnOfFrame(n, t) for n, t in zip(running.names, running.types, strict=True)]
    rows = 0
    for batch in batches:
        rows += len(batch)
        for column, type_, values in zip(columns, running.types, zip(*batch, strict=True), strict=True):
            column.add([read(value, type_) for value in values] if running.raw else values)
    built = pd.DataFrame({number: column.series() for number, column in enumerate(columns)}, index=pd.RangeIndex(rows))
    built.columns = pd.Index(list(running.names), dtype=object if not columns else None)
    built.attrs["sql"] = shown_sql(prepared, connection.dialect)
    built.attrs["withheld"] = list(prepared.withheld)
    misfits = [column.name for column in columns if not column.fits]
    if misfits:
        warnings.warn(
            f"values of {', '.join(misfits)} do not fit the column's type; they are Python objects",
            UserWarning,
            stacklevel=2,
        )
    return built


def _chunks(database: Database | Connection, prepared: Prepared, size: int) -> "Iterator[pd.DataFrame]":
    """Frames of `size` rows. What was yielded cannot be taken back, so nothing is fetched a second time."""
    with held(database) as run:
        reading = _Reading(prepared, size)
        try:
            while True:
                part = run(reading.next)
                if part is None:
                    return
                yield part
        finally:
            run(reading.close)


class _Reading:
    """A result that is read part by part, each within a call on its connection."""

    def __init__(self, prepared: Prepared, size: int) -> None:
        self.prepared = prepared
        self.size = size
        self.parts = 0
        self._context: Any = None
        self._running: Opened | None = None

    def next(self, connection: Connection) -> "pd.DataFrame | None":
        """The next part; the first even if it has no rows, so that columns and dtypes are known."""
        if self._running is None:
            self._context = opened(connection, self.prepared, self.size, lenient=True)
            self._running = self._context.__enter__()
        running = self._running
        try:
            rows = running.result.fetchmany(self.size) if running.names else []
        except CLIENT_SIDE as error:
            raise (unreadable(error) if is_client_side(error) else error) from error
        if not rows and self.parts:
            return None
        self.parts += 1
        return _build(connection, self.prepared, running, [rows] if rows else [])

    def close(self, _: Connection) -> None:
        """Close the result."""
        if self._context is not None:
            context, self._context = self._context, None
            context.__exit__(None, None, None)


Run = Callable[[Callable[[Connection], Any]], Any]


@contextmanager
def held(database: Database | Connection) -> "Iterator[Run]":
    """One connection for several calls; with an asynchronous engine each call runs on the engine's loop."""
    if isinstance(database, Connection):
        given = database
        yield lambda work: work(given)
        return
    with errors(database):
        database.dialect.session.check_target(database.url)
        if isinstance(database.engine, AsyncEngine):
            with _held_async(database, database.engine) as run:
                yield run
            return
        with connecting(database):
            connection = database.sync_engine.connect()
        with connection:
            database._prepare(connection)
            yield lambda work: work(connection)


@contextmanager
def _held_async(database: Database, engine: AsyncEngine) -> "Iterator[Run]":
    async def connect() -> Any:
        with connecting(database):
            return await engine.connect()

    connection = database.loop.call(connect())
    try:
        database.loop.call(connection.run_sync(database._prepare))
        yield lambda work: database.loop.call(connection.run_sync(work))
    finally:
        database.loop.call(connection.close())
