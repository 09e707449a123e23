"""What keeps others from a table that is in use, and columns that rows which are there already can make fail."""

from collections.abc import Iterator

from dbadmin.dialects.changes import Change
from dbadmin.migrations.review.rule import Found, Look, about, rule
from dbadmin.results import Severity


@rule(
    "not-null-without-default", "error", "sqlite", "postgresql",
    why="rows that are there already would have no value in it: the statement fails as soon as there is one",
    instead="a server_default (taken away again later); or nullable=True, fill it, then NOT NULL in a later revision",
)  # fmt: skip
def not_null_without_default(look: Look) -> Iterator[Found]:
    """A NOT NULL column without a server default is added to a table that was there before and was not emptied."""
    emptied: set[str | None] = set()
    for change in look.upgrade:
        if change.kind == "truncate" or (change.kind == "delete" and not change.where and not change.guarded):
            emptied.add(change.full_table)
        if change.full_table in emptied:
            continue
        for column in change.columns if change.kind == "add_column" else ():
            serial = column.primary_key and column.type in ("Integer", "BigInteger", "SmallInteger")
            if not column.nullable and column.default is None and not column.generated and not serial:
                size = look.size(change)
                empty = size is not None and size.rows == 0
                detail = "NOT NULL without a default" + ("; the table had no rows" if empty else "")
                level: Severity | None = "note" if empty else None
                yield Found(about(change, column.name or "…"), detail, change.line, change, severity=level)


@rule(
    "not-null-filled-silently", "warning", "mysql",
    why="rows that are there already get '' or 0, which nobody chose and nobody can tell from a real value",
    instead="a server_default that means something, or nullable=True, fill it, and nullable=False in a revision after",
)  # fmt: skip
def not_null_filled_silently(look: Look) -> Iterator[Found]:
    """The same on engines that fill such a column by themselves."""
    for change in look.upgrade:
        for column in change.columns if change.kind == "add_column" else ():
            if not column.nullable and column.default is None and not column.generated and not column.primary_key:
                detail = "NOT NULL without a default: rows that are there get an empty value"
                yield Found(about(change, column.name or "…"), detail, change.line, change)


@rule(
    "not-null-set", "warning", timed=True,
    why="fails where one row has no value, and reads every row under the lock to find out",
    instead="fill the column first; on PostgreSQL ADD CONSTRAINT … CHECK (c IS NOT NULL) NOT VALID, validate it in a "
    "revision of its own, then SET NOT NULL (which believes the constraint)",
    elsewhere=dict.fromkeys(("mysql", "sqlite"), "fill the column in a revision before it, so that it does not fail"),
)  # fmt: skip
def not_null_set(look: Look) -> Iterator[Found]:
    """A column that may be empty is made NOT NULL."""
    for change in look.upgrade:
        if change.kind == "alter_column" and "nullable" in change.given and not change.columns[0].nullable:
            name = change.columns[0].name
            known = look.before.column(change.full_table, name)
            was = change.old is not None and not change.old.nullable
            if not was and (known is None or known.nullable):
                yield Found(about(change, name or "…"), "set NOT NULL on rows that are there", change.line, change)


@rule(
    "type-changed", "warning", timed=True,
    why="every row is written anew and every index of the column built anew, under a lock; values may not fit",
    instead="a new column of the new type, written beside the old one, filled in batches, then swapped",
)  # fmt: skip
def type_changed(look: Look) -> Iterator[Found]:
    """A change of type that does not leave the rows as they are."""
    for change in look.upgrade:
        if change.kind != "alter_column" or "type" not in change.given:
            continue
        new = change.columns[0]
        old = change.old if change.old and change.old.type else look.before.column(change.full_table, new.name)
        if look.engine.rewrites(old, new) is False or (old is not None and old.written == new.written):
            continue
        was = f"from {old.written} " if old is not None and old.type else ""
        yield Found(about(change, new.name or "…"), f"{was}to {new.written}", change.line, change)


