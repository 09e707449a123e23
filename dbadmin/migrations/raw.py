"""Drivers used without SQLAlchemy: their functions are wrapped as they are imported; not all have audit events."""

import functools
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import Dialect, every
from dbadmin.dialects.isolation import Isolation, RawDriver
from dbadmin.dialects.wrapping import Connect, wrap_functions

if TYPE_CHECKING:
    from dbadmin.migrations.guard import Guard


def wrap_drivers(guard: "Guard") -> None:
    """Make every raw driver ask the guard, now or when it is imported."""

    def wrapping(dialect: Dialect, driver: RawDriver, name: str, connect: Connect) -> Connect:
        if driver in dialect.isolation.classes:
            return _asking_class(guard, dialect, driver.driver, connect)

        @functools.wraps(connect)
        def asking(*args: Any, **kwargs: Any) -> Any:
            cargs, cparams = list(args), dict(kwargs)
            if driver.positional:
                cargs, cparams = [], {**dict(zip(driver.positional, args, strict=False)), **kwargs}
            guard.lead(dialect, driver.driver, cargs, cparams)
            return connect(*(cargs or args[len(driver.positional) :]), **cparams)

        return asking

    of = ((dialect, dialect.isolation) for dialect in every())
    wrap_functions(((d, driver) for d, found in of for driver in _drivers(found)), wrapping)


def _drivers(found: Isolation) -> tuple[RawDriver, ...]:
    """Those in Python too: audit hooks would refuse what may be led to the copy."""
    return (*found.raw_drivers, *found.other_drivers, *found.classes)


def _asking_class(guard: "Guard", dialect: Dialect, driver: str, connection: Any) -> type:
    """A class that connects when it is made; applications may derive from it."""

    class Asking(connection):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            cargs, cparams = list(args), dict(kwargs)
            guard.lead(dialect, driver, cargs, cparams)
            super().__init__(*cargs, **cparams)

    return Asking
