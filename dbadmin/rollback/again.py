"""Further walks on the same data: the state in which the deciding walk began, brought back as often as needed."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from dbadmin.copies import Copy
from dbadmin.copies.make import identity_of
from dbadmin.errors import DbadminError, NotFinished
from dbadmin.migrations.protocol import WalkResult
from dbadmin.migrations.runner import walk
from dbadmin.migrations.scripts import Direction
from dbadmin.results import RollbackFinding
from dbadmin.rollback.options import Options
from dbadmin.rollback.source import Rehearsed

BASE = "dbadmin_base"
"""The copy that waits in a state from which walks begin."""
WORK = "dbadmin_again"
"""Where they walk if the copy itself cannot be made anew (it was given, not made)."""


@dataclass
class States:
    """Keeps a state of the copy aside, and gives fresh copies in that state, one at a time.

    Made when the deciding walk is over: its pristine copy is the first state.
    """

    copy: Copy
    _fresh: Copy | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        free = self.copy.dialect.copying.free_space() if self.copy.own else None
        if free is not None and self.copy.info.bytes is not None and self.copy.info.bytes > free:
            raise NotFinished(
                f"there is no room for a third copy ({self.copy.info.bytes:,} bytes; {free:,} are free)",
                hint="leave out --each and --after-upgrade, or set TMPDIR to a directory with more room",
            )
        from dbadmin.copies.make import PRISTINE

        self.copy.place.clone(PRISTINE, BASE)
        self.copy.drop_pristine()
        if self.copy.own:
            self._fresh = self.copy

    def fresh(self) -> Copy:
        """A copy in the state that is kept; the one before it is gone."""
        place = self.copy.place
        if self._fresh is not None:
            place.drop(self._fresh.name)
        name = self.copy.name if self.copy.own else WORK
        url = place.clone(BASE, name)
        self._fresh = replace(self.copy, url=url, name=name, identity=identity_of(url), own=True)
        return self._fresh

    def keep(self) -> None:
        """Keep the state of the last fresh copy from now on, in place of the former one."""
        assert self._fresh is not None
        self.copy.place.drop(BASE)
        self.copy.place.clone(self._fresh.name, BASE)

    def close(self) -> None:
        """Remove the state that is kept; a copy that was given has no other company left either.

        What cannot be removed goes with its place, in the end: the walks are done, and what they found is not lost
        for that.
        """
        from sqlalchemy.exc import SQLAlchemyError

        with suppress(DbadminError, SQLAlchemyError, OSError):
            self.copy.place.drop(BASE)
            if not self.copy.own and self._fresh is not None:
                self.copy.place.drop(self._fresh.name)


def migrate(
    source: Rehearsed, copy: Copy, direction: Direction, destination: str, options: Options,
    *, script: Path | None = None,
) -> WalkResult:  # fmt: skip
    """Upgrade or downgrade a copy without looking at it on the way, or run a script of the user's on it."""
    request = source.request(copy.url, copy.identity, direction, destination, options, script=script)
    result = walk(request)
    copy.end_sessions()
    return result


def new_findings(
    found: Sequence[RollbackFinding], known: Sequence[RollbackFinding]
) -> list[RollbackFinding]:  # fmt: skip
    """Those that tell something else than what is known: another code, revision or object."""
    told = {(f.code, f.revision, f.object) for f in known}
    fresh = []
    for one in found:
        key = (one.code, one.revision, one.object)
        if key not in told:
            told.add(key)
            fresh.append(one)
    return fresh
