"""Answers about tables, models and rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dbadmin.results.base import Record, Result


@dataclass(frozen=True)
class TableCount(Record):
    """Rows of one table; an estimate has `exact=False`, never analysed is `rows=None`."""

    table: str
    rows: int | None
    exact: bool = True
    model: str | None = None


@dataclass(frozen=True)
class Counts(Result):
    """Row counts, in the order asked for."""

    kind = "count"

    tables: tuple[TableCount, ...]
    sql: str | None = None


@dataclass(frozen=True)
class TableInfo(Record):
    """One line of `dbadmin tables`; sizes in bytes, None where the engine does not tell."""

    table: str
    rows: int | None
    exact: bool
    bytes: int | None
    index_bytes: int | None
    columns: int
    indexes: int
    model: str | None = None
    comment: str | None = None


@dataclass(frozen=True)
class Tables(Result):
    """Every table of the database."""

    kind = "tables"

    tables: tuple[TableInfo, ...]


@dataclass(frozen=True)
class ColumnInfo(Record):
    """A column as the catalog has it; `type` and `default` in the engine's own words."""

    name: str
    type: str
    nullable: bool
    default: str | None = None
    primary_key: bool = False
    generated: str | None = None
    comment: str | None = None


@dataclass(frozen=True)
class IndexInfo(Record):
    """An index; `definition` in the engine's own words."""

    name: str
    unique: bool
    columns: tuple[str, ...]
    definition: str | None = None


@dataclass(frozen=True)
class ConstraintInfo(Record):
    """A primary key, unique, check or foreign key constraint."""

    name: str | None
    kind: str
    definition: str


@dataclass(frozen=True)
class Relation(Record):
    """A foreign key seen from one of its ends; `direction` is "out" (this table refers) or "in"."""

    direction: str
    table: str
    columns: tuple[str, ...]
    referred_columns: tuple[str, ...]
    name: str | None = None
    on_delete: str | None = None


@dataclass(frozen=True)
class TableDescription(Result):
    """All there is to know about one table."""

    kind = "describe"

    table: str
    model: str | None
    comment: str | None
    rows: int | None
    exact: bool
    bytes: int | None
    index_bytes: int | None
    columns: tuple[ColumnInfo, ...]
    indexes: tuple[IndexInfo, ...]
    constraints: tuple[ConstraintInfo, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True)
class ModelInfo(Record):
    """A mapped class; `in_alembic` is None where there is no Alembic to ask."""

    model: str
    table: str
    module: str
    columns: int
    relationships: tuple[str, ...]
    in_alembic: bool | None


@dataclass(frozen=True)
class Models(Result):
    """Every mapped class of the application."""

    kind = "models"

    models: tuple[ModelInfo, ...]

    @property
    def ok(self) -> bool:
        """False where Alembic does not see a model."""
        return all(model.in_alembic is not False for model in self.models)


@dataclass(frozen=True)
class Column(Record):
    """A column of a row set; `type` is the type's name in SQL words, None where unknown."""

    name: str
    type: str | None


@dataclass(frozen=True)
class Rows(Result):
    """Rows as the database gave them. `limit` is None without one; `sql` holds placeholders, never values.

    `withheld` are columns that look like credentials, `missing` those that the models have and the database has not.
    """

    kind = "rows"

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    limit: int | None
    truncated: bool
    sql: str | None
    withheld: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rows_changed: int | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowSets(Result):
    """The rows of several statements, in the order in which they ran."""

    kind = "sql"

    results: tuple[Rows, ...]
