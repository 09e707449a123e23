"""Data: whether the downgrade gives back what the upgrade writes over, and whether anything could."""

from collections.abc import Iterable, Iterator

from dbadmin.dialects.changes import Change, Write
from dbadmin.migrations.review.reversing import hides_something
from dbadmin.migrations.review.rule import Found, Look, about, rule

PROVE = "`dbadmin verify-rollback` counts the rows that differ"


@rule(
    "data-not-restored", "warning",
    why="the version before finds rows as the new one left them: values that it does not know, rows that it never made",
    instead="write the old values back in downgrade(), from a column or a table beside that keeps them; or raise "
    f"NotImplementedError there and say why; {PROVE}",
)  # fmt: skip
def data_not_restored(look: Look) -> Iterator[Found]:
    """Rows that the upgrade writes in a table that was there before, and that the downgrade leaves as they are."""
    if look.revision.irreversible is not None or hides_something(look, "downgrade"):
        return
    told = set()
    for change, columns in _written(look):
        what = (change.kind, change.full_table, columns)
        if what in told or _touched(change, columns, look.script.downgrade):
            continue
        told.add(what)
        if change.kind == "insert":
            detail = "rows are inserted, and downgrade() does not delete them"
        else:
            detail = f"{_values(columns)} written, and downgrade() does not write the old ones back"
        yield Found(about(change, ", ".join(columns) or None), detail, change.line, change)


def _values(columns: tuple[str, ...]) -> str:
    return f"new values of {', '.join(columns)} are" if columns else "new values are"


def _written(look: Look) -> Iterator[tuple[Change, tuple[str, ...]]]:
    """Inserts and updates of what was there before, with the columns that are written (none where not known)."""
    own = {(c.full_table, name) for c in look.script.upgrade if c.kind in ("add_column", "drop_column")
           for name in c.names}  # fmt: skip
    made = any(c.kind in ("create_table", "add_column") for c in look.script.upgrade)
    dropped = {c.full_table for c in look.script.upgrade if c.kind == "drop_table"}
    for change in look.upgrade:
        if change.kind not in ("insert", "update") or change.full_table in dropped:
            continue
        columns = tuple(w.column for w in change.writes if (change.full_table, w.column) not in own)
        unknown = not change.writes and any(table == change.full_table for table, _ in own)
        if change.kind == "update" and (unknown or (change.writes and not columns)):
            continue  # it fills what this revision adds, or empties what it drops
        if change.full_table is None and made:
            continue  # which may be what this revision makes
        yield change, columns


def _touched(change: Change, columns: tuple[str, ...], down: Iterable[Change]) -> bool:
    """Whether the downgrade does anything with these rows; what is not known to be another table may be this one."""
    kinds = ("delete", "truncate") if change.kind == "insert" else ("update", "insert", "alter_column", "drop_column")
    for other in down:
        same = other.full_table is None or change.full_table is None or other.full_table == change.full_table
        if other.kind == "alter_column" and "type" not in other.given:
            continue
        if same and other.kind in ("drop_table", "create_table", "rename_table"):
            return True
        if same and other.kind in kinds:
            names = {w.column for w in other.writes} | set(other.names)
            if not names or not columns or names & set(columns):
                return True
    return False


@rule(
    "downgrade-deletes-rows", "warning",
    why="after a rollback the rows are gone, also those that users wrote since, and the next upgrade brings none back",
    instead="give the rows what the version before understands, or keep them in a table beside, from which upgrade() "
    f"takes them again; or raise NotImplementedError there and say why; {PROVE}",
)  # fmt: skip
def downgrade_deletes_rows(look: Look) -> Iterator[Found]:
    """Rows that the downgrade deletes from a table that stays: the upgrade wrote none, and nothing keeps them."""
    down, up = look.script.downgrade, look.script.upgrade
    if hides_something(look, "upgrade") or any(change.kind == "insert" for change in (*up, *down)):
        return
    own = {c.full_table for c in (*up, *down) if c.kind in ("create_table", "drop_table", "rename_table")}
    for change in down:
        if change.kind in ("delete", "truncate") and change.full_table is not None and change.full_table not in own:
            line = look.script.lines.get("downgrade", change.line)
            yield Found(
                about(change), "downgrade() deletes rows that upgrade() did not make", line, direction="downgrade"
            )


@rule(
    "values-merged", "warning",
    why="several values become one, so that nothing tells afterwards which row had which: no downgrade can give them "
    "back from what is left",
    instead="keep the old values in a column or a table beside until the release has proven itself, and write them "
    f"back from there; {PROVE}",
)  # fmt: skip
def values_merged(look: Look) -> Iterator[Found]:
    """The upgrade makes several values one, and the downgrade writes something else than values that were kept."""
    if look.revision.irreversible is not None or hides_something(look, "downgrade"):
        return
    down = [c for c in look.script.downgrade if c.kind == "update"]
    seen: dict[tuple[str | None, str, str], int] = {}
    for change, columns in _written(look):
        for write in change.writes if change.kind == "update" else ():
            back = [w for c in down if c.full_table == change.full_table for w in c.writes if w.column == write.column]
            if write.column not in columns or not back or any(w.reads - {w.column} for w in back):
                continue
            key = (change.full_table, write.column, write.constant or "")
            reason = _merges(write, again=write.constant is not None and key in seen)
            seen[key] = change.line
            if reason:
                yield Found(about(change, write.column), f"{reason}; downgrade() cannot tell them apart", change.line,
                            change)  # fmt: skip


def _merges(write: Write, *, again: bool) -> str | None:
    """How a statement makes several values one; None where it does not, as far as can be told."""
    if write.constant is None:
        alone = write.lossy and write.reads <= {write.column}
        return "several values become one by a function" if alone else None
    if write.picked is None:
        return f"any value becomes {write.constant}"
    if len(write.picked | {write.constant}) > 2:
        return f"{', '.join(sorted(write.picked - {write.constant}))} become {write.constant}"
    return f"{', '.join(write.picked)} becomes {write.constant}, as another value does" if again else None
