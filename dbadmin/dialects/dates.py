"""Beginnings of periods (`created_at:month`), written by each engine's own `dates.floor`."""

from importlib import import_module
from typing import Any, Literal, get_args

from sqlalchemy import Date, DateTime
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import GenericFunction

from dbadmin.dialects import PACKAGES
from dbadmin.errors import NotSupported

Period = Literal["year", "quarter", "month", "week", "day", "hour", "minute"]
PERIODS: tuple[Period, ...] = get_args(Period)


class date_floor(GenericFunction[Any]):
    """The first moment of the period that a date or time lies in, in UTC where it has a time zone.

    A date for year, quarter, month, week (from Monday) and day, a time without zone for hour and minute.
    """

    inherit_cache = True

    def __init__(self, period: Period, value: ColumnElement[Any], *, aware: bool) -> None:
        from sqlalchemy import literal_column

        self.period: Period = period
        self.aware = aware
        self.type = DateTime() if period in ("hour", "minute") else Date()
        # The period is an argument so that it is part of the cache key; it is never sent as it stands.
        super().__init__(literal_column(f"'{period}'"), literal_column(str(int(aware))), value, type_=self.type)


@compiles(date_floor)
def _compile(element: date_floor, compiler: SQLCompiler, **options: Any) -> str:
    package = PACKAGES.get(compiler.dialect.name)
    if package is None:
        raise NotSupported(
            f"dates are not grouped on {compiler.dialect.name}", hint="group by the column itself, or write SQL"
        )
    floor = import_module(f"dbadmin.dialects.{package}.dates").floor
    value = list(element.clauses)[-1]
    return compiler.process(floor(element.period, value, aware=element.aware), **options)
