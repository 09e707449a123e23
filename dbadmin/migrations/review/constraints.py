"""Constraints that rows which are there already must hold to, whether they come alone or with a column."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dbadmin.dialects.changes import Change, ColumnText
from dbadmin.migrations.review.rule import Found, Look, about, rule

_CALL = re.compile(r"\w ?\(")
"""A default that may differ by row."""
_ENUM_WITH_CHECK = {"native_enum": False, "create_constraint": True}


def brought(change: Change) -> Iterator[Change]:
    """The constraints that a new column brings, as changes of their own: `inner` where they stand in ADD COLUMN.

    Alembic writes foreign keys, UNIQUE and the checks of types as statements of their own.
    """
    for column in change.columns if change.kind == "add_column" else ():
        whole = change.sql is not None
        made = replace(change, kind="add_constraint", columns=(column,), given=frozenset(), inner=True)
        if column.checked:
            yield replace(made, constraint="check")
        if column.type == "Enum" and _ENUM_WITH_CHECK.items() <= column.options.items():
            yield replace(made, constraint="check", inner=False)
        if column.references:
            yield replace(made, constraint="foreign", inner=whole or "inline" in change.given)
        if column.unique and not column.index:
            yield replace(made, constraint="unique", inner=whole)


def added(look: Look) -> dict[tuple[str | None, str], ColumnText]:
    """The columns that the revision adds, by table and name."""
    return {
        (change.full_table, column.name): column
        for change in look.script.upgrade
        if change.kind == "add_column"
        for column in change.columns
        if column.name
    }


@rule(
    "unique-on-existing-rows", "warning", timed=True,
    why="fails where two rows are alike, which only the data tells; and the index is built under a lock",
    instead="look for duplicates first (GROUP BY … HAVING count(*) > 1); on PostgreSQL a unique index CONCURRENTLY, "
    "then ALTER TABLE … ADD CONSTRAINT … UNIQUE USING INDEX",
    elsewhere=dict.fromkeys(
        ("mysql", "sqlite"),
        "look for duplicates (GROUP BY … HAVING count(*) > 1), and mend them in a revision before it",
    ),
)  # fmt: skip
def unique_on_existing_rows(look: Look) -> Iterator[Found]:
    """A unique constraint, unique index or primary key over columns that hold rows already, or over a new one whose
    default gives each of them the same value; a note over one that is empty.
    """
    new = added(look)
    for change in look.upgrade:
        for one in brought(change):
            if one.constraint == "unique":
                yield from _unique_over_new(one, one.columns, look)
        unique = change.kind == "create_index" and change.unique
        unique |= change.kind == "add_constraint" and change.constraint in ("unique", "primary")
        if not unique or change.not_valid:
            continue
        fresh = [column for name in change.names if (column := new.get((change.full_table, name))) is not None]
        if not fresh:
            over = f" over {', '.join(change.names)}" if change.names else ""
            yield Found(about(change), f"{change.name or 'unique'}{over}", change.line, change)
        elif len(fresh) == len(change.names) and not change.where and not _filled(change, look):
            yield from _unique_over_new(change, fresh, look)


def _filled(change: Change, look: Look) -> bool:
    """Whether the revision may give the rows other values before it."""
    writes = ("insert", "update", "delete", "truncate", "sql")
    before = [other for other in look.script.upgrade if other.line < change.line and other.kind in writes]
    return "upgrade" in look.script.unread or any(c.full_table in (None, change.full_table) for c in before)


def _unique_over_new(change: Change, columns: Sequence[ColumnText], look: Look) -> Iterator[Found]:
    effect, size = look.effect(change), look.size(change)
    thing = about(change, ", ".join(column.name or "…" for column in columns))
    if all(column.default and not column.generated and not _CALL.search(column.default) for column in columns):
        few = size is not None and size.rows is not None and size.rows < 2
        detail = "unique, and every row gets the same default" + ("; the table had one row at most" if few else "")
        remedy = "add it without UNIQUE and without a default, fill it, and make it unique in a later revision"
        yield Found(thing, detail, change.line, severity="note" if few else "error", remedy=remedy)
    elif change.kind == "add_constraint" and effect is not None and effect.work == "index" and effect.blocks:
        detail = "unique, on a column that this revision adds: empty, and yet the index is built under the lock"
        yield Found(thing, detail, change.line, change, severity="note")


@rule(
    "constraint-checked-under-lock", "warning", "postgresql", "mysql", timed=True,
    why="fails where one row breaks it, and reads every row under the lock to find out",
    instead="on PostgreSQL postgresql_not_valid=True (or NOT VALID), then ALTER TABLE … VALIDATE CONSTRAINT in a "
    "revision of its own, which lets writers go on",
    elsewhere={"mysql": "look for rows that break it, and mend them in a revision before it; at a quiet time"},
)  # fmt: skip
def constraint_checked_under_lock(look: Look) -> Iterator[Found]:
    """A check or a foreign key that rows which are there already must hold to, also one that comes with a column."""
    new = added(look)
    for change in look.upgrade:
        if change.kind == "add_constraint":
            yield from _checked(change, f"{change.name or 'without a name'} on a column that", look, new)
        for one in brought(change):
            yield from _checked(one, f"of {', '.join(one.names) or '…'}, which", look, new)


def _checked(
    change: Change, named: str, look: Look, new: Mapping[tuple[str | None, str], ColumnText]
) -> Iterator[Found]:  # fmt: skip
    effect = look.effect(change)
    if change.constraint not in ("check", "foreign") or change.not_valid or (effect is not None and not effect.work):
        return
    columns = [new.get((change.full_table, column)) for column in change.names]
    empty = bool(columns) and all(column is not None and column.default is None for column in columns)
    read = "the table is copied" if effect is not None and effect.work == "rewrite" else "every row is read"
    kind = "foreign key" if change.constraint == "foreign" else "check"
    detail = f"{kind} {named} this revision adds: empty, and yet {read}"
    if not empty:
        detail = f"{kind} {named.rpartition(' on ')[0] or named.removesuffix(', which')}"
    yield Found(about(change), detail, change.line, change, severity="note" if empty else None)
