"""Asks before a statement of a writing session changes every row of a table, whoever sends it.

Where nobody can be asked (code of -c, a file or a pipe; a notebook that runs by itself) it is refused.
"""

import sys
from typing import Any

from dbadmin.errors import UsageError
from dbadmin.render.values import visible
from dbadmin.secrets import mask
from dbadmin.shell.live import Live
from dbadmin.shell.uncommitted import is_undone

SCRIPTED = "add a WHERE (WHERE 1 = 1 if every row is meant), or dbadmin sql --write --all-rows"
"""What to type instead, where nobody answers."""


class Guard:
    """Listens to the engine of a session that writes; in every other mode it has nothing to do.

    `asks` is False where code runs as a whole, and nobody answers.
    """

    def __init__(self, live: Live, *, asks: bool = True) -> None:
        self.live = live
        self._asks = asks
        self._engine: Any = None

    def start(self) -> None:
        """Listen, where the mode is write."""
        from sqlalchemy import event

        self.stop()
        if self.live.mode == "write":
            self._engine = self.live.database.sync_engine
            event.listen(self._engine, "before_cursor_execute", self.judge)

    def stop(self) -> None:
        """Listen no more."""
        from sqlalchemy import event

        if self._engine is not None:
            event.remove(self._engine, "before_cursor_execute", self.judge)
            self._engine = None

    def judge(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        """Raise UsageError where a statement changes every row and nobody says yes."""
        from dbadmin.queries.written import without_where  # with all of the helpers, when something is written first

        if is_undone(context) or not without_where(statement):
            return
        shown = visible(mask(" ".join(statement.split())))
        if not (self._asks and self._agreed(shown)):
            hint = "add a WHERE, or answer yes" if self._asks else SCRIPTED
            raise UsageError(f"not run, it would change every row: {shown[:80]}", hint=hint)

    def _agreed(self, shown: str) -> bool:
        name = self.live.database.url.database
        try:
            answer = input(f"this changes every row: {shown[:200]}\nrun it on {visible(str(name))}? [yes/no] ")
        except (KeyboardInterrupt, EOFError):  # nothing has been sent yet, so what was written before can stay
            sys.stdout.write("\n")
            return False
        except Exception:  # nobody to ask: a notebook that runs by itself has no stdin
            return False
        return answer.strip().lower() == "yes"
