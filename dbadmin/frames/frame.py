"""A statement's rows as a pandas DataFrame, typed by its columns and not by what stands in them."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args, overload

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from dbadmin.database import Database, connecting, errors
from dbadmin.dialects import Progress
from dbadmin.dialects.columns import NotColumnar, Values
from dbadmin.errors import StatementFailed, UsageError
from dbadmin.frames.columnar import Batches, columnar
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
from dbadmin.render.values import visible

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
Numerics = Literal["decimal", "float"]
BATCH = 20_000
"""Rows fetched at a time, turned into arrays before the next: Python objects never pile up."""


Backend = Literal["numpy_nullable", "pyarrow"]


@dataclass(frozen=True)
class Form:
    """How values are held: `numeric` as Decimal objects or as floats, `dtype_backend` as pandas names them."""

    numeric: Numerics = "decimal"
    dtype_backend: Backend = "numpy_nullable"

    def __post_init__(self) -> None:
        for name, known in (("numeric", get_args(Numerics)), ("dtype_backend", get_args(Backend))):
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is {getattr(self, name)!r}", hint=f"give {' or '.join(known)}")


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

    `attrs["sql"]` has the SQL with placeholders, `attrs["withheld"]` what was left out, `attrs["reader"]` "arrow"
    where the result was read by columns, else "rows", and `attrs["fallback"]` why.
    """
    prepared, form = prepare(statement, params), Form(numeric, dtype_backend)
    told = progress or _untold
    if chunks is not None:
        if chunks < 1:
            raise UsageError(f"chunks is {chunks}; give a number of rows above 0")
        return _chunks(database, prepared, chunks, form, told)
    if isinstance(database, Connection):
        return _whole(database, prepared, form, told)
    return database.run(lambda connection: _whole(connection, prepared, form, told))


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


def _collect(
    connection: Connection, prepared: Prepared, form: Form, progress: Progress, raw: bool, fallback: str
) -> "pd.DataFrame":
    with opened(connection, prepared, BATCH, raw=raw) as running:
        frame = Building(connection, prepared, running, form)
        for batch in running.result.partitions(BATCH) if running.names else ():
            frame.add(batch, running.raw)
            progress("rows", frame.rows, None)
        return frame.built("rows", fallback)


class Building:
    """A frame that grows batch by batch."""

    def __init__(self, connection: Connection, prepared: Prepared, running: Opened | Batches, form: Form) -> None:
        from dbadmin.frames.columns import ColumnOfFrame

        self.attrs = {"sql": shown_sql(prepared, connection.dialect), "withheld": list(prepared.withheld)}
        self.names, self.types = running.names, running.types
        self.columns: list[GrowingColumn] = [
            ColumnOfFrame(n, t, form.numeric) for n, t in zip(running.names, running.types, strict=True)
        ]
        if form.dtype_backend == "pyarrow":
            from dbadmin.frames.arrow import ArrowColumn

            self.columns = [ArrowColumn(n, t, form.numeric) for n, t in zip(self.names, self.types, strict=True)]
        self.rows = 0

    def take(self, count: int, batch: Sequence[Values]) -> None:
        """A batch that was read by columns."""
        self.rows += count
        for column, values in zip(self.columns, batch, strict=True):
            column.take(values)

    def add(self, batch: Sequence[Sequence[Any]], raw: bool) -> None:
        """A batch of rows."""
        self.rows += len(batch)
        for column, type_, values in zip(self.columns, self.types, zip(*batch, strict=True), strict=True):
            column.add([read(value, type_) for value in values] if raw else values)

    def built(self, reader: str, fallback: str | None) -> "pd.DataFrame":
        """The finished frame; one warning names the columns with values that do not fit."""
        import pandas as pd

        series = {number: column.series() for number, column in enumerate(self.columns)}
        built = pd.DataFrame(series, index=pd.RangeIndex(self.rows), copy=False)
        built.columns = pd.Index(list(self.names), dtype=object if not self.columns else None)
        built.attrs.update(self.attrs, reader=reader, fallback=fallback)
        misfits = [visible(column.name) for column in self.columns if not column.fits]
        if misfits:
            warnings.warn(
                f"values of {', '.join(misfits)} do not fit the column's type; they are Python objects",
                UserWarning,
                stacklevel=2,
            )
        return built


class GrowingColumn(Protocol):
    """One column of a frame that grows."""

    name: str
    fits: bool

    def add(self, values: Sequence[Any]) -> None: ...

    def take(self, values: Values) -> None: ...

    def series(self) -> "pd.Series[Any]": ...


def _chunks(
    database: Database | Connection, prepared: Prepared, size: int, form: Form, progress: Progress
) -> "Iterator[pd.DataFrame]":
    """Frames of `size` rows. What was yielded cannot be taken back, so nothing is fetched a second time."""
    with held(database) as run:
        reading = Parts(prepared, size, form, "the transaction is yours" if isinstance(database, Connection) else None)
        try:
            while True:
                part = run(reading.next)
                if part is None:
                    return
                progress("rows", reading.rows, None)
                yield part
        finally:
            run(reading.close)


class Parts:
    """A result that is read part by part, each within a call on its connection.

    By columns only on a connection of its own: while a driver sends columns, its connection answers nothing else.
    """

    def __init__(self, prepared: Prepared, size: int, form: Form, fallback: str | None) -> None:
        self.prepared = prepared
        self.size = size
        self.form = form
        self.parts = self.rows = 0
        self._stack = ExitStack()
        self._running: Opened | Batches | None = None
        self._fallback = fallback

    def next(self, connection: Connection) -> "pd.DataFrame | None":
        """The next part; the first even if it has no rows, so that columns and dtypes are known."""
        if self._running is None:
            self._running = self._open(connection)
        building = Building(connection, self.prepared, self._running, self.form)
        try:
            self._fill(building, self._running)
        except CLIENT_SIDE as error:
            raise (unreadable(error) if is_client_side(error) else error) from error
        if not building.rows and self.parts:
            return None
        self.parts += 1
        self.rows += building.rows
        return building.built("rows" if self._fallback else "arrow", self._fallback)

    def _open(self, connection: Connection) -> "Opened | Batches":
        if self._fallback is None:
            try:
                return self._stack.enter_context(columnar(connection, self.prepared, self.size))
            except NotColumnar as reason:
                self._fallback = str(reason)
        return self._stack.enter_context(opened(connection, self.prepared, self.size, lenient=True))

    def _fill(self, building: Building, running: "Opened | Batches") -> None:
        """Take as many rows as a part has; a batch of large rows may come in several."""
        if isinstance(running, Opened):
            rows = running.result.fetchmany(self.size) if running.names else []
            if rows:
                building.add(rows, running.raw)
            return
        while building.rows < self.size:
            count, batch = next(running.batches, (0, ()))
            if not count:
                return
            building.take(count, batch)

    def close(self, _: Connection) -> None:
        """Close the result."""
        self._stack.close()


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
