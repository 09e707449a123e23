"""One revision script, read without running it.

What Alembic asks of a script (revision, down_revision, branch_labels, depends_on, its docstring) is nearly
always written as plain values. Where one is computed, `needs_running` says so and the script is loaded in a
process of its own.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dbadmin.errors import UserCodeError

NAMES = ("revision", "down_revision", "branch_labels", "depends_on")
_LEGACY = re.compile(r"([a-f0-9]+)\.py$")
_REVISION_FILE = re.compile(r"(?!\.\#|__init__).*\.py$")
_CREATED = re.compile(r"^Create Date:\s*(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class ScriptFile:
    """A revision script as it is written. `lines` tells on which line each of NAMES stands.

    `irreversible` says why it cannot be rolled back, as far as reading tells; None where it can.
    """

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]
    docstring: str | None
    functions: frozenset[str]
    irreversible: str | None
    needs_running: bool = False

    @property
    def message(self) -> str:
        """The first paragraph of the docstring, as `alembic history` shows it."""
        return re.split("\n\n", (self.docstring or "").strip())[0]

    @property
    def date(self) -> datetime | None:
        """The `Create Date:` of the docstring."""
        found = _CREATED.search(self.docstring or "")
        try:
            return datetime.fromisoformat(found.group(1).strip()) if found else None
        except ValueError:
            return None


@dataclass
class _Found:
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef | None] = field(default_factory=dict)
    computed: bool = False


def many(value: Any) -> tuple[str, ...]:
    """What a script may write as one text, several, or None.

    >>> many("a1"), many(["a1", "b2"]), many(None)
    (('a1',), ('a1', 'b2'), ())
    """
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def is_script(name: str) -> bool:
    """Whether Alembic takes a file of this name for a revision script.

    >>> [is_script(name) for name in ("a1_users.py", "__init__.py", ".#a1.py", "a1.pyc")]
    [True, False, False, False]
    """
    return _REVISION_FILE.match(name) is not None


def read_script(path: Path) -> ScriptFile:
    """Read one script. Raises UserCodeError, naming file and line, where it cannot be read as a revision."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UserCodeError(f"{path}: {error.strerror}", hint="check the file and its rights") from error
    return read_source(path, source, shown=str(path))


def read_source(path: Path, source: bytes, *, shown: str) -> ScriptFile:
    """As `read_script`, from a source that need not be in the file any more; `shown` names it in errors."""
    try:
        tree = ast.parse(source, filename=shown)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{shown}:{line}" if line else shown
        raise UserCodeError(f"{where}: {getattr(error, 'msg', error)}", hint="correct this script") from error
    found = _Found()
    for node in tree.body:
        _look(node, found)
    if "revision" not in found.values and not found.computed:
        legacy = _LEGACY.match(path.name)
        if legacy is None:
            raise UserCodeError(
                f"{shown}: declares no revision",
                hint="add revision = …, or move the file out of the versions folder",
            )
        found.values["revision"] = legacy.group(1)
    if "down_revision" not in found.values and not found.computed:
        raise UserCodeError(
            f"{shown}: declares no down_revision", hint="add down_revision = None or the revision before"
        )
    return ScriptFile(
        path, found.values, found.lines, ast.get_docstring(tree, clean=False), frozenset(found.functions),
        None if found.computed and "downgrade" not in found.functions else irreversible(found.functions),
        found.computed,
    )  # fmt: skip


def _look(node: ast.stmt, found: _Found) -> None:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Name):
                    _assign(target.id, value, node.lineno, found)
                elif _names(target) & {*NAMES, "downgrade"}:
                    found.computed = True
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            _assign(name, value, node.lineno, found)
        case ast.FunctionDef(name=name):
            found.functions[name] = node
        case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
            bound = {alias.asname or alias.name for alias in aliases}
            found.computed |= bool(bound & {*NAMES, "*"})
            found.functions.update(dict.fromkeys(bound & {"upgrade", "downgrade"}))
        case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
            found.computed |= bool(_names(node) & {*NAMES, "downgrade"})


def _assign(name: str, value: ast.expr, line: int, found: _Found) -> None:
    if name in ("upgrade", "downgrade"):
        found.functions[name] = None
        return
    try:
        constant = found.constants[value.id] if isinstance(value, ast.Name) else ast.literal_eval(value)
    except (ValueError, KeyError, TypeError, SyntaxError):
        found.computed |= name in NAMES
        return
    found.constants[name] = constant
    if name in NAMES:
        found.values[name] = constant
        found.lines[name] = line


def _names(node: ast.AST) -> set[str]:
    """Names bound anywhere inside a statement."""
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef)}


def irreversible(functions: Mapping[str, ast.FunctionDef | None]) -> str | None:
    """Why a script cannot be rolled back, told from its functions.

    >>> def reason(source):
    ...     return irreversible({n.name: n for n in ast.parse(source).body})
    >>> reason("def upgrade(): x()")
    'has no downgrade()'
    >>> reason("def upgrade(): x()\\ndef downgrade(): pass")
    'downgrade() is empty'
    >>> reason("def upgrade(): x()\\ndef downgrade():\\n  raise NotImplementedError('no')")
    'downgrade() raises NotImplementedError'
    >>> reason("def upgrade(): pass\\ndef downgrade(): pass")  # a merge: nothing to undo
    """
    if "downgrade" not in functions:
        return "has no downgrade()"
    downgrade, upgrade = functions["downgrade"], functions.get("upgrade")
    if downgrade is None:
        return None
    body = effective(downgrade)
    if not body:
        nothing_to_undo = upgrade is not None and not effective(upgrade)
        return None if nothing_to_undo else "downgrade() is empty"
    if isinstance(body[0], ast.Raise):
        return f"downgrade() raises {_raised(body[0])}"
    return None


def effective(function: ast.FunctionDef) -> list[ast.stmt]:
    """The statements of a function that do something: not its docstring, pass, return, or `...`."""

    def idle(statement: ast.stmt) -> bool:
        constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        returns = isinstance(statement, ast.Return) and statement.value is None
        return constant or returns or isinstance(statement, ast.Pass)

    return [statement for statement in function.body if not idle(statement)]


def _raised(statement: ast.Raise) -> str:
    error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    if isinstance(error, ast.Attribute):
        return error.attr
    return error.id if isinstance(error, ast.Name) else "an error"
