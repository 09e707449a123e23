"""A backup restored into a database that the user names: checked first, and whole or not at all."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.copies.backups import open_backup
from dbadmin.database import Database
from dbadmin.dialects import Backup, Progress, of_url
from dbadmin.dialects.backups import of_engine
from dbadmin.errors import DbadminError, NotSupported, UsageError
from dbadmin.results import RestoreReport
from dbadmin.secrets import first_line

if TYPE_CHECKING:
    from sqlalchemy import URL

Refusal = Callable[["URL"], str | None]
"""Says why a database must be named twice before it is written to, None where nothing speaks against it."""
_RESTORE_ELSEWHERE = "restore it into another database, or with the engine's own tools"


def restore_backup(
    path: Path, url: "URL", *, confirm: str | None, refusal: Refusal, progress: Progress
) -> RestoreReport:
    """Restore the backup at `path` into the database at `url`.

    A database that holds something, or that `refusal` speaks against, is refused unless `confirm` is its name: then
    what it holds is removed, once the backup is known to be whole and of this engine. Where restoring fails, the
    database is empty afterwards, as the error says. Raises UsageError (exit 2) where it is refused, DamagedBackup or
    NotFinished (5) where the backup is not whole or cannot be restored, NotSupported (4) where the server lacks
    something.
    """
    began = time.monotonic()
    dialect = of_url(url)
    engine = of_engine(dialect.name)
    name = database_name(url)
    held = engine.holds(url)
    refuse(name, url, held, confirm, refusal)
    with open_backup(path, progress=progress) as backup:
        if backup.engine != dialect.name:
            raise UsageError(
                f"{path} is a {backup.format}, and {shown(url)} is a database of {dialect.name}",
                hint="name a database of the same engine with --to",
            )
        if held:
            engine.empty(url)
        notes = fill(backup, url, name, held, progress)
    return told(path, url, backup, bool(held), notes, began)


def refuse(name: str, url: "URL", held: tuple[str, ...], confirm: str | None, refusal: Refusal) -> None:
    """Raise UsageError where this database is not to be written to."""
    if confirm is not None:
        if confirm != name:
            raise UsageError(
                f"--confirm says {confirm}, and the database is called {name}",
                hint="look again which database --to leads to",
            )
        return
    reason = refusal(url)
    if held:
        some = ", ".join(held[:3]) + (" …" if len(held) > 3 else "")
        also = f"{reason}, and " if reason is not None else ""
        raise UsageError(
            f"{shown(url)} {also}is not empty ({some}): nothing was restored",
            hint=f"name an empty database; or, to lose what it holds: --confirm {name}",
        )
    if reason is not None:
        raise UsageError(
            f"{shown(url)} {reason}: nothing was restored",
            hint=f"name another database; or, if it is meant: --confirm {name}",
        )


def fill(backup: Backup, url: "URL", name: str, held: tuple[str, ...], progress: Progress) -> tuple[str, ...]:
    """Load the backup; where that fails, or is interrupted, leave the database empty, and say so."""
    engine = of_engine(backup.engine)
    try:
        return engine.load(backup, url, private=False, progress=progress)
    except BaseException as error:
        state = left_behind(backup.engine, url, name, held)
        if isinstance(error, DbadminError):
            error.message = f"{error.message}; {state}"
            error.args = (error.message,)
            if isinstance(error, NotSupported) or (error.hint and "--in-place" in error.hint):
                error.hint = _RESTORE_ELSEWHERE  # what such an error says to somebody who rehearses
        else:
            error.add_note(state)
        raise


def left_behind(engine: str, url: "URL", name: str, held: tuple[str, ...]) -> str:
    """Empty the database again, and tell how it is now."""
    from sqlalchemy.exc import SQLAlchemyError

    backups = of_engine(engine)
    try:
        if backups.holds(url):
            backups.empty(url)
        left = backups.holds(url)
    except (DbadminError, SQLAlchemyError, OSError) as error:
        told = error.message if isinstance(error, DbadminError) else first_line(error)
        return f"{name} may hold a part of it ({told})"
    if left:
        return f"{name} is as it was" if set(left) == set(held) else f"{name} holds {', '.join(left)}"
    return f"{name} is empty now" if held else f"{name} is empty, as it was"


def told(path: Path, url: "URL", backup: Backup, emptied: bool, notes: tuple[str, ...], began: float) -> RestoreReport:
    """The report, with what the database says of itself."""
    restored = opened(url)
    try:
        dialect = restored.dialect
        tables = len(restored.run(dialect.catalog.table_names))
        size = restored.run(dialect.copying.size)
        info = restored.info
    finally:
        restored.close()
    return RestoreReport(
        path=str(path),
        format=backup.format,
        sha256=backup.sha256,
        database=info,
        tables=tables,
        bytes=size,
        seconds=time.monotonic() - began,
        emptied=emptied,
        incomplete=backup.incomplete,
        not_covered=(*backup.notes, *notes),
    )


def database_name(url: "URL") -> str:
    """The database's own name for itself; of a file, that of the file."""
    database = opened(url)
    try:
        return database.identity.name
    except DbadminError:
        if database.dialect.address.of_url(url).server[0] != "file" or not url.database:
            raise
        return Path(url.database).name  # a file that is to be made
    finally:
        database.close()


def opened(url: "URL") -> Database:
    """The database with a connection of our own for each question."""
    from sqlalchemy import NullPool, create_engine

    return Database(create_engine(url, poolclass=NullPool))


def shown(url: "URL") -> str:
    """A URL without its password."""
    return url.render_as_string(hide_password=True)
