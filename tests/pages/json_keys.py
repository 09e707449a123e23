"""docs/reference/json.md: the keys of every command's JSON, asked of the dataclasses behind it."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

from dbadmin import results
from dbadmin.results import Record, Result
from pages.writing import paragraphs, table

HEAD = """# JSON

`--format json`, or `--output FILE.json`, gives one object:

```json
{"dbadmin": "0.1.0", "kind": "status", "ok": true, "database": {"engine": "sqlite"}, "state": "behind"}
```

`kind` is the command, `ok` says whether it exits with 0; the other keys are listed here. On an error:

```json
{"dbadmin": "0.1.0", "kind": "describe", "ok": false, "exit_code": 2,
 "error": {"code": "unknown-name", "message": "no table 'post'; did you mean 'blog_posts'?", "hint": null}}
```

Keys are snake_case. dbadmin's own times are ISO 8601 with an offset, durations seconds, sizes bytes; what is absent is
null. Data is as stored: times without a zone stay so; NUMERIC, and integers beyond 2^53, are strings, bytes are base64,
NaN and infinities strings. An estimate has `"exact": false`; a list that was cut says `"truncated": true`.

New keys may come with any release; a key that is here keeps its name and its meaning.

"""
COMMANDS: dict[str, tuple[str, ...]] = {
    "verify-rollback": ("RollbackReport", "RollbackPlan"),
    "status": ("Status",),
    "review": ("Review", "RuleList"),
    "inspect": ("Inspection", "CheckList"),
    "backup": ("BackupReport",),
    "restore": ("RestoreReport",),
    "copies": ("Copies",),
    "doctor": ("Doctor",),
    "init": ("Init",),
    "demo": ("Demo",),
    "models": ("Models",),
    "tables": ("Tables",),
    "describe": ("TableDescription",),
    "count": ("Counts",),
    "diagram": ("Diagram",),
    "recent, group, join, sql": ("Rows", "RowSets"),
    "notebook": ("Notebooks",),
    "%explain": ("QueryPlan",),
}
"""Command → the results that it gives; `%explain` is one of the shell."""


def page() -> str:
    """The page: commands first, then the parts that several of them have."""
    parts = [HEAD]
    named: dict[str, None] = {}
    for command, names in COMMANDS.items():
        parts.append(f"## {command}\n\n")
        for name in names:
            parts.append(section(getattr(results, name)))
            named.update(dict.fromkeys(name for name in records(getattr(results, name)) if name not in names))
    parts.append("## Parts\n\n")
    for name in sorted(named):
        parts += [f"### {name}\n\n", section(getattr(results, name))]
    return "".join(parts)


def section(each: type[Any]) -> str:
    """What a result or a part of one is, and its keys."""
    said = "\n\n".join(paragraphs(each.__doc__))
    for word, written in (("None", "null"), ("True", "true"), ("False", "false")):
        said = re.sub(rf"\b{word}\b", written, said)
    return f"{said}\n\n{table(('key', 'type'), keys(each))}\n"


def keys(each: type[Any]) -> Iterator[tuple[str, str]]:
    """The keys in their order; `passed` of a report is `ok`, in the envelope."""
    for field in dataclasses.fields(each):
        if not (issubclass(each, Result) and field.name == "passed"):
            yield f"`{field.name}`", shown(annotation(field))


def annotation(field: "dataclasses.Field[Any]") -> str:
    """A field's type as it is written."""
    return field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)


def shown(text: str) -> str:
    """A Python type in the words of JSON, with links to the parts.

    >>> shown("tuple[str, ...] | None")
    'list of string, or null'
    """
    text = re.sub(r"\b(?:typing|collections\.abc|datetime|dbadmin\.results\.\w+)\.(?=\w)", "", text).strip("'\"")
    text = re.sub(r"Optional\[(.*)\]$", r"\1 | None", text)
    literal = re.search(r"Literal\[([^\]]*)\]", text)
    if literal:
        text = text.replace(literal[0], " or ".join(f"`{word.strip()[1:-1]}`" for word in literal[1].split(",")))
    for pattern, word in WORDS:
        text = re.sub(pattern, word, text)
    return re.sub(r"\b([A-Z]\w+)\b", lambda found: linked(found[1]), text)


WORDS = (
    (r"tuple\[(.*), \.\.\.\]", r"list of \1"),
    (r"list\[([^\]]*)\]", r"list of \1"),
    (r"(?:Mapping|dict)\[\w+, (.*?)\](?= \||$)", r"object of \1"),
    (r"\bstr\b", "string"),
    (r"\bint\b|\bfloat\b", "number"),
    (r"\bbool\b", "true or false"),
    (r"\bdatetime\b", "time"),
    (r"\bDecimal\b", "string"),
    (r"\bAny\b", "any value"),
    (r" \| None", ", or null"),
    (r" \| ", " or "),
)


def linked(name: str) -> str:
    """A part's name as a link; others as they are."""
    found = getattr(results, name, None) if name in results.__all__ else None
    if isinstance(found, type) and issubclass(found, Record | Result):
        return f"[{name}](#{name.lower()})" if issubclass(found, Record) else name
    return f"`{name}`" if found is None else "string"


def records(each: type[Any], seen: frozenset[type] = frozenset()) -> dict[str, None]:
    """The parts that a result has, all the way down."""
    found: dict[str, None] = {}
    for field in dataclasses.fields(each):
        for name in re.findall(r"\b[A-Z]\w+", annotation(field)):
            part = getattr(results, name, None) if name in results.__all__ else None
            if isinstance(part, type) and issubclass(part, Record) and part not in seen:
                found[name] = None
                found.update(records(part, seen | {part}))
    return found
