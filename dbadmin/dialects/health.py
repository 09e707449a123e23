"""Which facts about health an engine tells, and how it spells what mends a finding.

The base tells nothing. A check names the methods that it asks, so the engines on which it runs are those whose package
overrides all of them. Each method is a fixed number of queries, whatever the number of tables.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.facts import (
    Advice,
    Bloat,
    CacheUse,
    CannotTell,
    Connections,
    Damage,
    ForeignKey,
    Index,
    Session,
    Since,
    Statement,
    Table,
    TextColumn,
    Unvalidated,
    Wraparound,
)
from dbadmin.dialects.facts import Sequence as NumberSource
from dbadmin.dialects.values import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection

Quote = Callable[[str], str]


@dataclass(frozen=True)
class Mend:
    """Statements that mend a finding, and those that take it back.

    `outside`: they may not run inside a transaction. `lasting`: they change the schema, so that they belong into
    a revision; what is done once by hand (VACUUM, ANALYZE, ending a session) does not. `up` and `down` are the same as
    Alembic's operations, where it has some.
    """

    sql: tuple[str, ...]
    undo: tuple[str, ...] = ()
    outside: bool = False
    lasting: bool = True
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()


NO_MEND = Mend((), lasting=False)
"""Nothing that could be typed."""


class Health:
    """Facts about health, and the SQL that mends. Every method may raise CannotTell."""

    def right(self, connection: "Connection") -> str | None:
        """The SQL that gives this login the right to see them, to be run by one who may."""
        return None

    def tells(self, *names: str) -> bool:
        """Whether this engine overrides all of these methods."""
        return all(getattr(type(self), name) is not getattr(Health, name) for name in names)

    def tables(self, connection: "Connection") -> tuple[Table, ...]:
        """Every table with its rows, sizes and how it is used."""
        raise CannotTell("this engine does not tell")

    def sizes(self, connection: "Connection") -> tuple[Table, ...]:
        """Tables with their sizes."""
        raise CannotTell("this engine does not tell the sizes of tables without reading them")

    def indexes(self, connection: "Connection") -> tuple[Index, ...]:
        """Every index of every table, those of constraints too."""
        raise CannotTell("this engine does not tell")

    def written(self, connection: "Connection", indexes: Sequence[Index]) -> tuple[Index, ...]:
        """The same indexes with the statements that make them again."""
        return tuple(indexes)

    def foreign_keys(self, connection: "Connection") -> tuple[ForeignKey, ...]:
        """Every foreign key."""
        raise CannotTell("this engine does not tell")

    def column_names(self, connection: "Connection") -> dict[TableName, tuple[str, ...]]:
        """The names of every table's columns."""
        raise CannotTell("this engine does not tell")

    def index_uses(self, connection: "Connection") -> dict[tuple[TableName, str], int]:
        """How often each index was used since the statistics began, by table and name."""
        raise CannotTell("this engine does not count the uses of an index")

    def statistics_since(self, connection: "Connection") -> Since:
        """How old the statistics of use are."""
        raise CannotTell("this engine keeps no statistics of use")

    def invalid(self, quote: Quote, indexes: Sequence[Index]) -> tuple[tuple[Index, str, Mend], ...]:
        """Those of the indexes that cost and do not serve, with why and what mends each."""
        raise CannotTell("this engine has no such indexes")

    def sequences(self, connection: "Connection") -> tuple[NumberSource, ...]:
        """Sequences and automatic numbers."""
        raise CannotTell("this engine does not tell")

    def unvalidated(self, connection: "Connection") -> tuple[Unvalidated, ...]:
        """Constraints that existing rows were never held to."""
        raise CannotTell("this engine holds every row to every constraint")

    def bloat(self, connection: "Connection") -> tuple[Bloat, ...]:
        """Space that is taken and not needed."""
        raise CannotTell("this engine does not tell")

    def wraparound(self, connection: "Connection") -> tuple[Wraparound, ...]:
        """How near transaction numbers are to their end."""
        raise CannotTell("this engine has no such limit")

    def sessions(self, connection: "Connection") -> tuple[Session, ...]:
        """What other sessions of this database do now, with who blocks whom."""
        raise CannotTell("this engine has no sessions to look at")

    def connections(self, connection: "Connection") -> Connections:
        """Connections of the whole server."""
        raise CannotTell("this engine has no connections to count")

    def cache(self, connection: "Connection") -> CacheUse:
        """Use of the server's cache."""
        raise CannotTell("this engine does not tell")

    def scans(self, connection: "Connection") -> Since:
        """Since when whole scans of tables are counted (`Table.scans`)."""
        raise CannotTell("this engine does not count whole scans of a table")

    def statements(self, connection: "Connection") -> tuple[Statement, ...]:
        """The statements that took most time."""
        raise CannotTell("this engine keeps no statistics of statements")

    def settings(self, connection: "Connection") -> tuple[Advice, ...]:
        """Settings that are not as they should be."""
        raise CannotTell("this engine does not tell")

    def integrity(self, connection: "Connection") -> tuple[Damage, ...]:
        """Damage of the file itself."""
        raise CannotTell("the server looks after its files itself")

    def orphans(self, connection: "Connection") -> tuple[Damage, ...]:
        """Rows whose parent is not there."""
        raise CannotTell("this engine holds every row to its foreign keys")

    def text_columns(self, connection: "Connection") -> tuple[TextColumn, ...]:
        """Every column that holds text."""
        raise CannotTell("this engine does not tell")

    def end_session(self, pid: int, *, whole: bool) -> Mend:
        """Cancel the statement of a session, or end the `whole` session."""
        raise CannotTell("this engine has no sessions")

    def refresh_statistics(self, quote: Quote, table: TableName) -> Mend:
        """Let the planner know what a table holds."""
        return Mend((f"ANALYZE {spelled(quote, table)}",), lasting=False)

    def clean(self, quote: Quote, table: TableName) -> Mend:
        """Make the space of rows that are no more usable again."""
        return self.refresh_statistics(quote, table)

    def autovacuum(self, quote: Quote, table: TableName) -> Mend:
        """Let the server look after the table by itself again."""
        return Mend((), lasting=False)

    # What mends a schema.

    def add_index(
        self, quote: Quote, table: TableName, name: str, columns: Sequence[str], *, unique: bool,
        partitioned: bool = False,
    ) -> Mend:  # fmt: skip
        """Make an index, and drop it again. `partitioned`: the table is the parent of partitions."""
        listed, kind = ", ".join(map(quote, columns)), "UNIQUE INDEX" if unique else "INDEX"
        return Mend(
            (f"CREATE {kind} {quote(name)} ON {spelled(quote, table)} ({listed})",),
            (f"DROP INDEX {quote(name)}",),
            up=(f"op.create_index({name!r}, {table.name!r}, {list(columns)!r}{schema(table)}, unique={unique})",),
            down=(f"op.drop_index({name!r}, table_name={table.name!r}{schema(table)})",),
        )

    def drop_index(self, quote: Quote, index: Index) -> Mend:
        """Drop an index, and make it again; where it belongs to a constraint, that."""
        return Mend((f"DROP INDEX {quote(index.name)}",), (index.definition,))

    def add_key(
        self, quote: Quote, table: TableName, over: Index | None, taken: Sequence[str], *, partitioned: bool = False
    ) -> Mend | None:  # fmt: skip
        """Give a table a primary key: from a unique index over columns that are never NULL, else of a new column.

        `taken` are the names of its columns. None where the engine cannot do that to a table that exists.
        """
        return None

    def same_type(self, one: str, other: str) -> bool:
        """Whether two types, as the engine spells them, take the same values although they are spelled otherwise."""
        return False

    def set_not_null(self, connection: "Connection", quote: Quote, table: TableName, column: str) -> Mend | None:
        """Refuse NULL in a column; None where the engine cannot do that to a table that exists."""
        return None

    def set_default(self, quote: Quote, table: TableName, column: str, default: str) -> Mend | None:
        """Give a column without one a default, an expression in SQL; None where the engine cannot."""
        return None

    def add_foreign_key(
        self, quote: Quote, table: TableName, name: str, columns: Sequence[str], to: TableName, others: Sequence[str],
        *, covered: bool,
    ) -> Mend | None:  # fmt: skip
        """Add a foreign key to a table that exists; None where the engine cannot. `covered`: an index serves it."""
        return None

    def columns_in_views(self, connection: "Connection") -> Mapping[tuple[TableName, str], tuple[str, ...]]:
        """Views by the columns that they use, where the engine changes no type below a view; empty elsewhere."""
        return {}

    def change_type(
        self, quote: Quote, table: TableName, column: str, type: str, old: str
    ) -> Mend | None:  # fmt: skip
        """Give a column another type; None where the engine cannot in one statement."""
        return None


