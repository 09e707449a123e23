"""What dbadmin asks of an engine. One package per engine answers, each question in a file of its own name.

    session.py      read-only, timeouts, identity, refused statements
    address.py      where connect parameters lead, and how to lead them elsewhere
    catalog.py      tables, descriptions, estimates
    schema.py       the whole schema as a flat map
    fingerprint.py  what a table holds, as one fingerprint per column
    observe.py      which tables a step wrote
    watch.py        what a step costs others: its locks, tables written anew, space
    copying.py      how a private copy is made and removed
    mending.py      statements that make an object of the schema map as it should be
    rules.py        rules that hold rows, and the query that counts who breaks them
    health.py       what tells whether the database is well, and the SQL that mends it
    changes.py      what a change of the schema means for those who work meanwhile
    isolation.py    how a process is kept away from every other server (only where there are servers)

Sessions (`sessions.py`), copies with their places (`copying.py`) and whatever has an answer that fits most engines
stand in files of their own beside this one. A dialect file says only what differs. All SQL that one engine alone
understands stands in its package.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.parts import Part
from dbadmin.dialects.values import ObjectKey, Reference, RowDifferences, Schema, TableData, TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection, Inspector

    from dbadmin.dialects.addressing import Addressing
    from dbadmin.dialects.changes import Changes
    from dbadmin.dialects.copying import Copying
    from dbadmin.dialects.costs import Costs
    from dbadmin.dialects.explaining import Explaining
    from dbadmin.dialects.health import Health
    from dbadmin.dialects.isolation import Isolation
    from dbadmin.dialects.mending import Mending
    from dbadmin.dialects.rules import Rules
    from dbadmin.dialects.sandboxes import Sandboxing
    from dbadmin.dialects.sessions import SessionRules
    from dbadmin.dialects.settings import Settings
    from dbadmin.results import TableCount, TableDescription, TableInfo


class Catalog(ABC):
    """What the catalog says."""

    @abstractmethod
    def tables(self, connection: "Connection", *, exact: bool) -> "tuple[TableInfo, ...]":
        """Every ordinary table outside the system's schemas, sorted by name; rows exact or from statistics."""

    @abstractmethod
    def counts(
        self, connection: "Connection", *, exact: bool, among: Collection[str] | None = None
    ) -> "tuple[TableCount, ...]":
        """Rows of the tables that `tables` gives, or of some of them, and nothing else that takes time to tell."""

    @abstractmethod
    def table_names(self, connection: "Connection") -> tuple[TableName, ...]:
        """Names of every table that holds rows of its own (partitions, not their parents), sorted."""

    @abstractmethod
    def describe(self, connection: "Connection", table: TableName) -> "TableDescription":
        """All about one table (model is None; the caller knows models)."""

    def columns(self, inspector: "Inspector", schema: str | None) -> "Mapping[tuple[str | None, str], Any]":
        """Columns of the tables of a schema, as SQLAlchemy's inspector describes them; what it has read, it keeps."""
        from sqlalchemy.engine.reflection import ObjectKind

        return inspector.get_multi_columns(schema=schema, kind=ObjectKind.TABLE)

    def references(self, inspector: "Inspector", schema: str | None) -> "Iterable[Reference]":
        """Foreign keys of the tables of a schema; SQLAlchemy's reading does where it does not split text at commas."""
        for (within, name), keys in inspector.get_multi_foreign_keys(schema=schema).items():
            for key in keys:
                yield Reference(
                    TableName(within, name),
                    tuple(key["constrained_columns"]),
                    TableName(key["referred_schema"], key["referred_table"]),
                    tuple(key["referred_columns"]),
                    key["name"],
                )

    @abstractmethod
    def estimate(self, connection: "Connection", table: TableName) -> int | None:
        """Rows from statistics, None where never analysed."""


class SchemaReader(ABC):
    """The whole schema as a flat map."""

    @abstractmethod
    def read(self, connection: "Connection") -> Schema:
        """Every object with its definition, in a fixed number of queries, whatever the number of tables."""

    @abstractmethod
    def canonical(
        self, connection: "Connection", pairs: Mapping[ObjectKey, tuple[str, str]]
    ) -> Mapping[ObjectKey, tuple[str, str]]:
        """Definitions that differ as text, rewritten so that equal ones become equal; leaves no trace."""

    def make_room(self, connection: "Connection", schema: Schema) -> None:  # noqa: B027  most engines need nothing
        """Make in an empty scratch database what tables of `schema` may need and no model declares: extensions …"""


