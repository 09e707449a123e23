"""Whether a restore gets on, told by its sessions on the server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import watched
from dbadmin.dialects.watched import Look
from dbadmin.errors import DamagedBackup

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

# What the database's sessions do: rows that change as long as something gets on. A session that computes works; one
# that sleeps, waits for a lock or for its client does not.
_SESSIONS = """
SELECT a.pid, a.state, a.query_start, a.state_change, p.bytes_processed,
       a.state = 'active' AND coalesce(a.wait_event_type, '') NOT IN ('Client', 'Timeout', 'Lock') AS works
  FROM pg_catalog.pg_stat_activity AS a
  LEFT JOIN pg_catalog.pg_stat_progress_copy AS p USING (pid)
 WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
 ORDER BY a.pid
"""
# The same for servers before 14, which do not tell how far a COPY is: its session's rows would look still.
_SESSIONS_BEFORE_14 = """
SELECT a.pid, a.state, a.query_start, a.state_change, NULL AS bytes_processed,
       a.state = 'active' AND coalesce(a.wait_event_type, '') NOT IN ('Timeout', 'Lock') AS works
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
 ORDER BY a.pid
"""
_OF_ROLE = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = %s"
_END_WITHIN = 10.0  # seconds that sessions are given to end


@contextmanager
def looking(url: "URL", shown: str) -> Iterator[Look]:
    """A look at what the database's other sessions do; it gives a DamagedBackup once nothing has moved for too long."""
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
        query = _SESSIONS if version >= 140000 else _SESSIONS_BEFORE_14
        seen: Any = None
        moved = time.monotonic()

        def look() -> DamagedBackup | None:
            nonlocal seen, moved
            rows = connection.exec_driver_sql(query).all()
            now = time.monotonic()
            if rows != seen or any(row.works for row in rows):
                seen, moved = rows, now
            if now - moved <= watched.QUIET:
                return None
            return DamagedBackup(
                f"restoring {shown} made no progress for {watched.QUIET:g} s", hint="make the backup again"
            )

        yield look


def end_sessions(admin: "Connection", role: str) -> None:
    """End what a role's sessions still do: a tool that was stopped leaves its statement running."""
    until = time.monotonic() + _END_WITHIN
    while admin.exec_driver_sql(_OF_ROLE, (role,)).first() and time.monotonic() < until:
        time.sleep(0.02)
