"""What other sessions do right now: long queries, forgotten transactions, who blocks whom, connections."""

import re
from collections.abc import Iterator, Sequence

from dbadmin.dialects.facts import CannotTell, Session
from dbadmin.health.check import Found, check
from dbadmin.health.look import Look
from dbadmin.render.values import duration
from dbadmin.results import Severity

LONGEST = 160
_LITERAL = re.compile(
    r"'(?:[^'\\]|\\.|'')*'?|\$(\w*)\$.*?\$\1\$|(?<![\w$.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])", re.DOTALL
)
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_PASSWORD = re.compile(r"\b(password|identified\s+by)\b.*", re.IGNORECASE | re.DOTALL)


def shape(query: str | None) -> str:
    """A statement without its values, in one line, cut.

    >>> shape("SELECT *\\n FROM users2 WHERE email = 'a@b' AND id > 12 /* x */")
    'SELECT * FROM users2 WHERE email = ? AND id > ?'
    >>> shape("ALTER ROLE app PASSWORD 'x'"), shape(None)
    ('ALTER ROLE app PASSWORD ?', 'a statement that this login may not see')
    """
    if query is None:
        return "a statement that this login may not see"
    text = " ".join(_PASSWORD.sub(r"\1 ?", _LITERAL.sub("?", uncommented(query))).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def uncommented(query: str) -> str:
    """A statement without its comments."""
    return _COMMENT.sub(" ", query)


def who(session: Session) -> str:
    """A session as findings name it."""
    parts = [session.user or "?", *(f"({p})" for p in (session.application, session.client) if p)]
    return f"session {session.pid} of {' '.join(parts)}"


def seen(look: Look) -> Sequence[Session]:
    """Sessions, asked for once."""
    return look.once("sessions", look.health.sessions)


def or_hidden(found: Sequence[Found], look: Look) -> Sequence[Found]:
    """The findings; raises CannotTell where there are none because the login may not see what others do."""
    hidden = sum(session.hidden for session in seen(look))
    if hidden and not found:
        raise CannotTell(f"this login may not see what {hidden} other sessions do", look.health.right(look.connection))
    return found


@check(
    "long-query",
    "warning",
    "sessions",
    reads="running statements of this database (pg_stat_activity, the process list)",
    why="it holds locks, memory and old row versions for as long as it runs",
    mend="cancel it if nobody waits for its answer",
    threshold="longer than {} seconds",
    default=60.0,
    live=True,
)
def long_query(look: Look) -> Sequence[Found]:
    """A statement that runs for long."""
    most = look.threshold
    found = []
    for session in seen(look):
        if session.query_seconds is None or session.query_seconds <= most:
            continue
        told = f"runs for {duration(session.query_seconds)}: {shape(session.query)}"
        mend = look.health.end_session(session.pid, whole=False)
        found.append(Found(who(session), told, "cancel the statement", mend, key=key(session)))
    return or_hidden(found, look)


@check(
    "idle-in-transaction",
    "warning",
    "sessions",
    reads="sessions that wait inside a transaction (pg_stat_activity, innodb_trx)",
    why="a forgotten transaction keeps its locks, and keeps dead rows from being removed",
    mend="end the session, and find where the application neither commits nor rolls back",
    threshold="idle for more than {} seconds",
    default=60.0,
    live=True,
)
def idle_in_transaction(look: Look) -> Sequence[Found]:
    """A session that does nothing and has a transaction open."""
    most = look.threshold
    found = []
    for session in seen(look):
        idle = session.state.startswith("idle in transaction") and session.idle_seconds
        if not idle or idle <= most:
            continue
        since, last = duration(session.transaction_seconds), shape(session.query) if session.query else ""
        told = f"idle for {duration(idle)} in a transaction of {since}" + (f"; last: {last}" if last else "")
        mend = look.health.end_session(session.pid, whole=True)
        found.append(Found(who(session), told, "end the session", mend, key=key(session)))
    return or_hidden(found, look)


@check(
    "blocking",
    "error",
    "sessions",
    reads="who waits for whose locks (pg_blocking_pids, innodb_lock_waits)",
    why="everybody behind the first in the line stands still",
    mend="let the first one finish, or end it",
    threshold="waiting for more than {} seconds",
    default=1.0,
    live=True,
)
def blocking(look: Look) -> Sequence[Found]:
    """A session that holds what others wait for, with all who wait behind it."""
    least = look.threshold
    by_pid = {session.pid: session for session in seen(look)}
    waiting = [s for s in seen(look) if s.blocked_by and (s.query_seconds or 0) >= least]
    roots = sorted({root for session in waiting for root in first_in_line(session, by_pid)})
    found = []
    for root in roots:
        chain = [s for s in waiting if root in first_in_line(s, by_pid)]
        lines = [
            f"{s.pid} waits {duration(s.query_seconds)} for {s.waits_for or 'a lock'} "
            f"behind {', '.join(map(str, s.blocked_by))}: {shape(s.query)}"
            for s in chain
        ]
        holder = by_pid.get(root)
        name = who(holder) if holder is not None else f"session {root}"
        doing = f"{holder.state}: {shape(holder.query)}" if holder is not None and holder.query else "unknown"
        told = f"blocks {len(chain)}; it is {doing}. {'; '.join(lines)}"
        mend = look.health.end_session(root, whole=True)
        mine = key(holder) if holder is not None else "?"
        found.append(Found(name, told, "end it if it does not end by itself", mend, key=mine))
    return or_hidden(found, look)


def first_in_line(session: Session, by_pid: dict[int, Session]) -> set[int]:
    """Those that hold what a session waits for and wait for nobody themselves; in a circle, its smallest number."""
    roots, seen_before, ahead = set(), {session.pid}, list(session.blocked_by)
    while ahead:
        pid = ahead.pop()
        if pid in seen_before:
            continue
        seen_before.add(pid)
        other = by_pid.get(pid)
        if other is None or not other.blocked_by:
            roots.add(pid)
        else:
            ahead += other.blocked_by
    return roots or {min(seen_before)}


def key(session: Session) -> str:
    """What is the same tomorrow: who it is, and not the number of the session."""
    return f"{session.user or '?'}@{session.application or session.client or '?'}"


@check(
    "connections",
    "error",
    "connections",
    reads="open connections of the whole server against max_connections",
    why="when none is left, nobody gets in",
    mend="smaller pools in the application, or a pooler in front of the server",
    threshold="a warning from {} % on, an error from 95 %",
    default=80.0,
    live=True,
)
def connections(look: Look) -> Iterator[Found]:
    """Most of the connections are taken."""
    found = look.health.connections(look.connection)
    share = found.used / max(found.limit, 1)
    if share > look.threshold / 100:
        level: Severity = "error" if share >= 0.95 else "warning"
        told = f"{found.used} of {found.limit} connections are open ({share:.0%})"
        yield Found("server", told, "use smaller pools, or a pooler", level=level)