@rule(
    "table-rewritten", "warning", "postgresql", "mysql", timed=True,
    why="the whole table is written anew with its indexes; nobody writes to it, or nobody reads it, meanwhile",
    instead="outside migrations and at a quiet time: on PostgreSQL pg_repack, or REINDEX CONCURRENTLY",
    elsewhere={"mysql": "outside migrations and at a quiet time, or by pt-online-schema-change or gh-ost"},
)  # fmt: skip
def table_rewritten(look: Look) -> Iterator[Found]:
    """VACUUM FULL, CLUSTER, REINDEX, OPTIMIZE, another tablespace, engine or character set of a whole table."""
    for change in look.upgrade:
        if change.kind == "rewrite_table":
            yield Found(about(change), _shortened(change.sql or ""), change.line, change)


def _shortened(statement: str) -> str:
    return statement if len(statement) <= 60 else f"{statement[:59]}…"


@rule(
    "column-rewrites-table", "warning", "postgresql", "mysql", timed=True,
    why="a default that differs by row, or a generated value, is computed and written for every row under a lock",
    instead="add the column without it, set the default after, and fill the rows in batches",
)  # fmt: skip
def column_rewrites_table(look: Look) -> Iterator[Found]:
    """A new column whose value has to be computed for each row."""
    for change in look.upgrade:
        effect = look.effect(change)
        if change.kind == "add_column" and effect is not None and effect.work == "rewrite":
            name = change.names[0] if change.names else "…"
            yield Found(about(change, name), "computed for every row", change.line, change)


@rule(
    "index-blocks-writes", "warning", "postgresql", timed=True,
    why="CREATE INDEX keeps every writer out until the index is built",
    instead="op.create_index(…, postgresql_concurrently=True) inside `with op.get_context().autocommit_block():`",
)  # fmt: skip
def index_blocks_writes(look: Look) -> Iterator[Found]:
    """An index on a table that was there before, not CONCURRENTLY."""
    for change in look.upgrade:
        if change.kind == "create_index" and not change.concurrently:
            yield Found(about(change), f"CREATE INDEX {change.name or ''}".rstrip(), change.line, change)
        for column in change.columns if change.kind == "add_column" else ():
            if column.index:
                yield Found(about(change), f"CREATE INDEX on {column.name}", change.line, None)


@rule(
    "table-locked", "warning", "postgresql", "mysql",
    why="it is held until the transaction ends, which is when all that Alembic runs with it is done; who waits for it "
    "keeps all that come later waiting, too",
    instead="leave it to each statement to take the lock that it needs; else a revision of its own that does little "
    "more, with SET LOCAL lock_timeout = '2s' before it",
    elsewhere={"mysql": "leave it to each statement to take the lock that it needs; else SET lock_wait_timeout = 2 "
    "before it, and UNLOCK TABLES as soon as it can be"},
)  # fmt: skip
def table_locked(look: Look) -> Iterator[Found]:
    """LOCK TABLE in a mode that keeps readers or writers out."""
    for change in look.upgrade:
        effect = look.effect(change) if change.kind == "lock_table" else None
        if effect is not None and effect.blocks in ("writes", "reads and writes"):
            detail = f"LOCK TABLE in the mode {effect.lock}" if change.table else "every table of the server"
            yield Found(about(change), detail, change.line, change)


@rule(
    "tables-not-unlocked", "error", "mysql",
    why="a session that has locked tables can use no other: Alembic cannot write alembic_version, and fails",
    instead="UNLOCK TABLES before the revision ends",
)  # fmt: skip
def tables_not_unlocked(look: Look) -> Iterator[Found]:
    """LOCK TABLES without UNLOCK TABLES after it, in either direction."""
    for direction in ("upgrade", "downgrade"):
        locked: Change | None = None
        for change in getattr(look.script, direction):
            if change.kind == "lock_table":
                locked = change
            elif change.kind == "sql" and (change.sql or "").upper().startswith("UNLOCK TABLE"):
                locked = None
        if locked is not None and not locked.guarded:
            detail = "LOCK TABLES, and no UNLOCK TABLES after it"
            yield Found(about(locked), detail, locked.line, direction=direction)
