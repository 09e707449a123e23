"""Conditions on the engine's name, decided for the engine of the review."""

import ast

from dbadmin.migrations.review.values import Returned, Scope


def decided(test: ast.expr, scope: Scope) -> bool | None:
    """What a condition on the engine's name comes to; None for any other.

    >>> test = ast.parse("op.get_bind().dialect.name == 'sqlite'", mode="eval").body
    >>> decided(test, Scope("postgresql")), decided(test, Scope("sqlite")), decided(test, Scope(None))
    (False, True, None)
    """
    match test:
        case ast.Name() if isinstance(known := scope.value(test), bool):
            return known
        case ast.Call(func=ast.Name() as function, args=[]) if isinstance(known := scope.value(function), Returned):
            return decided(known.node, scope)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = decided(operand, scope)
            return None if inner is None else not inner
        case ast.BoolOp(op=ast.And(), values=values):
            found = [decided(value, scope) for value in values]
            return False if False in found else True if all(found) else None
        case ast.BoolOp(op=ast.Or(), values=values):
            found = [decided(value, scope) for value in values]
            return True if True in found else None if None in found else False
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            one, other = scope.value(left), scope.value(right)
            if not (isinstance(one, str) and isinstance(other, str | tuple)) or scope.engine is None:
                return None
            match operator:
                case ast.Eq():
                    return one == other
                case ast.NotEq():
                    return one != other
                case ast.In() if isinstance(other, tuple):
                    return one in other
                case ast.NotIn() if isinstance(other, tuple):
                    return one not in other
        case ast.Call(func=ast.Attribute(value=value, attr="startswith"), args=[prefix]):
            one, other = scope.value(value), scope.value(prefix)
            return one.startswith(other) if isinstance(one, str) and isinstance(other, str) else None
    return None


def ends(node: ast.stmt, scope: Scope) -> bool:
    """Whether nothing after a statement is reached on the engine of the review.

    >>> node = ast.parse("if op.get_bind().dialect.name == 'sqlite':\\n    raise ValueError").body[0]
    >>> ends(node, Scope("sqlite")), ends(node, Scope("postgresql"))
    (True, False)
    """
    match node:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(test=test, body=body, orelse=orelse):
            known = decided(test, scope)
            one, other = (any(ends(part, scope) for part in block) for block in (body, orelse))
            return one and other if known is None else one if known else other
        case ast.With(body=body):
            return any(ends(part, scope) for part in body)
    return False
