"""Rows written through the ORM (`session.add(…)`, `user.state = "new"`), and calls that hide what they do."""

import ast
from collections.abc import Iterator
from typing import Any

from dbadmin.dialects.changes import Change
from dbadmin.migrations.review.built import is_session, value_written
from dbadmin.migrations.review.values import BIND, SESSION, RowValue, Scope, TableValue, called, text_of

_WRITES: dict[str, Any] = {
    "add": "insert", "add_all": "insert", "bulk_save_objects": "insert", "bulk_insert_mappings": "insert",
    "merge": "update", "bulk_update_mappings": "update", "delete": "delete",
}  # fmt: skip
_HARMLESS = frozenset({
    "f", "get_bind", "get_context", "autocommit_block", "batch_alter_table", "inline_literal", "implementation_for",
    "get_migration_context", "is_offline_mode",
})  # fmt: skip
"""What of `op` changes nothing by itself."""


def model_of(node: ast.ClassDef, scope: Scope) -> TableValue | None:
    """The table of a class that the script maps for itself."""
    for part in node.body:
        if isinstance(part, ast.Assign) and any(called(target) == "__tablename__" for target in part.targets):
            name = text_of(scope.value(part.value))
            return TableValue(name) if name else None
        if isinstance(part, ast.Assign) and any(called(target) == "__table__" for target in part.targets):
            value = scope.value(part.value)
            return value if isinstance(value, TableValue) else None
    return None


def session_change(node: ast.Call, scope: Scope, more: dict[str, Any]) -> Iterator[Change]:
    """What a call of a session's methods writes."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in _WRITES:
        return
    if not is_session(node.func.value, scope):
        return
    table = _table(node.args[0], scope) if node.args else None
    kind = _WRITES[node.func.attr]
    if kind == "insert" and table is None and not (node.args and isinstance(node.args[0], ast.Call)):
        kind = "update"  # objects that were made, or read and changed, elsewhere
    name, schema = (table.name, table.schema) if table else (None, None)
    yield Change(kind, node.lineno, name, schema, where=True, **more)


def row_changes(target: ast.expr, value: ast.expr, scope: Scope, more: dict[str, Any]) -> Iterator[Change]:
    """What an assignment to an attribute of an ORM object writes."""
    if isinstance(target, ast.Attribute) and isinstance(row := scope.value(target.value), RowValue):
        name, schema = (row.table.name, row.table.schema) if row.table else (None, None)
        write = value_written(value, target.attr, scope)
        yield Change("update", target.lineno, name, schema, where=True, writes=(write,), **more)


def hides(node: ast.Call, scope: Scope, own: set[str]) -> bool:
    """Whether a call may write what cannot be seen here: it hands the connection or the session to code of others, or
    is an operation that Alembic does not have.
    """
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "op":
        return function.attr not in _HARMLESS
    if called(function) in own or called(function) in ("Session", "sessionmaker", "scoped_session", "inspect"):
        return False
    handed = [*node.args, *(keyword.value for keyword in node.keywords)]
    given = any(scope.value(one) in (BIND, SESSION) or is_session(one, scope) for one in handed if _is_plain(one))
    return given and not _reads(function)


def _reads(function: ast.expr) -> bool:
    """A reflection, a table's own check."""
    return called(function) in (
        "Table",
        "reflect",
        "from_engine",
        "has_table",
        "create",
        "drop",
        "configure",
        "isinstance",
    )


def _is_plain(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Call | ast.Attribute)


def _table(node: ast.expr, scope: Scope) -> TableValue | None:
    """The table of an object that is made there, or was read before."""
    value = scope.value(node.func if isinstance(node, ast.Call) else node)
    if isinstance(value, RowValue):
        return value.table
    return value if isinstance(value, TableValue) else None
