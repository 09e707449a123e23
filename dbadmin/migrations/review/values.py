"""What an expression of a script is, as far as that can be told without running it."""

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Unknown:
    """A value that only running the script would tell."""

    def __repr__(self) -> str:
        return "…"


class Bind:
    """The connection that Alembic migrates on: `op.get_bind()`."""


class Session:
    """An ORM session of the script's own."""


UNKNOWN, BIND, SESSION = Unknown(), Bind(), Session()
_LISTINGS: Mapping[str, Callable[..., Iterable[Any]]] = {
    "zip": zip, "enumerate": enumerate, "reversed": reversed, "list": tuple, "tuple": tuple,
    "sorted": lambda values: sorted(values, key=str), "set": tuple,
}  # fmt: skip
"""What is gone through in a loop over written lists."""
GAP = "…"
"""Stands in a text for a part that cannot be read."""


@dataclass(frozen=True)
class TableValue:
    """A table that the script describes for itself: `sa.table("users", …)`, `Table("users", MetaData(), …)`, a class
    with a `__tablename__`.
    """

    name: str
    schema: str | None = None


@dataclass(frozen=True, eq=False)
class Built:
    """An INSERT, UPDATE or DELETE that SQLAlchemy builds, kept under a name until it is executed."""

    node: ast.expr
    scope: "Scope"


@dataclass(frozen=True)
class ColumnValue:
    """A column of such a table: `users.c.status`, `User.status`, `sa.column("status")`."""

    name: str


@dataclass(frozen=True, eq=False)
class Returned:
    """A function of the script that is one expression."""

    node: ast.expr


@dataclass(frozen=True)
class RowValue:
    """An object of the ORM's, or what gives such objects; `table` is None where its class is not the script's."""

    table: TableValue | None


