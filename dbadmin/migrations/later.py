"""Modules that run when somebody first asks them for something, and not when they are imported.

In the process that asks env.py alone: what Alembic imports for writing SQL and for autogenerate takes a fifth of the
time, and an env.py that is asked what it configures hardly ever comes to it.
"""

import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_lock = threading.RLock()


class Later(ModuleType):
    """A module that is found, but has not run yet."""

    def __getattr__(self, name: str) -> Any:
        run(self)
        return getattr(self, name)


def run(module: ModuleType) -> None:
    """Run it now, where it has not."""
    with _lock:
        if isinstance(module, Later):
            module.__class__ = ModuleType  # type: ignore[assignment]
            loader: Any = module.__spec__.loader if module.__spec__ is not None else None
            loader.run(module)


class _Loader:
    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = Later

    def run(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._real
        self._real.exec_module(module)


class _There:
    """Gives a module that was imported meanwhile as it is."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class Finder:
    """Finds these modules for `sys.meta_path`. A package runs before anything in it is imported."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Python asks this."""
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if isinstance(parent, Later):
            run(parent)
            if fullname in sys.modules:  # Python goes by the specification of what is there, and would run it again
                there: Any = _There(sys.modules[fullname])
                sys.modules[fullname].__spec__ = ModuleSpec(fullname, there)
                return sys.modules[fullname].__spec__
        if fullname not in self._names:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            real: Any = _Loader(spec.loader)
            spec.loader = real
        return spec
