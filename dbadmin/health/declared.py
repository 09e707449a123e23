"""What models declare and what the catalog has, side by side: pure comparing, without an opinion."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import TableName
from dbadmin.dialects.facts import ForeignKey, Index

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

Columns = tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """A table of the models and the same table in the database, where it is there.

    `found` are the inspector's columns by name, None where there is no such table.
    """

    name: TableName
    table: "Table"
    found: Mapping[str, Any] | None
    indexes: Sequence[Index] = ()
    foreign_keys: Sequence[ForeignKey] = ()

    def columns(self) -> "Iterator[tuple[Column[Any], Any]]":
        """Columns that both have."""
        for column in self.table.columns:
            if self.found is not None and column.name in self.found:
                yield column, self.found[column.name]


def plain_columns(index: Any) -> Columns | None:
    """The columns of a model's index, None where it has an expression or a condition."""
    options = getattr(index, "dialect_kwargs", {})
    if any(key.endswith("_where") and value is not None for key, value in options.items()):
        return None
    columns = [getattr(expression, "name", None) for expression in index.expressions]
    in_table = {column.name for column in index.table.columns} if index.table is not None else set()
    return tuple(map(str, columns)) if columns and all(name in in_table for name in columns) else None


def declared_uniques(table: "Table") -> dict[Columns, str | None]:
    """Columns that a model calls unique together, with the name of the constraint or index."""
    from sqlalchemy import UniqueConstraint

    found: dict[Columns, str | None] = {}
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            found[tuple(column.name for column in constraint.columns)] = _text(constraint.name)
    for index in table.indexes:
        if index.unique and (columns := plain_columns(index)) is not None:
            found[columns] = _text(index.name)
    return found


def declared_foreign_keys(table: "Table", default: str | None) -> dict[tuple[Columns, TableName, Columns], str | None]:
    """Foreign keys as (columns, table, its columns); those whose table the models do not hold are left out."""
    found = {}
    for constraint in table.foreign_key_constraints:
        try:
            to = constraint.referred_table
        except Exception:  # a table that no model declares
            continue
        own = tuple(column.name for column in constraint.columns)
        other = tuple(element.column.name for element in constraint.elements)
        name = TableName(None if to.schema == default else to.schema, to.name)
        found[own, name, other] = _text(constraint.name)
    return found


def unique_in_database(pair: Pair) -> dict[frozenset[str], Index]:
    """Columns that the database holds unique together, whole and without a condition; keys too."""
    found: dict[frozenset[str], Index] = {}
    for index in pair.indexes:
        whole = index.unique and index.valid and index.predicate is None and all(index.columns)
        if whole and all(part.plain for part in index.parts):
            found.setdefault(frozenset(map(str, index.columns)), index)
    return found


def has_default(found: Any) -> bool:
    """Whether the catalog gives a column a default; MariaDB writes DEFAULT NULL for none."""
    default = found.get("default")
    return default is not None and str(default).strip().upper() not in ("", "NULL")


def numbers_itself(column: "Column[Any]", found: Any) -> bool:
    """Whether a column's value comes from a sequence, an identity or a formula: that is no default to declare."""
    default = str(found.get("default") or "")
    automatic = found.get("autoincrement") is True or "nextval(" in default
    return bool(automatic or found.get("identity") or found.get("computed") or column.computed or column.identity)


def _text(name: Any) -> str | None:
    return str(name) if isinstance(name, str) else None
