"""The downgrade: whether there is one, and whether it runs and leaves nothing that makes the next upgrade fail."""

from collections.abc import Iterable, Iterator

from dbadmin.dialects.changes import ColumnText, enum_name
from dbadmin.migrations.review.reversing import hides_something, leaves_all
from dbadmin.migrations.review.rule import Found, Look, about, named, rule


@rule(
    "downgrade-missing", "warning",
    why="when the new version fails there is no way back but a backup",
    instead="write downgrade(); where the change cannot be taken back, raise NotImplementedError and say why",
)  # fmt: skip
def downgrade_missing(look: Look) -> Iterator[Found]:
    """No downgrade(), or one that does nothing although the upgrade does something."""
    reason = look.revision.irreversible
    if reason in ("has no downgrade()", "downgrade() is empty") and not leaves_all(look):
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
    """An enum that the upgrade makes, by itself or with a table, and that the downgrade does not drop."""
    if look.revision.irreversible is not None or hides_something(look, "downgrade"):
        return
    down = look.script.downgrade
    if any(c.kind == "drop_type" and c.name is None for c in down):
        return
    gone = {change.name for change in (*down, *look.script.upgrade) if change.kind == "drop_type"}
    known = _enums(look.before.tables[table].columns.values() for table in look.before.tables) | look.before.types
    for change in look.script.upgrade:
        if change.kind == "create_table":
            made = _enums([change.columns])
        else:
            made = {change.name} if change.kind == "create_type" and change.name else set()
        for name in sorted(made - gone - known):
            known.add(name)
            detail = f"the type {name} stays after downgrade()"
            line = look.script.lines.get("downgrade")
            yield Found(name if change.kind == "create_type" else about(change), detail, line, direction="downgrade")


def _enums(columns: Iterable[Iterable[ColumnText]]) -> set[str]:
    """Names of enums that SQLAlchemy makes with a table."""
    return {name for listed in columns for column in listed if (name := enum_name(column))}
