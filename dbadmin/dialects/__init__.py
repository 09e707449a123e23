"""The engines. `of_url` chooses before connecting, `of` after it (a mysql:// URL may be a MariaDB server)."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

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
from dbadmin.errors import NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PACKAGES = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
"""SQLAlchemy's dialect name → the package here that answers for it."""


@cache
def named(name: str) -> Dialect:
    """The dialect for a SQLAlchemy dialect name; NotSupported where dbadmin knows no such engine."""
    package = PACKAGES.get(name)
    if package is None:
        raise NotSupported(
            f"dbadmin does not know the engine {name!r}",
            hint=f"known engines: {', '.join(sorted(PACKAGES))}",
        )
    dialect: Dialect = import_module(f"dbadmin.dialects.{package}").DIALECT
    return dialect


def every() -> tuple[Dialect, ...]:
    """Each engine that dbadmin knows, once."""
    return tuple(named(package) for package in dict.fromkeys(PACKAGES.values()))


def of_url(url: "URL") -> Dialect:
    """The dialect that a URL names."""
    return named(url.get_backend_name())


def of(connection: "Connection") -> Dialect:
    """The dialect of the server at the other end."""
    return named(connection.dialect.name)


__all__ = [
    "Address", "Backup", "ColumnPrint", "Copied", "Dialect", "Existing", "FileProof", "Identity", "ObjectKey", "Place",
    "Progress", "RowDifferences", "Schema", "TableData", "TableName", "every", "named", "of", "of_url", "warn",
]  # fmt: skip
