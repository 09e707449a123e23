"""`sa.Column(…)` and types, as they are written in a script."""

import ast
from dataclasses import replace
from typing import Any

from dbadmin.dialects.changes import ColumnText
from dbadmin.migrations.review.values import GAP, UNKNOWN, Scope, called

_UNREADABLE = ""
_BESIDE = ("name", "references", "generated", "nullable", "default", "checked")
_ALSO = {"mysql": ("mariadb",)}
"""Other names that a variant of a type may have for an engine."""


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    """Keyword arguments by name; `**more` is left out."""
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def column_of(node: ast.expr, scope: Scope) -> ColumnText | None:
    """The column that `sa.Column(…)` describes; None for another expression."""
    if not isinstance(node, ast.Call) or called(node.func) not in ("Column", "mapped_column"):
        return None
    name = scope.value(node.args[0]) if node.args else None
    rest = node.args[1:] if isinstance(name, str) or name is UNKNOWN else node.args
    column = ColumnText(name if isinstance(name, str) and GAP not in name else None)
    for part in rest:
        column = _with_part(column, part, scope)
    return _with_options(column, _options(node, scope), scope)


def _options(call: ast.Call, scope: Scope) -> dict[str, ast.expr]:
    """Keyword arguments by name, also those of a dict that is handed over whole."""
    whole = [scope.value(keyword.value) for keyword in call.keywords if keyword.arg is None]
    known = {name: ast.Constant(value) for one in whole if isinstance(one, dict) for name, value in one.items()}
    return {**known, **keywords(call)}


def _with_part(column: ColumnText, part: ast.expr, scope: Scope) -> ColumnText:
    word = called(part.func) if isinstance(part, ast.Call) else called(part)
    if word == "ForeignKey" and isinstance(part, ast.Call):
        target = scope.value(part.args[0]) if part.args else UNKNOWN
        return replace(column, references=target if isinstance(target, str) else GAP)
    if word in ("Computed", "Identity"):
        return replace(column, generated=True)
    if word == "CheckConstraint":
        return replace(column, checked=True)
    if word in ("Sequence", "FetchedValue"):
        return column
    if column.type is None and word:
        return replace(type_of(part, scope), **_kept(column))
    return column


def _kept(column: ColumnText) -> dict[str, Any]:
    """What stands beside the type."""
    return {name: getattr(column, name) for name in _BESIDE}


def _with_options(column: ColumnText, given: dict[str, ast.expr], scope: Scope) -> ColumnText:
    if column.type is None and "type_" in given:
        column = replace(type_of(given["type_"], scope), **_kept(column))
    primary = scope.value(given.get("primary_key")) is True
    nullable = scope.value(given.get("nullable"))
    default, generated = server_default(given.get("server_default"), scope)
    return replace(
        column,
        primary_key=primary,
        nullable=nullable is not False and not primary,
        unique=scope.value(given.get("unique")) is True,
        index=scope.value(given.get("index")) is True,
        default=default,
        generated=column.generated or generated,
    )


def server_default(node: ast.expr | None, scope: Scope) -> tuple[str | None, bool]:
    """The text of a server default, and whether it generates the column (`Computed`, `Identity`)."""
    if node is None or (isinstance(node, ast.Constant) and node.value in (None, False)):
        return None, False
    if isinstance(node, ast.Call) and called(node.func) in ("Computed", "Identity"):
        return None, True
    value = scope.value(node)
    if isinstance(value, str) and value.upper() == "NULL":
        return None, False
    return (value or "''", False) if isinstance(value, str) else (_UNREADABLE, False)


def type_of(node: ast.expr | None, scope: Scope) -> ColumnText:
    """A column without a name that has this type; `type` is None where it cannot be read."""
    if node is None:
        return ColumnText(None)
    if isinstance(node, ast.Call) and called(node.func) == "with_variant" and isinstance(node.func, ast.Attribute):
        names = {scope.value(argument) for argument in node.args[1:]}
        mine = scope.engine is not None and names & {scope.engine, *_ALSO.get(scope.engine, ())}
        return type_of(node.args[0] if mine else node.func.value, scope)
    if isinstance(node, ast.Call):
        arguments = tuple(scope.value(argument) for argument in node.args)
        options = {name: scope.value(value) for name, value in keywords(node).items()}
        return ColumnText(None, called(node.func) or None, arguments, options)
    if isinstance(node, ast.Name) and node.id in scope.names:
        known = scope.names[node.id]
        return known if isinstance(known, ColumnText) else ColumnText(None)
    return ColumnText(None, called(node) or None)
