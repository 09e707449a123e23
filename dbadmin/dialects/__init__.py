"""The engines. `of_url` chooses before connecting, `of` after it (a mysql:// URL may be a MariaDB server).

What they are made of is loaded when it is first used: `bare` needs none of it.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

    from dbadmin.dialects.base import Dialect
    from dbadmin.dialects.copying import Place
    from dbadmin.dialects.values import (
        Address,
        Backup,
        ColumnPrint,
        Copied,
        Existing,
        FileProof,
        Identity,
        ObjectKey,
        Progress,
        RowDifferences,
        Schema,
        TableData,
        TableName,
        warn,
    )

PACKAGES = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
"""SQLAlchemy's dialect name → the package here that answers for it."""


@cache
def named(name: str) -> "Dialect":
    """The dialect for a SQLAlchemy dialect name; NotSupported where dbadmin knows no such engine."""
    package = PACKAGES.get(name)
    if package is None:
        from dbadmin.errors import NotSupported

        raise NotSupported(
            f"dbadmin does not know the engine {name!r}",
            hint=f"known engines: {', '.join(sorted(PACKAGES))}",
        )
    dialect: Dialect = import_module(f"dbadmin.dialects.{package}.dialect").DIALECT
    return dialect


def every() -> "tuple[Dialect, ...]":
    """Each engine that dbadmin knows, once."""
    return tuple(named(package) for package in dict.fromkeys(PACKAGES.values()))


def of_url(url: "URL") -> "Dialect":
    """The dialect that a URL names."""
    return named(url.get_backend_name())


def of(connection: "Connection") -> "Dialect":
    """The dialect of the server at the other end."""
    return named(connection.dialect.name)


def __getattr__(name: str) -> Any:
    if name in __all__:
        module = {"Dialect": "base", "Place": "copying"}.get(name, "values")
        found = getattr(import_module(f"dbadmin.dialects.{module}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'dbadmin.dialects' has no attribute {name!r}")


__all__ = [
    "Address", "Backup", "ColumnPrint", "Copied", "Dialect", "Existing", "FileProof", "Identity", "ObjectKey", "Place",
    "Progress", "RowDifferences", "Schema", "TableData", "TableName", "every", "named", "of", "of_url", "warn",
]  # fmt: skip
