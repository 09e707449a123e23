"""Results read by columns: what an engine gives as Arrow arrays, held against the columns' types.

An array is used where it holds what SQLAlchemy would return, value for value; every other column goes through the
driver's values and SQLAlchemy's own result processors, as a row would.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Enum
from sqlalchemy.engine import processors
from sqlalchemy.types import TypeEngine

from dbadmin.dialects.columns import NotColumnar, Values, reading
from dbadmin.frames.rounded import Rounded, rounded
from dbadmin.frames.statements import Prepared
from dbadmin.queries.types import Family, family
from dbadmin.queries.written import Written, is_one_bracket

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Batches:
    """A running statement. `types` are the columns' own where the statement has them, else the driver's."""

    names: tuple[str, ...]
    types: tuple[TypeEngine[Any] | None, ...]
    batches: Iterator[tuple[int, Sequence["Processed"]]]


@contextmanager
def columnar(connection: Connection, prepared: Prepared, size: int) -> Iterator[Batches]:
    """Run a statement and read it by columns. Raises NotColumnar where rows are the way."""
    if not prepared.streams:
        raise NotColumnar("only a query is read by columns")
    if isinstance(prepared.executable, Written) and not is_one_bracket(prepared.executable.sql):
        raise NotColumnar("the statement cannot stand in brackets")
    with reading(connection, prepared.executable, prepared.params or {}, size) as running:
        own = prepared.types if prepared.types is not None and len(prepared.types) == len(running.names) else None
        types = own or running.types
        columns = [
            (type_, _processor(connection, type_, code) if own else None)
            for type_, code in zip(types, running.codes, strict=True)
        ]
        found = (
            (count, [Processed(v, t, p) for v, (t, p) in zip(values, columns, strict=True)])
            for count, values in running.batches
        )
        yield Batches(running.names, types, found)


def _processor(connection: Connection, type_: TypeEngine[Any] | None, code: Any) -> Any:
    """What SQLAlchemy makes of the driver's value; None where it leaves it as it is."""
    if type_ is None:
        return None
    processor = type_.dialect_impl(connection.dialect).result_processor(connection.dialect, code)
    return rounded(type_, connection.dialect, processor) or processor


@dataclass(frozen=True)
class Processed(Values):
    """One column of one batch, as SQLAlchemy returns it."""

    stored: Values
    type_: TypeEngine[Any] | None
    processor: Callable[[Any], Any] | None

    def arrow(self) -> "pa.Array | None":
        """The values as an array whose type is that of the column's family, or None."""
        kind = family(self.type_) if self.type_ is not None else "unknown"
        if isinstance(self.processor, Rounded):
            return self.processor.arrow(self.stored)
        found = self.stored.arrow() if kind in ARROW or kind == "unknown" else None
        if found is None or (kind == "unknown" and self.processor is not None):
            return None
        if kind != "unknown":
            found = _as_processed(found, self.processor, self.type_)
        return found if kind == "unknown" or (found is not None and _is_of(found, kind)) else None

    def python(self) -> Sequence[Any]:
        """The values one by one."""
        values, process = self.stored.python(), self.processor
        return values if process is None else [process(value) for value in values]


def _as_processed(found: "pa.Array", processor: Any, type_: TypeEngine[Any] | None) -> "pa.Array | None":
    """What one of SQLAlchemy's own processors makes of an array; None where only it can tell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(type_, Enum):
        known = type_.enum_class is None and pa.types.is_large_string(found.type)
        return found if known and set(pc.unique(found).to_pylist()) - {None} <= set(type_.enums) else None
    if processor is None or processor is processors.to_float:
        return found
    if processor is processors.int_to_boolean and pa.types.is_int64(found.type):
        return found.cast(pa.bool_()) if set(pc.unique(found).to_pylist()) <= {0, 1, None} else None
    wanted = TEXT_TO.get(processor)
    if wanted is None or not pa.types.is_large_string(found.type):
        return None
    try:
        return found.cast(pa.timestamp("us") if wanted == "datetime" else pa.date32())
    except pa.ArrowInvalid:
        return None


TEXT_TO: dict[Any, Family] = {processors.str_to_datetime: "datetime", processors.str_to_date: "date"}
ARROW: frozenset[Family] = frozenset(
    {"integer", "boolean", "float", "numeric", "text", "enum", "date", "datetime", "aware", "binary"}
)
"""Families whose values an Arrow array holds without a change."""


def _is_of(found: "pa.Array", kind: Family) -> bool:
    import pyarrow as pa

    types, given = pa.types, found.type
    if types.is_null(given):
        return True
    belongs: dict[Family, Callable[[Any], bool]] = {
        "integer": types.is_int64, "boolean": types.is_boolean, "float": types.is_float64,
        "text": types.is_large_string, "enum": types.is_large_string, "date": types.is_date32,
        "numeric": types.is_decimal128, "binary": types.is_large_binary, "aware": types.is_timestamp,
        "datetime": lambda one: types.is_timestamp(one) and one.tz is None,
    }  # fmt: skip
    return belongs[kind](given)
