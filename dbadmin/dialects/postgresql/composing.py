"""Statements for what of PostgreSQL is made of other things: composite types, aggregates, partitions, children."""

import re
from collections.abc import Iterator

from dbadmin.dialects.rules import parts

_ATTRIBUTE = re.compile(r'\s*((?:"(?:[^"]|"")*"|[^\s"]+)) (.*)', re.DOTALL)
_AGGREGATE = re.compile(
    r"RETURNS .*? SFUNC (?P<sfunc>.+?) STYPE (?P<stype>.+?)(?: FINALFUNC (?P<finalfunc>.+?))?"
    r"(?: COMBINEFUNC (?P<combinefunc>.+?))?(?: INITCOND (?P<initcond>'(?:[^']|'')*'))?"
    r" KIND n PARALLEL (?P<parallel>\w)",
    re.DOTALL,
)
_PARALLEL = {"s": "SAFE", "r": "RESTRICTED", "u": "UNSAFE"}
_BOUND = r"FOR VALUES (?:FROM \(.*?\) TO \(.*?\)|(?:IN|WITH) \(.*?\))|DEFAULT"
_PARTITION_OF = re.compile(rf" PARTITION OF (?P<parent>\S+) (?P<bound>{_BOUND})(?= |$)", re.DOTALL)
_INHERITS = re.compile(r" INHERITS \((?P<parents>[^()]*)\)")
PLACE = re.compile(f"{_PARTITION_OF.pattern}|{_INHERITS.pattern.replace('parents', 'others')}", re.DOTALL)
"""What a table's definition says of the tables that it belongs to."""


def alter_type(name: str, before: str, after: str) -> str | None:
    """Attributes that go, come and change; None where one would have to stand before others that stay."""
    was, is_now = _attributes(before), _attributes(after)
    kept = [attribute for attribute in was if attribute in is_now]
    new = [attribute for attribute in is_now if attribute not in was]
    if [*kept, *new] != list(is_now):
        return None
    actions = [f"DROP ATTRIBUTE {attribute}" for attribute in was if attribute not in is_now]
    actions += [f"ALTER ATTRIBUTE {one} TYPE {is_now[one]}" for one in kept if was[one] != is_now[one]]
    actions += [f"ADD ATTRIBUTE {one} {is_now[one]}" for one in new]
    return f"ALTER TYPE {name} {', '.join(actions)}" if actions else None


def _attributes(text: str) -> dict[str, str]:
    found = (_ATTRIBUTE.fullmatch(part) for part in parts(text))
    return {one[1]: one[2] for one in found if one is not None}


def create_aggregate(signature: str, text: str) -> str | None:
    """What makes an ordinary aggregate; None for those of windows, ordered sets and moving states.

    >>> create_aggregate("total(integer)", "RETURNS integer SFUNC int4pl STYPE integer INITCOND '0' KIND n PARALLEL s")
    "CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', PARALLEL = SAFE)"
    """
    found = _AGGREGATE.fullmatch(text)
    if found is None:
        return None
    given = {**found.groupdict(), "parallel": _PARALLEL[found["parallel"]]}
    return f"CREATE AGGREGATE {signature} ({', '.join(f'{k.upper()} = {v}' for k, v in given.items() if v)})"


def partition(name: str, text: str) -> str | None:
    """What makes a partition, which has columns, keys and indexes of its parent; None for another table."""
    found = _PARTITION_OF.search(text)
    if found is None:
        return None
    rest = (text[: found.start()] + text[found.end() :]).removeprefix("TABLE")
    return f"CREATE TABLE {name} PARTITION OF {found['parent']} {found['bound']}{rest}"


def moved(name: str, before: str, after: str) -> Iterator[str]:
    """What takes a table from its parents, and gives it to others."""
    was, is_now = (_PARTITION_OF.search(text) for text in (before, after))
    if was and not (is_now and was[0] == is_now[0]):
        yield f"ALTER TABLE {was['parent']} DETACH PARTITION {name}"
    old, new = (
        [] if found is None else found["parents"].split(", ") for found in map(_INHERITS.search, (before, after))
    )
    yield from (f"ALTER TABLE {name} NO INHERIT {parent}" for parent in old if parent not in new)
    yield from (f"ALTER TABLE {name} INHERIT {parent}" for parent in new if parent not in old)
    if is_now and not (was and was[0] == is_now[0]):
        yield f"ALTER TABLE {is_now['parent']} ATTACH PARTITION {name} {is_now['bound']}"
