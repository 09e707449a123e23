"""A statement's rows as a frozen result, for the command line: values as the database gave them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

from dbadmin.database import Database
from dbadmin.errors import UsageError
from dbadmin.frames.absent import with_what_is_there
from dbadmin.frames.building import tolerant
from dbadmin.frames.lenient import read
from dbadmin.frames.statements import (
    Opened,
    Prepared,
    Statement,
    changed,
    changed_beside_rows,
    check_seen,
    opened,
    prepare,
    shown_sql,
)
from dbadmin.queries import Query
from dbadmin.queries.types import family
from dbadmin.queries.written import tokens
from dbadmin.results import Column, Rows


def rows(
    database: Database | Connection,
    statement: Statement,
    *,
    limit: int | None,
    params: Mapping[str, Any] | None = None,
) -> Rows:
    """Up to `limit` rows (None: all). One more is fetched, so that `truncated` is known and not guessed.

    Rows that `recent` leaves out for want of a time are counted, and a note says how many.
    """

    def ask(asked: Statement) -> Rows:
        prepared = _cut(prepare(asked, params), limit)
        if isinstance(database, Connection):
            return _rows(database, prepared, limit)
        return database.run(lambda connection: _rows(connection, prepared, limit))

    return with_what_is_there(database, statement, ask)


def statement_rows(
    database: Database | Connection,
    statements: Sequence[str],
    params: Mapping[str, Any] | None = None,
    *,
    limit: int | None,
) -> list[Rows]:
    """The rows of several statements of SQL, run in one transaction; each takes the parameters it names."""
    given = dict(params or {})
    named = [{token.name for token in tokens(statement)} for statement in statements]
    unused = [name for name in given if not any(name in names for names in named)]
    if unused:
        raise UsageError(f"the statement has no :{unused[0]}", hint="remove that parameter, or use it in the statement")
    prepared = [
        prepare(statement, {name: value for name, value in given.items() if name in names})
        for statement, names in zip(statements, named, strict=True)
    ]

    def work(connection: Connection) -> list[Rows]:
        return [_rows(connection, one, limit) for one in prepared]

    return work(database) if isinstance(database, Connection) else database.run(work)


def _cut(prepared: Prepared, limit: int | None) -> Prepared:
    """A helper's statement with the limit in it, so that the database sorts no more than it must."""
    query = prepared.query
    if query is None or limit is None or query.select._has_row_limiting_clause:
        return prepared
    cut: Select[Any] = query.select.limit(limit + 1)
    return Prepared(cut, prepared.params, prepared.types, prepared.streams, query)


def _rows(connection: Connection, prepared: Prepared, limit: int | None) -> Rows:
    def fetch(raw: bool) -> Rows:
        batch = None if limit is None else limit + 1
        with opened(connection, prepared, batch, raw=raw) as running:
            return _result(connection, prepared, running, limit)

    found = tolerant(fetch)
    if not found.rows:
        check_seen(connection, prepared)
    notes = _notes(connection, prepared.query)
    if not notes:
        return found
    return replace(found, notes=notes)


def _result(connection: Connection, prepared: Prepared, running: Opened, limit: int | None) -> Rows:
    result = running.result
    sql = shown_sql(prepared, connection.dialect)
    if not running.names:
        return Rows((), (), limit, False, sql, rows_changed=changed(result, sql))
    fetched = result.fetchall() if limit is None else result.fetchmany(limit + 1)
    kept = fetched if limit is None else fetched[:limit]
    return Rows(
        tuple(
            Column(name, type_name(type_, connection)) for name, type_ in zip(running.names, running.types, strict=True)
        ),
        tuple(_values(row, running) for row in kept),
        limit,
        len(fetched) > len(kept),
        sql,
        prepared.withheld,
        missing=prepared.missing,
        rows_changed=None if prepared.streams else changed_beside_rows(result, sql),
    )


def _values(row: Sequence[Any], running: Opened) -> tuple[Any, ...]:
    values = [read(v, t) for v, t in zip(row, running.types, strict=True)] if running.raw else row
    return tuple(_whole_number(v, t) for v, t in zip(values, running.types, strict=True))


def _whole_number(value: Any, type_: TypeEngine[Any] | None) -> Any:
    """PostgreSQL sums bigint as numeric; an integer column stays one."""
    if isinstance(value, Decimal) and type_ is not None and family(type_) == "integer":
        return int(value)
    return value


def type_name(type_: TypeEngine[Any] | None, connection: Connection) -> str | None:
    """A type in SQL words, None where it has none."""
    if type_ is None or family(type_) == "unknown":
        return None
    try:
        return type_.compile(dialect=connection.dialect)
    except CompileError:
        return None


def _notes(connection: Connection, query: Query | None) -> tuple[str, ...]:
    if query is None:
        return ()
    if query.without_time is None:
        return query.notes
    without = connection.scalar(query.without_time)
    if not without:
        return query.notes
    rows_ = f"{without:,} row{'s' if without != 1 else ''}"
    return (*query.notes, f"{rows_} without {query.time_column} left out")
