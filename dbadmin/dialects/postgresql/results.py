"""What PostgreSQL's drivers tell about a result: types by OID, and dates that Python cannot hold."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    Double,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    Time,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, CHAR, INTERVAL, JSON, JSONB, REAL, TIMESTAMP, VARCHAR
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from sqlalchemy import Connection

# pg_type.oid → type; these numbers are fixed (src/include/catalog/pg_type.dat), as are those of their arrays.
SCALARS: dict[int, tuple[TypeEngine[Any], int]] = {
    16: (Boolean(), 1000),
    17: (BYTEA(), 1001),
    19: (Text(), 1003),
    20: (BigInteger(), 1016),
    21: (SmallInteger(), 1005),
    23: (Integer(), 1007),
    25: (Text(), 1009),
    26: (BigInteger(), 1028),
    114: (JSON(), 199),
    700: (REAL(), 1021),
    701: (Double(), 1022),
    1042: (CHAR(), 1014),
    1043: (VARCHAR(), 1015),
    1082: (Date(), 1182),
    1083: (Time(), 1183),
    1114: (TIMESTAMP(), 1115),
    1184: (TIMESTAMP(timezone=True), 1185),
    1186: (INTERVAL(), 1187),
    1266: (Time(timezone=True), 1270),
    1700: (Numeric(), 1231),
    2950: (Uuid(), 2951),
    3802: (JSONB(), 3807),
}
TYPES: dict[int, TypeEngine[Any]] = {
    **{oid: type_ for oid, (type_, _) in SCALARS.items()},
    **{array: ARRAY(type_) for type_, array in SCALARS.values()},
}


def column_types(description: Sequence[Any]) -> list[TypeEngine[Any] | None]:
    """Types by the OID that stands second in a column's description; None for types made by users."""
    return [TYPES.get(column[1]) for column in description]


@contextmanager
def lenient(connection: "Connection") -> Iterator[None]:
    """Let psycopg give infinite and too distant dates as text. Other drivers stay as they are."""
    adapters = getattr(connection.connection.driver_connection, "adapters", None)
    if adapters is None:
        yield
        return
    from psycopg import DataError
    from psycopg.pq import Format
    from psycopg.types import datetime as loaders

    before = {}
    for oid, loader in {
        1082: loaders.DateLoader,
        1114: loaders.TimestampLoader,
        1184: loaders.TimestamptzLoader,
        1186: loaders.IntervalLoader,
    }.items():
        before[oid] = adapters.get_loader(oid, Format.TEXT)
        adapters.register_loader(oid, _as_text_if_it_fails(loader, DataError))
    try:
        yield
    finally:
        for oid, loader in before.items():
            adapters.register_loader(oid, loader)


def _as_text_if_it_fails(loader: Any, failure: type[Exception]) -> Any:
    class Lenient(loader):  # type: ignore[misc]  # the base is psycopg's, chosen per type
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except (failure, ValueError, OverflowError):
                return bytes(data).decode()

    return Lenient
