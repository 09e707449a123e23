"""Beginnings of periods on MySQL and MariaDB: the day, and intervals added to it."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal_column

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


def floor(period: str, value: "ColumnElement[Any]", *, aware: bool) -> "ColumnElement[Any]":
    """The period's first moment: a date, for hour and minute a time. Columns keep no zone: UTC is what is stored."""
    day = func.date(value)
    first_of_year = func.makedate(func.year(value), literal_column("1"))
    if period == "year":
        return first_of_year
    if period == "quarter":
        return _later(first_of_year, func.quarter(value) - literal_column("1"), "QUARTER")
    if period == "month":
        return _later(first_of_year, func.month(value) - literal_column("1"), "MONTH")
    if period == "week":
        return _later(day, literal_column("0") - func.weekday(value), "DAY")
    if period == "hour":
        return _later(day, func.hour(value), "HOUR")
    if period == "minute":
        return _later(day, func.hour(value) * literal_column("60") + func.minute(value), "MINUTE")
    return day


def _later(start: "ColumnElement[Any]", number: "ColumnElement[Any]", unit: str) -> "ColumnElement[Any]":
    return func.timestampadd(literal_column(unit), number, start)
