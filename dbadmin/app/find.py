"""Reads code without importing it: session factories, engines, models, entrypoints, each with its line."""

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dbadmin.app.search import shown

Kind = Literal["session factory", "generator", "engine", "base", "metadata", "models", "entrypoint"]

FACTORIES: Mapping[str, Kind] = {
    "sessionmaker": "session factory",
    "async_sessionmaker": "session factory",
    "scoped_session": "session factory",
    "async_scoped_session": "session factory",
    "create_engine": "engine",
    "create_async_engine": "engine",
    "engine_from_config": "engine",
    "async_engine_from_config": "engine",
    "declarative_base": "base",
    "automap_base": "base",
    "MetaData": "metadata",
    "FastAPI": "entrypoint",
    "Flask": "entrypoint",
    "Starlette": "entrypoint",
    "Litestar": "entrypoint",
    "Quart": "entrypoint",
    "Sanic": "entrypoint",
}
"""What a module-level name is when it is assigned a call of this."""

BASES = ("DeclarativeBase", "DeclarativeBaseNoMeta", "SQLModel")
SESSION_KINDS: tuple[Kind, ...] = ("session factory", "engine", "generator")
"""What a session can be had from, best first."""

SKIPPED = {
    "node_modules", "site-packages", "dist-packages", "__pycache__", "build", "dist", "docs", "doc",
    "versions", "tests", "test", "testing", "examples", "venv", "env", "htmlcov",
}  # fmt: skip
TELLING = re.compile(
    rb"sessionmaker|scoped_session|engine|Base\b|base\b|SQLModel|MetaData|__table|table\s*=\s*True|\bTable\("
    rb"|FastAPI|Flask|Starlette|Litestar|Quart|Sanic|(?:create|make)_app|\byield\b"
)
"""A file without any of this holds nothing of interest: most files need no parsing."""
MOST_FILES = 5000
LARGEST_FILE = 1_000_000
_GENERATOR_WORDS = ("db", "session")
_GENERATOR_TYPES = ("Session", "AsyncSession")


@dataclass(frozen=True)
class Candidate:
    """Something found in the code. `name` is "module:name" ("module" for models), `root` the directory from
    which the module can be imported; `count` is the number of models.
    """

    kind: Kind
    name: str
    file: Path
    line: int
    root: Path
    count: int = 1
    in_entrypoint: bool = False

    @property
    def module(self) -> str:
        """The module's name."""
        return self.name.partition(":")[0]

    def where(self, start: Path) -> str:
        """File and line, as seen from `start`."""
        return f"{shown(self.file, start)}:{self.line}"


@dataclass(frozen=True)
class Found:
    """Everything found, best first within each kind."""

    candidates: tuple[Candidate, ...]

    def of(self, *kinds: Kind) -> tuple[Candidate, ...]:
        """Candidates of these kinds."""
        return tuple(c for c in self.candidates if c.kind in kinds)

    @property
    def sessions(self) -> tuple[Candidate, ...]:
        """Candidates for a session, of the best kind that there is; entrypoints' own are left out.

        One means: this is it. Several: somebody has to choose.
        """
        for kind in SESSION_KINDS:
            found = tuple(c for c in self.of(kind) if not c.in_entrypoint)
            if found:
                return found
        return ()

    @property
    def model_modules(self) -> tuple[str, ...]:
        """Modules that define models or tables and are no entrypoint."""
        return tuple(dict.fromkeys(c.module for c in self.of("models") if not c.in_entrypoint))

    def roots(self, modules: Iterable[str]) -> tuple[Path, ...]:
        """Directories from which these modules can be imported."""
        wanted = set(modules)
        return tuple(dict.fromkeys(c.root for c in self.candidates if c.module in wanted))


def find(directory: Path) -> Found:
    """Read every Python file of a project (not its tests, revisions, libraries); list what dbadmin needs."""
    read = []
    for path in python_files(directory):
        tree = parsed(path)
        if tree is not None:
            read.append((path, tree))
    bases = _base_names(tree for _, tree in read)
    found = [c for path, tree in read for c in _candidates(path, tree, directory, bases)]
    return Found(tuple(sorted(found, key=_rank)))


def _rank(candidate: Candidate) -> tuple[int, int, str, int]:
    """Names that say "the application's session" first, then what lies least deep."""
    last = candidate.name.rpartition(":")[2].lower().replace("_", "")
    usual = (
        "sessionlocal",
        "asyncsessionlocal",
        "session",
        "asyncsession",
        "sessionmaker",
        "asyncsessionmaker",
    )
    preferred = (*usual, "getdb", "getsession", "getasyncsession", "engine", "asyncengine", "base")
    rank = preferred.index(last) if last in preferred else len(preferred)
    return rank, candidate.name.count("."), candidate.name, candidate.line


def python_files(directory: Path) -> Iterator[Path]:
    """The Python files of a project, in order; not its tests, revisions and libraries."""
    seen = 0
    for folder, names, files in os.walk(directory):
        names[:] = sorted(
            n
            for n in names
            if n not in SKIPPED and not n.startswith(".") and not Path(folder, n, "pyvenv.cfg").exists()
        )
        if "env.py" in files and "script.py.mako" in files:
            files = []
        for file in sorted(files):
            if file.endswith(".py") and not file.startswith("test_") and file not in ("conftest.py", "setup.py"):
                seen += 1
                if seen > MOST_FILES:
                    return
                yield Path(folder, file)


