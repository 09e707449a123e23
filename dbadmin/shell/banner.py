"""What a session says of itself when it starts: where it stands, what there is, what is hidden or missing."""

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dbadmin.admin import Admin
from dbadmin.database import Database
from dbadmin.errors import ConfigError, ConnectionFailed, DbadminError, StatementFailed
from dbadmin.render.values import visible, visible_lines
from dbadmin.results import DatabaseInfo, Status
from dbadmin.secrets import mask
from dbadmin.shell.names import HELPERS, Names

MODELS_SHOWN = 12
COMMANDS = ("%sql", "%explain", "%set", "%mode", "%reload")


@dataclass(frozen=True)
class Standing:
    """What was found out before the first prompt; `info` is None where the database cannot be reached."""

    info: DatabaseInfo | None
    status: Status | None
    missing: tuple[str, ...]
    warning: str | None = None


def reach(database: Database) -> tuple[DatabaseInfo | None, tuple[str, ...]]:
    """Connect, which also proves the mode; the database, or why it cannot be had."""
    try:
        return database.info, ()
    except (ConnectionFailed, StatementFailed) as error:
        return None, (error.message,)


def stand(admin: Admin, info: DatabaseInfo | None, missing: Sequence[str]) -> Standing:
    """Ask for the revision, where there is a database and an Alembic project to ask."""
    told = [*missing, *admin.application.notes]
    status, warning = None, None
    if info is not None:
        warning = rights(admin.database)
        try:
            status = admin.status()
        except ConfigError as error:
            told.append(error.message)
        except DbadminError as error:
            told.append(f"the revision is not known: {error.message}")
    return Standing(info, status, tuple(told), warning)


def rights(database: Database) -> str | None:
    """What the login of a read-only session could do all the same; None where it may only read."""
    if database.mode != "read-only":
        return None
    try:
        return database.run(database.dialect.session.may_write)
    except DbadminError as error:
        return f"what this login may do is not known: {error.message}"


def name(database: Database, info: DatabaseInfo | None) -> str:
    """What the prompt calls the database."""
    return visible(info.name if info is not None else Path(database.url.database or database.dialect.name).name)


def banner(standing: Standing, database: Database, names: Names, *, versions: str) -> str:
    """The whole text, secrets hidden, as wide as the terminal; `versions` is its first line."""
    lines = [versions, *facts(standing, database, names)]
    lines += [f"warning   {standing.warning}"] if standing.warning else []
    lines += [f"hidden    {h.name} is {h.winner} here; {h.reachable} is the other" for h in names.hidden]
    lines += [f"renamed   {name}: {', '.join(new)}" for name, new in names.renamed.items()]
    lines += [f"missing   {line}" for line in standing.missing]
    width = shutil.get_terminal_size().columns
    return "\n".join(wrapped(line, width) for line in visible_lines(mask("\n".join(lines))).split("\n")) + "\n"


def wrapped(line: str, width: int) -> str:
    """A line of the banner over several ones, none broken within a word that a line could hold.

    >>> print(wrapped("models    3: User, BlogCategory, BlogPost", 30))
    models    3: User,
              BlogCategory,
              BlogPost
    """
    margin = "" if line[:1].isspace() else " " * len("database  ")
    return textwrap.fill(line, max(width, 30), subsequent_indent=margin, break_on_hyphens=False)


def facts(standing: Standing, database: Database, names: Names) -> list[str]:
    """Database and mode, revision, models, session, helpers."""
    info = standing.info
    server = info.server if info is not None else f"{database.dialect.name}, not reached"
    return [
        f"database  {database.shown_url} ({server}), {database.mode}",
        f"revision  {revision(standing.status)}",
        f"models    {models(names.models)}",
        f"session   {session(database)}; db, engine",
        f"commands  {' '.join(COMMANDS)}; MODEL? tells its columns",
        f"helpers   {' '.join(name for name in HELPERS if name not in {h.name for h in names.hidden})}",
    ]


def revision(status: Status | None) -> str:
    """Where the database stands, in one line."""
    if status is None:
        return "not known"
    current = ", ".join(status.current) or "none"
    pending = "" if status.unknown else f", {len(status.pending)} pending"
    return f"{current} ({status.state}{pending})"


def models(names: Sequence[str]) -> str:
    """How many, and the first of them.

    >>> models(("User", "Post")), models(())
    ('2: User, Post', 'none')
    """
    if not names:
        return "none"
    more = f", … ({len(names) - MODELS_SHOWN} more)" if len(names) > MODELS_SHOWN else ""
    return f"{len(names)}: {', '.join(names[:MODELS_SHOWN])}{more}"


def session(database: Database) -> str:
    """What `session` is, and how it is asked."""
    if database.is_async:
        return "an AsyncSession: await session.execute(...)"
    return "a Session"
