"""Foreign keys: whether they are there, and whether an index serves them."""

from collections.abc import Iterator

from dbadmin.dialects.changes import Change, ColumnText
from dbadmin.migrations.review.history import History
from dbadmin.migrations.review.rule import Found, Look, about, rule


@rule(
    "foreign-key-without-index", "warning", "sqlite", "postgresql",
    why="deleting or updating a parent row reads the whole child table to look for children, and so does a join",
    instead="op.create_index(…) on the column, or index=True on the model's column",
)  # fmt: skip
def foreign_key_without_index(look: Look) -> Iterator[Found]:
    """A foreign key made here whose columns no index of the table begins with, once the revision has run."""
    after = look.before.after(look.script.upgrade)
    for change, columns in _made(look):
        state = after.tables.get(change.full_table or "")
        if state is not None and columns and not state.covers(columns) and set(columns) <= state.foreign:
            yield Found(about(change, ", ".join(columns)), "no index begins with this foreign key", change.line)


def _made(look: Look) -> Iterator[tuple[Change, tuple[str, ...]]]:
    """Foreign keys that the upgrade makes, by their columns."""
    for change in look.script.upgrade:
        if change.kind == "add_constraint" and change.constraint == "foreign":
            yield change, change.names
        elif change.kind in ("create_table", "add_column"):
            yield from ((change, (c.name,)) for c in change.columns if c.references and c.name)


@rule(
    "column-without-foreign-key", "note",
    why="a column that names another table's key and has no foreign key will one day lead to rows that are gone",
    instead="sa.ForeignKey('table.id'); or, where it leads outside this database, a name that does not look like one",
)  # fmt: skip
def column_without_foreign_key(look: Look) -> Iterator[Found]:
    """`user_id` beside a table `users` of the same type of key, and no foreign key in the whole revision."""
    after = look.before.after(look.script.upgrade)
    for change in look.script.upgrade:
        if change.kind not in ("create_table", "add_column"):
            continue
        state = after.tables.get(change.full_table or "")
        for column in change.columns:
            target = _meant(column, after, change)
            if target and state is not None and column.name not in state.foreign:
                detail = f"looks like a key of {target}, and is no foreign key"
                yield Found(about(change, column.name), detail, change.line)


def _meant(column: ColumnText, history: History, change: Change) -> str | None:
    """The table whose key a column's name says that it holds: one with an `id` of the same type."""
    if column.name is None or not column.name.endswith("_id") or column.primary_key:
        return None
    stem = column.name[:-3]
    ends = (stem, f"{stem}s", f"{stem}es", f"{stem[:-1]}ies")
    for name in ends:
        table = f"{change.schema}.{name}" if change.schema else name
        key = history.column(table, "id")
        if table != change.full_table and key is not None and key.type is not None and key.type == column.type:
            return table
    return None
