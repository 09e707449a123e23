"""What takes something away: data, or names that the version that runs now still uses."""

from collections.abc import Iterator

from dbadmin.dialects.changes import Change
from dbadmin.migrations.review.rule import Found, Look, about, rule

_TWO_STEPS = "first a release that no longer uses it, then this revision; `dbadmin verify-rollback` counts what is lost"


@rule(
    "table-dropped", "warning",
    why="its rows are lost whatever the downgrade says, and the version that runs now fails as soon as it is gone",
    instead=f"{_TWO_STEPS}; or rename it, and drop it later",
)  # fmt: skip
def table_dropped(look: Look) -> Iterator[Found]:
    """A table that was there before is dropped, or a whole schema."""
    replaced = {c.name for c in look.script.upgrade if c.kind == "rename_table"}
    for change in look.upgrade:
        if change.kind == "drop_table" and change.full_table not in replaced:
            yield Found(about(change), "the table is dropped with its rows", change.line, change)
        if change.kind == "drop_schema":
            yield Found(change.name or "…", "the schema is dropped with its tables", change.line, change)


@rule(
    "column-dropped", "warning",
    why="its values are lost whatever the downgrade says, and the version that runs now still selects it by name",
    instead=_TWO_STEPS,
)  # fmt: skip
def column_dropped(look: Look) -> Iterator[Found]:
    """A column that was there before is dropped."""
    made = {(c.full_table, n) for c in look.script.upgrade if c.kind == "add_column" for n in c.names}
    for change in look.upgrade:
        name = change.names[0] if change.names else None
        if change.kind == "drop_column" and (change.full_table, name) not in made:
            yield Found(about(change, name or "…"), "the column is dropped with its values", change.line, change)


@rule(
    "table-renamed", "warning",
    why="the version that runs now fails at once: it knows the old name only",
    instead="a view under the old name until the last old version is gone; or a new table, written to by both",
)  # fmt: skip
def table_renamed(look: Look) -> Iterator[Found]:
    """A table gets another name."""
    remade = {c.full_table for c in look.script.upgrade if c.kind == "create_table"}
    for change in look.upgrade:
        if change.kind == "rename_table" and change.full_table not in remade:
            yield Found(about(change), f"renamed to {change.name or '…'}", change.line, change)


@rule(
    "column-renamed", "warning",
    why="the version that runs now fails at once: it knows the old name only",
    instead="add the new column, write both, copy, read the new one, and drop the old one in a later release",
)  # fmt: skip
def column_renamed(look: Look) -> Iterator[Found]:
    """A column gets another name."""
    for change in look.upgrade:
        if change.kind == "rename_column":
            name = change.names[0] if change.names else "…"
            yield Found(about(change, name), f"renamed to {change.name or '…'}", change.line, change)


@rule(
    "rows-deleted", "warning",
    why="no downgrade brings rows back",
    instead="keep them in a table beside until the release has proven itself; or tell that there is no way back",
)  # fmt: skip
def rows_deleted(look: Look) -> Iterator[Found]:
    """The upgrade deletes rows of a table that was there before, and the downgrade inserts none there."""
    for change in look.upgrade:
        if change.kind in ("delete", "truncate") and not _given_back(change, look):
            all_rows = "every row is deleted" if not change.where else "rows are deleted"
            yield Found(about(change), all_rows, change.line, change)


def _given_back(change: Change, look: Look) -> bool:
    """Whether the downgrade makes rows of the table, or objects of the ORM's that may be such."""
    return any(
        (c.kind == "insert" and c.full_table in (None, change.full_table))
        or (c.kind == "update" and c.full_table is None and not c.writes)
        for c in look.script.downgrade
    )  # fmt: skip
