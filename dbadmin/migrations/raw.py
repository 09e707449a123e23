"""Drivers that connect in C, unseen by audit hooks: their functions are wrapped as they are imported."""

import functools
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import Dialect, every
from dbadmin.dialects.isolation import RawDriver

if TYPE_CHECKING:
    from dbadmin.migrations.guard import Guard


def wrap_drivers(guard: "Guard") -> None:
    """Make every raw driver ask the guard, now or when it is imported."""
    waiting: dict[str, Callable[[ModuleType], None]] = {}
    for dialect in every():
        for driver in dialect.isolation.raw_drivers:
            wrap = functools.partial(_wrap, guard, dialect, driver)
            if driver.module in sys.modules:
                wrap(sys.modules[driver.module])
            else:
                waiting[driver.module] = wrap
    if waiting:
        sys.meta_path.insert(0, _OnImport(waiting))


def _wrap(guard: "Guard", dialect: Dialect, driver: RawDriver, module: ModuleType) -> None:
    for name in driver.functions:
        *path, last = name.split(".")
        owner: Any = functools.reduce(getattr, path, module)
        if path:
            method = vars(owner)[last].__func__
            setattr(owner, last, classmethod(_asking_method(guard, dialect, driver.driver, method)))
        else:
            setattr(owner, last, _asking(guard, dialect, driver.driver, getattr(owner, last)))


def _asking(guard: "Guard", dialect: Dialect, driver: str, connect: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(connect)
    def asking(*args: Any, **kwargs: Any) -> Any:
        cargs, cparams = list(args), dict(kwargs)
        guard.lead(dialect, driver, cargs, cparams)
        return connect(*cargs, **cparams)

    return asking


def _asking_method(guard: "Guard", dialect: Dialect, driver: str, connect: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(connect)
    def asking(cls: type, *args: Any, **kwargs: Any) -> Any:
        cargs, cparams = list(args), dict(kwargs)
        guard.lead(dialect, driver, cargs, cparams)
        return connect(cls, *cargs, **cparams)

    return asking


class _OnImport(MetaPathFinder):
    """Calls back when one of the waiting modules has been imported."""

    def __init__(self, waiting: dict[str, Callable[[ModuleType], None]]) -> None:
        self._waiting = waiting
        self._finding: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        callback = self._waiting.get(fullname)
        if callback is None or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._finding.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Calling(spec.loader, callback)
        return spec


class _Calling(Loader):
    def __init__(self, loader: Loader, callback: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._callback = callback

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._callback(module)
