"""What an engine's catalog and statistics tell of a database's health, as frozen values without an opinion.

`dialects/health.py` says who reads them; `dbadmin.health` judges them.
"""

from dataclasses import dataclass
from datetime import datetime

from dbadmin.dialects.values import TableName
from dbadmin.results import Severity


class CannotTell(Exception):
    """Why a fact cannot be had here, and how to enable it."""

    def __init__(self, reason: str, enable: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.enable = reason, enable


@dataclass(frozen=True)
class Part:
    """A key part of an index.

    `column` is None for an expression; `text` is how the definition spells it. `rest` holds collation, operator class,
    direction and prefix, so that two parts are the same where `text` and `rest` are. `plain`: rows with one value
    of the column are found by it (the column's own collation, no prefix).
    """

    column: str | None
    text: str
    rest: str = ""
    plain: bool = True


@dataclass(frozen=True)
class Index:
    """An index. `constraint` is the name of the constraint that it belongs to, "" where that has none of its own.

    `hidden`: how the planner was told to pass it over (IGNORED).
    `referenced`: a foreign key of another table relies on it. `inherited`: a partition has it from its parent.
    `bytes` is the engine's estimate; `scans` None where uses are not counted. `definition` makes it again, filled
    in by `Health.written` where that takes long; `number` is the engine's own for the index. `counts`: its first column
    numbers rows by itself, which needs an index (AUTO_INCREMENT).
    """

    table: TableName
    name: str
    parts: tuple[Part, ...]
    definition: str = ""
    included: tuple[str, ...] = ()
    predicate: str | None = None
    method: str = "btree"
    unique: bool = False
    primary: bool = False
    constraint: str | None = None
    constraint_definition: str | None = None
    exclusion: bool = False
    valid: bool = True
    building: bool = False
    hidden: str | None = None
    replica_identity: bool = False
    clustered: bool = False
    referenced: bool = False
    inherited: bool = False
    partitioned: bool = False
    nulls_alike: bool = False
    all_not_null: bool = False
    bytes: int | None = None
    scans: int | None = None
    number: int | None = None
    counts: bool = False

    @property
    def full_name(self) -> str:
        """`table.index`, as findings name it."""
        return f"{self.table}.{self.name}"

    @property
    def columns(self) -> tuple[str | None, ...]:
        """The column of each key part, None for an expression."""
        return tuple(part.column for part in self.parts)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key; `types` and `to_types` in the engine's words. `inherited`: a partition has it from its parent."""

    table: TableName
    name: str | None
    columns: tuple[str, ...]
    to: TableName
    to_columns: tuple[str, ...]
    types: tuple[str, ...]
    to_types: tuple[str, ...]
    inherited: bool = False


@dataclass(frozen=True)
class Table:
    """A table that holds rows, or the parent of partitions. None: the engine does not tell, or was never asked to.

    `rows` is an estimate; sizes in bytes, times since the statistics began (`statistics_since`).
    """

    name: TableName
    has_key: bool
    rows: int | None = None
    partitioned: bool = False
    parent: TableName | None = None
    bytes: int | None = None
    index_bytes: int | None = None
    toast_bytes: int | None = None
    free_bytes: int | None = None
    scans: int | None = None
    rows_scanned: int | None = None
    index_scans: int | None = None
    live: int | None = None
    dead: int | None = None
    inserted: int | None = None
    deleted: int | None = None
    changed_since_analyze: int | None = None
    vacuumed: datetime | None = None
    analyzed: datetime | None = None
    autovacuum: bool = True
    age: int | None = None


@dataclass(frozen=True)
class Since:
    """When the statistics of use began, and who else reads without being counted here."""

    seconds: float
    elsewhere: str | None = None


@dataclass(frozen=True)
class Sequence:
    """A source of numbers: where it stands, and the largest that it and its column can give.

    `capped`: it was told to end before its type does.
    """

    name: str
    table: TableName | None
    column: str | None
    type: str
    last: int
    largest: int
    widen: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()
    capped: bool = False


@dataclass(frozen=True)
class Unvalidated:
    """A constraint that existing rows were never held to."""

    table: TableName
    name: str
    definition: str
    validate: str
    undo: tuple[str, ...]


@dataclass(frozen=True)
class Session:
    """What another session does. Times in seconds.

    `query` may hold values of rows; `hidden`: this login may not see what it does.
    """

    pid: int
    user: str | None
    application: str | None
    client: str | None
    state: str
    query: str | None
    query_seconds: float | None
    transaction_seconds: float | None
    idle_seconds: float | None
    blocked_by: tuple[int, ...] = ()
    waits_for: str | None = None
    hidden: bool = False


@dataclass(frozen=True)
class Connections:
    """How many connections are open, and how many there may be for ordinary users."""

    used: int
    limit: int


@dataclass(frozen=True)
class CacheUse:
    """Reads that were served from the server's own cache, and those that went further."""

    hits: int
    reads: int
    setting: str


@dataclass(frozen=True)
class Statement:
    """One shape of statement with what it took since the statistics began; times in seconds.

    `hidden`: this login may not see its text.
    """

    query: str
    calls: int
    total: float
    mean: float
    rows: int | None
    hidden: bool = False


@dataclass(frozen=True)
class Advice:
    """A setting that is not as it should be. `level` as a finding's; `sql` changes it, `undo` puts it back."""

    name: str
    value: str
    level: Severity
    detail: str
    remedy: str
    sql: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wraparound:
    """How far the oldest transaction of a database or table lies back, of `limit` that there may be."""

    object: str
    kind: str
    age: int
    limit: int
    sql: tuple[str, ...]


@dataclass(frozen=True)
class Bloat:
    """Space that a table takes and does not need; an estimate unless `exact`."""

    object: str
    bytes: int
    wasted: int
    exact: bool
    remedy: str
    sql: tuple[str, ...]


@dataclass(frozen=True)
class Damage:
    """Something that is broken: rows without their parent, a page that does not fit."""

    object: str
    detail: str
    sql: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextColumn:
    """A column that holds text, and the statement that reads some of its values, as `v`; None: this login may not."""

    table: TableName
    name: str
    sample: str | None
