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

A dialect file says only what differs. All SQL that one engine alone understands stands in its package.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.changes import Changes
from dbadmin.dialects.costs import Costs
from dbadmin.dialects.explaining import Explaining
from dbadmin.dialects.health import Health
from dbadmin.dialects.isolation import Isolation
from dbadmin.dialects.mending import Mending
from dbadmin.dialects.rules import Rules
from dbadmin.dialects.sandboxes import Sandboxing
from dbadmin.dialects.settings import Settings
from dbadmin.dialects.values import (
    Address,
    Backup,
    Copied,
    Existing,
    FileProof,
    Identity,
    ObjectKey,
    Progress,
    RowDifferences,
    Schema,
    TableData,
    TableName,
)
from dbadmin.errors import WRITE_HINT, DbadminError, NotSupported, WriteRefused
from dbadmin.results import TableCount, TableDescription, TableInfo

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection


class SessionRules(ABC):
    """How sessions behave on this engine."""

    @abstractmethod
    def read_only_parameters(self, driver: str, cargs: list[Any], cparams: dict[str, Any]) -> None:
        """Change connect parameters in place so that the connection opens read-only (SQLite: mode=ro)."""

    @abstractmethod
    def make_read_only(self, dbapi_connection: Any) -> None:
        """Make a fresh DBAPI connection read-only for all its life."""

    @abstractmethod
    def begin_read_only(self, connection: "Connection") -> None:
        """Say at the start of a transaction that it is read-only, where the engine knows such transactions."""

    @abstractmethod
    def prove_read_only(self, connection: "Connection") -> None:
        """Try a write that must fail and leaves nothing; raise NotFinished if it is taken."""

    @abstractmethod
    def refused(self, statement: str) -> str | None:
        """Why this statement is refused in a read-only session although the engine would take it, or None."""

    def judge(self, statement: str) -> None:
        """Raise WriteRefused where `refused` has a reason."""
        reason = self.refused(statement)
        if reason is not None:
            raise WriteRefused(f"refused in a read-only session: {reason}", hint=WRITE_HINT)

    def may_write(self, connection: "Connection") -> str | None:
        """What this login could do on the server beyond reading, and which would be safer, in one line.

        None where it may only read, or where the engine has no logins.
        """
        return None

    def connect_options(self, driver: str, cparams: Mapping[str, Any]) -> dict[str, Any]:
        """Connect parameters that end the wait for a server which takes a connection and never answers.

        Empty where `cparams`, as the URL and the application would have them, say already how long, or where the
        driver gives up by itself (mysql-connector does after 10 s), or where there is no server.
        """
        return {}

    def connected(self, dbapi_connection: Any) -> None:
        """Take back what of `connect_options` would also limit the statements of a connection that is open now."""
        return

    @abstractmethod
    def set_timeouts(self, connection: "Connection", statement: float | None, lock: float | None) -> None:
        """Set statement and lock timeouts in seconds for this Connection; None leaves what the server has.

        They end with the Connection, so that no other user of a pool or of PgBouncer meets them.
        """

    @abstractmethod
    def identity(self, connection: "Connection") -> Identity:
        """Read the identity from the catalog."""

    @abstractmethod
    def server_version(self, connection: "Connection") -> str:
        """The server's version, such as "18.6" or "3.40.1"."""

    def product(self, connection: "Connection") -> str | None:
        """What the server calls itself where that is not the dialect's name (MariaDB among MySQL's), in lower case."""
        return None

    @abstractmethod
    def is_read_only_error(self, error: BaseException) -> bool:
        """Whether the engine refused a write because the session is read-only."""

    def is_denied(self, error: BaseException) -> bool:
        """Whether the server refused a statement because the role lacks a right."""
        return False

    def shares_server(self, copy: Identity) -> bool:
        """Whether a copy is on a server that others use, so that statements about the whole server are refused."""
        return False

    def whole_server(self, statement: str) -> str | None:
        """What in a statement concerns the whole server and not only its database; None where nothing does."""
        return None

    def check_target(self, url: "URL") -> None:
        """Raise ConnectionFailed where connecting would make a database instead of finding one."""
        return

    def message(self, error: BaseException) -> str:
        """What a driver's error says, without row values: its first line."""
        lines = str(error).strip().splitlines()
        return lines[0].strip() if lines else type(error).__name__

    def explain(self, error: BaseException) -> DbadminError | None:
        """What a driver's error means where its own words would not do, else None."""
        return None


