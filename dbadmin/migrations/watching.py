"""Watches the locks of a walk from a connection of its own, while the process that runs env.py is at work."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import named
from dbadmin.dialects.costs import Held, OwnLock, Watcher
from dbadmin.dialects.names import join
from dbadmin.migrations.timeline import Look, Timeline
from dbadmin.results import Lock
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

_IDLE = 0.05
_SHORTEST, _LONGEST = 0.005, 0.05
"""Seconds between looks: at first, and when nothing new has been told for long."""


class Watching:
    """A watcher, looking at the right times, and the timeline of what was seen.

    A context manager: the watcher disconnects at its end. Where it cannot look, locks are not known, and the walk
    goes on.
    """

    def __init__(self, url: "URL") -> None:
        self._url = url
        self._costs = named(url.get_backend_name()).costs
        self._watcher: Watcher | None = None
        self._failed = False
        self._told = self._looked = 0.0
        self._active = False
        self.timeline = Timeline(self._costs.modes)

    def __enter__(self) -> "Watching":
        with suppress(Exception):  # no session to spare, or a server that is gone: the walk will say so if it matters
            self._watcher = self._costs.watcher(self._url)
        self._failed = self._watcher is None and not self._costs.own_locks
        return self

    def __exit__(self, *_: object) -> None:
        self.timeline.close(time.monotonic())
        if self._watcher is not None:
            with suppress(Exception):
                self._watcher.close()

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take in an event of the process; False where it is not about locks alone."""
        match event["event"]:
            case "statement":
                self._told, self._active = time.monotonic(), True
                self.timeline.statement(event["at"], mask(event["text"]))
            case "statement-ended":
                self.timeline.statement_ended(event["at"])
            case "pause":
                self.timeline.pause(event["began"], event["ended"])
            case "held":
                held = frozenset(Held(*one) for one in event["held"])
                for session in {one.session for one in held}:
                    own = frozenset(one for one in held if one.session == session)
                    self.timeline.look(Look(event["began"], event["ended"], session, own))
            case "ends":
                self.timeline.look(Look(event["at"], event["at"], event["session"], frozenset(), ends=True))
            case "lock":
                lock = {key: event[key] for key in OwnLock._fields}
                self.timeline.own(OwnLock(**lock))
            case _:
                return False
        return True

    def begin(self, event: Mapping[str, Any]) -> None:
        """A revision begins: what others know by now is what its locks can keep from them."""
        self._told, self._active = time.monotonic(), True
        known = None
        if self._watcher is not None and not self._failed:
            try:
                known = self._watcher.known()
            except Exception:
                self._failed = True
        self.timeline.begin(event["at"], event["revision"], known)

    def wait(self) -> float:
        """Seconds until the next look: a hundredth of what the present statement has taken so far, within limits."""
        if self._watcher is None or self._failed or not self._active:
            return _IDLE
        now = time.monotonic()
        interval = min(_LONGEST, max(_SHORTEST, (now - self._told) / 100))
        return min(_IDLE, max(0.0, self._looked + interval - now))

    def look(self) -> None:
        """Look, if it is time."""
        if self._watcher is None or self._failed or not self._active or self.wait() > 0:
            return
        began = time.monotonic()
        try:
            held = self._watcher.look()
        except Exception:
            self._failed = True
            return
        self._looked = time.monotonic()
        self.timeline.look(Look(began, self._looked, None, held))

    def locks(self, version_table: str, schema: str | None) -> Mapping[str, tuple[Lock, ...]] | None:
        """Locks by revision, without the version table's; None where nobody could look."""
        if self._failed:
            return None
        return self.timeline.locks({join([version_table]), join([schema, version_table])})
