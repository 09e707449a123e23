"""Statements that SQLAlchemy builds: `users.update().where(…).values(…)`, `sa.insert(users)`, `session.query(User)`."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dbadmin.dialects.changes import Write
from dbadmin.migrations.review.values import SESSION, Built, ColumnValue, RowValue, Scope, TableValue, called
from dbadmin.migrations.review.written import GAP, LOSSY, conditions_of, narrower, pieces_of, value_of

_VERBS = ("update", "delete", "insert")
_FILTERS = ("where", "filter", "filter_by")


@dataclass(frozen=True)
class Statement:
    """An INSERT, UPDATE or DELETE as it is built; `described` is None where it cannot be read."""

    kind: Literal["insert", "update", "delete"]
    described: TableValue | None
    where: bool
    writes: tuple[Write, ...] = ()

    @property
    def table(self) -> str | None:
        """The table's name."""
        return self.described.name if self.described else None

    @property
    def schema(self) -> str | None:
        """The table's schema."""
        return self.described.schema if self.described else None


def built(node: ast.expr, scope: Scope) -> Statement | None:
    """The statement that an expression builds; None for any other."""
    if isinstance(node, ast.Name) and isinstance(known := scope.value(node), Built):
        node, scope = known.node, known.scope
    calls = list(_chain(node))
    verb = next((call for call in reversed(calls) if called(call.func) in _VERBS), None)
    if verb is None:
        return None
    kind: Any = called(verb.func)
    names = [called(call.func) for call in calls]
    where = any(name in _FILTERS for name in names)
    if kind != "update":
        return Statement(kind, _table(verb, scope), where)
    conditions = _conditions(calls, scope)
    set_by = [call for call in calls if called(call.func) == "values"]
    if not set_by and "query" in names:
        set_by = [verb]  # session.query(User).update({…})
    writes = [write for call in set_by for write in _set(call, scope)]
    picked = tuple(replace(write, picked=conditions.get(write.column)) for write in writes)
    return Statement("update", _table(verb, scope), where, picked)


def rows_of(node: ast.expr, scope: Scope) -> RowValue | None:
    """What of the ORM's an expression gives: objects of a class; None for another expression."""
    calls = list(_chain(node))
    session = any(_is_session(_owner(call), scope) for call in calls)
    for call in calls:
        if session and called(call.func) in ("query", "get") and call.args:
            return RowValue(_named(scope.value(call.args[0])))
        if session and called(call.func) in ("scalars", "execute") and call.args:
            inner = [one for one in _chain(call.args[0]) if called(one.func) == "select" and one.args]
            return RowValue(_named(scope.value(inner[0].args[0]))) if inner else None
    return None


def is_session(node: ast.expr | None, scope: Scope) -> bool:
    """Whether a call's owner is a session of the ORM's."""
    return _is_session(node, scope)


def value_written(node: ast.expr, column: str, scope: Scope) -> Write:
    """What an expression writes into a column."""
    value = scope.value(node)
    if isinstance(node, ast.Call) and called(node.func) in ("text", "literal_column") and isinstance(value, str):
        return value_of(pieces_of(value), column)
    plain = not isinstance(node, ast.Call) or called(node.func) in ("true", "false", "null", "literal", "bindparam")
    if plain and isinstance(value, str | int | float | bytes | None):
        return Write(column, _constant(value))
    inside = [one for one in ast.walk(node) if isinstance(one, ast.expr)]
    reads = frozenset(name for one in inside if (name := _column(one, scope)) is not None)
    names = {called(one.func).lower() for one in inside if isinstance(one, ast.Call)}
    return Write(column, None, reads or frozenset({GAP}), bool(names & LOSSY))


def _chain(node: ast.expr) -> Iterator[ast.Call]:
    """The calls of a chain, the last one first."""
    while True:
        if isinstance(node, ast.Call):
            yield node
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return