def add_constraint(quote: Quote, table: TableName, name: str, definition: str) -> str:
    """The statement that adds a constraint."""
    return f"ALTER TABLE {spelled(quote, table)} ADD CONSTRAINT {quote(name)} {definition}"


def refers(quote: Quote, columns: Sequence[str], to: TableName, others: Sequence[str]) -> str:
    """The definition of a foreign key."""
    own, other = ", ".join(map(quote, columns)), ", ".join(map(quote, others))
    return f"FOREIGN KEY ({own}) REFERENCES {spelled(quote, to)} ({other})"


def free(name: str, taken: Sequence[str]) -> str:
    """A column's name that is not taken yet.

    >>> free("id", ["a"]), free("id", ["ID", "row_id"])
    ('id', 'row_id_')
    """
    folded = {other.lower() for other in taken}
    for candidate in (name, f"row_{name}"):
        if candidate not in folded:
            return candidate
    return f"row_{name}_"


def quoter(connection: "Connection") -> Quote:
    """Names as this engine's SQL has them, for people to type: a percent sign is not doubled as drivers want it."""
    preparer = connection.dialect.identifier_preparer

    def quote(name: str) -> str:
        written = preparer.quote(name)
        return written.replace("%%", "%") if getattr(preparer, "_double_percents", False) else written

    return quote


def spelled(quote: Quote, table: TableName) -> str:
    """A table's name as SQL has it."""
    return ".".join(quote(part) for part in table if part is not None)


def schema(table: TableName) -> str:
    """The argument of Alembic's operations that names a schema, empty in the default one."""
    return f", schema={table.schema!r}" if table.schema else ""


def names_by_table(rows: Iterable[Any]) -> dict[TableName, tuple[str, ...]]:
    """Names of every table's columns, from rows of (table_name, name) in their order, where there are no schemas."""
    found: dict[TableName, tuple[str, ...]] = {}
    for row in rows:
        table = TableName(None, row.table_name)
        found[table] = (*found.get(table, ()), row.name)
    return found
