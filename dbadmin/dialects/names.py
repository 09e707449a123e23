"""Names of schema objects as text that splits again: `users.email`, `audit."odd.name".id`."""

import re
from collections.abc import Iterable, Mapping

from dbadmin.dialects.values import ObjectKey, TableName

_PART = re.compile(r'"((?:[^"]|"")*)"|([^".,]+)')
_PLAIN = re.compile(r'[^".,]+')

TABLE_KINDS: Mapping[str, int] = {
    "table": 0,
    "column-order": 0,
    "column": 1,
    "constraint": 1,
    "index": 1,
    "trigger": 1,
    "rule": 1,
    "policy": 1,
    "not-null-name": 1,
    "constraint-name": 1,
    "grant": 1,
    "column-grant": 2,
}
"""Kinds of objects that belong to one table → number of name parts after the table's own name."""


def join(parts: Iterable[str | None], separator: str = ".") -> str:
    """Join name parts; None is left out, and what would not split again is quoted.

    >>> join([None, "users", "email"]), join(["a.b", "c"]), join(["id", "we,ird"], ", ")
    ('users.email', '"a.b".c', 'id, "we,ird"')
    """
    return separator.join(
        part if _PLAIN.fullmatch(part) and part == part.strip() else '"' + part.replace('"', '""') + '"'
        for part in parts
        if part is not None
    )


def split(text: str) -> tuple[str, ...]:
    """The inverse of `join`, for either separator.

    >>> split('users.email'), split('"a.b".c'), split('id, "we,ird"')
    (('users', 'email'), ('a.b', 'c'), ('id', 'we,ird'))
    """
    return tuple(
        plain.strip() if plain else quoted.replace('""', '"')
        for quoted, plain in _PART.findall(text)
        if plain == "" or plain.strip()
    )


def table_of(key: ObjectKey) -> TableName | None:
    """The table that an object belongs to, None where it belongs to none.

    >>> table_of(ObjectKey("column", "audit.log.id")), table_of(ObjectKey("enum", "mood"))
    (TableName(schema='audit', name='log'), None)
    """
    after = TABLE_KINDS.get(key.kind)
    if after is None:
        return None
    parts = split(key.name)
    own = parts[: len(parts) - after]
    return TableName(own[0], own[1]) if len(own) == 2 else TableName(None, own[-1])