class Fingerprints(ABC):
    """What tables hold."""

    @abstractmethod
    def table_names(self, connection: "Connection") -> tuple[TableName, ...]:
        """Every table that holds rows of its own, by names that no session setting changes."""

    @abstractmethod
    def table(self, connection: "Connection", table: TableName) -> TableData:
        """Fingerprint one table; session settings that change text are pinned and put back."""

    def tables(self, connection: "Connection", tables: Sequence[TableName]) -> Mapping[TableName, TableData]:
        """Fingerprint several tables; an engine that prepares its session does that once here."""
        return {table: self.table(connection, table) for table in tables}

    @abstractmethod
    def row_differences(
        self, before: "Connection", after: "Connection", table: TableName, columns: Sequence[str]
    ) -> RowDifferences:
        """Compare two states of a table row by row in constant memory, in the columns that both have."""

    @abstractmethod
    def values_held(self, connection: "Connection", table: TableName, column: str) -> int:
        """How many rows have a value other than NULL in this column."""

    def history_lost(self, before: "Connection", after: "Connection") -> Mapping[TableName, int]:
        """How many rows that were no more, and that a table keeps a history of, are in it no longer, by table."""
        return {}


class Observer(ABC):
    """What one step of a walk did, seen from the migration's own connection.

    `sees_other_sessions`: a mark may also be taken before and asked after by somebody else, and tells then what
    all sessions wrote in between. `beginning` is the mark of the process's start, for `written_here`.
    """

    sees_other_sessions = False
    beginning: Any = None

    @abstractmethod
    def install(self) -> None:
        """Called in the child before anything imports a driver: hooks that must be there from the start."""

    @abstractmethod
    def mark(self, connection: "Connection") -> Any:
        """Where the counters stand now."""

    @abstractmethod
    def touched(self, connection: "Connection", since: Any) -> frozenset[TableName] | None:
        """Tables whose rows may have changed since the mark, never too few; None: look at everything."""

    def written_here(self, since: Any) -> frozenset[TableName] | None:
        """Tables that this process wrote since the mark, told without a connection; None: any.

        Empty for engines whose other sessions see it (`sees_other_sessions`).
        """
        return frozenset()

    def settle(self, connection: "Connection") -> None:  # noqa: B027  where nobody else tells, nobody waits
        """Wait, a few seconds at most, until sessions that have just ended have told what they wrote."""

    def commits_first(self, statement: str) -> bool:
        """Whether this statement commits what the connection executed before it, also where it fails itself."""
        return False

    def is_committed(self, connection: "Connection", statement: str) -> bool:
        """Whether all that this connection executed is committed, right after `statement` ran."""
        committing = statement.strip(" \n;").upper() in ("COMMIT", "END")
        return committing or getattr(connection.connection.dbapi_connection, "autocommit", False) is True


class Parts:
    """What an engine answers with, each part loaded when it is first asked for (see `parts`)."""

    name: str
    session: "Part[SessionRules]" = Part("session.Session")
    address: "Part[Addressing]" = Part("address.Addressing")
    catalog: Part[Catalog] = Part("catalog.Catalog")
    schema: Part[SchemaReader] = Part("schema.Schema")
    fingerprint: Part[Fingerprints] = Part("fingerprint.Fingerprints")
    observe: Part[Observer] = Part("observe.Observer")
    costs: "Part[Costs]" = Part("watch.Costs")
    copying: "Part[Copying]" = Part("copying.Copying")
    mending: "Part[Mending]" = Part("mending.Mending")
    rules: "Part[Rules]" = Part("rules.Rules")
    health: "Part[Health]" = Part("health.Health")
    changes: "Part[Changes]" = Part("changes.Changes")
    isolation: "Part[Isolation]" = Part("isolation.Isolation")
    sandbox: "Part[Sandboxing]" = Part("sandbox.Sandboxing")
    explain: "Part[Explaining]" = Part("explain.Explaining")
    settings: "Part[Settings]" = Part("settings.Settings")

    def load(self) -> None:
        """Load every part now: for a process in which user code comes next."""
        for part in vars(Parts).values():
            if isinstance(part, Part):
                getattr(self, part.name)


@dataclass(frozen=True)
class Dialect(Parts):
    """One engine."""

    name: str
    default_driver: str
    extra: str | None
    transactional_ddl: bool
