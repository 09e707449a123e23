"""A backup proven: restored into a private place, and compared with the database that it was taken from.

The database is looked at before and after the dump. A table that is the same both times must be so in the backup;
one that was written meanwhile may be as it was at either time, or cannot be told.
"""

import time
from functools import partial
from typing import TYPE_CHECKING

from dbadmin.copies.make import connect, open_restored
from dbadmin.database import Database
from dbadmin.dialects import Backup, Progress, TableData, TableName, of
from dbadmin.errors import DamagedBackup
from dbadmin.results import BackupProof, TableProof
from dbadmin.state import Snapshot, snapshot

if TYPE_CHECKING:
    from sqlalchemy import Connection

State = Snapshot
_NOT_RESTORED = ("grant", "role", "publication", "subscription", "event-trigger", "setting", "-name")
"""Kinds of objects (by a part of their name) that restoring leaves out, or that engines name anew."""
_OF_THE_SERVER = ("user",)
"""Kinds that no backup of one database holds: the accounts of MariaDB."""


def read_state(source: Database, progress: Progress) -> State:
    """What the database holds now."""
    progress("read the database", 0, None)
    return source.run(snapshot)


def prove(source: Database, backup: Backup, before: State, *, progress: Progress) -> BackupProof:
    """Restore the backup in private and compare; DamagedBackup where it is not what the database held."""
    began = time.monotonic()
    after = read_state(source, progress)
    with open_restored(backup, progress=progress) as copy, connect(copy.url) as connection:
        progress("compare", 0, None)
        held = snapshot(connection)
        missing = [key for key in before.schema if key in after.schema and not _is_there(key, held)]
        if missing:
            some = ", ".join(f"{key.kind} {key.name}" for key in missing[:5])
            raise DamagedBackup(
                f"the restored backup lacks what the database has: {some}", hint="make the backup again"
            )
        not_proven = []
        for name in before.data:
            reason = source.run(partial(_compare, connection, name, (before, after, held)))
            if reason is not None:
                not_proven.append(TableProof(str(name), reason))
    return BackupProof(
        tables=len(before.data),
        rows=sum(table.rows for table in held.data.values()),
        objects=len(held.schema),
        seconds=time.monotonic() - began,
        not_proven=tuple(not_proven),
    )


def _is_there(key: object, held: State) -> bool:
    kind: str = key.kind  # type: ignore[attr-defined]
    return key in held.schema or kind in _OF_THE_SERVER or any(word in kind for word in _NOT_RESTORED)


def _compare(
    copy: "Connection", name: TableName, states: tuple[State, State, State], source: "Connection"
) -> str | None:
    """Why a table is not proven, None where it is; DamagedBackup where it holds something else."""
    before, after, held = states
    old, new, restored = before.data[name], after.data.get(name), held.data.get(name)
    if new is None:
        return "it was dropped meanwhile"
    reason = old.unreadable or new.unreadable or (restored.unreadable if restored else None)
    if reason is not None:
        return reason
    if restored is None:
        raise DamagedBackup(f"the restored backup lacks the table {name}", hint="make the backup again")
    if _equal(old, restored) or _equal(new, restored):
        return None
    columns = [column for column in old.columns if column in restored.columns]
    found = of(source).fingerprint.row_differences(source, copy, name, columns)
    different = max(found.lost, found.added, *found.values_lost.values(), *found.values_changed.values(), 0)
    if not different and len(columns) == len(old.columns) and not {**old.not_compared, **restored.not_compared}:
        return None
    if old != new:
        return "it was written while the backup was made"
    if not different:
        return "; ".join({**old.not_compared, **restored.not_compared}.values()) or "it has other columns"
    raise DamagedBackup(
        f"the restored backup differs from the database: {different} rows of {name}", hint="make the backup again"
    )


def _equal(one: TableData, other: TableData) -> bool:
    """Whether fingerprints that can be compared are equal, and leave nothing out."""
    return (
        (one.method, one.key, one.rows, one.row) == (other.method, other.key, other.rows, other.row)
        and dict(one.columns) == dict(other.columns)
        and not one.not_compared
        and not other.not_compared
    )
