"""docs/reference/python.md: what `import dbadmin` offers, asked of the objects themselves."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import dbadmin
from dbadmin import queries
from dbadmin.admin.frames import Frames
from dbadmin.admin.operations import Operations
from dbadmin.errors import DbadminError
from pages.writing import code, paragraphs, table

HEAD = """# Python

```python
import dbadmin

with dbadmin.connect() as db:
    db.counts()
```

`connect` searches as the command line does, and opens the database read-only. Answers about rows are DataFrames, with
the statement (placeholders, never values) in `frame.attrs["sql"]`; all others are frozen dataclasses with `to_dict()`
([their keys](json.md)), which draw themselves as tables in a notebook. Every error is a `dbadmin.DbadminError`.

"""


def page() -> str:
    """The page."""
    parts = [HEAD, "## Opening\n\n", function(dbadmin.connect, "dbadmin."), function(dbadmin.restore, "dbadmin.")]
    parts.append("## Rows\n\n")
    parts += [function(method, "db.") for method in methods(Frames)]
    parts.append("## The whole database\n\n")
    parts += [function(method, "db.") for method in methods(Operations)]
    parts += ["## dbadmin.queries\n\n", *(f"{part}\n\n" for part in paragraphs(queries.__doc__))]
    parts += [function(getattr(queries, name), "queries.") for name in queries.__all__ if is_statement(name)]
    parts += ["## Errors\n\n", "An error has `message`, `hint`, `code` and `exit_code`.\n\n"]
    parts.append(table(("class", "exit code", "`code`", "when"), sorted(errors(DbadminError), key=lambda row: row[1])))
    return "".join(parts)


def is_statement(name: str) -> bool:
    """Whether a public name of dbadmin.queries is a function that gives a bare statement."""
    return inspect.isfunction(getattr(queries, name)) and not name.endswith("_query")


def methods(owner: type) -> list[Callable[..., Any]]:
    """The public methods that a class itself defines, in their order."""
    return [each for name, each in vars(owner).items() if inspect.isfunction(each) and not name.startswith("_")]


def function(each: Callable[..., Any], prefix: str) -> str:
    """A function's heading, signature and docstring."""
    name = each.__name__
    said = "\n\n".join(paragraphs(each.__doc__))
    return f"### {prefix}{name}\n\n{code(signature(each, prefix + name), 'python')}\n{said}\n\n"


class Written:
    """An annotation that is shown as it is written, without quotes."""

    def __init__(self, annotation: Any) -> None:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        self.text = text.replace("typing.", "").replace("collections.abc.", "").replace("'", "")
        self.text = re.sub(r"\bdbadmin(?:\.\w+)*\.(?=[A-Z])", "", self.text)

    def __repr__(self) -> str:
        return self.text


def signature(each: Callable[..., Any], name: str) -> str:
    """How it is called; over several lines where one is too long."""
    found = inspect.signature(each)
    params = [
        param if param.annotation is param.empty else param.replace(annotation=Written(param.annotation))
        for param in found.parameters.values()
        if param.name != "self"
    ]
    line = name + str(found.replace(parameters=params, return_annotation=Written(found.return_annotation)))
    if len(line) <= 100:
        return line
    before, _, after = line.rpartition(" -> ")
    inside = before.removeprefix(f"{name}(").removesuffix(")")
    return f"{name}(\n" + "".join(f"    {word},\n" for word in split(inside)) + f") -> {after}"


def split(text: str) -> list[str]:
    """Parameters at the commas that stand in no brackets.

    >>> split("a: dict[str, int], *, b=(1, 2)")
    ['a: dict[str, int]', '*', 'b=(1, 2)']
    """
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[(") - (sign in "])")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def errors(base: type[DbadminError]) -> list[tuple[str, ...]]:
    """The error classes of the tree."""
    found = []
    for each in base.__subclasses__():
        if each.__module__ == DbadminError.__module__:
            found.append((f"`{each.__name__}`", str(each.exit_code), f"`{each.code}`", paragraphs(each.__doc__)[0]))
            found += errors(each)
    return found
