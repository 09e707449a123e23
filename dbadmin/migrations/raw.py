"""Drivers that connect in C, unseen by audit hooks: their functions are wrapped as they are imported."""

import functools
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import Dialect, every
from dbadmin.dialects.isolation import RawDriver
from dbadmin.dialects.wrapping import Connect, wrap_functions

if TYPE_CHECKING:
    from dbadmin.migrations.guard import Guard


def wrap_drivers(guard: "Guard") -> None:
    """Make every raw driver ask the guard, now or when it is imported."""

    def wrapping(dialect: Dialect, driver: RawDriver, name: str, connect: Connect) -> Connect:
        @functools.wraps(connect)
        def asking(*args: Any, **kwargs: Any) -> Any:
            cargs, cparams = list(args), dict(kwargs)
            guard.lead(dialect, driver.driver, cargs, cparams)
            return connect(*cargs, **cparams)

        return asking

    wrap_functions(((dialect, driver) for dialect in every() for driver in dialect.isolation.raw_drivers), wrapping)
