"""What checks look at: facts of one database, each asked for once, however many checks need it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from dbadmin.dialects import TableName, of
from dbadmin.dialects.facts import ForeignKey, Index, Since, Table
from dbadmin.dialects.health import Health, Mend, quoter
from dbadmin.secrets import SENSITIVE_WORDS

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

    from dbadmin.health.check import Check

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where a model stands: its class, file and line (None where Python does not tell)."""

    model: str
    file: str | None = None
    line: int | None = None


def nowhere(table: TableName) -> Place | None:
    """No table has a model."""
    return None


@dataclass
class Look:
    """One look at a database.

    `thresholds` are those that the user set, by check. `place_of` tells the model of a table. A fact that failed fails
    again for the next check without being asked for again.
    """

    connection: "Connection"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    metadata: "tuple[MetaData, ...]" = ()
    place_of: Callable[[TableName], Place | None] = nowhere
    sensitive: tuple[str, ...] = SENSITIVE_WORDS
    version_table: TableName = field(default_factory=lambda: TableName(None, "alembic_version"))
    running: "Check | None" = None
    _known: dict[str, Any] = field(default_factory=dict)
    _failed: dict[str, BaseException] = field(default_factory=dict)

    @property
    def health(self) -> Health:
        """The engine's facts, unremembered."""
        return of(self.connection).health

    def once(self, name: str, ask: "Callable[[Connection], T]") -> T:
        """A fact, asked for once."""
        if name in self._failed:
            raise self._failed[name]
        if name not in self._known:
            try:
                self._known[name] = ask(self.connection)
            except Exception as error:
                self._failed[name] = error
                raise
        value: T = self._known[name]
        return value

    def fact(self, name: str) -> Any:
        """A fact that was asked for before, None where it was not."""
        return self._known.get(name)

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table."""
        return self.once("tables", self.health.tables)

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Every index."""
        return self.once("indexes", self.health.indexes)

    @property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """Every foreign key."""
        return self.once("foreign keys", self.health.foreign_keys)

    @property
    def since(self) -> Since:
        """The age of the statistics of use."""
        return self.once("statistics", self.health.statistics_since)

    @property
    def by_table(self) -> Mapping[TableName, Table]:
        """Tables by name."""
        return self.once("tables by name", lambda _: {table.name: table for table in self.tables})

    @property
    def tables_with_indexes(self) -> tuple[TableName, ...]:
        """The tables that have indexes, in the order in which these were told."""
        return tuple(dict.fromkeys(index.table for index in self.indexes))

    def indexes_of(self, table: TableName) -> tuple[Index, ...]:
        """The indexes of one table."""
        grouped: dict[TableName, list[Index]] = self.once("indexes by table", lambda _: _by_table(self.indexes))
        return tuple(grouped.get(table, ()))

    def is_partitioned(self, table: TableName) -> bool:
        """Whether a table is the parent of partitions."""
        return table in self.by_table and self.by_table[table].partitioned

    def change_type(self, table: TableName, column: str, type: str, old: str) -> tuple[Mend | None, str]:
        """The SQL that gives a column another type, and what else is to do for it; no SQL where views forbid it."""
        default = self.connection.dialect.default_schema_name
        used = self.once("columns in views", self.health.columns_in_views)
        spelled = TableName(None, table.name) if table.schema == default else table
        views = used.get((spelled, column), ())
        if views:
            return None, f"; drop what uses it before, and make it again after: {', '.join(views)}"
        return self.health.change_type(self.quote, table, column, type, old), ""

    @property
    def threshold(self) -> float:
        """The number that the running check goes by: the user's, else its own."""
        assert self.running is not None
        return self.thresholds.get(self.running.name, self.running.default)

    def quote(self, name: str) -> str:
        """A name as this engine's SQL has it."""
        return quoter(self.connection)(name)

    def about(self, table: TableName) -> dict[str, Any]:
        """Model, file and line of a table, for its findings."""
        default = self.connection.dialect.default_schema_name
        spellings = (table, TableName(default, table.name)) if table.schema is None else (table,)
        place = next(filter(None, map(self.place_of, spellings)), None)
        return {"model": place.model, "file": place.file, "line": place.line} if place else {}


def _by_table(indexes: tuple[Index, ...]) -> dict[TableName, list[Index]]:
    found: dict[TableName, list[Index]] = {}
    for index in indexes:
        found.setdefault(index.table, []).append(index)
    return found
