"""A change of the schema as a migration script writes it, and what it means for those who work meanwhile.

Pure values: scripts are read into `Change`, and each engine's `changes.py` says what its lock is and how much work is
done under it. Nothing here looks at a database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "create_table", "drop_table", "rename_table", "add_column", "drop_column", "rename_column", "alter_column",
    "create_index", "drop_index", "add_constraint", "drop_constraint", "add_enum_value", "create_type", "drop_type",
    "create_object", "drop_object", "drop_schema", "rewrite_table", "comment_table", "insert", "update", "delete",
    "truncate", "lock_table", "commit", "sql",
]  # fmt: skip
Work = Literal["scan", "index", "rewrite"]
"""What is done while the lock is held: every row read, an index built, every row written anew."""

BYTES_PER_SECOND: Mapping[Work, float] = {"scan": 400e6, "index": 60e6, "rewrite": 80e6}
"""How fast each is taken to be for estimates: round numbers for one ordinary disk, and no measurement. Rehearsing on a
copy (`verify-rollback`) measures instead."""
BYTES_PER_ROW = 100
"""Taken for a row where the engine tells rows and no size."""


@dataclass(frozen=True)
class ColumnText:
    """A column as it is written. `default` is its server default, "" where that cannot be read; None: it has none.
    `checked`: a CHECK is declared with it.

    `type` is the name of SQLAlchemy's type (or SQL's), `arguments` and `options` what it is called with.
    """

    name: str | None
    type: str | None = None
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    nullable: bool = True
    default: str | None = None
    generated: bool = False
    primary_key: bool = False
    unique: bool = False
    index: bool = False
    references: str | None = None
    checked: bool = False

    @property
    def written(self) -> str:
        """The type as it is written: `String(200)`.

        >>> ColumnText("name", "String", (200,)).written
        'String(200)'
        """
        inside = ", ".join(map(repr, self.arguments))
        return f"{self.type}({inside})" if inside else str(self.type)


def enum_name(column: ColumnText) -> str | None:
    """The name of the type that an Enum column has on engines that have such types; None for other columns."""
    flags = ("native_enum", "create_type")
    made = column.type in ("Enum", "ENUM") and all(column.options.get(flag) is not False for flag in flags)
    name = column.options.get("name")
    return name if made and isinstance(name, str) else None


def same_enum(old: ColumnText, new: ColumnText) -> bool:
    """Whether two columns have one and the same enum type, whatever labels are written."""
    flags = [column.options.get("native_enum") is not False for column in (old, new)]
    both = {old.type, new.type} <= {"Enum", "ENUM"} and all(flags)
    return both and old.options.get("name") is not None and old.options.get("name") == new.options.get("name")


@dataclass(frozen=True)
class Write:
    """What a statement writes into a column. `constant` is the value, as it is written, that each row gets; None where
    that differs by row. `reads` are the columns that it is made of, as far as they can be told; `lossy`, whether it is
    made by a function that makes several values one. `picked` are the values, as they are written, that the column has
    in the rows that the statement picks; None where those may be any.
    """

    column: str
    constant: str | None = None
    reads: frozenset[str] = frozenset()
    lossy: bool = False
    picked: frozenset[str] | None = None


@dataclass(frozen=True)
class Change:
    """One change. `table` and `name` are None where they cannot be read; `unnamed` where the script says None.

    `constraint` is "unique", "check", "foreign", "primary" or "exclude"; `referred` the table that a foreign key leads
    to. `old` is the column before (`existing_type` …), `given` what of it is changed ("type", "nullable", "default",
    "comment"), or "inline" for a foreign key that Alembic writes into ADD COLUMN. `what` is the word for an object that
    stands by itself ("view"), or the mode of a lock; `writes` what an UPDATE sets, empty where that cannot be read.
    `outside`: in an autocommit block. `guarded`: only under a condition. `batch`: by Alembic's batch mode. `inner`:
    part of a CREATE TABLE or an ADD COLUMN. `not_valid`: a constraint for which no row is read.
    """

    kind: Kind
    line: int
    table: str | None = None
    schema: str | None = None
    name: str | None = None
    columns: tuple[ColumnText, ...] = ()
    old: ColumnText | None = None
    given: frozenset[str] = frozenset()
    constraint: str | None = None
    referred: str | None = None
    unnamed: bool = False
    unique: bool = False
    concurrently: bool = False
    not_valid: bool = False
    where: bool = False
    outside: bool = False
    guarded: bool = False
    batch: bool = False
    inner: bool = False
    loop: bool = False
    sql: str | None = None
    what: str | None = None
    writes: tuple[Write, ...] = ()

    @property
    def full_table(self) -> str | None:
        """`schema.table`, or the table alone."""
        return f"{self.schema}.{self.table}" if self.schema and self.table else self.table

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, as far as they can be read."""
        return tuple(column.name for column in self.columns if column.name)


@dataclass(frozen=True)
class Effect:
    """What a change keeps others from. `lock` is the engine's own word; `blocks` as in `results.Lock`; `work` is what
    is done under it, None where it takes no longer than the lock itself.
    """

    lock: str
    blocks: str | None
    work: Work | None = None


class Changes:
    """What an engine makes of changes; the defaults are those of an engine about which nothing is known."""

    longest_name: int | None = None
    cuts_names = False
    """Whether a longer name is cut without an error."""
    indexes_foreign_keys = False
    linter: str | None = None
    """The linter of others that knows this engine's SQL."""

    def effect(self, change: Change) -> Effect | None:
        """What the change keeps others from; None where that is nothing, or not known."""
        return None

    def rewrites(self, old: ColumnText | None, new: ColumnText) -> bool | None:
        """Whether a change of type writes every row anew; None where the old type is not known."""
        return None

    def seconds(self, work: Work | None, rows: int | None, size: int | None) -> float | None:
        """An estimate of how long the work takes, from rows and bytes.

        >>> Changes().seconds("rewrite", 1_000_000, 800_000_000), Changes().seconds("scan", None, None)
        (10.0, None)
        """
        if work is None or (size is None and rows is None):
            return None
        amount = size if size else (rows or 0) * BYTES_PER_ROW
        return amount / BYTES_PER_SECOND[work]
