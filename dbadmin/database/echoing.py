"""`--echo`: the statements of an engine as they run."""

import sys
import time
from typing import TYPE_CHECKING, Any

from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def echo(engine: "Engine") -> None:
    """Show every statement of an engine on stderr with the time it took, and without its values."""
    from sqlalchemy import event

    from dbadmin.render.values import visible_lines

    started: list[float] = []

    def before(*_: Any) -> None:
        started.append(time.perf_counter())

    def after(connection: "Connection", cursor: Any, statement: str, *_: Any) -> None:
        seconds = time.perf_counter() - started.pop() if started else 0.0
        sys.stderr.write(visible_lines(mask(f"[{seconds:.3f} s] {statement}")) + "\n")

    def failed(context: Any) -> None:
        if context.statement is not None:
            after(context.connection, None, f"{context.statement}  -- failed")

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)
