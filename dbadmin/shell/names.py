"""Names at the prompt: which object stands under which name, and which name it hides.

Right of way: `session`, `db` and `engine`; then models by class name, SQLAlchemy's names, dates and pandas,
and the helpers. What loses stays reachable: SQLAlchemy's names as `sa.…`, helpers as `db.…`.
"""

import keyword
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib import import_module
from types import ModuleType
from typing import Any

ALWAYS = ("session", "db", "engine")
"""Never hidden by anything: without them there is no way to the rest."""

SQLALCHEMY = (
    "select", "insert", "update", "delete", "func", "and_", "or_", "not_", "text", "desc", "asc", "case",
    "cast", "distinct", "exists", "literal", "literal_column", "null", "true", "false", "between",
    "extract", "tuple_", "bindparam", "union", "union_all", "intersect", "except_", "any_", "all_",
    "over", "nulls_first", "nulls_last", "collate", "type_coerce", "values", "inspect",
)  # fmt: skip
ORM = ("aliased", "joinedload", "selectinload", "contains_eager", "load_only")
HELPERS = ("count", "counts", "join", "group", "recent", "sql", "frame", "describe", "tables", "status")


@dataclass(frozen=True)
class Thing:
    """A model or a table on its way to a name: the name it should have, and where it is from."""

    name: str
    place: str
    value: Any


@dataclass(frozen=True)
class Hidden:
    """A name that means `winner` here; what it would mean otherwise is reachable as `reachable`."""

    name: str
    winner: str
    reachable: str


@dataclass(frozen=True)
class Names:
    """What the prompt knows. `models` are the names of models (or tables); `renamed` those that collided."""

    values: Mapping[str, Any]
    models: tuple[str, ...] = ()
    renamed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden: tuple[Hidden, ...] = ()


class Pandas(ModuleType):
    """`pd` as a module that is imported when something of it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        if name in ("__wrapped__", "__path__", "__file__") or name.startswith("_ipython"):
            raise AttributeError(name)  # asked by those who only look at names
        return getattr(import_module("pandas"), name)

    def __dir__(self) -> list[str]:
        return dir(import_module("pandas"))

    def __repr__(self) -> str:
        return f"<pandas{'' if 'pandas' in sys.modules else ', imported when first used'}>"


def build(always: Mapping[str, Any], models: Iterable[Thing], helpers: Mapping[str, Any]) -> Names:
    """Every name, in order of right of way; `always` holds session, db and engine, `helpers` is by name."""
    things = list(models)
    named = distinct_names(things)
    known: dict[str, Any] = dict(always)
    winners = {name: name for name in always}
    for name, thing in named.items():
        known[name] = thing.value
        winners[name] = f"{thing.place}.{thing.name}"
    hidden: list[Hidden] = []
    for group, home in ((sqlalchemy_names(), "sa"), (everyday_names(), ""), (helpers, "db")):
        for name, value in group.items():
            if name not in known:
                known[name] = value
            elif name in named:
                hidden.append(Hidden(name, winners[name], f"{home}.{name}" if home else f"import {name}"))
    renamed: dict[str, list[str]] = {}
    for name, thing in named.items():
        if name != thing.name:
            renamed.setdefault(thing.name, []).append(name)
    return Names(known, tuple(named), {n: tuple(new) for n, new in renamed.items()}, tuple(hidden))


def distinct_names(things: Sequence[Thing]) -> dict[str, Thing]:
    """A name for each thing; those that collide get the part of their module's name that tells them apart.

    >>> user, other = Thing("User", "app.auth.models", 1), Thing("User", "app.blog.models", 2)
    >>> list(distinct_names([user, other, Thing("Post", "app.blog.models", 3)]))
    ['auth_User', 'blog_User', 'Post']
    """
    often = Counter(thing.name for thing in things)
    named: dict[str, Thing] = {}
    for thing in things:
        if often[thing.name] == 1 and usable(thing.name):
            named[thing.name] = thing
    for thing in things:
        if thing.name in named and named[thing.name] is thing:
            continue
        rivals = [other.place for other in things if other.name == thing.name]
        full = as_identifier(f"{thing.place}_{thing.name}")
        short = as_identifier(f"{telling_part(thing.place, rivals)}_{thing.name}")
        name = short if short not in named and usable(short) else full
        while name in named:
            name += "_"
        named[name] = thing
    return {name: thing for thing in things for name, it in named.items() if it is thing}


def telling_part(place: str, rivals: Sequence[str]) -> str:
    """The parts of a module's name that its rivals do not share at the same end.

    >>> telling_part("app.auth.models", ["app.auth.models", "app.blog.models"])
    'auth'
    >>> telling_part("app.models", ["app.models"]), telling_part("app", ["app", "app.models"])
    ('models', 'app')
    """
    parts = place.split(".")
    others = [rival.split(".") for rival in rivals]
    start = 0
    while start < min(map(len, others)) and len({tuple(o[: start + 1]) for o in others}) == 1:
        start += 1
    rest = parts[start:]
    others = [o[start:] for o in others]
    end = 0
    while end < min(map(len, others)) and len({tuple(o[len(o) - end - 1 :]) for o in others}) == 1:
        end += 1
    return "_".join(rest[: len(rest) - end]) or parts[-1]


def as_identifier(name: str) -> str:
    """The name with an underscore for what Python does not allow in one."""
    made = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in name)
    return made if made.isidentifier() else f"_{made}"


def usable(name: str) -> bool:
    """Whether a thing may stand under this name."""
    return name.isidentifier() and not keyword.iskeyword(name) and name not in ALWAYS


def sqlalchemy_names() -> dict[str, Any]:
    """`sa`, and what statements are made of."""
    import sqlalchemy
    from sqlalchemy import orm

    found = {name: getattr(sqlalchemy, name) for name in SQLALCHEMY}
    return {"sa": sqlalchemy, **found, **{name: getattr(orm, name) for name in ORM}}


def everyday_names() -> dict[str, Any]:
    """Dates, and pandas when it is needed."""
    return {"datetime": datetime, "timedelta": timedelta, "timezone": timezone, "pd": Pandas("pandas")}
