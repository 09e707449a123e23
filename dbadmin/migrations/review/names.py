"""Names and types: what is cheap to write right and dear to change later."""

import re
from collections.abc import Iterator

from dbadmin.dialects.changes import Change, ColumnText, enum_name
from dbadmin.migrations.review.rule import Found, Look, about, rule

_MONEY = re.compile(r"(^|_)(price|amount|cost|total|subtotal|balance|fee|salary|revenue|tax|vat|discount)(_|s?$)")
_FLOATS = {"FLOAT", "FLOAT4", "FLOAT8", "REAL", "DOUBLE", "DOUBLE_PRECISION"}
_NUMBERS = {
    "SmallInteger": "smallint", "SMALLINT": "smallint", "smallint": "smallint",
    "Integer": "integer", "INTEGER": "integer", "Int": "integer", "int": "integer", "integer": "integer",
    "BigInteger": "bigint", "BIGINT": "bigint", "bigint": "bigint",
}  # fmt: skip
_CONVENTIONS = {"unique": "uq", "check": "ck", "foreign": "fk"}
FAMILIES = {
    **_NUMBERS, "Uuid": "uuid", "UUID": "uuid", "uuid": "uuid", "String": "text", "VARCHAR": "text", "Text": "text",
    "Unicode": "text", "varchar": "text", "text": "text",
}  # fmt: skip


@rule(
    "unnamed-constraint", "note",
    why="the engine makes up a name, each its own, so that no later revision can name the constraint on all of them",
    instead="give it a name, or set MetaData(naming_convention=…) and let autogenerate write op.f('…')",
)  # fmt: skip
def unnamed_constraint(look: Look) -> Iterator[Found]:
    """A unique, check or foreign key without a name, also by a convention: one finding for a revision, unless it makes
    it fail.
    """
    unnamed = [c for c in look.script.upgrade if c.kind == "add_constraint" and c.unnamed and c.constraint != "primary"]
    by_convention = look.naming() if unnamed else frozenset()
    unnamed = [c for c in unnamed if c.sql is not None or _CONVENTIONS.get(c.constraint or "") not in by_convention]
    refused = [change for change in unnamed if change.batch and not look.transactional and _needs_name(look)]
    for change in refused:
        detail = f"{_described(change)} has no name: batch mode refuses it (Constraint must have a name)"
        yield Found(about(change), detail, change.line, severity="error")
    rest = [change for change in unnamed if change not in refused]
    if rest:
        more = f" (and {len(rest) - 1} more in this revision)" if len(rest) > 1 else ""
        yield Found(about(rest[0]), f"{_described(rest[0])} has no name{more}", rest[0].line)


def _described(change: Change) -> str:
    return f"the {_word(change)} on {', '.join(change.names) or about(change)}"


def _needs_name(look: Look) -> bool:
    """Whether batch mode copies the table on this engine (where it does not, it needs no name)."""
    return look.engine.rewrites(None, ColumnText(None)) is True


def _word(change: Change) -> str:
    words = {"unique": "unique constraint", "check": "check", "foreign": "foreign key"}
    return words.get(change.constraint or "", "constraint")


@rule(
    "name-too-long", "error", "postgresql", "mysql",
    why="names longer than the engine allows fail, or are cut without a word, so that two of them become one",
    instead="choose a shorter name",
)  # fmt: skip
def name_too_long(look: Look) -> Iterator[Found]:
    """A name that the engine has no room for."""
    longest = look.engine.longest_name or 0
    for change in look.script.upgrade:
        for name in _names(change):
            length = len(name.encode()) if look.engine.cuts_names else len(name)
            if length > longest:
                detail = (
                    f"{name} has {length} of at most {longest} {'bytes' if look.engine.cuts_names else 'characters'}"
                )
                yield Found(about(change), detail, change.line)


def _names(change: Change) -> Iterator[str]:
    """The names that a change makes."""
    if change.kind in ("create_table", "add_column"):
        yield from change.names
    if change.kind == "create_table" and change.table:
        yield change.table
    if change.kind in ("create_index", "add_constraint", "rename_table", "rename_column") and change.name:
        yield change.name