@dataclass
class Scope:
    """Names and what they stand for. `engine` is the SQLAlchemy name of the engine that the review is for."""

    engine: str | None
    names: dict[str, Any] = field(default_factory=dict)

    def inner(self, names: Mapping[str, Any]) -> "Scope":
        """The scope of a function or a loop."""
        return Scope(self.engine, {**self.names, **names})

    def assign(self, target: ast.expr, value: Any) -> None:
        """Remember what a name, or each of several, stands for from here on."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            parts = value if isinstance(value, tuple | list) and len(value) == len(target.elts) else ()
            for number, part in enumerate(target.elts):
                self.assign(part, parts[number] if parts else UNKNOWN)

    def value(self, node: ast.expr | None) -> Any:
        """The value of an expression, or UNKNOWN; a text may have GAPs.

        >>> scope = Scope("sqlite", {"name": "users"})
        >>> [scope.value(ast.parse(text, mode="eval").body) for text in ("name", "f'ix_{name}'", "f'{x}_id'", "('a',)")]
        ['users', 'ix_users', '…_id', ('a',)]
        """
        match node:
            case None:
                return None
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.names.get(name, UNKNOWN)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return tuple(self.value(part) for part in parts)
            case ast.Dict():
                return self._dict(node)
            case ast.JoinedStr(values=values):
                return "".join(map(self._part, values))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _added(self.value(left), self.value(right))
            case ast.BinOp(left=left, op=ast.Mod()):
                value = self.value(left)
                return value.replace("%s", GAP).replace("%d", GAP) if isinstance(value, str) else UNKNOWN
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.value(operand)
                return -value if isinstance(value, int | float) else UNKNOWN
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
        return UNKNOWN

    def _dict(self, node: ast.Dict) -> Any:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            name = self.value(key) if key is not None else UNKNOWN
            if isinstance(name, str | int):
                found[name] = self.value(value)
        return found

    def _part(self, part: ast.expr) -> str:
        value = self.value(part.value) if isinstance(part, ast.FormattedValue) else self.value(part)
        return str(value) if isinstance(value, str | int | float | None) else GAP

    def _attribute(self, node: ast.Attribute) -> Any:
        if node.attr == "name" and isinstance(node.value, ast.Attribute) and node.value.attr in ("dialect", "engine"):
            return self.engine if self.engine is not None else UNKNOWN
        if node.attr == "name" and isinstance(node.value, ast.Name) and node.value.id == "dialect":
            return self.engine if self.engine is not None else UNKNOWN
        columns = isinstance(node.value, ast.Attribute) and node.value.attr in ("c", "columns")
        owner = node.value.value if columns and isinstance(node.value, ast.Attribute) else node.value
        if isinstance(owner, ast.Name | ast.Attribute) and isinstance(self.value(owner), TableValue):
            return self.value(owner) if node.attr in ("c", "columns", "__table__") else ColumnValue(node.attr)
        return UNKNOWN

    def _call(self, node: ast.Call) -> Any:
        name, arguments = called(node.func), node.args
        if name in ("f", "text", "DDL", "dedent", "quoted_name", "str", "literal_column") and arguments:
            return self.value(arguments[0])
        if name in ("strip", "format", "lower", "upper", "replace") and isinstance(node.func, ast.Attribute):
            value = self.value(node.func.value)
            if not isinstance(value, str):
                return UNKNOWN
            return _formatted(value) if name == "format" else _as_called(value, name, [*map(self.value, arguments)])
        if name in ("items", "keys", "values", "dict", *_LISTINGS) and (listed := self._listed(node)) is not UNKNOWN:
            return listed
        if name in ("table", "Table", "create_table") and arguments:
            value = self.value(arguments[0])
            schema = next((self.value(key.value) for key in node.keywords if key.arg == "schema"), None)
            return TableValue(value, text_of(schema)) if isinstance(value, str) else UNKNOWN
        if name == "column" and arguments and isinstance(value := self.value(arguments[0]), str):
            return ColumnValue(value)
        if name in ("Session", "sessionmaker", "scoped_session"):
            return SESSION
        if self.value(node.func) is SESSION and isinstance(node.func, ast.Name):
            return SESSION  # what a sessionmaker makes
        if name == "get_bind":
            return BIND
        if name in ("true", "false", "null") and not arguments:
            return name
        if isinstance(node.func, ast.Attribute) and called(node.func.value) == "func":
            return f"{name}()"
        return Built(node, self) if _builds(node) else UNKNOWN

    def _listed(self, node: ast.Call) -> Any:
        """A list or a dict that is made of written ones."""
        given = [self.value(argument) for argument in node.args]
        match node.func:
            case ast.Attribute(value=owner, attr="items" | "keys" | "values" as name):
                found = self.value(owner)
                return tuple(getattr(found, name)()) if isinstance(found, dict) and not given else UNKNOWN
            case ast.Name(id="dict") if not given:
                return {key.arg: self.value(key.value) for key in node.keywords if key.arg}
            case ast.Name(id=name) if name in _LISTINGS and not node.keywords:
                return tuple(_LISTINGS[name](*given)) if all(isinstance(one, tuple) for one in given) else UNKNOWN
        return UNKNOWN


def _builds(node: ast.expr) -> bool:
    """Whether a chain of calls begins with one that makes a statement."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Call) and called(node.func) in ("update", "delete", "insert"):
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False


def called(node: ast.expr) -> str:
    """The last name of what is called or written: `sa.Column` is Column.

    >>> called(ast.parse("sa.dialects.mysql.BIGINT", mode="eval").body)
    'BIGINT'
    """
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def text_of(value: Any) -> str | None:
    """A text without gaps; None for anything else."""
    return value if isinstance(value, str) and GAP not in value else None


def _added(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return "".join(part if isinstance(part, str) else GAP for part in (left, right))
    return left + right if isinstance(left, tuple) and isinstance(right, tuple) else UNKNOWN


def _as_called(value: str, method: str, arguments: list[Any]) -> str:
    """What a method of a text gives; what cannot be read is a gap."""
    changed: str = getattr(value, method)(*(one if isinstance(one, str) else GAP for one in arguments))
    return changed


def _formatted(value: str) -> str:
    return re.sub(r"\{[^{}]*\}", GAP, value)
