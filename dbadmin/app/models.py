"""The application's models: which modules to import, and what they hold then."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dbadmin.app.config import Settings
from dbadmin.app.find import Found
from dbadmin.app.modules import expand, import_module, resolve, submodules, watched
from dbadmin.errors import ConfigError
from dbadmin.migrations.capture import Captured
from dbadmin.migrations.harvest import all_mapped_classes, mapped_classes, metadata_in, registries

if TYPE_CHECKING:
    from sqlalchemy import MetaData


@dataclass(frozen=True)
class Loaded:
    """Mapped classes and the MetaData they belong to; `origin` says where they were found."""

    models: tuple[type, ...] = ()
    metadata: "tuple[MetaData, ...]" = ()
    origin: str | None = None


ModulePath = Callable[[Sequence[str]], list[str]]


def load(settings: Settings, captured: Captured | None, found: Callable[[], Found], path: ModulePath) -> Loaded:
    """Import the modules of the models: configured ones, else env.py's, else those that reading finds.

    `path` gives the module path for some modules, `found` reads the code, which takes a while. Raises
    UserCodeError and ConfigError as `watched` and `resolve` do.
    """
    if settings.models is not None:
        entries, origin = settings.models.value, settings.models.origin
    elif captured is not None and captured.metadata_modules:
        entries, origin = (*captured.metadata_modules, *captured.metadata_names), "alembic's env.py"
    elif modules := found().model_modules:
        entries, origin = modules, "found by reading the code"
    else:
        return Loaded()
    where = path([e.partition(":")[0] for e in entries if isinstance(e, str)])
    with watched(settings.runs_in, where, settings.exported):
        metadata = list({id(m): m for entry in entries for m in _of_entry(entry, where)}.values())
        # Relationships are there, and mistakes in them told, before somebody asks.
        for registry in registries(metadata):
            registry.configure(cascade=True)
    if settings.models is not None and not metadata:
        named = ", ".join(str(entry) for entry in entries)
        raise ConfigError(f"models: no mapped class and no table in {named} ({origin})", hint="dbadmin init finds them")
    return Loaded(tuple(mapped_classes(metadata)), tuple(metadata), origin)


def _of_entry(entry: Any, path: Sequence[str]) -> "list[MetaData]":
    """The MetaData of an entry: module, glob, "module:Base", "module:metadata", or (in Python) the object."""
    if isinstance(entry, str) and ":" in entry:
        return _of_object(resolve(entry, path), entry)
    if isinstance(entry, str):
        return [m for name in expand(entry, path) for m in _of_module(name, path)]
    return _of_object(entry, str(entry))


def _of_object(value: Any, name: str) -> "list[MetaData]":
    found = metadata_in(value) or metadata_in(getattr(value, "metadata", None))
    if not found and isinstance(value, ModuleType):
        return _in_modules([value.__name__])
    if not found:
        raise ConfigError(f"models: {name} is neither a module, a Base nor a MetaData", hint="such as app.models")
    return found


def _of_module(name: str, path: Sequence[str]) -> "list[MetaData]":
    """The MetaData of a module's models; of a package that has none itself, those of its modules."""
    import_module(name, path)
    found = _in_modules([name])
    if not any(m.tables for m in found):
        below = submodules(name)
        for module in below:
            import_module(module, path)
        found = _in_modules([name, *below])
    return found


def _in_modules(names: Iterable[str]) -> "list[MetaData]":
    """The MetaData of classes that these modules map, and of the tables and MetaData that they hold."""
    from sqlalchemy import MetaData, Table

    wanted = set(names)
    mapped = [c for c in all_mapped_classes() if c.__module__ in wanted and _is_current(c)]
    found = [c.__table__.metadata for c in mapped if hasattr(c, "__table__")]
    for name in wanted:
        for value in list(vars(sys.modules[name]).values()):
            if isinstance(value, Table):
                found.append(value.metadata)
            elif isinstance(value, MetaData):
                found.append(value)
            elif isinstance(value, type) and value.__module__ == name:
                found += metadata_in(getattr(value, "metadata", None))
    return list({id(m): m for m in found}.values())


def _is_current(mapped: type) -> bool:
    """Whether a class is what its module holds now, not left from an import that failed or was repeated."""
    value: Any = sys.modules.get(mapped.__module__)
    for part in mapped.__qualname__.split("."):
        if part == "<locals>":
            return True
        value = getattr(value, part, None)
    return value is mapped
