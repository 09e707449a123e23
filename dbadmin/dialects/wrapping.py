"""Wrapping the functions by which drivers connect, now or when their modules are imported."""

import functools
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.isolation import RawDriver

if TYPE_CHECKING:
    from dbadmin.dialects.base import Dialect

Connect = Callable[..., Any]
Wrapping = Callable[["Dialect", RawDriver, str, Connect], Connect]
"""Gets dialect, driver, the function's name in it and the function; gives what is called in its place."""


def wrap_functions(drivers: Iterable[tuple["Dialect", RawDriver]], wrapping: Wrapping) -> None:
    """Put another function in the place of each connecting one. There is no way back in this process."""
    waiting: dict[str, list[Callable[[ModuleType], None]]] = {}
    for dialect, driver in drivers:
        wrap = functools.partial(_wrap, dialect, driver, wrapping)
        if driver.module in sys.modules:
            wrap(sys.modules[driver.module])
        else:
            waiting.setdefault(driver.module, []).append(wrap)
    if waiting:
        sys.meta_path.insert(0, _OnImport(waiting))


def _wrap(dialect: "Dialect", driver: RawDriver, wrapping: Wrapping, module: ModuleType) -> None:
    for name in driver.functions:
        *path, last = name.split(".")
        owner: Any = functools.reduce(getattr, path, module)
        if path:
            method = vars(owner)[last].__func__
            setattr(owner, last, classmethod(_of_class(dialect, driver, name, method, wrapping)))
        else:
            setattr(owner, last, wrapping(dialect, driver, name, getattr(owner, last)))


def _of_class(dialect: "Dialect", driver: RawDriver, name: str, method: Connect, wrapping: Wrapping) -> Connect:
    @functools.wraps(method)
    def connect(cls: type, *args: Any, **kwargs: Any) -> Any:
        return wrapping(dialect, driver, name, functools.partial(method, cls))(*args, **kwargs)

    return connect


class _OnImport(MetaPathFinder):
    """Calls back when one of the waiting modules has been imported."""

    def __init__(self, waiting: Mapping[str, Sequence[Callable[[ModuleType], None]]]) -> None:
        self._waiting = waiting
        self._finding: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        callbacks = self._waiting.get(fullname)
        if callbacks is None or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._finding.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Calling(spec.loader, callbacks)
        return spec


class _Calling(Loader):
    def __init__(self, loader: Loader, callbacks: Sequence[Callable[[ModuleType], None]]) -> None:
        self._loader = loader
        self._callbacks = callbacks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for callback in self._callbacks:
            callback(module)
