"""What MySQL's drivers tell about a result: types by number, and whether bytes are text."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Date, DateTime, Double, Integer, LargeBinary, Numeric, SmallInteger, Text
from sqlalchemy.dialects.mysql import FLOAT, MEDIUMINT, TIME, TINYINT, YEAR
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Span(TIME):
    """A TIME as drivers give it: up to 838 hours with a sign, which is no time of day."""

    python_type = timedelta


# enum_field_types of the protocol (include/field_types.h in MySQL's source) → type
TYPES: dict[int, TypeEngine[Any]] = {
    0: Numeric(),
    1: TINYINT(),
    2: SmallInteger(),
    3: Integer(),
    4: FLOAT(),
    5: Double(),
    7: DateTime(),
    8: BigInteger(),
    9: MEDIUMINT(),
    10: Date(),
    11: Span(),
    12: DateTime(),
    13: YEAR(),
    246: Numeric(),
}

TEXTS = (15, 249, 250, 251, 252, 253, 254)
"""VARCHAR, BLOB and CHAR, with or without a character set. ENUM, SET and JSON come as these."""

BINARY = 63
"""The number of the character set `binary`: what has it is bytes."""


def column_types(description: Sequence[Any]) -> list[TypeEngine[Any] | None]:
    """Types by the number that stands second in a column's description; whether it is text, if a ninth tells."""
    return [_type(column[1], column[8] if len(column) > 8 else None) for column in description]


def cursor_types(cursor: Any) -> list[TypeEngine[Any] | None]:
    """As `column_types`, with the character sets that PyMySQL and its descendants keep beside the description."""
    inner = getattr(cursor, "_cursor", cursor)
    fields = getattr(getattr(inner, "_result", None), "fields", None)
    description = cursor.description
    if not fields or len(fields) != len(description):
        return column_types(description)
    return [
        _type(column[1], getattr(field, "charsetnr", None)) for column, field in zip(description, fields, strict=True)
    ]


def _type(number: int, charset: int | None) -> TypeEngine[Any] | None:
    if number in TEXTS:
        # VARCHAR would need a length, and the driver tells it in bytes.
        return None if charset is None else LargeBinary() if charset == BINARY else Text()
    return TYPES.get(number)


def lenient(connection: "Connection") -> AbstractContextManager[None]:
    """Nothing to open: PyMySQL gives dates that Python cannot hold (0000-00-00) as text by itself."""
    return nullcontext()
