"""Beginnings of periods on PostgreSQL: date_trunc, times with zone taken in UTC."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, DateTime, cast, func, literal_column

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


def floor(period: str, value: "ColumnElement[Any]", *, aware: bool) -> "ColumnElement[Any]":
    """The period's first moment: a date, for hour and minute a timestamp without time zone."""
    moment = value.op("AT TIME ZONE")(literal_column("'UTC'")) if aware else cast(value, DateTime())
    first = func.date_trunc(literal_column(f"'{period}'"), moment)
    return first if period in ("hour", "minute") else cast(first, Date())
