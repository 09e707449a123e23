"""What env.py leaves out of autogenerate is nobody's drift: tables of others beside the application's own."""

import re
from collections.abc import Iterable, Sequence

from dbadmin.dialects.mending import Mending
from dbadmin.dialects.names import join, split
from dbadmin.migrations.asking import env_py
from dbadmin.migrations.filters import Asked
from dbadmin.rollback.source import Rehearsed, named_database
from dbadmin.state import Difference

_SECONDS = 60.0
_IN_SCHEMAS = frozenset({
    "schema", "enum", "domain", "composite-type", "range", "sequence", "view", "materialized-view", "function",
    "procedure", "aggregate", "statistics",
})  # fmt: skip
_NAME = r'(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^\s",.()`]+)'
_COLUMNS = re.compile(rf"\(({_NAME}[^()]*)\)")
_REFERRED = re.compile(rf"REFERENCES ((?:{_NAME}\.)?{_NAME})")


def left_out(source: Rehearsed, found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Those of the differences that concern tables, or columns, indexes and constraints of them, which env.py's
    include_name or include_object leaves out, and what stands in such tables. Runs env.py once more.

    Raises ChildFailed where it does not answer.
    """
    asked = [one for one in found if one.table is not None or _schema(one) is not None]
    if not asked:
        return ()
    mending = named_database(source).dialect.mending
    objects = [_object(one, mending) for one in asked]
    answer = env_py(source.project, source.environment, looked_at=False, objects=objects).answer(_SECONDS)
    return tuple(one for one, is_out in zip(asked, answer.get("left_out", ()), strict=False) if is_out)


def _object(one: Difference, mending: Mending) -> Asked:
    """What autogenerate would ask a filter about; for what it does not know, about the table."""
    if one.table is None:
        return Asked("schema", _schema(one), "")
    table = Asked("table", one.table.schema, one.table.name)
    key, text = one.key, str(one.after if one.before is None else one.before)
    if key is None or key.kind not in ("column", "index", "constraint"):
        return table
    name = split(key.name)[-1]
    kind = _kind(text, mending) if key.kind == "constraint" else key.kind
    if kind is None or kind == "column":
        return table._replace(kind=kind, name=name) if kind else table
    columns, referred = _COLUMNS.search(text), _REFERRED.search(text)
    listed = columns[1].split(",") if columns is not None and kind != "check_constraint" else ()
    leads_to = [_bare(part) for part in re.findall(_NAME, referred[1])] if referred else []
    return table._replace(
        kind=kind, name=None if name == text else name, columns=tuple(_bare(word.strip()) for word in listed),
        referred=".".join(leads_to[leads_to[:1] == [mending.default_schema] :]) or None,
    )  # fmt: skip


def _schema(one: Difference) -> str | None:
    """The schema that an object stands in which belongs to no table, or that it is."""
    if one.key is None or one.table is not None or one.key.kind not in _IN_SCHEMAS:
        return None
    parts = split(one.key.name)
    return parts[0] if len(parts) > 1 or one.key.kind == "schema" else None


def _kind(text: str, mending: Mending) -> str | None:
    """What autogenerate calls a constraint; None where it does not look at it."""
    kinds = {"UNIQUE": mending.unique, "FOREIGN KEY": "foreign_key_constraint", "CHECK": "check_constraint"}
    return next((kind for words, kind in kinds.items() if text.startswith(words)), None)


def _bare(name: str) -> str:
    """A name without its quotes, and without what follows it (`DESC`).

    >>> _bare('"a b" DESC'), _bare("`a``b`"), _bare("a")
    ('a b', 'a`b', 'a')
    """
    found = re.match(_NAME, name)
    word = found[0] if found else name
    return word[1:-1].replace(word[0] * 2, word[0]) if word[:1] in ('"', "`") else word


def shown(found: Iterable[Difference]) -> list[str]:
    """What was left out, each table once."""
    return sorted({_words(one) for one in found})


def _words(one: Difference) -> str:
    assert one.key is not None
    if one.table is None:
        return f"schema {_schema(one)}"
    if one.key.kind in ("column", "index", "constraint"):
        return f"{one.key.kind} {'.'.join(split(one.key.name))}"
    return f"table {join(part for part in (one.table.schema, one.table.name) if part)}"
