"""Names, lists and columns as SQL spells them."""

import re
from collections.abc import Iterator
from dataclasses import replace

from dbadmin.dialects.changes import ColumnText

NAME = r'(?:(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w…$]+)\.)?(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w…$]+)'
_NEXT = "NOT NULL|NULL|CHECK|REFERENCES|UNIQUE|PRIMARY|CONSTRAINT|COMMENT|AFTER|FIRST|COLLATE|ON"
_DEFAULT = re.compile(rf"\bDEFAULT (.+?)(?= (?:{_NEXT})\b|$)", re.IGNORECASE)
_SERIAL = re.compile(r"(?:big|small)?serial[248]?$", re.IGNORECASE)


def apart(actions: str) -> Iterator[str]:
    """What stands between commas outside brackets."""
    depth, begun = 0, 0
    for at, letter in enumerate(actions):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield actions[begun:at].strip()
            begun = at + 1
    yield actions[begun:].strip()


def indexed(rest: str) -> tuple[ColumnText, ...]:
    """The plain columns in the first brackets; empty where an expression stands there."""
    found = re.match(r"[^(]*\(([^()]*)\)", rest)
    names = [part.split()[0] for part in found[1].split(",") if part.split()] if found else []
    return tuple(ColumnText(parted(name)[1]) for name in names)


def parted(name: str | None) -> tuple[str | None, str | None]:
    """Schema and name without quotes; None for what has a gap.

    >>> parted('app."Blog Posts"'), parted("ix_…")
    (('app', 'Blog Posts'), (None, None))
    """
    if name is None:
        return None, None
    parts = [part.strip('"`[]') for part in re.findall(r'"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w…$]+', name)]
    if not parts or "…" in parts[-1]:
        return None, None
    return (parts[-2] if len(parts) > 1 else None), parts[-1]


def declared(column: ColumnText, rest: str) -> ColumnText:
    """A column with what stands behind its type.

    >>> column = declared(ColumnText("a", "uuid"), "NOT NULL DEFAULT gen_random_uuid() REFERENCES b (c)")
    >>> column.nullable, column.default, column.references
    (False, 'gen_random_uuid()', 'b.c')
    """
    upper, default = rest.upper(), _DEFAULT.search(rest)
    leads = re.search(rf"\bREFERENCES ({NAME}) ?(?:\(({NAME})\))?", rest, re.IGNORECASE)
    primary = bool(re.search(r"\bPRIMARY KEY\b", upper))
    found = replace(
        column,
        nullable="NOT NULL" not in upper and not primary,
        default=default[1] if default and default[1].upper() != "NULL" else None,
        generated="GENERATED" in upper,
        primary_key=primary,
        unique=bool(re.search(r"\bUNIQUE\b", upper)),
        checked=bool(re.search(r"\bCHECK ?\(", upper)),
        references=f"{parted(leads[1])[1]}.{parted(leads[2])[1] or 'id'}" if leads else None,
    )
    if "WITH TIME ZONE" in upper:
        found = replace(found, options={"timezone": True})
    if column.type is not None and _SERIAL.match(column.type):
        found = replace(found, default="nextval()")
    return found
