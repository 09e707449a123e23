"""What stands in which transaction: what may not, and what stays behind when a step fails half way."""

from collections.abc import Iterator

from dbadmin.dialects.changes import Change, same_enum
from dbadmin.migrations.review.reversing import hides_something
from dbadmin.migrations.review.rule import Found, Look, about, rule

_ENUMS = {"add_enum_value", "create_type", "drop_type"}
_DATA = {"insert", "update", "delete", "lock_table", "sql", "commit"}


@rule(
    "concurrently-in-transaction", "error", "postgresql",
    why="CREATE INDEX CONCURRENTLY, and VACUUM, cannot run inside a transaction, and Alembic runs revisions in one: it "
    "fails",
    instead="with op.get_context().autocommit_block(): op.create_index(…, postgresql_concurrently=True)",
)  # fmt: skip
def concurrently_in_transaction(look: Look) -> Iterator[Found]:
    """CONCURRENTLY, VACUUM and the like outside an autocommit block, in either direction."""
    for direction in ("upgrade", "downgrade"):
        for change in getattr(look.script, direction):
            if change.concurrently and not change.outside:
                detail = f"{_begin(change)} outside an autocommit block"
                yield Found(about(change), detail, change.line, direction=direction)


def _begin(change: Change) -> str:
    """How the statement begins."""
    if change.kind.endswith("_index"):
        return f"{change.name or 'the index'} CONCURRENTLY"
    return " ".join((change.sql or "").split()[:3])


@rule(
    "autocommit-splits-revision", "warning", "postgresql",
    why="an autocommit block commits what stood before it: when it fails, the revision is half done for good",
    instead="give the block a revision of its own, with if_not_exists=True, so that it can be run again",
)  # fmt: skip
def autocommit_splits_revision(look: Look) -> Iterator[Found]:
    """An autocommit block beside other changes of the same upgrade."""
    inside = [change for change in look.script.upgrade if change.outside]
    outside = [
        change for change in look.script.upgrade if not change.outside and change.kind not in ("lock_table", "sql")
    ]
    if inside and outside:
        detail = f"{_counted(len(outside))} outside the autocommit block of the same revision"
        yield Found(about(inside[0]), detail, inside[0].line)


def _counted(number: int) -> str:
    return f"{number} change" if number == 1 else f"{number} changes"


@rule(
    "enum-value-in-transaction", "warning", "postgresql",
    why="a value that was added in a transaction cannot be used before it commits, and Alembic runs all that is "
    "pending in one: the step that uses it fails on a database that is behind, and not on yours",
    instead="with op.get_context().autocommit_block(): op.execute(\"ALTER TYPE … ADD VALUE …\")",
)  # fmt: skip
def enum_value_in_transaction(look: Look) -> Iterator[Found]:
    """ALTER TYPE … ADD VALUE outside an autocommit block."""
    for change in look.script.upgrade:
        if change.kind == "add_enum_value" and not change.outside:
            yield Found(change.name or "…", "ALTER TYPE … ADD VALUE inside the transaction", change.line)


@rule(
    "enum-value-stays", "note", "postgresql",
    why="PostgreSQL cannot drop a value of an enum: the downgrade has to make the type anew, or the value stays",
    instead="make a type without it, ALTER COLUMN … TYPE … USING, and drop the old one; or accept that it stays",
)  # fmt: skip
def enum_value_stays(look: Look) -> Iterator[Found]:
    """A value is added, and the downgrade does not make the type anew."""
    remakes = any(
        change.kind in ("create_type", "drop_type", "alter_column", "sql") for change in look.script.downgrade
    )
    for change in look.script.upgrade:
        if change.kind == "add_enum_value" and not remakes and look.revision.irreversible is None:
            yield Found(
                change.name or "…", "the new value stays after the downgrade", change.line, direction="downgrade"
            )


