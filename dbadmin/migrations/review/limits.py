"""What an engine's ALTER TABLE cannot do at all."""

import re
from collections.abc import Iterator

from dbadmin.dialects.changes import Change
from dbadmin.migrations.review.rule import Found, Look, about, rule

_WORDS = {"alter_column": "ALTER COLUMN", "add_constraint": "ADD CONSTRAINT", "drop_constraint": "DROP CONSTRAINT"}
_COMPUTED = re.compile(r"\s*(\(|CURRENT_(TIMESTAMP|DATE|TIME)\b)|\w+\(\)$", re.IGNORECASE)
"""A server default that SQLite computes for each row."""


@rule(
    "batch-mode-missing", "error", "sqlite",
    why="ALTER TABLE adds, drops and renames plain columns on SQLite and nothing else: Alembic or SQLite refuses it",
    instead='with op.batch_alter_table("users") as batch_op: …, which copies the table',
)  # fmt: skip
def batch_mode_missing(look: Look) -> Iterator[Found]:
    """A column altered, a constraint made or dropped, or a column added with one, outside batch mode, in either
    direction; or a new column whose default is computed, for a table with rows.
    """
    for direction in ("upgrade", "downgrade"):
        for change in getattr(look.script, direction):
            detail = _refused(change, look)
            if detail is not None and not change.batch and not change.inner and not change.guarded:
                yield Found(about(change), detail, change.line, direction=direction)


def _refused(change: Change, look: Look) -> str | None:
    """What SQLite does not do of a change; None for nothing."""
    if change.kind in _WORDS:
        named = ", ".join(change.names) or change.name or ""
        return f"{_WORDS[change.kind]} {named}".rstrip() + " outside batch mode"
    for column in change.columns if change.kind == "add_column" else ():
        if column.unique or (column.references and change.sql is None):
            word = "UNIQUE" if column.unique else "a foreign key"
            return f"ADD COLUMN {column.name or '…'} with {word} outside batch mode"
        if column.default is not None and _COMPUTED.match(column.default) and not look.exempt(change):
            return f"ADD COLUMN {column.name or '…'} with a default that is computed: refused where there are rows"
    return None