class Addressing(ABC):
    """Where a connection leads, told from URLs and DBAPI connect parameters, and how to lead it elsewhere."""

    @abstractmethod
    def of_parameters(self, driver: str, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Address:
        """The address that a driver would connect to with these parameters (environment defaults included)."""

    @abstractmethod
    def of_url(self, url: "URL") -> Address:
        """The address that a URL names; `?dbname=`-like query parameters win as they do in the driver."""

    def of_connection(self, dbapi_connection: Any) -> Address | None:
        """Where an open DBAPI connection leads, told by the driver; None where it does not tell."""
        return None

    @abstractmethod
    def redirect(self, driver: str, cargs: list[Any], cparams: dict[str, Any], copy: "URL") -> None:
        """Replace only what says where (host, port, database, user, password, TLS); keep options and hooks."""

    @abstractmethod
    def with_driver(self, url: "URL", driver: str) -> "URL":
        """The URL for another driver of the same engine; ssl and sslmode are translated."""


class Catalog(ABC):
    """What the catalog says."""

    @abstractmethod
    def tables(self, connection: "Connection", *, exact: bool) -> tuple[TableInfo, ...]:
        """Every ordinary table outside the system's schemas, sorted by name; rows exact or from statistics."""

    @abstractmethod
    def counts(
        self, connection: "Connection", *, exact: bool, among: Collection[str] | None = None
    ) -> tuple[TableCount, ...]:
        """Rows of the tables that `tables` gives, or of some of them, and nothing else that takes time to tell."""

    @abstractmethod
    def table_names(self, connection: "Connection") -> tuple[TableName, ...]:
        """Names of every table that holds rows of its own (partitions, not their parents), sorted."""

    @abstractmethod
    def describe(self, connection: "Connection", table: TableName) -> TableDescription:
        """All about one table (model is None; the caller knows models)."""

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


class Copying(ABC):
    """How private copies of a database are made, and found again. `method` says how, in a few words.

    `on_this_machine`: whatever stands beside a database stands here, as there are no servers.
    """

    method: str
    on_this_machine = False

    @abstractmethod
    def size(self, connection: "Connection") -> int | None:
        """Size of the database in bytes."""

    @abstractmethod
    def free_space(self) -> int:
        """Free bytes where a new place would stand."""

    @abstractmethod
    def facts(self, connection: "Connection") -> Any:
        """What a place must know of the source, and a dump does not tell; only read, opaque to the caller."""

    def size_in(self, facts: Any) -> int | None:
        """The source's size in bytes where its facts hold it; None: ask `size`."""
        return None

    @abstractmethod
    def place(self, facts: Any) -> "AbstractContextManager[Place]":
        """A private place for copies of the source with these facts, gone on exit unless kept.

        For SQLite a directory (0700); for servers a private server started from local binaries that can hold
        the source: NoScratchServer says what is missing. None: a place for scratch databases alone.
        """

    def on_server(self, url: "URL", facts: Any, *, source: "URL | None" = None) -> "AbstractContextManager[Place]":
        """A place on a server that the user names: databases that carry dbadmin's marker, gone on exit unless kept.

        `url` leads to any database of that server, with the right to make others. `source` is given where it is
        the source's own server, and the user said so. Raises NotSupported where the server cannot hold a source
        with these facts, or where the engine has no servers.
        """
        raise NotSupported("this engine has no servers: a copy is a private file", hint="leave out --scratch")

    def beside(self, url: "URL") -> "AbstractContextManager[Place]":
        """A place beside a database that is itself the copy: for its pristine twin and the reference database.

        `Place.clone` clones that database whatever name it is given. Raises NotSupported where no second database
        can be made anywhere.
        """
        raise NotSupported("this engine cannot rehearse in place", hint="rehearse on a copy")

    def neutralise(self, connection: "Connection") -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Make harmless what in a copy could reach beyond it: what was done, and what could not be and why.

        For databases that are themselves the copy; what `Place.copy` makes is harmless already. The caller commits.
        """
        return (), ()

    def local_server(self, version: str) -> str | None:
        """What a private server for a source of this server version would be started from (for `doctor`).

        None where copies need no server. Raises NoScratchServer where this machine cannot start one.
        """
        return None

    @abstractmethod
    def file_proof(self, url: "URL") -> FileProof:
        """Begin to compute a hash of the source's files, where it is made of files."""

    @abstractmethod
    def existing(self) -> tuple[Existing, ...]:
        """Private places of dbadmin on this machine, whoever owns them."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove an existing place by its name; refuses what dbadmin did not make."""


class Place(ABC):
    """Where copies live. Everything in it is private and disposable."""

    name: str
    server_version: str
    alike = True
    """Whether fingerprints of a clone may be compared with those of the copy: same server, same rights."""
    trusted = False
    """Whether what a backup holds (triggers, functions) may run with all the rights that dbadmin has here."""

    @abstractmethod
    def copy(self, source: "URL", name: str, *, facts: Any, progress: Progress) -> Copied:
        """Copy the source database under this name; the copy appears only when it is complete."""

    def restore(self, backup: Backup, name: str, *, progress: Progress) -> Copied:
        """Restore an examined backup under this name, as `copy` copies a source: whole or not at all.

        The backup's own database name is not used, nothing that it smuggles is run, and what could reach beyond
        the copy is made harmless (`Copied.neutralised`). A watchdog ends a tool that makes no progress. Raises
        DamagedBackup where the backup turns out to be cut short, NoScratchServer where the place lacks an
        extension, NotFinished where restoring failed for another reason.
        """
        from dbadmin.dialects.backups import of_engine

        return of_engine(backup.engine).restore(self, backup, name, progress=progress)

    @abstractmethod
    def clone(self, name: str, new_name: str) -> "URL":
        """A second copy of a copy, no session being connected to the first."""

    @abstractmethod
    def empty(self, name: str) -> "URL":
        """A new database without anything in it."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Remove a database of this place."""

    def end_sessions(self, name: str) -> None:  # noqa: B027  a database without a server has none
        """End what sessions of a killed process still do in a database of this place."""

    @abstractmethod
    def keep(self) -> None:
        """Let the place outlive this process, until it is removed by name."""


@dataclass(frozen=True)
class Dialect:
    """One engine, by its parts."""

    name: str
    default_driver: str
    extra: str | None
    session: SessionRules
    address: Addressing
    catalog: Catalog
    schema: SchemaReader
    fingerprint: Fingerprints
    observe: Observer
    copying: Copying
    transactional_ddl: bool
    mending: Mending
    isolation: Isolation = field(default_factory=Isolation)
    rules: Rules = field(default_factory=Rules)
    costs: Costs = field(default_factory=Costs)
    health: Health = field(default_factory=Health)
    sandbox: Sandboxing = field(kw_only=True)
    explain: Explaining = field(kw_only=True)
    settings: Settings = field(kw_only=True)
    changes: Changes = field(default_factory=Changes)
