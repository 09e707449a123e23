"""Whether the downgrade takes back what the upgrade makes of the schema."""

import re
from collections.abc import Iterable, Iterator

from dbadmin.dialects.changes import Change
from dbadmin.migrations.review.rule import Found, Look, about, rule
from dbadmin.results import Severity

_OPPOSITE = {
    "create_table": "drop_table", "add_column": "drop_column", "create_index": "drop_index",
    "add_constraint": "drop_constraint", "drop_table": "create_table", "drop_column": "add_column",
    "drop_index": "create_index", "drop_constraint": "add_constraint", "create_object": "drop_object",
    "drop_object": "create_object",
}  # fmt: skip
_WORDS = {
    "create_table": "table", "add_column": "column", "create_index": "index", "add_constraint": "constraint",
    "drop_table": "table", "drop_column": "column", "drop_index": "index", "drop_constraint": "constraint",
}  # fmt: skip
_ALTERED = {"type": "type", "nullable": "NOT NULL", "default": "server default", "comment": "comment"}
_PASSING = re.compile(
    r"(ANALYZE|VACUUM|REINDEX|CLUSTER|OPTIMIZE|SET|SHOW|LOCK)\b|ALTER TABLE .* VALIDATE CONSTRAINT \S+$", re.IGNORECASE
)
"""What leaves the schema and the rows as they are."""
_HARMLESS = re.compile(
    r"(SELECT|VALUES|SET|RESET|SHOW|PRAGMA|ANALYZE|VACUUM|LOCK|GRANT|REVOKE|COMMENT|SAVEPOINT|RELEASE)\b", re.IGNORECASE
)


@rule(
    "downgrade-incomplete", "warning",
    why="what stays behind makes the next upgrade fail, and the old version run on a schema that it does not know",
    instead="take it back in downgrade(), in the opposite order; `dbadmin verify-rollback` proves it",
)  # fmt: skip
def downgrade_incomplete(look: Look) -> Iterator[Found]:
    """Something of the schema that the upgrade makes, drops, alters or renames, and the downgrade does not take back; a
    note where that is a comment.
    """
    if look.revision.irreversible is not None or hides_something(look, "downgrade"):
        return
    for change in look.script.upgrade:
        if change.kind == "alter_column":
            yield from _altered(change, look)
        elif change.kind in ("rename_table", "rename_column", "comment_table"):
            yield from _renamed(change, look)
        else:
            yield from _made(change, look)


def hides_something(look: Look, direction: str) -> bool:
    """Whether a function does something of which only running it would tell what it is."""
    changes = look.script.downgrade if direction == "downgrade" else look.script.upgrade
    return direction in look.script.unread or any(_is_opaque(change) for change in changes)


def leaves_all(look: Look) -> bool:
    """Whether the upgrade has changes, and none of them is anything to take back."""
    changes = look.script.upgrade
    passing = all(
        change.kind in ("sql", "lock_table", "rewrite_table") and _PASSING.match(change.sql or "") for change in changes
    )
    return bool(changes) and passing and "upgrade" not in look.script.unread


def _is_opaque(change: Change) -> bool:
    if change.kind == "sql":
        return change.sql is None or not _HARMLESS.match(change.sql)
    return change.kind in _OPPOSITE and change.full_table is None and change.name is None


def _found(change: Change, what: str, look: Look, severity: Severity | None = None) -> Found:
    line = look.script.lines.get("downgrade", change.line)
    thing = change.name if change.table is None and change.name else about(change)
    return Found(thing, f"{what} by downgrade()", line, direction="downgrade", severity=severity)


def _made(change: Change, look: Look) -> Iterator[Found]:
    """What is made or dropped."""
    opposite = _OPPOSITE.get(change.kind)
    down, up = look.script.downgrade, look.script.upgrade
    if opposite is None or _undone_here(change, up) or _swapped(change, look) or _back(change, opposite, down, up):
        return
    if (change.table or "").startswith("_alembic_tmp_"):
        return  # what is left of a batch operation that failed
    if change.kind.endswith(("_index", "_constraint")) and change.guarded and not change.name and not change.names:
        return  # one of several ways
    if change.kind in ("create_object", "drop_object"):
        word, thing = change.what, change.name
    else:
        word, thing = _WORDS[change.kind], _thing(change)
    what = "is not dropped" if opposite.startswith("drop") else "is not made again"
    yield _found(change, f"the {word} {thing} {what}", look)


def _back(change: Change, opposite: str, down: Iterable[Change], up: Iterable[Change]) -> bool:
    gone = {other.full_table for other in down if other.kind == "drop_table"}
    remade = {other.full_table for other in down if other.kind == "create_table"}
    if change.kind in ("create_object", "drop_object"):
        same = [other for other in down if other.kind in ("create_object", "drop_object") and other.what == change.what]
        return change.name is None or any(other.name in (None, change.name) for other in same)
    if change.full_table is None:
        return change.kind != "drop_index" or any(_same(change, other) for other in down if other.kind == opposite)
    if change.kind in ("create_table", "drop_table"):
        names = {table for c in down if c.kind == "rename_table" for table in (c.full_table, c.name)}
        return change.full_table in (gone if change.kind == "create_table" else remade) | names
    if change.full_table in gone | remade | {c.full_table for c in up if c.kind.endswith("_table")}:
        return True
    return any(_same(change, other) for other in down if other.kind == opposite) or _carried(change, down)