def parsed(path: Path) -> ast.Module | None:
    """The file's syntax tree; None where it tells nothing or cannot be read, which is not reported here."""
    import warnings

    try:
        if path.stat().st_size > LARGEST_FILE:
            return None
        text = path.read_bytes()
        if TELLING.search(text) is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(text, str(path))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def _base_names(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Names of declarative bases in the project, and of classes derived from them without a table."""
    classes: dict[str, set[str]] = {}
    bases = set(BASES)
    for tree in trees:
        for node in _module_level(tree.body):
            if isinstance(node, ast.ClassDef):
                if any(last_name(d) == "as_declarative" for d in node.decorator_list):
                    bases.add(node.name)
                if not has_table(node):
                    classes.setdefault(node.name, set()).update(filter(None, map(last_name, node.bases)))
            elif isinstance(node, ast.Assign) and _called(node.value) in ("declarative_base", "automap_base"):
                bases.update(t.id for t in node.targets if isinstance(t, ast.Name))
    while True:
        more = {name for name, parents in classes.items() if name not in bases and parents & bases}
        if not more:
            return frozenset(bases)
        bases |= more


def _candidates(path: Path, tree: ast.Module, directory: Path, bases: frozenset[str]) -> Iterator[Candidate]:
    root, module = _module(path, directory)
    statements = list(_module_level(tree.body))
    entrypoint = any(_kind_of(s) == "entrypoint" for s in statements)
    models: list[int] = []
    for node in statements:
        kind = _kind_of(node)
        if isinstance(node, ast.ClassDef):
            if _is_model(node, bases):
                models.append(node.lineno)
            elif {last_name(b) for b in node.bases} & {"DeclarativeBase", "DeclarativeBaseNoMeta"}:
                yield Candidate("base", f"{module}:{node.name}", path, node.lineno, root, 1, entrypoint)
        elif kind is not None:
            for name in _names_of(node):
                yield Candidate(kind, f"{module}:{name}", path, node.lineno, root, 1, entrypoint)
        if isinstance(node, ast.Assign) and _called(node.value) == "Table":
            models.append(node.lineno)
    if models:
        yield Candidate("models", module, path, models[0], root, len(models), entrypoint)


def _module_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported, also inside if, try and with."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _module_level(node.body)
            if not isinstance(node, ast.With):
                yield from _module_level(node.orelse)


def _kind_of(node: ast.stmt) -> Kind | None:
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return FACTORIES.get(_called(node.value) or "")
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if node.name in ("create_app", "make_app"):
            return "entrypoint"
        return "generator" if _gives_a_session(node) else None
    return None


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [t.id for t in targets if isinstance(t, ast.Name)]


def _gives_a_session(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function looks like FastAPI's get_db: yields, needs no argument, and speaks of a session."""
    arguments = node.args
    required = len(arguments.args) + len(arguments.posonlyargs) - len(arguments.defaults)
    if required > 0 or any(default is None for default in arguments.kw_defaults):
        return False
    if not any(isinstance(inner, ast.Yield) for inner in ast.walk(node)):
        return False
    words = node.name.lower().split("_")
    returned = {last_name(n) for n in ast.walk(node.returns)} if node.returns else set()
    return bool(returned & set(_GENERATOR_TYPES)) or any(word in words for word in _GENERATOR_WORDS)


def _is_model(node: ast.ClassDef, bases: frozenset[str]) -> bool:
    if not {last_name(b) for b in node.bases} & bases and node.name not in bases:
        # A class with a table whose base comes from a library (db.Model).
        return has_table(node) and any(last_name(b) == "Model" for b in node.bases)
    return has_table(node)


def has_table(node: ast.ClassDef) -> bool:
    """Whether a class is mapped to a table of its own."""
    if any(k.arg == "table" and isinstance(k.value, ast.Constant) and k.value.value is True for k in node.keywords):
        return True
    names = {name for statement in node.body for name in _names_of(statement)}
    return bool(names & {"__tablename__", "__table__"})


def _called(node: ast.expr) -> str | None:
    return last_name(node.func) if isinstance(node, ast.Call) else None


def last_name(node: ast.AST) -> str | None:
    """`b` of `a.b`, `a` of `a` and of `a[...]`."""
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return last_name(node.func)
    return node.id if isinstance(node, ast.Name) else None


def _module(path: Path, directory: Path) -> tuple[Path, str]:
    """The directory to import from, and the module's name as seen from there."""
    root = path.parent
    while (root / "__init__.py").exists() and root != root.parent:
        root = root.parent
    on_path = any(Path(entry).resolve() == root.resolve() for entry in sys.path)
    if root.is_relative_to(directory) or not on_path:
        root = directory  # else the project lies inside an installed package
    parts = [*path.parent.relative_to(root).parts, *([] if path.name == "__init__.py" else [path.stem])]
    if len(parts) > 1 and parts[0] in ("src", "backend", "server") and not (root / parts[0] / "__init__.py").exists():
        root, parts = root / parts[0], parts[1:]
    return root, ".".join(parts)
