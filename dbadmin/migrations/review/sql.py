"""What an SQL statement of a migration changes, told from its first words.

Only the few forms that rules are about are known; the rest is left to the engine's own linter, and is `sql` here.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dbadmin.dialects.changes import Change, ColumnText
from dbadmin.migrations.review.spelled import NAME, apart, declared, indexed, parted
from dbadmin.migrations.review.written import main_verb, writes_of
from dbadmin.queries.written import split_statements, tokens

_ON = rf"ON (?:ONLY )?(?P<table>{NAME})"
_NAMED_INDEX = rf"(?:(?P<name>(?!ON\b){NAME}) )?{_ON}"
_OBJECTS = r"MATERIALIZED VIEW|VIEW|TRIGGER|FUNCTION|PROCEDURE|SEQUENCE|POLICY|DOMAIN|EVENT|AGGREGATE"
_MODIFIERS = r"(?:(?:TEMP(?:ORARY)?|CONSTRAINT|RECURSIVE|DEFINER ?= ?\S+|ALGORITHM ?= ?\w+|SQL SECURITY \w+) )*"
_FORMS: tuple[tuple[str, str], ...] = (
    ("create_index", rf"CREATE (?P<unique>UNIQUE )?INDEX (?P<online>CONCURRENTLY )?(?:IF NOT EXISTS )?{_NAMED_INDEX}"),
    ("drop_index", rf"DROP INDEX (?P<online>CONCURRENTLY )?(?:IF EXISTS )?(?P<name>{NAME})(?: {_ON})?"),
    ("create_table", rf"CREATE (?:TEMP(?:ORARY)? |UNLOGGED )?TABLE (?:IF NOT EXISTS )?(?P<table>{NAME})"),
    ("drop_table", rf"DROP (?:TEMPORARY )?TABLE (?:IF EXISTS )?(?P<table>{NAME})"),
    ("drop_schema", rf"DROP (?:SCHEMA|DATABASE) (?:IF EXISTS )?(?P<name>{NAME})"),
    ("add_enum_value", rf"ALTER TYPE (?P<name>{NAME}) ADD VALUE"),
    ("create_type", rf"CREATE TYPE (?P<name>{NAME})"),
    ("drop_type", rf"DROP TYPE (?:IF EXISTS )?(?P<name>{NAME})"),
    ("truncate", rf"TRUNCATE (?:TABLE )?(?:ONLY )?(?P<table>{NAME})"),
    ("create_object", rf"CREATE (?:OR REPLACE )?{_MODIFIERS}(?P<what>{_OBJECTS}) (?:IF NOT EXISTS )?(?P<name>{NAME})"),
    ("drop_object", rf"DROP (?P<what>{_OBJECTS}) (?:IF EXISTS )?(?P<name>{NAME})"),
    ("update", rf"(?:UPDATE (?:LOW_PRIORITY )?(?:ONLY |IGNORE |OR \w+ )?|MERGE INTO )(?P<table>{NAME})"),
    ("delete", rf"DELETE (?:LOW_PRIORITY |QUICK |IGNORE )*(?:(?!FROM\b)\S+ )*?FROM (?:ONLY )?(?P<table>{NAME})"),
    ("lock_table", rf"LOCK (?:TABLES? )?(?:ONLY )?(?P<table>{NAME})"),
    ("lock_table", r"FLUSH (?:NO_WRITE_TO_BINLOG |LOCAL )?TABLES?\b.* WITH READ LOCK\b"),
    ("rewrite_table", rf"VACUUM (?:\([^)]*\bFULL\b[^)]*\) |FULL (?:\w+ )*?)(?P<table>{NAME})"),
    ("rewrite_table", rf"(?:CLUSTER (?:VERBOSE )?|OPTIMIZE TABLE )(?P<table>{NAME})"),
    ("rewrite_table", rf"REINDEX (?:\([^)]*\) )?TABLE (?!CONCURRENTLY\b)(?P<table>{NAME})"),
    ("insert", rf"(?:INSERT|REPLACE) (?:OR \w+ |IGNORE )?INTO (?P<table>{NAME})"),
    ("commit", r"(?:COMMIT|ROLLBACK|END)(?: TRANSACTION| WORK)?$"),
)  # fmt: skip
_LISTED = ("drop_table", "drop_index", "drop_schema", "drop_type", "drop_object", "truncate", "lock_table")
"""Forms that may name several, separated by commas."""
_LOCK_MODE = re.compile(r" IN (?P<mode>[A-Z ]+) MODE\b| (?P<word>READ|WRITE)\b", re.IGNORECASE)
_COLUMN = rf"(?:COLUMN )?(?:IF (?:NOT )?EXISTS )?(?P<column>{NAME})"
_LENGTH = r"(?:\((?P<length>\d+)[^)]*\))?"
_NO_COLUMN = r"(?!(?:LIKE|INDEX|KEY|FULLTEXT|SPATIAL|PERIOD|CONSTRAINT|CHECK|EXCLUDE)\b)"
_DECLARED = rf"{_NO_COLUMN}(?P<column>{NAME}) (?P<type>\w+){_LENGTH}"
_WHAT = r"(?P<what>UNIQUE|PRIMARY KEY|FOREIGN KEY|CHECK|EXCLUDE)\b"
_ACTIONS: tuple[tuple[str, str], ...] = (
    ("add_constraint", rf"ADD (?:CONSTRAINT (?P<name>{NAME}) )?{_WHAT}"),
    ("drop_constraint", rf"DROP (?:CONSTRAINT|FOREIGN KEY|CHECK) (?:IF EXISTS )?(?P<name>{NAME})"),
    ("rename_table", rf"RENAME (?:TO |AS |=)?(?!(?:COLUMN|INDEX|KEY|CONSTRAINT|TO|AS)\b)(?P<name>{NAME})$"),
    ("rename_column", rf"RENAME {_COLUMN} TO (?P<name>{NAME})"),
    ("rename_column", rf"CHANGE {_COLUMN} (?P<name>{NAME})"),
    ("add_index", rf"ADD (?P<unique>UNIQUE )?(?:INDEX|KEY) (?P<name>{NAME})"),
    ("rewrite_table", r"(?:CONVERT TO CHARACTER SET|ENGINE|FORCE|ROW_FORMAT)\b"),
    ("rewrite_table", r"SET (?:UNLOGGED|LOGGED|TABLESPACE|ACCESS METHOD)\b"),
    ("set_not_null", rf"ALTER {_COLUMN} SET NOT NULL"),
    ("drop_not_null", rf"ALTER {_COLUMN} DROP NOT NULL"),
    ("set_default", rf"ALTER {_COLUMN} SET DEFAULT"),
    ("drop_default", rf"ALTER {_COLUMN} DROP DEFAULT"),
    ("set_type", rf"ALTER {_COLUMN} (?:SET DATA )?TYPE (?P<type>\w+(?: (?!USING\b)\w+)*){_LENGTH}"),
    ("set_type", rf"MODIFY {_COLUMN} (?P<type>\w+){_LENGTH}"),
    ("drop_column", rf"DROP (?!CONSTRAINT\b|PRIMARY\b|INDEX\b|KEY\b|FOREIGN\b|CHECK\b){_COLUMN}"),
    ("add_column", rf"ADD {_COLUMN} (?P<type>\w+){_LENGTH}"),
)  # fmt: skip
_ALTER = re.compile(
    rf"ALTER (?:ONLINE |IGNORE )*TABLE (?:IF EXISTS )?(?:ONLY )?(?P<table>{NAME}) (?P<rest>.+)", re.IGNORECASE
)
_ALONE = re.compile(
    r"VACUUM\b|REINDEX\b.* CONCURRENTLY\b|(?:CREATE|DROP) (?:DATABASE|TABLESPACE)\b|ALTER SYSTEM\b|"
    r"ALTER TABLE .* DETACH PARTITION .* CONCURRENTLY$",
    re.IGNORECASE,
)
_RENAMES = re.compile(rf"RENAME TABLES? (?:IF EXISTS )?(?P<rest>{NAME} TO .+)", re.IGNORECASE)
_BLOCK = re.compile(r"\s*DO\b\s*(?:LANGUAGE\s+\w+\s*)?(\$\w*\$)(?P<body>.*)\1", re.IGNORECASE | re.DOTALL)
_LEADS = re.compile(
    r"\s*(?:DECLARE\b.*?\bBEGIN|BEGIN|IF\b.*?\bTHEN|ELSIF\b.*?\bTHEN|ELSE|(?:FOR|WHILE)\b.*?\bLOOP|LOOP|EXCEPTION|"
    r"WHEN\b.*?\bTHEN)(?:\s+|$)",
    re.IGNORECASE | re.DOTALL,
)
"""What may stand before a statement in a block of PL/pgSQL."""
_KINDS = {
    "UNIQUE": "unique",
    "PRIMARY KEY": "primary",
    "FOREIGN KEY": "foreign",
    "CHECK": "check",
    "EXCLUDE": "exclude",
}


def changes_of(text: str, line: int, **more: Any) -> Iterator[Change]:
    """The changes in a text of one statement or several; `more` are fields of `Change`.

    >>> text = "ALTER TABLE a.users DROP x, ADD y int; UPDATE users SET x=1"
    >>> [(c.kind, c.table, c.names) for c in changes_of(text, 1)]
    [('drop_column', 'users', ('x',)), ('add_column', 'users', ('y',)), ('update', 'users', ())]
    """
    for statement in map(main_verb, split_statements(text)):
        plain = _plain(statement)
        if altered := _ALTER.match(plain):
            for action in _actions(altered["rest"]):
                yield _action(action, altered["table"], line, plain, more)
        elif renamed := _RENAMES.match(plain):
            for pair in apart(renamed["rest"]):
                schema, table = parted(pair.partition(" ")[0])
                yield Change("rename_table", line, table, schema, parted(pair.rpartition(" ")[2])[1], sql=plain, **more)
        else:
            yield from _statement(plain, statement, line, more)
        if block := _BLOCK.match(statement):
            yield from _of_block(block["body"], line, more)


def _of_block(body: str, line: int, more: dict[str, Any]) -> Iterator[Change]:
    """The changes that stand in the body of DO; what it executes as a text is not seen."""
    for statement in split_statements(body):
        lead = _LEADS.match(statement)
        while lead is not None:
            statement = statement[lead.end() :]
            lead = _LEADS.match(statement)
        found = changes_of(statement, line, **{**more, "guarded": True})
        yield from (change for change in found if change.kind not in ("sql", "commit"))


def _plain(statement: str) -> str:
    """Without comments, and with single blanks: names are as they were, strings are empty."""
    parts = []
    for token in tokens(statement):
        if token.kind == "comment":
            continue
        parts.append("''" if token.kind == "text" and token.text[-1] in "'$" else token.text)
    return " ".join("".join(parts).split()).rstrip("; ")


def _actions(rest: str) -> Iterator[str]:
    """The actions of an ALTER TABLE; `ADD (a …, b …)` is one for each column."""
    for action in apart(rest):
        listed = re.fullmatch(r"ADD (?:COLUMN )?\((.+)\)", action, re.IGNORECASE)
        yield from (f"ADD {column}" for column in apart(listed[1])) if listed else (action,)


def _statement(plain: str, statement: str, line: int, more: dict[str, Any]) -> Iterator[Change]:
    for kind, pattern in _FORMS:
        found = re.match(pattern, plain, re.IGNORECASE)
        if found is None:
            continue
        parts = found.groupdict()
        schema, table = parted(parts.get("table"))
        change = Change(
            kind,  # type: ignore[arg-type]
            line,
            table,
            schema,
            parted(parts.get("name"))[1],
            unique=bool(parts.get("unique")),
            concurrently=bool(parts.get("online")) or _is_alone(plain),
            where=_picks(plain),
            columns=indexed(plain[found.end() :]) if kind == "create_index" else (),
            sql=plain,
            what=_lock_mode(plain) if kind == "lock_table" else parts["what"].lower() if parts.get("what") else None,
            writes=writes_of(statement) if kind == "update" else (),
            **more,
        )
        if kind == "create_table":
            yield from _made(change, plain[found.end() :])
            return
        yield change
        if kind in _LISTED:
            yield from _more(change, plain[found.end() :])
        return
    yield Change("sql", line, sql=plain, concurrently=_is_alone(plain), **more)


def _lock_mode(plain: str) -> str | None:
    """The mode of LOCK TABLE in small letters; None where it is PostgreSQL's default."""
    found = _LOCK_MODE.search(plain)
    return (found["mode"] or found["word"]).lower() if found else None


