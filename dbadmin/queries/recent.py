"""`recent`: the newest rows first."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Column, ColumnElement, func, literal, select

from dbadmin.errors import UsageError
from dbadmin.queries.filters import Where, conditions
from dbadmin.queries.names import Entities, Entity
from dbadmin.queries.pages import behind, key_values, shown_key
from dbadmin.queries.paths import Path, Scope, path_of
from dbadmin.queries.query import Query, Seen, as_select, chosen_columns, limited, start
from dbadmin.queries.types import TEMPORAL, family
from dbadmin.queries.values import moment
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
    ties = [one for one in entity.key if one is not column]
    later, seen = ([], None) if after is None else _later(scope, entity, path, ties, after)
    present = [] if len(ties) < len(entity.key) else [time.is_not(None)]
    query = (
        select(*shown)
        .select_from(scope.from_clause)
        .where(*present, *since, *later, *filters)
        .order_by(time.desc(), *(entity.at(scope.source, one).desc() for one in ties))
    )
    without = select(func.count()).select_from(scope.from_clause).where(time.is_(None), *filters)
    always_there = column is not None and not column.nullable
    return Query(limited(query, limit, offset), withheld, None if always_there else without, str(path), seen=seen)


recent = as_select(recent_query)


def time_path(entity: Entity) -> Path:
    """The column that tells how new a row is. Raises UsageError with candidates."""
    for name in TIME_COLUMNS:
        column = entity.find(name)
        if column is not None and column not in entity.absent and family(column.type) in _ORDERED:
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


def _later(
    scope: Scope, entity: Entity, path: Path, ties: list[Column[Any]], after: Any
) -> tuple[list[ColumnElement[bool]], Seen | None]:
    """Rows behind the one with this primary key, in the order of `path` and `ties`; and that row.

    The row itself need not be there any more where its key tells all of its place.
    """
    if not entity.key:
        raise UsageError(f"{entity} has no primary key to go on from", hint="use --offset")
    given = key_values(after, [(column.name, column) for column in entity.key], f"primary key of {entity}")
    values = {column: value for column, value in zip(entity.key, given, strict=True) if value is not None}
    if len(values) < len(entity.key):
        raise UsageError(f"the primary key of {entity} is never empty", hint="give the key of the last row seen")
    columns = [scope.column(path), *(entity.at(scope.source, column) for column in ties)]
    own = next((column for column in entity.key if column not in ties), None)
    if own is not None:
        return [behind(columns, [values[own], *(values[one] for one in ties)], descending=True)], None
    there = Scope(scope.entities, entity, entity.source("_seen"))
    time = there.column(path)
    known = [entity.at(there.source, column) == value for column, value in values.items()]
    find = select(time).select_from(there.from_clause).where(*known)
    then = find.correlate(None).scalar_subquery()
    missing = f"{entity} has no row {shown_key(after)} with a value of {path} to go on after"
    return [behind(columns, [then, *values.values()], descending=True)], Seen(find, missing, str(path))


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
    except (ValueError, TypeError, OverflowError):
        raise UsageError(
            f"days is {days!r}; give a number above 0 within the calendar", hint="such as --days 7"
        ) from None
    except ZoneInfoNotFoundError:
        raise UsageError(f"no time zone {timezone!r}", hint="name it as Europe/Berlin or UTC") from None
    if kind == "aware":
        return literal(moment(first, aware=True), time.type)
    local = first.astimezone(zone).replace(tzinfo=None)
    return literal(local.date() if kind == "date" else local, time.type)
