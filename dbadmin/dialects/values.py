"""What crosses between an engine and the rooms above it: names, places, fingerprints, copies. Frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from sqlalchemy import URL


CONNECT_SECONDS = 5
"""How long a server may take to answer somebody who connects, where nothing else is said."""


class TableName(NamedTuple):
    """A table; `schema` is None in the database's default schema.

    >>> str(TableName(None, "users")), str(TableName("audit", "log"))
    ('users', 'audit.log')
    """

    schema: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @classmethod
    def parse(cls, text: str) -> "TableName":
        """The inverse of `str` for names without dots of their own."""
        schema, _, name = text.rpartition(".")
        return cls(schema or None, name)


class Reference(NamedTuple):
    """A foreign key of a table to another one's columns."""

    table: TableName
    columns: tuple[str, ...]
    referred: TableName
    referred_columns: tuple[str, ...]
    name: str | None


class ObjectKey(NamedTuple):
    """A schema object: its kind in the catalog's words, and its name (`table.column`, `table.index` …)."""

    kind: str
    name: str


Schema = Mapping[ObjectKey, str]
"""Every object of a database with its definition in the engine's own words."""


@dataclass(frozen=True)
class Identity:
    """What makes a database this one, read from the catalog and not from a URL or a session setting.

    Two connections lead to the same database exactly when their `key` is equal. `shown` is for reports; `server`
    tells servers apart in the same way, and is empty where there are none.
    """

    engine: str
    name: str
    key: tuple[str, ...]
    shown: str
    server: tuple[str, ...] = ()


@dataclass(frozen=True)
class Address:
    """Where connect parameters lead, as far as they tell: server and database, or the file.

    `server` is (host or socket directory, port); aliases of this machine (localhost, 127.0.0.1, ::1) are
    folded to one. For a file it is ("file", device and inode), or the path while there is no such file, and
    `database` is the real path. `shown` is masked.
    """

    engine: str
    server: tuple[str, str]
    database: str
    shown: str

    def same_as(self, other: "Address") -> bool:
        """Whether both lead to one database, as far as parameters tell.

        Files are one by inode (hard links) or by path (a file that was replaced meanwhile).
        """
        if self.engine != other.engine:
            return False
        if self.server[0] == other.server[0] == "file":
            return self.server == other.server or self.database == other.database
        return self.server == other.server and self.database == other.database


@dataclass(frozen=True)
class ColumnPrint:
    """Fingerprints of one column over all rows: of its values, and of where it is NULL.

    Equal fingerprints mean: every row (known by its key) has the same value, bit for bit.
    """

    values: str
    nulls: str


@dataclass(frozen=True)
class TableData:
    """What a table holds: rows, one fingerprint per column, and the key that binds values to rows.

    `key` is empty where the table has no key: then each value is bound to its row's own content and counted.
    `not_compared` gives the reason why a column has no fingerprint; under "" why the whole table has none.
    `row` is the fingerprint of whole rows, counted, of a table without a key, whose columns' fingerprints tell
    only which values there are and how often. `method` says how it was computed: fingerprints of different
    methods or keys cannot be compared. `UNREAD` stands for a table that nobody has looked at.
    """

    rows: int
    columns: Mapping[str, ColumnPrint]
    key: tuple[str, ...] = ()
    not_compared: Mapping[str, str] = field(default_factory=dict)
    row: str | None = None
    method: str = ""

    @property
    def unreadable(self) -> str | None:
        """Why the table could not be read at all; None where it could."""
        return self.not_compared.get("")

    @property
    def is_unread(self) -> bool:
        """Whether nobody looked: the table holds what it held when the first snapshot was taken."""
        return self.method == UNREAD.method


UNREAD = TableData(0, {}, method="unread")
"""A table that was not looked at, as nothing has written to it: its numbers mean nothing."""


@dataclass(frozen=True)
class RowDifferences:
    """Two states of one table, row by row: numbers of rows, and keys of some of them.

    `lost` and `added` are rows by key; `values_lost[column]` had a value and have none; `values_changed[column]`
    have another value. `sample` maps the same headings ("lost", "added", column names) to a few keys.
    `keys[column]` maps the keys of all rows that differ there to whether the value is gone; a column with too many
    of them, and a table without a key, is not in it. `lost_keys` are the keys of all lost rows, None likewise.
    """

    lost: int
    added: int
    values_lost: Mapping[str, int]
    values_changed: Mapping[str, int]
    sample: Mapping[str, tuple[Any, ...]]
    keys: Mapping[str, Mapping[Any, bool]] = field(default_factory=dict)
    lost_keys: frozenset[Any] | None = None


class Progress(Protocol):
    """Told how far long work has come; what is done is in the unit of `total`, None where unknown."""

    def __call__(self, what: str, done: float, total: float | None) -> None: ...


def warn(progress: Progress, line: str) -> None:
    """Say what nobody should miss before the work goes on, to a progress that can tell it (by a method `note`)."""
    note = getattr(progress, "note", None)
    if note is not None:
        note(line)


@dataclass(frozen=True)
class Copied:
    """A finished copy: how to connect, how it was made, its size in bytes, and what was made harmless in it.

    `confined`: `url` is that of a role which owns the database and may do nothing beyond it, although dbadmin may.
    """

    url: "URL"
    method: str
    bytes: int | None
    neutralised: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()
    confined: bool = False


@dataclass(frozen=True)
class Backup:
    """A backup that was examined and is whole, as far as it can be told; made by `dbadmin.copies.backups.open_backup`.

    `engine` is SQLAlchemy's dialect name, `format` a few words for reports ("pg_dump custom", "plain SQL (gzip)").
    `bytes` is the size of the path, `restored_bytes` a guess at what it takes once restored (None: no idea).
    `server_version` is that of the server it was taken from, `database` that server's name for it; `extensions`
    and `roles` are what it needs there. `incomplete` says why its completeness cannot be checked, which makes a
    verdict `unproven`; None where it was checked. `content` is what is restored: the path itself, or what was
    unpacked into a private place, and is there as long as the backup is open. `notes` are for a report's
    `not_covered`, beside what the place says of itself (`Copied.not_covered`); `kind` and `details` are the
    engine's, for restoring.
    """

    path: Path
    format: str
    engine: str
    sha256: str
    bytes: int
    server_version: str | None = None
    database: str | None = None
    extensions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    restored_bytes: int | None = None
    incomplete: str | None = None
    dump_version: str | None = None
    notes: tuple[str, ...] = ()
    content: Path | None = None
    kind: str = ""
    details: Any = None


@dataclass(frozen=True)
class Existing:
    """A private place found on this machine. `owner_alive` is None where its owner lived on another host."""

    name: str
    engine: str
    directory: Path
    started_at: str
    owner_pid: int
    owner_alive: bool | None
    kept: bool
    bytes: int | None


class FileProof:
    """A hash of files that is being computed: call for it, close where it is not wanted. Here: no files."""

    def __call__(self) -> str | None:
        return None

    def close(self) -> None:
        """Stop computing; may be called at any time."""
