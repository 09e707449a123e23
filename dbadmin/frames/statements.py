"""What is to be run: the statement, its columns' types, and how it looks with placeholders."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import CompoundSelect, CursorResult, Executable, Select, TextClause, select, type_coerce
from sqlalchemy.engine.interfaces import BindTyping, Dialect
from sqlalchemy.exc import DataError
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import NullType, TypeEngine

from dbadmin.dialects import results
from dbadmin.errors import UsageError
from dbadmin.frames.lenient import COERCED
from dbadmin.queries import Query
from dbadmin.queries.types import family
from dbadmin.queries.written import Written, only_reads, tokens

if TYPE_CHECKING:
    from sqlalchemy import Connection

Statement = Query | Executable | str
CLIENT_SIDE = (DataError, ValueError, TypeError, LookupError, OverflowError)
"""What drivers and SQLAlchemy raise for a stored value that is not what its column's type says."""


@dataclass(frozen=True)
class Prepared:
    """A statement ready to run. `types` is None where only the driver knows them."""

    executable: Executable
    params: Mapping[str, Any] | None
    types: tuple[TypeEngine[Any], ...] | None
    streams: bool
    query: Query | None = None

    @property
    def withheld(self) -> tuple[str, ...]:
        """Columns that a helper left out."""
        return self.query.withheld if self.query is not None else ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns that the database does not have, and that a helper left out for it."""
        return self.query.missing if self.query is not None else ()


@dataclass(frozen=True)
class Opened:
    """A running statement: names and types of its columns. `raw` where values come as they are stored."""

    result: CursorResult[Any]
    names: tuple[str, ...]
    types: tuple[TypeEngine[Any] | None, ...]
    raw: bool


def prepare(statement: Statement, params: Mapping[str, Any] | None = None) -> Prepared:
    """Take a helper's Query, any SQLAlchemy statement, or SQL as it is written."""
    if isinstance(statement, str):
        return Prepared(Written(statement, params), None, None, only_reads(statement))
    if isinstance(statement, Query):
        return Prepared(statement.select, params, _types(statement.select), True, statement)
    if isinstance(statement, TextClause):
        return Prepared(statement, params, None, only_reads(statement.text))
    if not isinstance(statement, Executable):
        raise UsageError(f"{statement!r} is no statement", hint="give select(…), text(…) or SQL")
    is_query = isinstance(statement, Select | CompoundSelect)
    return Prepared(statement, params, _types(statement), is_query and not _writes(statement))


def _writes(query: Any) -> bool:
    """Whether a query has an INSERT, UPDATE or DELETE in its WITH: it is run as it stands, and never twice."""
    return any(isinstance(part, UpdateBase) for part in iterate(query))


def _types(statement: Any) -> tuple[TypeEngine[Any], ...] | None:
    columns = getattr(statement, "selected_columns", None)
    if columns is None:
        columns = getattr(statement, "exported_columns", None)  # INSERT … RETURNING
    return None if columns is None else tuple(column.type for column in columns)


def shown_sql(prepared: Prepared, dialect: Dialect) -> str:
    """The SQL with named placeholders, never with values."""
    executable = prepared.executable
    if isinstance(executable, Written):
        return executable.sql
    assert isinstance(executable, ClauseElement)
    make: Any = type(dialect)
    named: Dialect = make(paramstyle="named")
    named.bind_typing = BindTyping.NONE
    named.server_version_info = dialect.server_version_info
    return str(executable.compile(dialect=named, compile_kwargs={"render_postcompile": True}))


def check_seen(connection: "Connection", prepared: Prepared) -> None:
    """Raise UsageError where a page without rows goes on after a row that is not there. Asked only of such pages."""
    seen = prepared.query.seen if prepared.query is not None else None
    if seen is not None and connection.scalar(seen.select) is None:
        raise UsageError(seen.missing, hint=f'go on by value: --where "{seen.column} < …", or use --offset')


@contextmanager
def opened(
    connection: "Connection",
    prepared: Prepared,
    batch: int | None,
    *,
    raw: bool = False,
    lenient: bool = False,
) -> Iterator[Opened]:
    """Run a statement; rows come in batches from the server where it is a query.

    With `lenient`, what Python has no object for comes as text where the driver can; with `raw`, stored values
    that do not fit their type come as they are, too.
    """
    executable = _raw(prepared) if raw else prepared.executable
    options: dict[str, Any] = {}
    if prepared.streams and batch is not None:
        options = {"stream_results": True, "max_row_buffer": batch}
    with results.lenient(connection) if raw or lenient else nullcontext():
        result = connection.execute(executable, dict(prepared.params or {}), execution_options=options)
        try:
            if not result.returns_rows:
                yield Opened(result, (), (), raw)
                return
            names = tuple(map(str, result.keys()))
            yield Opened(result, names, _column_types(connection, prepared, result, len(names)), raw)
        finally:
            if not connection.invalidated:  # an interrupt has closed it, and SQLAlchemy would log that it is closed
                result.close()


def _column_types(
    connection: "Connection", prepared: Prepared, result: CursorResult[Any], count: int
) -> tuple[TypeEngine[Any] | None, ...]:
    if prepared.types is not None and len(prepared.types) == count:
        return prepared.types
    cursor = result.cursor
    description: Sequence[Any] = (cursor.description if cursor is not None else None) or [None] * count
    return tuple(results.column_types(connection, description, cursor))


def _raw(prepared: Prepared) -> Executable:
    """The statement with the types left out whose values may fail to be read."""
    statement = prepared.executable
    if not isinstance(statement, Select | CompoundSelect):
        return statement
    inside = statement.subquery()
    return select(
        *(
            type_coerce(column, NullType()).label(column.name) if family(column.type) in COERCED else column
            for column in inside.columns
        )
    )


def is_client_side(error: BaseException) -> bool:
    """Whether the server gave a value and only this side could not read it, so that the session is still well."""
    if isinstance(error, DataError):
        return getattr(error.orig, "sqlstate", None) is None and getattr(error.orig, "pgcode", None) is None
    return isinstance(error, CLIENT_SIDE)


def changed(result: CursorResult[Any], sql: str) -> int | None:
    """Rows that a statement without a result changed; None where it is not that kind (CREATE TABLE …).

    MySQL's drivers say 0 of such a statement, others -1.
    """
    return result.rowcount if result.rowcount > 0 or (result.rowcount == 0 and not _defines(sql)) else None


def changed_beside_rows(result: CursorResult[Any], sql: str) -> int | None:
    """Rows changed by INSERT, UPDATE or DELETE with RETURNING."""
    return changed(result, sql) if _first_word(sql) in ("INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE") else None


def _defines(sql: str) -> bool:
    return _first_word(sql) in ("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "GRANT", "REVOKE", "SET", "COMMENT")


def _first_word(sql: str) -> str:
    return next((token.word for token in tokens(sql) if token.word), "")
