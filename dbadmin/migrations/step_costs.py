"""What a walk costs others, told as it is seen: locks, tables written anew, room."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import Dialect, named
from dbadmin.dialects.costs import Storage
from dbadmin.migrations.protocol import EventWriter
from dbadmin.migrations.statements import Statements

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SESSION = "dbadmin_session"


class StepCosts:
    """The costs of one upgrade or downgrade, asked on the migration's own connection."""

    def __init__(self, send: EventWriter, statements: Statements) -> None:
        self._send, self._statements = send, statements
        self._before: Storage | None = None

    @property
    def started(self) -> bool:
        """Whether it was looked before the first step."""
        return self._before is not None

    def start(self, dialect: Dialect, connection: "Connection") -> None:
        """Before the first step: how much room everything takes."""
        self._before = dialect.costs.storage(connection)

    def storage(self, dialect: Dialect, connection: "Connection") -> dict[str, Any]:
        """What was written anew since the last look, and how much room everything takes."""
        before, self._before = self._before, dialect.costs.storage(connection)
        algorithms = dialect.costs.algorithms()
        if before is None or self._before is None:
            return {"algorithms": algorithms}
        rewritten = dialect.costs.rewritten(before, self._before, self._statements.counted.definitions)
        return {
            "algorithms": algorithms,
            "rewrites": [vars(rewrite) for rewrite in rewritten],
            "bytes_before": before.bytes,
            "bytes_after": self._before.bytes,
        }

    def tell_end(self, connection: "Connection") -> None:
        """All that this session holds is released now."""
        with suppress(Exception):
            if _SESSION not in connection.info:
                connection.info[_SESSION] = named(connection.dialect.name).costs.session(connection)
            if connection.info[_SESSION] is not None:
                self._send("ends", session=connection.info[_SESSION], at=time.monotonic())

    def tell_locks(self, connection: "Connection") -> None:
        """The locks that the connection holds now, and those that were taken."""
        costs = named(connection.dialect.name).costs
        began = time.monotonic()
        held = costs.held(connection)
        if held:
            self._send("held", began=began, ended=time.monotonic(), held=list(held))
        self.tell_taken(named(connection.dialect.name))

    def tell_taken(self, dialect: Dialect) -> None:
        """Locks that the engine tells of as they are taken."""
        for lock in dialect.costs.taken():
            self._send("lock", **lock._asdict())
