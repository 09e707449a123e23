"""What is known once env.py has configured Alembic: metadata, and the modules that fill it."""

import gc
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.connecting import has_creator

if TYPE_CHECKING:
    from sqlalchemy import MetaData
    from sqlalchemy.orm import registry


@dataclass(frozen=True)
class OneDatabase:
    """What one call of context.configure() said; `key` is the name that the multidb template gives its database."""

    key: str | None
    url: str | None
    version_table: str
    version_table_schema: str | None


@dataclass(frozen=True)
class Harvest:
    """What env.py said, as plain data. `url` holds the password: for the pipe only, never to be shown."""

    url: str | None
    is_async: bool
    metadata_modules: tuple[str, ...]
    metadata_names: tuple[str, ...]
    tables: tuple[str, ...]
    version_table: str
    version_table_schema: str | None
    include_schemas: bool
    databases: "tuple[OneDatabase, ...]"
    naming: tuple[str, ...] = ()
    by_function: bool = False
    """The engine connects by a function of its own (`creator`), so that its URL tells nothing."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def of_calls(calls: Sequence[Mapping[str, Any]]) -> Harvest:
    """From the arguments of context.configure(); the first call counts, metadata comes from all."""
    first = calls[0]
    found = [m for call in calls for m in metadata_in(call.get("target_metadata"))]
    return _harvest(
        _url_of(first),
        found,
        version_table=_version_table(first),
        version_table_schema=first.get("version_table_schema"),
        include_schemas=bool(first.get("include_schemas")),
        databases=tuple(
            OneDatabase(_key(call), _url(_url_of(call))[0], _version_table(call), call.get("version_table_schema"))
            for call in calls
        ),
        by_function=_by_function(first),
    )


def _url_of(call: Mapping[str, Any]) -> Any:
    engine = getattr(call.get("connection"), "engine", None)
    return getattr(engine, "url", None) or call.get("url")


def _by_function(call: Mapping[str, Any]) -> bool:
    engine: Any = getattr(call.get("connection"), "engine", None)
    return hasattr(engine, "pool") and has_creator(engine)


def _version_table(call: Mapping[str, Any]) -> str:
    return str(call.get("version_table") or "alembic_version")


def _key(call: Mapping[str, Any]) -> str | None:
    """The database's name in Alembic's multidb template, which puts it before `_upgrades`."""
    token = str(call.get("upgrade_token") or "")
    return token.removesuffix("_upgrades") if token.endswith("_upgrades") and len(token) > len("_upgrades") else None


def of_globals(known: Mapping[str, Any]) -> Harvest:
    """From the global names of env.py."""
    return _harvest(known.get("url"), metadata_in(known.get("target_metadata")))


def metadata_in(value: Any) -> "list[MetaData]":
    """The MetaData in what `target_metadata` may be: one, a list or a dict of them."""
    from sqlalchemy import MetaData

    if isinstance(value, MetaData):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, str) or not isinstance(value, Iterable):
        return []
    return [m for m in value if isinstance(m, MetaData)]


def _harvest(
    url: Any,
    metadata: "Sequence[MetaData]",
    *,
    version_table: str = "alembic_version",
    version_table_schema: str | None = None,
    include_schemas: bool = False,
    databases: tuple[OneDatabase, ...] = (),
    by_function: bool = False,
) -> Harvest:
    unique = list({id(m): m for m in metadata}.values())
    text, is_async = _url(url)
    return Harvest(
        url=text,
        is_async=is_async,
        metadata_modules=_modules(unique),
        metadata_names=_names(unique),
        tables=tuple(sorted({table.fullname for m in unique for table in m.tables.values()})),
        version_table=version_table,
        version_table_schema=version_table_schema,
        include_schemas=include_schemas,
        databases=databases,
        naming=_naming(unique),
        by_function=by_function,
    )


def _naming(metadata: "Sequence[MetaData]") -> tuple[str, ...]:
    """What every MetaData names by a convention where a script gives no name: "uq", "ck", "fk", "pk"."""
    classes = {"UniqueConstraint": "uq", "CheckConstraint": "ck", "ForeignKeyConstraint": "fk"}
    classes["PrimaryKeyConstraint"] = "pk"
    each = [
        {
            classes.get(getattr(kind, "__name__", ""), kind)
            for kind, name in m.naming_convention.items()
            if "%(constraint_name)s" not in str(name)  # which needs the script's own
        }
        for m in metadata
    ]
    return tuple(sorted(set.intersection(*each) & set(classes.values()))) if each else ()


def _url(url: Any) -> tuple[str | None, bool]:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if not url:
        return None, False
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        return str(url), False
    try:
        is_async = bool(getattr(made.get_dialect(), "is_async", False))
    except (NoSuchModuleError, ImportError):
        is_async = False
    return made.render_as_string(hide_password=False), is_async


def registries(metadata: "Iterable[MetaData] | None" = None) -> "list[registry]":
    """Every registry of mapped classes in this process, or those with a class on one of `metadata`."""
    if "sqlalchemy.orm" not in sys.modules:
        return []  # nobody maps classes here, and importing it takes a while
    from sqlalchemy.orm import registry

    # SQLAlchemy's own list where it has one: looking through every object takes as long as importing IPython.
    known = getattr(import_module("sqlalchemy.orm.mapper"), "_mapper_registries", None)
    # By type and not isinstance: that would ask proxies of the application's for their class.
    objects = list(known) if known is not None else gc.get_objects()
    found: list[registry] = [each for each in objects if issubclass(type(each), registry)]
    if metadata is None:
        return found
    wanted = {id(m) for m in metadata}
    return [each for each in found if any(_on(mapper, wanted) for mapper in each.mappers)]


def all_mapped_classes() -> list[Any]:
    """Every mapped class in this process."""
    return [mapper.class_ for each in registries() for mapper in each.mappers]


def mapped_classes(metadata: "Iterable[MetaData]") -> list[type]:
    """Every mapped class whose table belongs to one of `metadata`, sorted by module and name."""
    wanted = {id(m) for m in metadata}
    found = {mapper.class_ for each in registries() for mapper in each.mappers if _on(mapper, wanted)}
    return sorted(found, key=lambda c: (c.__module__, c.__qualname__))


def _on(mapper: Any, wanted: set[int]) -> bool:
    return id(getattr(mapper.local_table, "metadata", None)) in wanted


def _modules(metadata: "Sequence[MetaData]") -> tuple[str, ...]:
    """Modules to import so that every table is there: of mapped classes, then of other tables, as
    imported.
    """
    classes = mapped_classes(metadata)
    needed = {c.__module__ for c in classes}
    covered = {id(getattr(c, "__table__", None)) for c in classes}
    for m in metadata:
        for table in m.tables.values():
            if id(table) not in covered:
                needed.update(_defining(table)[:1])
    needed.update(name.partition(":")[0] for name in _names(metadata))
    order = {name: number for number, name in enumerate(sys.modules)}
    return tuple(sorted((n for n in needed if n in order and _is_plain(n)), key=lambda n: order[n]))


def _defining(table: Any) -> list[str]:
    """Modules with a name for this table, those that write `Table(` in their source first."""
    holders = [name for name, module in _own_modules() if any(v is table for v in vars(module).values())]
    return sorted(holders, key=lambda name: "Table(" not in _source(sys.modules[name]))


def _names(metadata: "Sequence[MetaData]") -> tuple[str, ...]:
    """Where each MetaData can be had again: "app.db:Base.metadata", or "app.db:metadata"; defining module
    first.
    """
    found = []
    for m in metadata:
        bases = [
            f"{name}:{key}.metadata"
            for name, module in _own_modules()
            for key, value in list(vars(module).items())
            if isinstance(value, type)
            and value.__module__ == name
            and getattr(value, "metadata", None) is m
            and not hasattr(value, "__table__")
        ]
        plain = [
            f"{name}:{key}"
            for name, module in _own_modules()
            for key, value in list(vars(module).items())
            if value is m
        ]
        plain.sort(key=lambda text: "MetaData(" not in _source(sys.modules[text.partition(":")[0]]))
        found += (bases or plain)[:1]
    return tuple(found)


def _own_modules() -> list[tuple[str, ModuleType]]:
    return [
        (name, module)
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType)
        and _is_plain(name)
        and name.partition(".")[0] not in ("sqlalchemy", "alembic", "sqlmodel", "flask_sqlalchemy")
        and not name.startswith("dbadmin.migrations")
    ]


def _is_plain(name: str) -> bool:
    """Whether importing this name again gives this module."""
    return name not in ("__main__", "env_py", "env") and getattr(sys.modules[name], "__spec__", None) is not None


def _source(module: ModuleType) -> str:
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):
        return ""
