"""Beginnings of periods on SQLite, which keeps times as text: strftime writes the ones we want."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal_column

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

FORMATS = {
    "year": "%Y-01-01",
    "month": "%Y-%m-01",
    "day": "%Y-%m-%d",
    "hour": "%Y-%m-%d %H:00:00",
    "minute": "%Y-%m-%d %H:%M:00",
}


def floor(period: str, value: "ColumnElement[Any]", *, aware: bool) -> "ColumnElement[Any]":
    """The period's first moment as SQLAlchemy's Date and DateTime read it; a stored offset is applied."""
    if period == "week":
        return func.date(value, literal_column("'-6 days'"), literal_column("'weekday 1'"))
    if period == "quarter":
        month = func.strftime(literal_column("'%m'"), value)
        back = literal_column("'-'").op("||")((month - literal_column("1")) % literal_column("3"))
        back = back.op("||")(literal_column("' months'"))
        return func.date(value, literal_column("'start of month'"), back)
    return func.strftime(literal_column(f"'{FORMATS[period]}'"), value)
