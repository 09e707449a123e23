"""Helpers on a database that is behind its models: what is not there yet is left out, and said."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Column, Connection

from dbadmin.database import Database
from dbadmin.dialects import TableName
from dbadmin.errors import MissingColumn, UnknownName, UsageError
from dbadmin.frames.statements import Statement
from dbadmin.queries import Query

T = TypeVar("T")


def with_what_is_there(database: Database | Connection, statement: Statement, ask: Callable[[Statement], T]) -> T:
    """`ask(statement)`; where the engine misses a column, once more without those that its tables do not have.

    The catalog is asked only then. What the statement names on purpose stays in it, and fails. A statement that no
    helper of an Admin made, or one in a session's own transaction, is asked once.
    """
    try:
        return ask(statement)
    except MissingColumn as error:
        if isinstance(database, Connection) or not isinstance(statement, Query) or statement.anew is None:
            raise
        gone = absent(database, statement)
        if not gone:
            raise
        try:
            without = statement.anew(gone)
        except UsageError:  # it cannot be asked without: a column that was named, or the last that tells the time
            raise error from None
        return ask(without)


def absent(database: Database, query: Query) -> frozenset[Column[Any]]:
    """The columns of a statement's tables that the database does not have; none of tables that it does not have."""

    def look(connection: Connection) -> frozenset[Column[Any]]:
        found: list[Column[Any]] = []
        for table in query.tables:
            with suppress(UsageError, UnknownName):
                there = database.dialect.catalog.describe(connection, TableName(table.schema, table.name)).columns
                names = {column.name.lower() for column in there}
                found += [column for column in table.columns if column.name.lower() not in names]
        return frozenset(found)

    return database.run(look)