def _owner(call: ast.Call) -> ast.expr | None:
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def _is_session(node: ast.expr | None, scope: Scope) -> bool:
    return node is not None and (
        scope.value(node) is SESSION or (isinstance(node, ast.Name) and node.id in ("session", "db_session"))
    )


def _named(value: Any) -> TableValue | None:
    return value if isinstance(value, TableValue) else None


def _table(verb: ast.Call, scope: Scope) -> TableValue | None:
    owner = _owner(verb)
    found = _named(scope.value(owner)) if owner is not None else None
    if found is None and verb.args:
        found = _named(scope.value(verb.args[0]))
    if found is None and owner is not None:
        rows = rows_of(owner, scope)
        found = rows.table if rows is not None else None
    return found


def _set(call: ast.Call, scope: Scope) -> Iterator[Write]:
    """What `values(…)` sets."""
    for keyword in call.keywords:
        if keyword.arg and called(call.func) == "values":
            yield value_written(keyword.value, keyword.arg, scope)
    for argument in call.args[:1]:
        if isinstance(argument, ast.Dict):
            for key, value in zip(argument.keys, argument.values, strict=True):
                column = _column(key, scope) if key is not None else None
                if column is not None:
                    yield value_written(value, column, scope)


def _column(node: ast.expr, scope: Scope) -> str | None:
    """The column that an expression names: by a text, or by the table's own columns."""
    value = scope.value(node)
    if isinstance(value, ColumnValue):
        return value.name
    if isinstance(node, ast.Constant) and isinstance(value, str):
        return value
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "c":
        return node.attr
    return None


def _conditions(calls: Sequence[ast.Call], scope: Scope) -> dict[str, frozenset[str] | None]:
    """What the statement's conditions let through, by column."""
    found: dict[str, frozenset[str] | None] = {}
    for call in calls:
        if called(call.func) not in _FILTERS:
            continue
        for keyword in call.keywords:  # filter_by
            if keyword.arg:
                found[keyword.arg] = _values([keyword.value], scope)
        for argument in call.args:
            for name, values in _condition(argument, scope).items():
                found[name] = narrower(found.get(name), values)
    return found


def _condition(node: ast.expr, scope: Scope) -> dict[str, frozenset[str] | None]:
    """What one condition lets through."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if column := _column(left, scope):
            return {column: _values([right], scope)}
        case ast.Call(func=ast.Attribute(value=left, attr="in_"), args=[right]) if column := _column(left, scope):
            listed = right.elts if isinstance(right, ast.List | ast.Tuple | ast.Set) else None
            return {column: _values(listed, scope) if listed is not None else _listed(scope.value(right))}
        case ast.Call(func=ast.Attribute(value=left, attr="is_"), args=[right]) if column := _column(left, scope):
            return {column: _values([right], scope)}
        case ast.Call(func=function, args=parts) if called(function) == "and_":
            return {k: v for part in parts for k, v in _condition(part, scope).items()}
        case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
            return {**_condition(left, scope), **_condition(right, scope)}
        case ast.Call(func=function) if called(function) == "text" and isinstance(text := scope.value(node), str):
            return conditions_of(pieces_of(text))
    return {name: None for one in ast.walk(node) if isinstance(one, ast.expr) and (name := _column(one, scope))}


def _values(nodes: Sequence[ast.expr], scope: Scope) -> frozenset[str] | None:
    """Constants as SQL has them; None where one of them is none."""
    return _listed(tuple(scope.value(node) for node in nodes))


def _listed(values: Any) -> frozenset[str] | None:
    plain = isinstance(values, tuple) and all(isinstance(value, str | int | float | None) for value in values)
    return frozenset(map(_constant, values)) if plain else None


def _constant(value: Any) -> str:
    if value is None or value == "null":
        return "NULL"
    if isinstance(value, bool) or value in ("true", "false"):
        return str(value).upper()
    return f"'{value}'" if isinstance(value, str) else str(value)
