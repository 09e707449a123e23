"""The downgrade: whether there is one, and whether it takes back what the upgrade does."""

from collections.abc import Iterable, Iterator

from dbadmin.dialects.changes import Change, ColumnText
from dbadmin.migrations.review.names import enum_name
from dbadmin.migrations.review.rule import Found, Look, about, named, rule

_OPPOSITE = {
    "create_table": "drop_table", "add_column": "drop_column", "create_index": "drop_index",
    "add_constraint": "drop_constraint", "drop_table": "create_table", "drop_column": "add_column",
    "drop_index": "create_index", "drop_constraint": "add_constraint",
}  # fmt: skip
_WORDS = {
    "create_table": "table", "add_column": "column", "create_index": "index", "add_constraint": "constraint",
    "drop_table": "table", "drop_column": "column", "drop_index": "index", "drop_constraint": "constraint",
}  # fmt: skip


@rule(
    "downgrade-missing", "warning",
    why="when the new version fails there is no way back but a backup",
    instead="write downgrade(); where the change cannot be taken back, raise NotImplementedError and say why",
)  # fmt: skip
def downgrade_missing(look: Look) -> Iterator[Found]:
    """No downgrade(), or one that does nothing although the upgrade does something."""
    reason = look.revision.irreversible
    if reason in ("has no downgrade()", "downgrade() is empty"):
        line = look.script.lines.get("downgrade")
        yield Found(named(look.revision.file), reason, line or 1, direction="downgrade")


@rule(
    "downgrade-refuses", "note",
    why="this is a point of no return: whoever deploys it should know before, not when he wants back",
    instead="tell it in the release notes, and take a backup first",
)  # fmt: skip
def downgrade_refuses(look: Look) -> Iterator[Found]:
    """downgrade() raises."""
    reason = look.revision.irreversible or ""
    if reason.startswith("downgrade() raises"):
        yield Found(named(look.revision.file), reason, look.script.lines.get("downgrade"), direction="downgrade")


@rule(
    "downgrade-incomplete", "warning",
    why="what stays behind makes the next upgrade fail, and the old version run on a schema that it does not know",
    instead="take it back in downgrade(), in the opposite order; `dbadmin verify-rollback` proves it",
)  # fmt: skip
def downgrade_incomplete(look: Look) -> Iterator[Found]:
    """Something that the upgrade makes or drops, and the downgrade does not take back."""
    if look.revision.irreversible is not None or _unreadable(look.script.downgrade):
        return
    down = look.script.downgrade
    gone = {change.full_table for change in down if change.kind == "drop_table"}
    remade = {change.full_table for change in down if change.kind == "create_table"}
    for change in look.script.upgrade:
        opposite = _OPPOSITE.get(change.kind)
        if opposite is None or change.full_table is None or _undone_here(change, look.script.upgrade):
            continue
        if change.kind in ("create_table", "drop_table"):
            back = change.full_table in (gone if change.kind == "create_table" else remade) | _renamed(down)
        elif change.full_table in gone | remade | {c.full_table for c in look.script.upgrade if "table" in c.kind}:
            back = True
        else:
            back = any(_same(change, other) for other in down if other.kind == opposite) or _carried(change, down)
        if not back:
            word, what = _WORDS[change.kind], "is not dropped" if opposite.startswith("drop") else "is not made again"
            detail = f"the {word} {_thing(change)} {what} by downgrade()"
            line = look.script.lines.get("downgrade", change.line)
            yield Found(about(change), detail, line, direction="downgrade")


def _unreadable(changes: Iterable[Change]) -> bool:
    """Whether there is something of which only running it would tell what it does."""
    return any(c.kind == "sql" or (c.kind in _OPPOSITE and c.full_table is None and c.name is None) for c in changes)


def _thing(change: Change) -> str:
    if change.kind in ("create_table", "drop_table"):
        return about(change)
    return change.name or ", ".join(change.names) or "without a name"


def _same(one: Change, other: Change) -> bool:
    """Whether two changes are about the same column, index or constraint."""
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


def _renamed(down: Iterable[Change]) -> set[str | None]:
    return {table for c in down if c.kind == "rename_table" for table in (c.full_table, c.name)}


def _undone_here(change: Change, upgrade: Iterable[Change]) -> bool:
    """Whether the upgrade itself takes it back, or puts something else of that name in its place."""
    opposite = _OPPOSITE[change.kind]
    return any(other.kind == opposite and other is not change and _same(change, other) for other in upgrade)


@rule(
    "drops-unnamed-constraint", "error",
    why="there is nothing to write behind DROP CONSTRAINT: the statement cannot be compiled, and the downgrade fails",
    instead="name the constraint where it is made, and drop it by that name",
)  # fmt: skip
def drops_unnamed_constraint(look: Look) -> Iterator[Found]:
    """drop_constraint(None, …), which autogenerate writes where no naming convention is set."""
    for direction in ("upgrade", "downgrade"):
        for change in getattr(look.script, direction):
            if change.kind == "drop_constraint" and change.unnamed:
                yield Found(about(change), "drop_constraint(None, …)", change.line, direction=direction)


@rule(
    "enum-left-behind", "warning", "postgresql",
    why="the type of an Enum column is not dropped with its table, so that the next upgrade fails: it already exists",
    instead="sa.Enum(name='…').drop(op.get_bind()), or op.execute('DROP TYPE …'), in downgrade()",
)  # fmt: skip
def enum_left_behind(look: Look) -> Iterator[Found]:
    """An enum that comes with a table, and that the downgrade does not drop."""
    if look.revision.irreversible is not None:
        return
    dropped = {change.name for change in look.script.downgrade if change.kind == "drop_type"}
    known = _enums(look.before.tables[table].columns.values() for table in look.before.tables)
    for change in look.script.upgrade:
        made = _enums([change.columns]) if change.kind == "create_table" else set()
        for name in sorted(made - dropped - known):
            if not _unreadable(look.script.downgrade):
                detail = f"the type {name} stays when downgrade() drops the table"
                yield Found(about(change), detail, look.script.lines.get("downgrade"), direction="downgrade")


def _enums(columns: Iterable[Iterable[ColumnText]]) -> set[str]:
    """Names of enums that SQLAlchemy makes with a table."""
    return {name for listed in columns for column in listed if (name := enum_name(column))}