def _is_alone(plain: str) -> bool:
    """Whether PostgreSQL runs a statement in no transaction."""
    return _ALONE.match(plain) is not None


def _made(change: Change, body: str) -> Iterator[Change]:
    """A table with its columns, and the keys that are declared beside them."""
    columns, keys = list[ColumnText](), list[Change]()
    for part in apart(body.strip()[1:].rpartition(")")[0]) if body.strip().startswith("(") else ():
        key = re.match(_ACTIONS[0][1], f"ADD {part}", re.IGNORECASE)
        if key is not None:
            if key["what"].upper() in ("PRIMARY KEY", "FOREIGN KEY", "UNIQUE"):
                made = _altered("add_constraint", key, replace(change, kind="sql"), f"ADD {part}")
                keys.append(replace(made, inner=True))
        elif (found := re.match(_DECLARED, part, re.IGNORECASE)) is not None:
            length = (int(found["length"]),) if found["length"] else ()
            named = ColumnText(parted(found["column"])[1], found["type"], length)
            columns.append(declared(named, part[found.end() :]))
    yield replace(change, columns=tuple(columns))
    yield from keys


def _picks(plain: str) -> bool:
    """Whether a statement says which rows it is about; what stands in brackets is another query's."""
    outside, inner = "", plain
    while outside != inner:
        outside, inner = inner, re.sub(r"\([^()]*\)", "", inner)
    return bool(re.search(r"\bWHERE\b|\bLIMIT\b|^MERGE\b", outside, re.IGNORECASE))


