"""Which lines of a script belong to one statement."""

import ast

from dbadmin.migrations.review.values import called


def statements(tree: ast.Module) -> dict[int, int]:
    """The first line of the innermost statement, by line; of one with a body only its head counts, but for a batch."""
    found: dict[int, int] = {}
    for node in ast.walk(tree):  # from the outside to the inside
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            found |= dict.fromkeys(range(node.lineno, last + 1), node.lineno)
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(is_batch(item.context_expr) for item in node.items):
            found |= dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), node.lineno)
    return found


def is_batch(node: ast.expr) -> bool:
    """Whether a `with` begins a batch, whose statements run when it ends."""
    return isinstance(node, ast.Call) and called(node.func) == "batch_alter_table"
