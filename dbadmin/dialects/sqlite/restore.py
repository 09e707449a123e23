"""Backups of SQLite put into place: the checked file, page for page."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects.base import Place
from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.errors import NotFinished

if TYPE_CHECKING:
    from sqlalchemy import URL


def restore(place: Place, backup: Backup, name: str, *, progress: Progress) -> Copied:
    """Put the checked file into `place`; it is removed where that fails."""
    url = place.empty(name)
    try:
        notes = load(backup, url, progress=progress)
        size = Path(str(url.database)).stat().st_size
    except BaseException:
        place.drop(name)
        raise
    return Copied(url, f"restored from {backup.format}", size, (), notes)


def load(backup: Backup, url: "URL", *, progress: Progress) -> tuple[str, ...]:
    """Replace the empty file at `url` by the backup's, at once and whole."""
    target = Path(str(url.database))
    if target.exists() and target.stat().st_size:
        raise NotFinished(f"{target} is not empty", hint="name a file that does not exist yet")
    assert backup.content is not None
    temporary = target.with_name(f"{target.name}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out, backup.content.open("rb") as source:
            shutil.copyfileobj(source, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        progress("restore", temporary.stat().st_size, backup.restored_bytes)
        temporary.rename(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return ()