@rule(
    "name-needs-quotes", "note", "postgresql",
    why="PostgreSQL folds names to lower case: one with capitals must be quoted in every statement ever after",
    instead="write it in lower case with underscores",
)  # fmt: skip
def name_needs_quotes(look: Look) -> Iterator[Found]:
    """A table or column with capitals in its name."""
    for change in look.script.upgrade:
        if change.kind in ("create_table", "add_column", "rename_table", "rename_column"):
            bad = [name for name in _names(change) if name != name.lower()]
            if bad:
                yield Found(about(change), f"{', '.join(bad)}: needs quotes wherever it is written", change.line)


@rule(
    "money-as-float", "warning",
    why="binary fractions cannot hold 0.10: sums of money drift by cents",
    instead="sa.Numeric(12, 2), or whole cents in sa.BigInteger()",
)  # fmt: skip
def money_as_float(look: Look) -> Iterator[Found]:
    """A float column whose name says that it is money."""
    for change, column in _new_columns(look):
        if (column.type or "").upper() in _FLOATS and column.name and _MONEY.search(column.name.lower()):
            yield Found(about(change, column.name), f"{column.written} for what is money by its name", change.line)


@rule(
    "time-without-zone", "note", "postgresql",
    why="timestamp without time zone keeps no zone: what is stored is read by everybody as his own time",
    instead="sa.DateTime(timezone=True)",
)  # fmt: skip
def time_without_zone(look: Look) -> Iterator[Found]:
    """DateTime columns without their zone: one finding for a table."""
    naive: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    for change, column in _new_columns(look):
        if _is_naive(column) and column.name:
            naive.setdefault(about(change), []).append(column.name)
            lines.setdefault(about(change), change.line)
    for table, columns in naive.items():
        yield Found(table, f"{', '.join(columns)}: without time zone", lines[table])


def _is_naive(column: ColumnText) -> bool:
    zone = column.options.get("timezone", column.arguments[0] if column.arguments else False)
    return (column.type or "").upper() in ("DATETIME", "TIMESTAMP") and zone is False


@rule(
    "text-without-length", "error", "mysql",
    why="VARCHAR has no default length here: the statement cannot even be compiled",
    instead="sa.String(255), or sa.Text()",
)  # fmt: skip
def text_without_length(look: Look) -> Iterator[Found]:
    """String() without a length."""
    for change, column in _new_columns(look):
        if (
            column.type in ("String", "VARCHAR", "Unicode")
            and not column.arguments
            and not column.options.get("length")
        ):
            yield Found(about(change, column.name), f"{column.type} has no length", change.line)


@rule(
    "enum-type-missing", "error", "postgresql",
    why="add_column makes no enum type, as create_table does: type does not exist",
    instead="sa.Enum(…, name='…').create(op.get_bind(), checkfirst=True) before it",
)  # fmt: skip
def enum_type_missing(look: Look) -> Iterator[Found]:
    """A column of an enum that neither an earlier revision nor this one makes."""
    known = {
        e for state in look.before.tables.values() for column in state.columns.values() if (e := enum_name(column))
    }
    known |= look.before.types
    for change in look.script.upgrade:
        if change.kind == "create_type" and change.name is None:
            return  # of a name that cannot be read
        known |= {change.name} if change.kind == "create_type" and change.name else set()
        for column in change.columns if change.kind in ("create_table", "add_column") else ():
            name = enum_name(column)
            if name and change.kind == "add_column" and name not in known:
                yield Found(about(change, column.name), f"nothing makes the type {name} before", change.line)
            known |= {name} if name else set()


@rule(
    "foreign-key-type", "warning",
    why="a key of another type than the column that it leads to costs a cast in every join, or cannot be made at all",
    instead="give it the type of the column that it leads to",
)  # fmt: skip
def foreign_key_type(look: Look) -> Iterator[Found]:
    """A foreign key column whose type is not that of the column that it leads to."""
    after = look.before.after(look.script.upgrade)
    for change, column in _new_columns(look):
        table, _, name = (column.references or "").rpartition(".")
        target = after.column(table, name)
        if target is None or column.type is None or target.type is None:
            continue
        one, other = FAMILIES.get(column.type), FAMILIES.get(target.type)
        if one and other and one != other:
            level = "error" if look.engine.indexes_foreign_keys else None
            detail = f"{column.written} leads to {column.references}, which is {target.written}"
            yield Found(about(change, column.name), detail, change.line, severity=level)  # type: ignore[arg-type]


def _new_columns(look: Look) -> Iterator[tuple[Change, ColumnText]]:
    for change in look.script.upgrade:
        if change.kind in ("create_table", "add_column") or "type" in change.given:
            yield from ((change, column) for column in change.columns)
