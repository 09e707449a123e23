"""Comparing two snapshots: a pure function from two values to the facts in which they differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbadmin.dialects import ObjectKey, Schema, TableData, TableName
from dbadmin.dialects.names import join, split, table_of

if TYPE_CHECKING:
    from dbadmin.state.snapshot import Snapshot

Scope = Literal["schema", "rows", "values", "nulls"]
Change = Literal["missing", "added", "changed"]

# Objects that go where another goes: told only where their owner stays.
_OWNERS: Mapping[str, tuple[str, ...]] = {
    "grant": ("table", "view", "materialized-view", "sequence"),
    "index": ("materialized-view",),
    "trigger": ("view",),
    "rule": ("view",),
    "column-grant": ("column", "view", "materialized-view"),
    "not-null-name": ("column",),
    "constraint-name": ("constraint", "index"),
    "sequence-position": ("sequence", "table"),
    "function-grant": ("function", "procedure", "aggregate"),
    "schema-grant": ("schema",),
    "type-grant": ("enum", "domain", "range"),
}


@dataclass(frozen=True)
class Difference:
    """One difference.

    `schema`: an object, by `key`, with its definitions; `table` is the table it belongs to. What goes or comes
    with its table, column or other owner is not told again.
    `rows`: a table with its numbers of rows; None on the side that has no such table.
    `values`: a column whose values differ for some key, "missing" and "added" where a side has no such column. With
    `column` None it concerns whole rows: of a table without a key (values may have moved between rows), or of one
    whose key differs (`before` and `after` name both; only row by row can it be told which values differ).
    `nulls`: a column that is NULL in other rows than before; `values` is told beside it.
    """

    scope: Scope
    change: Change
    key: ObjectKey | None = None
    table: TableName | None = None
    column: str | None = None
    before: str | int | None = None
    after: str | int | None = None


def compare(before: "Snapshot", after: "Snapshot") -> tuple[Difference, ...]:
    """Every difference, schema first, sorted by name."""
    return (*schemas(before.schema, after.schema), *tables(before.data, after.data))


def schemas(before: Schema, after: Schema) -> tuple[Difference, ...]:
    """Differences between two schemas.

    >>> schemas({ObjectKey("table", "t"): "TABLE", ObjectKey("column", "t.id"): "integer"}, {})
    (Difference(scope='schema', change='missing', key=ObjectKey(kind='table', name='t'), \
table=TableName(schema=None, name='t'), column=None, before='TABLE', after=None),)
    """
    found = []
    missing, added = before.keys() - after.keys(), after.keys() - before.keys()
    renamed = _named_by_now(before, after, missing, added)
    for key in sorted(before.keys() | after.keys()):
        if (
            key in renamed
            or (key in missing and _goes_along(key, missing))
            or (key in added and _goes_along(key, added))
        ):
            continue
        change = _change(key, before.get(key), after.get(key))
        if change is not None:
            found.append(change)
    found += [
        Difference(
            "schema",
            "changed",
            ObjectKey("constraint-name", old.name),
            table_of(old),
            None,
            before.get(ObjectKey("constraint-name", old.name)),
            split(new.name)[-1],
        )
        for old, new in sorted((old, new) for new, old in renamed.items() if new in added)
    ]
    return tuple(found)


def tables(before: Mapping[TableName, TableData], after: Mapping[TableName, TableData]) -> tuple[Difference, ...]:
    """Differences between what two sets of tables hold; unreadable tables are not compared."""
    found: list[Difference] = []
    for name in sorted(before.keys() | after.keys(), key=str):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            change: Change = "added" if old is None else "missing"
            found.append(
                Difference("rows", change, None, name, None, old.rows if old else None, new.rows if new else None)
            )
        elif not old.unreadable and not new.unreadable and old != new:
            found += _table(name, old, new)
    return tuple(found)


def _change(key: ObjectKey, before: str | None, after: str | None) -> Difference | None:
    if before == after:
        return None
    if key.kind == "not-null-name" and (before is None or after is None):
        return None  # the column says so itself
    if key.kind == "column-order" and before is not None and after is not None and not _reordered(before, after):
        return None
    change: Change = "added" if before is None else "missing" if after is None else "changed"
    return Difference("schema", change, key, table_of(key), _column(key), before, after)


def _column(key: ObjectKey) -> str | None:
    return split(key.name)[-1] if key.kind in ("column", "not-null-name") else None


def _reordered(before: str, after: str) -> bool:
    """Whether the columns that both have stand in another order."""
    old, new = split(before), split(after)
    return [name for name in old if name in new] != [name for name in new if name in old]


def _goes_along(key: ObjectKey, gone: "frozenset[ObjectKey] | set[ObjectKey]") -> bool:
    """Whether the object's owner is among those that went (or came) too."""
    table = table_of(key)
    if table is not None and key.kind != "table" and ObjectKey("table", join(table)) in gone:
        return True
    parts = split(key.name)
    owners = [parts, parts[:-1]]
    return any(ObjectKey(kind, join(owner)) in gone for kind in _OWNERS.get(key.kind, ()) for owner in owners if owner)


def _named_by_now(
    before: Schema, after: Schema, missing: set[ObjectKey], added: set[ObjectKey]
) -> dict[ObjectKey, ObjectKey]:
    """Constraints without a name that have one now, the rule being the same: both keys, each to the other.

    A constraint or index without a name of its own is called by its definition (the name that the server made for
    it is a `constraint-name`). One that lost the name that a later migration may use is not among them.
    """
    nameless: dict[tuple[str, TableName | None, str], ObjectKey] = {
        (key.kind, table_of(key), before[key]): key
        for key in missing
        if key.kind in ("constraint", "index") and split(key.name)[-1] == before[key]
    }
    pairs: dict[ObjectKey, ObjectKey] = {}
    for key in sorted(added):
        old = nameless.get((key.kind, table_of(key), after[key]))
        if old is not None and old not in pairs:
            pairs[old], pairs[key] = key, old
    return pairs


def _table(name: TableName, old: TableData, new: TableData) -> Iterator[Difference]:
    if old.rows != new.rows:
        yield Difference("rows", "changed", None, name, None, old.rows, new.rows)
    for column in sorted(old.columns.keys() - new.columns.keys()):
        yield Difference("values", "missing", None, name, column)
    for column in sorted(new.columns.keys() - old.columns.keys()):
        yield Difference("values", "added", None, name, column)
    if (old.key, old.method) != (new.key, new.method):
        yield Difference("values", "changed", None, name, None, _bound_by(old), _bound_by(new))
        return
    for column in sorted(old.columns.keys() & new.columns.keys()):
        was, is_now = old.columns[column], new.columns[column]
        if was != is_now:
            yield Difference("values", "changed", None, name, column, was.values, is_now.values)
        if was.nulls != is_now.nulls:
            yield Difference("nulls", "changed", None, name, column, was.nulls, is_now.nulls)
    if old.row != new.row and old.columns.keys() == new.columns.keys():
        yield Difference("values", "changed", None, name, None, old.row, new.row)


def _bound_by(table: TableData) -> str:
    return f"{', '.join(table.key) or 'no key'} ({table.method})"


__all__ = ["Difference", "compare", "schemas", "tables"]
