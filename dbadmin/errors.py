"""Every error dbadmin raises on purpose, with the exit code it leads to.

    DbadminError                 70  a fault in dbadmin itself (the base; never raised bare)
    ├── UsageError                2  wrong words on the command line, or wrong configuration
    │   ├── ConfigError           2  a setting is missing, unreadable or contradictory
    │   │   └── NothingFound      2  there is no application, or it names no database
    │   ├── UserCodeError         2  the application's own module or script raised
    │   ├── UnknownName           2  no such table, column, revision …; carries the nearest names
    │   └── EmptyPlan             2  there is nothing to rehearse
    ├── ConnectionFailed          3  cannot connect, or the connection was lost
    ├── NotSupported              4  this engine or machine cannot do that
    │   ├── MissingExtra          4  an optional package is missing
    │   └── NoScratchServer       4  no private server can be started here
    ├── NotFinished               5  begun, but not finished or not proven
    │   ├── StatementFailed       5  the database refused or failed a statement
    │   │   └── MissingColumn     5  it names a column that the table has not
    │   ├── WriteRefused          5  a write in a read-only session
    │   ├── DamagedBackup         5
    │   └── ChildFailed           5  the process that runs env.py died, hung or would not answer
    └── InternalError            70

`code` is the short name that JSON carries in `error.code`; `hint` says what to type next.
"""

from collections.abc import Iterable

WRITE_HINT = "open the session with --write, or connect(write=True); dbadmin shell --sandbox tries it and keeps nothing"
"""What to type next where a write was refused."""


class DbadminError(Exception):
    """What happened (`message`), and what to type next (`hint`)."""

    exit_code = 70
    code = "internal-error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InternalError(DbadminError):
    """A promise inside dbadmin was broken."""


class UsageError(DbadminError):
    """The command or its configuration cannot be understood."""

    exit_code = 2
    code = "usage"


class ConfigError(UsageError):
    """A setting is missing, unreadable or contradicts another."""

    code = "configuration"


class NothingFound(ConfigError):
    """There is no application here, or one that does not say where its database is."""


class UserCodeError(UsageError):
    """A module of the application raised while it was imported; file and line are named."""

    code = "application-code"


class UnknownName(UsageError):
    """A name that the application or the database does not have.

    >>> UnknownName("table", "post", ["blog_posts", "users"]).message
    "no table 'post'; did you mean 'blog_posts'?"
    """

    code = "unknown-name"

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        names = sorted(set(known))
        near = nearest(name, names)
        guess = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        if hint is None and not near and names:
            shown = ", ".join(names[:8]) + (f", … ({len(names)} in all)" if len(names) > 8 else "")
            hint = f"known: {shown}"
        super().__init__(f"no {kind} {name!r}{guess}", hint=hint)
        self.kind, self.name, self.nearest = kind, name, tuple(near)


class EmptyPlan(UsageError):
    """There is no revision to go up or down: nothing could be proven."""

    code = "empty-plan"


class ConnectionFailed(DbadminError):
    """The database cannot be reached, or the connection was lost."""

    exit_code = 3
    code = "connection"


class NotSupported(DbadminError):
    """This engine or this machine cannot do what was asked."""

    exit_code = 4
    code = "not-supported"


class MissingExtra(NotSupported):
    """An optional package is not installed."""

    code = "missing-extra"

    def __init__(self, package: str, extra: str, what_for: str) -> None:
        super().__init__(
            f"{what_for} needs the package {package}",
            hint=f"pip install 'dbadmin-toolkit[{extra}]'",
        )


class NoScratchServer(NotSupported):
    """No private server can be started on this machine."""

    code = "no-scratch-server"


class NotFinished(DbadminError):
    """Begun, but not finished or not proven."""

    exit_code = 5
    code = "not-finished"


class StatementFailed(NotFinished):
    """The database refused, failed or timed out a statement."""

    code = "statement-failed"


class MissingColumn(StatementFailed):
    """A statement names a column that its table has not: the models may be ahead of the database."""


class TimedOut(StatementFailed):
    """A statement took longer than it may, or waited longer than it may for a lock."""


class WriteRefused(NotFinished):
    """A write reached a read-only session and was refused."""

    code = "read-only"


class DamagedBackup(NotFinished):
    """A backup is cut short or unreadable."""

    code = "damaged-backup"


class ChildFailed(NotFinished):
    """The process that runs env.py died, hung or gave no answer."""

    code = "child-failed"


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Known names close to `name`: by spelling, else by containing it.

    >>> nearest("usres", ["users", "plans"])
    ['users']
    >>> nearest("post", ["blog_posts", "users"])
    ['blog_posts']
    """
    names = list(known)
    lowered = {n.lower(): n for n in names}
    from difflib import get_close_matches

    close = [lowered[n] for n in get_close_matches(name.lower(), lowered, n=most, cutoff=0.7)]
    inside = [n for n in names if name and name.lower() in n.lower() and n not in close]
    return (close + inside)[:most]
