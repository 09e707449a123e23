"""Results read as whole columns, over the connection that is there: Arrow arrays, and no object for each value.

Each engine's own `columns` module knows the drivers whose bytes it can take apart. The connection is the guarded
one: its transaction is seen, its read-only rule, its timeouts and its event listeners hold as for any statement,
and no second connection needs a password.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import PACKAGES
from dbadmin.interrupts import held_back

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from sqlalchemy import Connection, Executable
    from sqlalchemy.types import TypeEngine


class NotColumnar(Exception):
    """This statement, or this driver, is read row by row; says why."""


class Values(ABC):
    """One column of one batch of rows."""

    @abstractmethod
    def arrow(self) -> "pa.Array | None":
        """All values as an Arrow array of the natural type, None where there is none that holds them all."""

    @abstractmethod
    def python(self) -> Sequence[Any]:
        """The values as the driver gives them."""

    def floats(self) -> "np.ndarray[Any, Any] | None":
        """The nearest floats of numbers, where they come without an object of each; None where there is NULL, too."""
        return None


@dataclass(frozen=True)
class Reading:
    """A running statement. `codes` are the driver's numbers of types, `types` what they mean to SQLAlchemy.

    `batches` give the number of rows, and a column's values each.
    """

    names: tuple[str, ...]
    codes: tuple[Any, ...]
    types: "tuple[TypeEngine[Any] | None, ...]"
    batches: Iterator[tuple[int, Sequence[Values]]]


class Portion:
    """Room for the rows of one part: it may come in several batches, but no batch belongs to two parts."""

    def __init__(self, size: int) -> None:
        self.size = self.room = size

    def took(self, rows: int) -> None:
        """A batch of so many rows is complete; a full part makes room for the next."""
        self.room = self.room - rows or self.size


def reading(
    connection: "Connection", executable: "Executable", params: Mapping[str, Any], size: int
) -> AbstractContextManager[Reading]:
    """Run a query and read it by columns, in batches that end at every `size` rows. Raises NotColumnar at once."""
    name = connection.dialect.name
    path = f"dbadmin.dialects.{PACKAGES.get(name, name)}.columns"
    if name not in PACKAGES or find_spec(path) is None:
        raise NotColumnar(f"{name} is read row by row")
    if find_spec("pyarrow") is None:
        raise NotColumnar("pyarrow is not installed (extra fast)")
    with held_back():  # numpy and Arrow
        module = import_module(path)
    opened: AbstractContextManager[Reading] = module.read(connection, executable, params, size)
    return opened


@contextmanager
def announced(connection: "Connection", cursor: Any, statement: str, parameters: Any, context: Any) -> Iterator[None]:
    """A statement that the driver runs beside SQLAlchemy, told to all who listen for statements and may refuse."""
    connection.engine.logger.info("%s", statement)
    for tell in connection.dispatch.before_cursor_execute:
        tell(connection, cursor, statement, parameters, context, False)
    yield
    for tell in connection.dispatch.after_cursor_execute:
        tell(connection, cursor, statement, parameters, context, False)


@contextmanager
def driver_errors(connection: "Connection", cursor: Any, statement: str) -> Iterator[None]:
    """The driver's errors as SQLAlchemy raises them, without values; a lost connection is told to the pool."""
    from sqlalchemy.exc import DBAPIError

    base: Any = connection.dialect.dbapi.Error  # type: ignore[union-attr]
    driver = connection.connection.dbapi_connection  # what reads may have given it up before its error comes here
    try:
        yield
    except base as error:
        lost = connection.dialect.is_disconnect(error, driver, cursor)
        wrapped = DBAPIError.instance(
            statement, None, error, base,
            hide_parameters=True, connection_invalidated=lost, dialect=connection.dialect,
        )  # fmt: skip
        if lost:
            connection.invalidate(error)
        raise wrapped from error
