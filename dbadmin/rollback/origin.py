"""Where a copy comes from and where it lives: what of it a user chooses, and what of that is refused."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dbadmin.database import Database
from dbadmin.dialects import PACKAGES, of_url
from dbadmin.errors import ConnectionFailed, DbadminError, UsageError
from dbadmin.protected import protecting
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

TRUST = (
    "a backup is walked by a role that owns the database and is no superuser, so that nothing in it can run programs "
    "or read files; --trust-backup if it is a backup of your own"
)
"""The remedy where a step on a backup lacks a right."""
Kind = Literal["database", "backup", "in-place", "copy-command"]


@dataclass(frozen=True)
class Origin:
    """What is rehearsed on: a copy of the configured database, unless something else is asked for.

    `backup` is restored instead; with `in_place` the database is itself the copy, `named` repeats its name where it
    would be refused; `copy_command` makes the copy and `drop_command` drops it. `scratch` is the URL of a server that
    may hold the copy, or "same-server". With `trusted`, what the backup holds may run as dbadmin's own superuser.
    """

    backup: Path | None = None
    in_place: bool = False
    named: str | None = None
    copy_command: str | None = field(default=None, repr=False)
    drop_command: str | None = field(default=None, repr=False)
    scratch: "URL | str | None" = field(default=None, repr=False)
    trusted: bool = False

    @property
    def kind(self) -> Kind:
        """The contract's word for it."""
        if self.backup is not None:
            return "backup"
        if self.copy_command is not None:
            return "copy-command"
        return "in-place" if self.in_place else "database"


def check(origin: Origin, *, keep: bool = False) -> None:
    """Raise UsageError where options contradict each other.

    >>> check(Origin(in_place=True, scratch="same-server"))
    Traceback (most recent call last):
    dbadmin.errors.UsageError: --in-place and --scratch exclude each other
    """
    given = {
        "--backup": origin.backup,
        "--in-place": origin.in_place,
        "--copy-command": origin.copy_command,
    }
    chosen = [option for option, value in given.items() if value not in (None, False)]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other", hint="give one of them")
    if origin.scratch is not None and origin.kind in ("in-place", "copy-command"):
        raise UsageError(f"{chosen[0]} and --scratch exclude each other", hint="leave out --scratch")
    if origin.scratch == "same-server" and origin.kind == "backup":
        raise UsageError(
            "--scratch same-server means the source's server, and a backup has none",
            hint="leave out --scratch, or name a server",
        )
    if keep and origin.kind in ("in-place", "copy-command"):
        raise UsageError(f"{chosen[0]} and --keep exclude each other", hint="that copy is yours to keep")
    if origin.drop_command is not None and origin.copy_command is None:
        raise UsageError("--drop-command drops what --copy-command made", hint="give both")
    if origin.trusted and origin.backup is None:
        raise UsageError("--trust-backup goes with --backup", hint="give both, or neither")
    if origin.named is not None and not origin.in_place:
        raise UsageError("--yes-this-is-a-copy goes with --in-place", hint="give both, or neither")


def refuse_in_place(
    database: Database, *, configured: Iterable["URL"], protected: Iterable[str], named: str | None
) -> None:
    """Raise UsageError where a database may not be its own copy, unless `named` is its name.

    It is the configured one where their identities are equal, whatever the URLs say; one that cannot be asked might
    be the same, too.
    """
    name = database.identity.name
    if named is not None:
        if named != name:
            raise UsageError(
                f"--yes-this-is-a-copy says {named}, and the database is called {name}",
                hint="look again which database --url leads to",
            )
        return
    reason = protecting(database.place, protected) or configured_as(database, configured)
    if reason is not None:
        raise in_place_refused(database, reason)


def in_place_refused(database: Database, reason: str) -> UsageError:
    """The error for a database that is not its own copy as long as nobody repeats its name."""
    return UsageError(
        f"{mask(database.place.render_as_string(hide_password=True))} {reason}: nothing is run on it",
        hint="if it is a disposable copy all the same: "
        f"--in-place --yes-this-is-a-copy {shlex.quote(database.identity.name)}",
    )


def configured_as(database: Database, configured: Iterable["URL"]) -> str | None:
    """Why a database is the configured one, or may be so; None where it is not."""
    return next(filter(None, map(_Same(database), configured)), None)


class _Same:
    """Asks a configured URL whether it leads to this database; the reason to refuse, or None."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, url: "URL") -> str | None:
        from sqlalchemy import NullPool, create_engine

        mine = self._database
        if url.get_backend_name() not in PACKAGES or of_url(url).name != mine.dialect.name:
            return None
        address = mine.dialect.address
        if address.of_url(url).same_as(address.of_url(mine.whole_url)):
            return "is the configured database"
        shown = mask(url.render_as_string(hide_password=True))
        plain = address.with_driver(url, mine.dialect.default_driver)
        other = Database(create_engine(plain, poolclass=NullPool))
        try:
            return "is the configured database" if other.identity.key == mine.identity.key else None
        except ConnectionFailed as error:
            if mine.dialect.address.of_url(url).server[0] == "file":
                return None  # there is no such file
            return f"may be the configured database: {shown} cannot be asked ({error.message})"
        except DbadminError as error:
            return f"may be the configured database: {shown} cannot be asked ({error.message})"
        finally:
            other.close()
