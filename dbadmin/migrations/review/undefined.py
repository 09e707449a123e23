"""Names that a script uses and nothing in it defines."""

import ast
import builtins
import symtable
from collections.abc import Iterator

_ALWAYS = frozenset(dir(builtins)) | {
    "__file__",
    "__name__",
    "__doc__",
    "__spec__",
    "__path__",
    "__loader__",
    "__builtins__",
}


def undefined(tree: ast.Module, source: bytes) -> tuple[tuple[str, int], ...]:
    """Each name with the line that uses it first; none where a star import may define any.

    >>> source = b"import a\\ndef upgrade():\\n    a.b(c)\\n    app.models.Money()\\ndef c(): d = 1; return d"
    >>> undefined(ast.parse(source), source)
    (('app', 4),)
    """
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        return ()
    top = symtable.symtable(source.decode(errors="replace"), "script", "exec")
    tables = list(_all(top))
    made = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    made |= {
        s.get_name() for table in tables for s in table.get_symbols() if s.is_declared_global() and s.is_assigned()
    }
    used = {s.get_name() for table in tables for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    missing = used - made - _ALWAYS
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in missing:
            lines[node.id] = min(node.lineno, lines.get(node.id, node.lineno))
    return tuple(sorted(lines.items(), key=lambda one: one[1]))


def _all(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for inner in table.get_children():
        yield from _all(inner)