@rule(
    "enum-labels-unchanged", "error", "postgresql",
    why="the type has its labels for itself: ALTER COLUMN … TYPE with the same name changes nothing, and rows with the "
    "new label are refused",
    instead="ALTER TYPE … ADD VALUE in an autocommit block; or a type of another name, and ALTER COLUMN … TYPE … USING",
)  # fmt: skip
def enum_labels_unchanged(look: Look) -> Iterator[Found]:
    """A column's enum is given other labels under the name that it has, and nothing changes the type itself."""
    if hides_something(look, "upgrade") or any(c.kind in _ENUMS for c in look.script.upgrade):
        return
    for change in look.script.upgrade:
        for new in change.columns if change.kind == "alter_column" and "type" in change.given else ():
            old = look.before.column(change.full_table, new.name) or change.old
            more = set(new.arguments) - set(old.arguments) if old is not None and same_enum(old, new) else ()
            labels = sorted(label for label in more if isinstance(label, str))
            if labels and old is not None and old.arguments:
                detail = f"the type {new.options['name']} does not get {', '.join(labels)}"
                yield Found(about(change, new.name), detail, change.line)


@rule(
    "half-done-ddl", "note", "mysql",
    why="every DDL statement commits: when a later one fails, the earlier ones stay, and the revision cannot run again",
    instead="one change in a revision; `dbadmin verify-rollback` shows what a failure leaves behind",
)  # fmt: skip
def half_done_ddl(look: Look) -> Iterator[Found]:
    """Several statements in one upgrade, on an engine that cannot roll DDL back."""
    own = [change for change in look.script.upgrade if not change.inner]
    changes = [c for at, c in enumerate(own) if at == 0 or c.sql is None or (c.sql, c.line) != _written(own[at - 1])]
    definitions = [change for change in changes if change.kind not in _DATA]
    if look.transactional or len(changes) < 2 or not definitions:
        return
    detail = f"{len(changes)} statements, each committed by itself"
    yield Found(about(changes[1]), detail, changes[1].line)


def _written(change: Change) -> tuple[str | None, int]:
    return change.sql, change.line


@rule(
    "transaction-ended", "warning",
    why="it ends Alembic's own transaction: what comes after is not rolled back, and the version may not be recorded",
    instead="leave committing to Alembic; op.get_context().autocommit_block() where something must be committed before",
)  # fmt: skip
def transaction_ended(look: Look) -> Iterator[Found]:
    """op.get_bind().commit(), or COMMIT as SQL."""
    for direction in ("upgrade", "downgrade"):
        for change in getattr(look.script, direction):
            if change.kind == "commit" and not change.outside:
                yield Found("the transaction", "the script commits by itself", change.line, direction=direction)


@rule(
    "rows-written-under-lock", "warning", "postgresql",
    why="ALTER TABLE keeps everybody out of the table until the transaction ends, and the rows are written meanwhile",
    instead="two revisions: the schema in one, the rows in batches in the next",
)  # fmt: skip
def rows_written_under_lock(look: Look) -> Iterator[Found]:
    """Rows of a table are written after a statement that keeps readers and writers out of it, in one transaction."""
    locked: set[str | None] = set()
    for change in look.upgrade:
        if change.kind in ("update", "delete", "insert") and change.full_table in locked and not change.outside:
            detail = f"{change.kind} while the table is locked by a change before it"
            yield Found(about(change), detail, change.line, change)
        effect = look.effect(change)
        if effect is not None and effect.blocks == "reads and writes" and not change.outside and change.full_table:
            locked.add(change.full_table)


@rule(
    "every-row-in-one-statement", "warning", timed=True,
    why="every row stays locked until it ends, its old version is kept, and replicas fall behind",
    instead="batches by key, each committed, outside the migration or in an autocommit block",
)  # fmt: skip
def every_row_in_one_statement(look: Look) -> Iterator[Found]:
    """UPDATE or DELETE without WHERE on a table that was there before."""
    for change in look.upgrade:
        if change.kind in ("update", "delete") and not change.where and change.table is not None and not change.loop:
            yield Found(about(change), f"{change.kind.upper()} without WHERE", change.line, change)
