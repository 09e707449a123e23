"""Wrapping the functions by which drivers connect and send statements, now or when their modules are imported."""

import functools
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar

from dbadmin.dialects.isolation import JudgeStatement, RawDriver, Sender

E = TypeVar("E")
"""An engine: its dialect, or its name."""
Connect = Callable[..., Any]
Wrapping = Callable[[E, RawDriver, str, Connect], Connect]
"""Gets engine, driver, the function's name in it and the function; gives what is called in its place."""


def wrap_functions(drivers: Iterable[tuple[E, RawDriver]], wrapping: Wrapping[E]) -> None:
    """Put another function in the place of each connecting one. There is no way back in this process."""
    on_import((driver.module, functools.partial(_wrap, engine, driver, wrapping)) for engine, driver in drivers)


def judge_statements(senders: Iterable[Sender], judge: JudgeStatement) -> None:
    """Make drivers ask about each statement, by whatever class of theirs it is sent. There is no way back, either."""
    on_import((sender.module, functools.partial(_wrap_sender, sender, judge)) for sender in senders)


def on_import(callbacks: Iterable[tuple[str, Callable[[ModuleType], None]]]) -> None:
    """Call back with each of these modules, now or when it is imported."""
    waiting: dict[str, list[Callable[[ModuleType], None]]] = {}
    for module, callback in callbacks:
        if module in sys.modules:
            callback(sys.modules[module])
        else:
            waiting.setdefault(module, []).append(callback)
    if waiting:
        sys.meta_path.insert(0, _OnImport(waiting))


def _wrap_sender(sender: Sender, judge: JudgeStatement, module: ModuleType) -> None:
    for path in sender.methods:
        owner, _, name = path.partition(".")
        kind = getattr(module, owner, None)
        if kind is not None and name in vars(kind):  # what a class inherits is judged where it stands
            setattr(kind, name, asking(vars(kind)[name], judge))


def asking(method: Callable[..., Any], judge: JudgeStatement) -> Callable[..., Any]:
    """The method, which asks about its first argument before it does anything."""

    @functools.wraps(method)
    def ask(self: Any, statement: Any, *args: Any, **more: Any) -> Any:
        judge(_text(statement, self))
        return method(self, statement, *args, **more)

    return ask


def _text(statement: Any, context: Any) -> str:
    """A statement's text; drivers take bytes and composed statements too."""
    if isinstance(statement, bytes | bytearray | memoryview):
        return bytes(statement).decode(errors="replace")
    compose = getattr(statement, "as_string", None)
    return str(compose(context) if compose is not None else statement)


def _wrap(engine: E, driver: RawDriver, wrapping: Wrapping[E], module: ModuleType) -> None:
    for name in driver.functions:
        *path, last = name.split(".")
        owner: Any = functools.reduce(getattr, path, module)
        if path:
            method = vars(owner)[last].__func__
            setattr(owner, last, classmethod(_of_class(engine, driver, name, method, wrapping)))
        else:
            setattr(owner, last, wrapping(engine, driver, name, getattr(owner, last)))


def _of_class(engine: E, driver: RawDriver, name: str, method: Connect, wrapping: Wrapping[E]) -> Connect:
    @functools.wraps(method)
    def connect(cls: type, *args: Any, **kwargs: Any) -> Any:
        return wrapping(engine, driver, name, functools.partial(method, cls))(*args, **kwargs)

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
