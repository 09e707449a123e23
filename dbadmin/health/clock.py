"""The time that a check has: for all of its statements together, however many there are."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import of
from dbadmin.dialects.facts import CannotTell
from dbadmin.render.values import duration

if TYPE_CHECKING:
    from sqlalchemy import Connection

SLACK = 0.05
"""By how much of its limit a check may outstay it: telling the server anew before each statement takes time, too."""
ALLOW_MORE = "allow more with --statement-timeout 5m"


class Clock:
    """Limits what a connection sends: before each statement the session's limit is what is left of the check's.

    `limit` and `lock` in seconds, of a check as a whole and of waiting for one lock.
    """

    def __init__(self, connection: "Connection", limit: float, lock: float | None) -> None:
        self.connection, self.limit, self.lock = connection, limit, lock
        self._until = time.monotonic() + limit
        self._granted: float | None = None
        self._telling = False

    def start(self) -> None:
        """A check begins."""
        self._until = time.monotonic() + self.limit
        self._limit()

    def spent(self) -> str:
        """Why a check was cut."""
        return f"it took longer than {duration(self.limit)}, and was cut"

    @contextmanager
    def running(self) -> Iterator["Clock"]:
        """Watch the connection's statements, and give it its own limits back afterwards."""
        from sqlalchemy import event

        event.listen(self.connection, "before_cursor_execute", self._limit)
        try:
            yield self
        finally:
            event.remove(self.connection, "before_cursor_execute", self._limit)

    def _limit(self, *_: Any) -> None:
        if self._telling:
            return
        left = self._until - time.monotonic()
        if left <= 0:
            raise CannotTell(self.spent(), ALLOW_MORE)
        slack = SLACK * self.limit
        if self._granted is None or not left <= self._granted <= left + slack:
            self._grant(self.limit if left > self.limit - slack else left)

    def _grant(self, seconds: float) -> None:
        self._telling = True
        try:
            of(self.connection).session.set_timeouts(self.connection, seconds, self.lock)
            self._granted = seconds
        finally:
            self._telling = False
