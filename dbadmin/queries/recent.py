"""`recent`: the newest rows first."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Column, ColumnElement, func, literal, select, tuple_

from dbadmin.errors import UsageError
from dbadmin.queries.filters import Where, conditions
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.paths import Path, Scope, path_of
from dbadmin.queries.query import Query, as_select, by_key, chosen_columns, limited, start
from dbadmin.queries.types import TEMPORAL, family
from dbadmin.queries.values import moment, typed
from dbadmin.secrets import SENSITIVE_WORDS

TIME_COLUMNS = ("created_at", "created", "inserted_at", "created_on", "date_created", "timestamp")
_ORDERED = TEMPORAL | {"integer", "text", "numeric", "float", "unknown"}


def recent_query(
    table: Any,
    *,
    order_by: Any = None,
    days: float | None = None,
    limit: int | None = None,
    offset: int | None = None,
    after: Any = None,
    columns: Iterable[Any] | None = None,
    where: Where = None,
    reveal: bool = False,
    sensitive: Iterable[str] = SENSITIVE_WORDS,
    timezone: str = "UTC",
    now: datetime | None = None,
    entities: Entities | None = None,
) -> Query:
    """Rows of one table, newest first.

    Newest by `order_by`, else by the first of created_at, created, inserted_at, created_on, date_created,
    timestamp, else by an autoincrement key; UsageError names candidates where there is none of these. Rows
    without a value there are left out. Equal times are ordered by the primary key.

    Parameters: `days`, only rows of the last so many days (columns without zone hold times of `timezone`);
    `after`, the primary key of the last row seen (several columns: a sequence), to go on behind it without
    counting rows; `columns`, names or paths, default the whole row without columns that look like credentials
    (`sensitive` words) unless `reveal`; `where`, filters; `now`, an aware time instead of the clock's.

    >>> from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table
    >>> posts = Table("posts", MetaData(), Column("id", Integer, primary_key=True), Column("title", String),
    ...               Column("created_at", DateTime))
    >>> print(recent(posts, columns=["title"], limit=5))  # doctest: +NORMALIZE_WHITESPACE
    SELECT posts.title AS title
    FROM posts
    WHERE posts.created_at IS NOT NULL ORDER BY posts.created_at DESC, posts.id DESC
    LIMIT :param_1
    """
    entities, entity = start(table, entities)
    scope = Scope(entities, entity)
    path = time_path(entity) if order_by is None else path_of(order_by, entity)
    time = scope.column(path)
    shown, withheld = chosen_columns(scope, columns, reveal=reveal, sensitive=sensitive)
    filters = conditions(scope, where)
    since = [] if days is None else [time >= _start(time, entity, path, days, timezone, now)]
    column = entity.find(path.name) if not path.steps else None
    is_key = any(column is one for one in entity.key)
    ties = [] if is_key else by_key(entity, scope.source, descending=True)
    behind = [] if after is None else [_behind(scope, entity, path, after)]
    present = [] if is_key else [time.is_not(None)]
    query = (
        select(*shown)
        .select_from(scope.from_clause)
        .where(*present, *since, *behind, *filters)
        .order_by(time.desc(), *ties)
    )
    without = select(func.count()).select_from(scope.from_clause).where(time.is_(None), *filters)
    always_there = column is not None and not column.nullable
    return Query(limited(query, limit, offset), withheld, None if always_there else without, str(path))


recent = as_select(recent_query)


def time_path(entity: Entity) -> Path:
    """The column that tells how new a row is. Raises UsageError with candidates."""
    for name in TIME_COLUMNS:
        column = entity.find(name)
        if column is not None and family(column.type) in _ORDERED:
            return Path((), name)
    key = autoincrement_key(entity)
    if key is not None:
        return Path((), key.name)
    times = [c.name for c in entity.columns if family(c.type) in TEMPORAL]
    candidates = times or [c.name for c in entity.columns if family(c.type) in _ORDERED]
    raise UsageError(
        f"{entity} has no column that tells how new a row is",
        hint=f"say which: --order-by {', '.join(candidates)}" if candidates else None,
    )


def autoincrement_key(entity: Entity) -> Column[Any] | None:
    """The primary key's column where the database numbers it, else None."""
    if len(entity.key) != 1:
        return None
    column = entity.key[0]
    table = column.table
    return column if getattr(table, "autoincrement_column", None) is column else None


def _behind(scope: Scope, entity: Entity, path: Path, after: Any) -> ColumnElement[bool]:
    """Rows that stand behind the one with this primary key, in the order of time and key."""
    key = [entity.at(scope.source, column) for column in entity.key]
    parts = [after] if isinstance(after, str) or not isinstance(after, Iterable) else list(after)
    if not key:
        raise UsageError(f"{entity} has no primary key to go on from", hint="use --offset")
    if len(parts) == 1 and isinstance(after, str) and len(key) > 1:
        parts = after.split(",")
    if len(parts) != len(key):
        raise UsageError(f"the primary key of {entity} is {', '.join(column.name for column in entity.key)}")
    values = [
        literal(typed(part, column.type, column.name) if isinstance(part, str) else part, column.type)
        for part, column in zip(parts, entity.key, strict=True)
    ]
    if not path.steps and any(entity.find(path.name) is column for column in entity.key):
        return tuple_(*key) < tuple_(*values) if len(key) > 1 else key[0] < values[0]
    seen = Scope(scope.entities, entity, entity.source("_seen"))
    time = seen.column(path)
    known = [entity.at(seen.source, column) == value for column, value in zip(entity.key, values, strict=True)]
    then = select(time).select_from(seen.from_clause).where(*known).correlate(None).scalar_subquery()
    return tuple_(scope.column(path), *key) < tuple_(then, *values)


def _start(
    time: ColumnElement[Any], entity: Entity, path: Path, days: float, timezone: str, now: datetime | None
) -> ColumnElement[Any]:
    """The earliest time that still counts, in the form that the column holds."""
    kind = family(time.type)
    if kind not in TEMPORAL:
        raise UsageError(
            f"{path} of {entity} holds no times, so days cannot be counted",
            hint="name a date or time column with --order-by, or use --where",
        )
    try:
        if not days > 0:
            raise ValueError
        first = (now or datetime.now(UTC)).astimezone(UTC) - timedelta(days=days)
        zone = ZoneInfo(timezone)
    except (ValueError, OverflowError):
        raise UsageError(f"days is {days}; give a number above 0 within the calendar") from None
    except ZoneInfoNotFoundError:
        raise UsageError(f"no time zone {timezone!r}", hint="name it as Europe/Berlin or UTC") from None
    if kind == "aware":
        return literal(moment(first, aware=True), time.type)
    local = first.astimezone(zone).replace(tzinfo=None)
    return literal(local.date() if kind == "date" else local, time.type)