def _more(change: Change, rest: str) -> Iterator[Change]:
    """The others of several that one statement drops."""
    listed = re.match(rf"(?:, ?{NAME})+", rest)
    for name in re.findall(NAME, listed[0]) if listed else ():
        schema, other = parted(name)
        yield replace(change, table=other, schema=schema) if change.table else replace(change, name=other)


def _action(action: str, table: str, line: int, plain: str, more: dict[str, Any]) -> Change:
    schema, name = parted(table)
    for kind, pattern in _ACTIONS:
        found = re.match(pattern, action, re.IGNORECASE)
        if found is not None:
            return _altered(kind, found, Change("sql", line, name, schema, sql=plain, **more), action)
    return Change("sql", line, name, schema, sql=plain, concurrently=_is_alone(plain), **more)


def _altered(kind: str, found: "re.Match[str]", change: Change, action: str) -> Change:
    parts = found.groupdict()
    named, column = parted(parts.get("name"))[1], parted(parts.get("column"))[1]
    length = parts.get("length")
    written = ColumnText(column, (parts.get("type") or "").strip() or None, (int(length),) if length else ())
    upper = action.upper()
    match kind:
        case "set_not_null":
            new = replace(written, nullable=False)
            return replace(change, kind="alter_column", columns=(new,), given=frozenset({"nullable"}))
        case "drop_not_null":
            return replace(change, kind="alter_column", columns=(written,), given=frozenset({"nullable"}))
        case "set_default" | "drop_default":
            new = replace(written, default="" if kind == "set_default" else None)
            return replace(change, kind="alter_column", columns=(new,), given=frozenset({"default"}))
        case "set_type":
            return replace(change, kind="alter_column", columns=(written,), given=frozenset({"type"}))
        case "add_column":
            return replace(change, kind="add_column", columns=(declared(written, action[found.end() :]),))
        case "add_constraint":
            referred = re.search(rf"\bREFERENCES ({NAME})", action, re.IGNORECASE)
            return replace(
                change, kind="add_constraint", name=named, constraint=_KINDS[parts["what"].upper()],
                referred=parted(referred[1])[1] if referred else None,
                not_valid=bool(re.search(r"\bNOT VALID\b|\bUSING INDEX\b", upper)),
                columns=indexed(action[found.end() :]), unnamed=named is None,
            )  # fmt: skip
        case "add_index":
            return replace(change, kind="create_index", name=named, unique=bool(parts.get("unique")))
    columns = (written,) if column else ()
    return replace(change, kind=kind, name=named, columns=columns)  # type: ignore[arg-type]