def _swapped(change: Change, look: Look) -> bool:
    """Whether a column takes another one's name within the upgrade, and one does within the downgrade, too."""
    renamed = [[c for c in changes if c.kind == "rename_column" and c.full_table == change.full_table]
               for changes in (look.script.upgrade, look.script.downgrade)]  # fmt: skip
    names = {name for c in renamed[0] for name in (c.name, *c.names)}
    return change.kind in ("add_column", "drop_column") and bool(names & set(change.names)) and bool(renamed[1])


def _altered(change: Change, look: Look) -> Iterator[Found]:
    """What of a column is altered and not altered back; a column that comes or goes is another matter."""
    names = _aliases(set(change.names), look)
    both = (*look.script.upgrade, *look.script.downgrade)
    moved = [c for c in both if c.kind in ("add_column", "drop_column", "create_table", "drop_table")]
    if not names or change.full_table is None or any(_concerns(other, change, names) for other in moved):
        return
    if any(c.kind == "rename_table" for c in both):
        return  # under which name is not followed
    back = [c for c in look.script.downgrade if c.kind == "alter_column" and _concerns(c, change, names)]
    given = {word for other in back for word in other.given}
    for word in sorted(change.given - given):
        if not _is_same(change, word, look) and not _altered_again(change, word, look):
            severity: Severity | None = "note" if word == "comment" else None
            what = f"the {_ALTERED[word]} of {change.names[0]} is not changed back"
            yield _found(change, what, look, severity)


def _is_same(change: Change, word: str, look: Look) -> bool:
    """Whether the column is so already, as far as the scripts before tell."""
    before, (new, *_) = look.before.column(change.full_table, change.names[0]), change.columns
    if before is None or before.type is None:
        return False
    if word == "nullable":
        return before.nullable == new.nullable
    return word == "type" and (before.type, before.arguments, before.options) == (new.type, new.arguments, new.options)


def _concerns(other: Change, change: Change, names: set[str]) -> bool:
    """Whether another change is about the same table, or these columns of it."""
    same = other.full_table in (None, change.full_table)
    return same and (other.kind in ("create_table", "drop_table") or not other.names or bool(set(other.names) & names))


def _altered_again(change: Change, word: str, look: Look) -> bool:
    """Whether the upgrade alters the same twice, as it does who takes a default away for a while."""
    later = [c for c in look.script.upgrade if c.kind == "alter_column" and c.full_table == change.full_table
             and word in c.given and set(c.names) & set(change.names)]  # fmt: skip
    return len(later) > 1 and (later[-1] is not change or word == "default")


def _aliases(names: set[str], look: Look) -> set[str]:
    """The names of a column before and after renaming."""
    for c in (*look.script.upgrade, *look.script.downgrade):
        if c.kind == "rename_column" and c.name and ({c.name, *c.names} & names):
            names = names | {c.name, *c.names}
    return names


def _renamed(change: Change, look: Look) -> Iterator[Found]:
    """What is renamed and not renamed back, or described and not described as before."""
    down = look.script.downgrade
    if change.full_table is None or (change.name is None and change.kind != "comment_table"):
        return
    touched = {table for c in (*down, *look.script.upgrade) if c.kind in ("create_table", "drop_table")
               for table in (c.table, c.name)}  # fmt: skip
    if touched & {change.table, change.name}:
        return
    if change.kind == "comment_table":
        if not any(c.kind == "comment_table" and c.full_table in (None, change.full_table) for c in down):
            yield _found(change, "the comment of the table is not changed back", look, "note")
    elif change.kind == "rename_table":
        if not any(c.kind == "rename_table" for c in down):
            yield _found(change, f"{change.name} is not renamed back", look)
    elif not any(c.kind in ("rename_column", "drop_column", "add_column") for c in down):
        yield _found(change, f"the column {change.name} is not renamed back", look)


def _thing(change: Change) -> str:
    if change.kind in ("create_table", "drop_table"):
        return about(change)
    return change.name or ", ".join(change.names) or "without a name"


def _same(one: Change, other: Change) -> bool:
    """Whether two changes are about the same column, index, constraint or object."""
    if one.kind in ("create_object", "drop_object"):
        return one.what == other.what and one.name == other.name
    if one.kind in ("create_index", "drop_index", "add_constraint", "drop_constraint"):
        if one.name is None or other.name is None:
            return one.full_table == other.full_table or other.full_table is None
        return one.name == other.name
    same_table = one.full_table == other.full_table
    return same_table and (not one.names or not other.names or bool(set(one.names) & set(other.names)))


def _carried(change: Change, down: Iterable[Change]) -> bool:
    """Whether an index or a constraint goes with a column that the downgrade drops, or comes with one."""
    names = set(change.names)
    if change.kind not in ("create_index", "add_constraint", "drop_index", "drop_constraint"):
        return False
    moved = {name for c in down if c.kind in ("drop_column", "add_column", "alter_column", "rename_column")
             and c.full_table == change.full_table for name in c.names}  # fmt: skip
    return bool(names & moved) if names else bool(moved)


def _undone_here(change: Change, upgrade: Iterable[Change]) -> bool:
    """Whether the upgrade itself takes it back, or puts something else of that name in its place."""
    opposite = _OPPOSITE[change.kind]
    return any(
        (other.kind == opposite and other is not change and _same(change, other))
        or (change.name is not None and (other.sql or "").endswith(f" USING INDEX {change.name}"))
        for other in upgrade
    )
