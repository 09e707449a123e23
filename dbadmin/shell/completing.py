"""What Tab knows of the database: tables and columns inside SQL, and in the texts that helpers take."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.shell.live import Live

if TYPE_CHECKING:
    from dbadmin.queries import Entity

KEYWORDS = (
    "select", "from", "where", "join", "left join", "on", "group by", "order by", "having", "limit", "offset",
    "insert into", "values", "update", "set", "delete from", "and", "or", "not", "in", "is null", "is not null",
    "between", "like", "as", "distinct", "count(*)", "sum", "avg", "min", "max", "case", "when", "then", "else", "end",
    "union", "with", "exists", "desc", "asc",
)  # fmt: skip
_SQL = re.compile(r"^\s*(?:%%(?:sql|explain)\b|(?:\w+\s*=\s*)?%(?:sql|explain)\b)")
_TABLES = re.compile(
    r'\b(?:from|join|update|into)\s+"?([\w.]+)"?(?:\s+(?:as\s+)?(?!on\b|where\b|set\b|join\b|left\b)(\w+))?', re.I
)
_HELPER = re.compile(
    r"\b(?:db\.)?(?:counts?|recent|group|join|describe|tables)\(\s*(?P<first>[\w.]+)?(?P<more>[^()]*)[\"'](?P<word>[\w.]*)$"
)


def matches(live: Live, names: Mapping[str, Any], text: str, before: str) -> list[str] | None:
    """Completions for the word that ends `before`, the text up to the cursor; None where this is not about SQL.

    `text` is the whole input, so that tables named after the cursor count.
    """
    if _SQL.match(text):
        return sql(live.db.entities.tables(), names, text, before)
    found = _HELPER.search(before)
    if found is None:
        return None
    entities = live.db.entities.tables()
    word = found["word"]
    named = names.get(found["first"] or "")
    columns = [c for e in entities if e.model is not None and e.model is named for c in columns_of(e)]
    return sorted(one for one in {*table_names(entities), *columns} if one.startswith(word))


def sql(entities: "Iterable[Entity]", names: Mapping[str, Any], text: str, before: str) -> list[str]:
    """Completions inside SQL: parameters after a colon, columns after a table or its alias, else everything."""
    found = re.search(r"(?P<colon>(?<!:):)?(?P<path>(?:\w+\.)*)(?P<word>\w*)$", before)
    assert found is not None
    word = found["word"].lower()
    if found["colon"]:
        return sorted(n for n in names if n.lower().startswith(word) and not n.startswith("_"))
    known = {name: entity for entity in entities for name in (str(entity.name), entity.name.name)}
    used = {alias or table: known[table] for table, alias in _TABLES.findall(text) if table in known}
    used |= {table: known[table] for table, _ in _TABLES.findall(text) if table in known}
    if found["path"]:
        entity = used.get(found["path"][:-1]) or known.get(found["path"][:-1])
        columns = columns_of(entity) if entity is not None else []
        return [found["path"] + name for name in columns if name.lower().startswith(word)]
    every = [*(c for e in used.values() for c in columns_of(e)), *table_names(known.values()), *KEYWORDS]
    return [one for one in dict.fromkeys(every) if one.lower().startswith(word)]


def table_names(entities: "Iterable[Entity]") -> list[str]:
    """Names of tables, as they are written in SQL."""
    return sorted({str(entity.name) for entity in entities})


def columns_of(entity: "Entity") -> list[str]:
    """Names of a table's columns."""
    return [column.name for column in entity.columns]


def matcher(live: Live, namespace: Callable[[], Mapping[str, Any]]) -> Any:
    """The function that IPython's completer calls."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher()  # type: ignore[untyped-decorator]
    def database_matcher(context: Any) -> Any:
        text = context.full_text
        lines = text.split("\n")
        before = "\n".join([*lines[: context.cursor_line], lines[context.cursor_line][: context.cursor_position]])
        if not text.startswith("%%"):
            text, before = lines[context.cursor_line], lines[context.cursor_line][: context.cursor_position]
        try:
            found = matches(live, namespace(), text, before)
        except Exception:  # Tab never fails: the database may be gone
            found = None
        completions = [SimpleCompletion(text=one, type="database") for one in found or ()]
        return {"completions": completions, "suppress": found is not None and bool(completions)}

    return database_matcher
