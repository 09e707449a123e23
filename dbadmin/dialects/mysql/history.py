"""Histories of system-versioned tables (MariaDB): rows that were, and that only the table's own history still has.

A history grows by every UPDATE and DELETE, at its newest end. What was in it before a walk is lost where versioning was
dropped or a table made anew, also where versioning came back: counted are the rows up to the newest one of before.
"""

from typing import TYPE_CHECKING, NamedTuple

from dbadmin.dialects.mysql.look import ask, database_of, is_mariadb, literal, looking, qualified, quote, rows
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

# System-versioned tables, with the column that ends a row's period where it has a name of its own.
VERSIONED = """
    SELECT t.table_name, c.column_name, c.data_type
      FROM information_schema.tables AS t
      LEFT JOIN information_schema.columns AS c
        ON c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.generation_expression = 'ROW END'
     WHERE t.table_schema = {database} AND t.table_type = 'SYSTEM VERSIONED'
"""
_IS_PAST = {
    "bigint": "{end} < 18446744073709551615",  # a transaction's number; the largest one for rows that are there
    "timestamp": "{end} <= SYSDATE(6)",
}


def lost(before: "Connection", after: "Connection") -> dict[TableName, int]:
    """How many rows each history had at `before` that it has not at `after`; those that lost none are left out.

    A table that is not there any more has lost its rows too, and is told by that.
    """
    if not is_mariadb(before):
        return {}
    with looking(before):
        held = {table: _newest(before, table, history) for table, history in _histories(before).items()}
    with looking(after):
        now = _histories(after)
        gone = {
            TableName(None, table): count - (_until(after, table, now[table], newest) if table in now else 0)
            for table, (count, newest) in held.items()
            if count
        }
    return {table: number for table, number in gone.items() if number > 0}


class History(NamedTuple):
    """The column that ends a row's period, as SQL, and the condition for rows that are no more."""

    end: str
    is_past: str


def _histories(connection: "Connection") -> dict[str, History]:
    found = {}
    for row in rows(connection, VERSIONED.format(database=literal(database_of(connection)))):
        end = quote(row["column_name"] or "ROW_END")
        found[row["table_name"]] = History(end, _IS_PAST[row["data_type"] or "timestamp"].format(end=end))
    return found


def _newest(connection: "Connection", table: str, history: History) -> tuple[int, object]:
    """How many rows a history has, and when the newest of them ended."""
    query = f"SELECT count(*), max({history.end}) {_source(connection, table)} WHERE {history.is_past}"
    count, newest = ask(connection, query).one()
    return int(count), newest


def _until(connection: "Connection", table: str, history: History, newest: object) -> int:
    """How many rows of a history ended no later."""
    until = f"{history.is_past} AND {history.end} <= {literal(str(newest))}"
    return int(ask(connection, f"SELECT count(*) {_source(connection, table)} WHERE {until}").scalar())


def _source(connection: "Connection", table: str) -> str:
    return f"FROM {qualified(database_of(connection), table)} FOR SYSTEM_TIME ALL"
