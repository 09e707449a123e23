"""A frame that grows batch by batch, in the form that was asked for."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args

from sqlalchemy import Connection

from dbadmin.dialects.columns import Values
from dbadmin.errors import StatementFailed, UsageError
from dbadmin.frames.columnar import Batches
from dbadmin.frames.lenient import read
from dbadmin.frames.statements import CLIENT_SIDE, Opened, Prepared, is_client_side, shown_sql
from dbadmin.interrupts import held_back
from dbadmin.render.values import visible

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
Numerics = Literal["decimal", "float"]
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


class Building:
    """A frame that grows batch by batch."""

    def __init__(self, connection: Connection, prepared: Prepared, running: Opened | Batches, form: Form) -> None:
        with held_back():  # pandas
            from dbadmin.frames.columns import ColumnOfFrame

        self.attrs: dict[str, Any] = {"sql": shown_sql(prepared, connection.dialect)}
        self.attrs["withheld"] = list(prepared.withheld)
        self.attrs["missing"] = list(prepared.missing)
        self.names, self.types = running.names, running.types
        made: Callable[..., GrowingColumn] = ColumnOfFrame
        if form.dtype_backend == "pyarrow":
            from dbadmin.frames.arrow import column as made
        self.columns = [made(n, t, form.numeric) for n, t in zip(self.names, self.types, strict=True)]
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
    """The error for a stored value that stays unreadable, or a given one that cannot be sent; neither is told."""
    if isinstance(error, UnicodeEncodeError) or "too large to convert" in str(error):
        return StatementFailed(
            f"what was given cannot be sent to the database ({type(error).__name__})",
            hint="give a number of at most 64 bits, and text that is valid Unicode",
        )
    return StatementFailed(
        f"a stored value cannot be read as its column's type ({type(error).__name__})",
        hint="select the column as text, with CAST",
    )
