"""Types: whether a column gets one that holds fewer values than its own."""

import re
from collections.abc import Iterator

from dbadmin.dialects.changes import ColumnText
from dbadmin.migrations.review.names import FAMILIES
from dbadmin.migrations.review.restoring import PROVE
from dbadmin.migrations.review.rule import Found, Look, about, rule


@rule(
    "type-narrowed", "warning",
    why="values that do not fit are cut or rounded, or make it fail, and the type that comes back does not hold them "
    "again",
    instead="a new column of the new type beside the old one, which is dropped when the release has proven itself; "
    f"{PROVE}",
)  # fmt: skip
def type_narrowed(look: Look) -> Iterator[Found]:
    """A column gets a type that holds fewer values than its own."""
    for change in look.upgrade:
        for new in change.columns if change.kind == "alter_column" and "type" in change.given else ():
            before = look.before.column(change.full_table, change.names[0] if change.names else None)
            old = before if before is not None and before.type is not None else change.old
            if old is None or (old is change.old and old.type in _TEXTS and length_of(old) is None):
                continue  # existing_type=sa.String() often stands for one that has a length
            if less := narrowed(old, new):
                yield Found(about(change, new.name), less, change.line, change)


_TEXTS = {"String", "VARCHAR", "Unicode"}
_NUMBERS = {"smallint": 1, "integer": 2, "bigint": 3}
_EXACT = {"Numeric", "NUMERIC", "DECIMAL", "numeric", "decimal"}
_REAL = {"Float", "FLOAT", "REAL", "Double", "DOUBLE", "DOUBLE_PRECISION", "float", "real"}
_TIMES = {"DateTime", "TIMESTAMP", "DATETIME", "timestamp", "datetime"}


def narrowed(old: ColumnText, new: ColumnText) -> str | None:
    """What a type loses against another; None where that is nothing, or not known.

    >>> narrowed(ColumnText("a", "String", (200,)), ColumnText("a", "String", (50,)))
    'String(50) has no room for all that String(200) holds'
    >>> narrowed(ColumnText("a", "Integer"), ColumnText("a", "Numeric", (10, 2)))
    """
    if old.type is None or new.type is None:
        return None
    one, other = FAMILIES.get(old.type), FAMILIES.get(new.type)
    numbers = one in _NUMBERS and other in _NUMBERS and _NUMBERS[other] < _NUMBERS[one]
    fraction = old.type in _EXACT | _REAL and other in _NUMBERS and _scale(old) != 0
    less = numbers or fraction or _less_digits(old, new) or _shorter(old, new, one, other)
    less = less or (old.type in _TIMES and new.type in ("Date", "DATE", "date", "Time", "TIME", "time"))
    return f"{new.written} has no room for all that {old.written} holds" if less else None


def _less_digits(old: ColumnText, new: ColumnText) -> bool:
    if not (old.type in _EXACT and new.type in _EXACT):
        return False
    one, other = (_digits(column) for column in (old, new))
    return one is not None and other is not None and (other[1] < one[1] or other[0] - other[1] < one[0] - one[1])


def _digits(column: ColumnText) -> tuple[int, int] | None:
    given = (*column.arguments, *(column.options.get(n) for n in ("precision", "scale")[len(column.arguments) :]))
    precision, scale = given[0], given[1] or 0
    return (precision, scale) if isinstance(precision, int) and isinstance(scale, int) else None


def _scale(column: ColumnText) -> int | None:
    digits = _digits(column) if column.type in _EXACT else None
    return digits[1] if digits else None


def _shorter(old: ColumnText, new: ColumnText, one: str | None, other: str | None) -> bool:
    if (one, other) != ("text", "text"):
        return False
    was, now = length_of(old), length_of(new)
    return now is not None and (was is None or now < was) and not (was is None and _has_default_length(old))


def length_of(column: ColumnText) -> int | None:
    """How many characters a text type holds; None for any number."""
    length = column.arguments[0] if column.arguments else column.options.get("length")
    return length if isinstance(length, int) else None


def _has_default_length(column: ColumnText) -> bool:
    """A type whose length stands somewhere that is not read."""
    return bool(column.arguments) or bool(re.search("(?i)uuid", column.type or ""))
