"""A revision script as a sequence of changes, read without running it.

Conditions on the dialect's name are decided for the engine of the review; other conditions are gone into, and what
stands under them is `guarded`. Loops over written lists are gone through value by value.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dbadmin.dialects.changes import Change
from dbadmin.migrations.parse import effective
from dbadmin.migrations.review.built import rows_of
from dbadmin.migrations.review.columns import keywords, type_of
from dbadmin.migrations.review.conditions import decided, ends
from dbadmin.migrations.review.operations import Batch, Call, call_of, is_operation, operation, statement
from dbadmin.migrations.review.orm import hides, model_of, row_changes, session_change
from dbadmin.migrations.review.spans import is_batch, statements
from dbadmin.migrations.review.sql import changes_of
from dbadmin.migrations.review.undefined import undefined
from dbadmin.migrations.review.values import BIND, UNKNOWN, Returned, RowValue, Scope, TableValue, called, text_of

DEEPEST = 6
"""How many functions of the script may call each other before the rest is left unread."""
_TYPES = {"Enum", "ENUM"}


@dataclass(frozen=True)
class Import:
    """A module that the script imports, by its full name."""

    module: str
    line: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadScript:
    """What a script does. `uses_database` is the first line that reads from the database or needs a connection;
    `unread` are the functions that do something which cannot be read. `statements` has the first line of the statement
    that each line is part of; `undefined` are names that nothing defines, with their lines.
    """

    path: Path
    upgrade: tuple[Change, ...]
    downgrade: tuple[Change, ...]
    imports: tuple[Import, ...]
    lines: dict[str, int] = field(default_factory=dict)
    uses_database: int | None = None
    unread: frozenset[str] = frozenset()
    statements: dict[int, int] = field(default_factory=dict)
    undefined: tuple[tuple[str, int], ...] = ()

    def statement_of(self, line: int) -> int:
        """The first line of the statement that a line is part of."""
        return self.statements.get(line, line)


def read(path: Path, source: bytes, engine: str | None) -> ReadScript:
    """Read a script for an engine, by SQLAlchemy's name of it; None: for none in particular.

    The source was parsed before (`parse.read_script`), so that it is known to be Python.
    """
    tree = ast.parse(source, filename=str(path))
    reader = _Reader(tree, engine)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    upgrade, downgrade = (reader.function(functions.get(name)) for name in ("upgrade", "downgrade"))
    return ReadScript(
        path, upgrade, downgrade, tuple(_imports(tree)), {name: node.lineno for name, node in functions.items()},
        reader.uses_database, frozenset(reader.unread), statements(tree), undefined(tree, source),
    )  # fmt: skip


def _imports(tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield Import(module, node.lineno, tuple(alias.name for alias in node.names))


@dataclass(frozen=True)
class _Where:
    """What stands around a statement."""

    scope: Scope
    batches: dict[str, Batch] = field(default_factory=dict)
    outside: bool = False
    guarded: bool = False
    loop: bool = False
    depth: int = 0

    @property
    def more(self) -> dict[str, Any]:
        return {"outside": self.outside, "guarded": self.guarded, "loop": self.loop}


class _Reader:
    def __init__(self, tree: ast.Module, engine: str | None) -> None:
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.top = Scope(engine)
        self.uses_database: int | None = None
        self.unread: set[str] = set()
        self._read = ""
        for node in tree.body:
            self._assignment(node, self.top)
            if (
                isinstance(node, ast.FunctionDef)
                and isinstance(node.body[-1], ast.Return)
                and len(effective(node)) == 1
            ):
                self.top.names[node.name] = Returned(node.body[-1].value or ast.Constant(None))
            if isinstance(node, ast.ClassDef) and (model := model_of(node, self.top)) is not None:
                self.top.names[node.name] = model

    def function(self, node: ast.FunctionDef | None) -> tuple[Change, ...]:
        if node is None:
            return ()
        self._read = node.name
        return tuple(self._block(node.body, _Where(self.top.inner({}))))

    def _block(self, body: list[ast.stmt], where: _Where) -> Iterator[Change]:
        for node in body:
            yield from self._statement(node, where)
            if ends(node, where.scope):
                return

    def _statement(self, node: ast.stmt, where: _Where) -> Iterator[Change]:
        match node:
            case ast.If():
                yield from self._condition(node, where)
            case ast.For():
                yield from self._loop(node, where)
            case ast.While():
                yield from self._block(node.body, _with(where, loop=True, guarded=True))
            case ast.With():
                yield from self._with(node, where)
            case ast.Try():
                yield from self._block(node.body, where)
                for handler in node.handlers:
                    yield from self._block(handler.body, _with(where, guarded=True))
                yield from self._block([*node.orelse, *node.finalbody], where)
            case ast.FunctionDef():
                self.functions[node.name] = node
            case ast.ClassDef():
                where.scope.names[node.name] = model_of(node, where.scope) or UNKNOWN
            case _:
                yield from self._expressions(node, where)
                self._assignment(node, where.scope)
                if isinstance(node, ast.Assign | ast.AugAssign) and node.value is not None:
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    for target in targets:
                        yield from row_changes(target, node.value, where.scope, where.more)

    def _condition(self, node: ast.If, where: _Where) -> Iterator[Change]:
        known = decided(node.test, where.scope)
        yield from self._expressions(ast.Expr(node.test), where)
        inner = where if known is not None else _with(where, guarded=True)
        if known is not False:
            yield from self._block(node.body, inner)
        if known is not True:
            yield from self._block(node.orelse, inner)

    def _loop(self, node: ast.For, where: _Where) -> Iterator[Change]:
        values = where.scope.value(node.iter)
        if isinstance(values, dict) and isinstance(node.iter, ast.Call):
            values = tuple(values.items())
        yield from self._expressions(ast.Expr(node.iter), where)
        if not isinstance(values, tuple | dict):
            rows = values if isinstance(values, RowValue) else rows_of(node.iter, where.scope)
            where.scope.assign(node.target, rows or UNKNOWN)
            yield from self._block(node.body, _with(where, loop=True))
            return
        for value in values:
            where.scope.assign(node.target, value)
            yield from self._block(node.body, where)

    def _with(self, node: ast.With, where: _Where) -> Iterator[Change]:
        for item in node.items:
            call = item.context_expr
            name = called(call.func) if isinstance(call, ast.Call) else ""
            if name == "autocommit_block":
                where = _with(where, outside=True)
            elif isinstance(call, ast.Call) and is_batch(call):
                batch = _batch(call, where.scope)
                if isinstance(item.optional_vars, ast.Name):
                    where = _with(where, batches={**where.batches, item.optional_vars.id: batch})
            else:
                yield from self._expressions(ast.Expr(call), where)
        yield from self._block(node.body, where)

    def _expressions(self, node: ast.AST, where: _Where) -> Iterator[Change]:
        """The calls inside a statement, in their order."""
        for call in ast.walk(node):
            if isinstance(call, ast.Call):
                yield from self._call(call, where)

    def _call(self, node: ast.Call, where: _Where) -> Iterator[Change]:
        function, name = node.func, called(node.func)
        owner = (
            function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else None
        )
        if owner == "op" and name in ("get_bind", "get_context"):
            self.uses_database = self.uses_database or (node.lineno if name == "get_bind" else None)
        elif is_operation(name) and (owner == "op" or owner in where.batches):
            batch = where.batches.get(owner) if owner != "op" else None
            yield from operation(call_of(node, where.scope, batch, where.more))
        elif name in ("execute", "exec_driver_sql") and node.args:
            yield from self._executed(node, where)
        elif name == "commit" and isinstance(function, ast.Attribute) and where.scope.value(function.value) is BIND:
            yield Change("commit", node.lineno, **where.more)
        elif name in ("create", "drop") and isinstance(function, ast.Attribute):
            made = type_of(function.value, where.scope)
            if made.type in _TYPES:
                kind: Any = f"{name}_type"
                yield Change(kind, node.lineno, name=text_of(made.options.get("name")), **where.more)
            elif isinstance(table := where.scope.value(function.value), TableValue):
                kind = f"{name}_table"
                yield Change(kind, node.lineno, text_of(table.name), table.schema, **where.more)
        elif name in ("update", "delete") and rows_of(node, where.scope) is not None:
            call = Call(name, node.lineno, {}, where.scope, None, (), where.more)
            yield from filter(None, [statement(node, call)])  # session.query(User).update({…})
        elif isinstance(function, ast.Name) and name in self.functions and where.depth < DEEPEST:
            yield from self._helper(self.functions[name], node, where)
        else:
            yield from session_change(node, where.scope, where.more)
            if hides(node, where.scope, set(self.functions)):
                self.unread.add(self._read)

    def _executed(self, node: ast.Call, where: _Where) -> Iterator[Change]:
        """What is executed on a connection or a session of the script's own."""
        value = where.scope.value(node.args[0])
        if isinstance(value, str):
            yield from (c for c in changes_of(value, node.lineno, **where.more) if c.kind != "sql")
            return
        call = Call("execute", node.lineno, {}, where.scope, None, (), where.more)
        found = statement(node.args[0], call)
        if found is not None:
            yield found
        elif value is UNKNOWN and not _selects(node.args[0]):
            self.unread.add(self._read)

    def _helper(self, function: ast.FunctionDef, node: ast.Call, where: _Where) -> Iterator[Change]:
        parameters = [argument.arg for argument in function.args.args]
        given = {name: where.scope.value(value) for name, value in zip(parameters, node.args, strict=False)}
        given |= {key.arg: where.scope.value(key.value) for key in node.keywords if key.arg}
        batches = {
            name: where.batches[value.id]
            for name, value in zip(parameters, node.args, strict=False)
            if isinstance(value, ast.Name) and value.id in where.batches
        }
        inner = _with(where, scope=self.top.inner(given), batches=batches, depth=where.depth + 1)
        yield from self._block(function.body, inner)

    def _assignment(self, node: ast.stmt, scope: Scope) -> None:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets: list[ast.expr] = [node.target]
            value = node.value
        elif isinstance(node, ast.Assign):
            targets, value = list(node.targets), node.value
        else:
            return
        known: Any = scope.value(value)
        if known is UNKNOWN and isinstance(value, ast.Call):
            known = type_of(value, scope) if called(value.func) in _TYPES else rows_of(value, scope) or UNKNOWN
        if known is UNKNOWN and (condition := decided(value, scope)) is not None:
            known = condition
        for target in targets:
            scope.assign(target, known)


def _selects(node: ast.expr) -> bool:
    """Whether an expression that is executed only reads."""
    return any(called(one) == "select" for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute))


def _with(where: _Where, **changed: Any) -> _Where:
    return replace(where, **changed)


def _batch(call: ast.Call, scope: Scope) -> Batch:
    given = keywords(call)
    table = scope.value(call.args[0]) if call.args else scope.value(given.get("table_name"))
    return Batch(text_of(table), text_of(scope.value(given.get("schema"))))
