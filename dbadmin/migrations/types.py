"""Whether a column's type in the database is the one that a model declares, as Alembic's autogenerate decides it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection


def types_that_differ(
    connection: "Connection", pairs: "Iterable[tuple[Any, Column[Any]]]"
) -> "Iterator[tuple[Any, Column[Any]]]":
    """Of (what the inspector says of a column, the model's column), those whose types differ.

    A type that the inspector does not know (NullType) differs from none.
    """
    from alembic.migration import MigrationContext
    from sqlalchemy import Column
    from sqlalchemy.types import NullType

    impl = MigrationContext.configure(connection).impl
    for found, declared in pairs:
        if isinstance(found["type"], NullType) or isinstance(declared.type, NullType):
            continue
        if impl.compare_type(Column(found["name"], found["type"]), declared):
            yield found, declared
