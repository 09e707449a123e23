"""Archives restored by pg_restore: only the entries that are wanted, watched, all or nothing."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import private, watched
from dbadmin.dialects.backups import PREFIX
from dbadmin.dialects.postgresql import archives, dump, restore_watch
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.values import Backup, Progress
from dbadmin.dialects.watched import Look
from dbadmin.errors import DamagedBackup, NotFinished

if TYPE_CHECKING:
    from sqlalchemy import URL

_LOOK_EVERY = 2.0  # seconds between looks at whether a restore gets on
_LEFT_OUT_ENTRIES = (" EXTENSION ", " COMMENT - EXTENSION ", " EVENT TRIGGER ", " COMMENT - EVENT TRIGGER ")


def run(backup: Backup, reader: Binaries, url: "URL", schemas: frozenset[str], progress: Progress) -> None:
    """Let pg_restore restore what is wanted, in parallel where the format can; these schemas are there already.

    Raises DamagedBackup where it makes no progress, NotFinished where it fails.
    """
    assert backup.content is not None
    shown = str(backup.path)
    listed = archives.listing(reader, backup.content, shown).splitlines()
    with private.directory(PREFIX) as directory:
        wanted = directory / "contents"
        wanted.touch(mode=0o600)
        lines = [line for line in listed if _entry_wanted(line, schemas)]
        wanted.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
        jobs = 1 if backup.kind == "tar" else dump.jobs_for(backup.restored_bytes)
        with (
            dump.service_file(url, directory, read_only=False) as environment,
            restore_watch.looking(url, shown) as look,
        ):
            command = [
                str(reader.tool("pg_restore")), f"--dbname=service=dbadmin dbname={_value(url)}",
                f"--use-list={wanted}", f"--jobs={jobs}", "--exit-on-error", "--no-password", "--no-owner",
                "--no-privileges", "--no-tablespaces", "--no-security-labels", "--no-publications",
                "--no-subscriptions", str(backup.content),
            ]  # fmt: skip
            throttled = _Throttled(look, lambda: progress("restore", 0, None))
            try:
                dump.run(command, environment, "restoring the copy", throttled, directory)
            except NotFinished as error:
                if isinstance(error, DamagedBackup):
                    raise
                hint = "restore it yourself where you may, then --in-place"
                raise NotFinished(f"{backup.path}: {error.message}", hint=hint) from error


def _value(url: "URL") -> str:
    # As in a connection string; a service file's values lose blanks at their ends.
    return "'" + str(url.database).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _entry_wanted(line: str, schemas: frozenset[str]) -> bool:
    """Whether pg_restore shall restore this line of a table of contents (number; oid oid TYPE schema name owner)."""
    if line.startswith(";"):
        return False
    if any(kind in line for kind in _LEFT_OUT_ENTRIES):
        kind = line.split(None, 3)[3]
        return not kind.startswith(("EXTENSION ", "COMMENT - EXTENSION ", "EVENT TRIGGER ", "COMMENT - EVENT TRIGGER "))
    return not any(f" SCHEMA - {schema} " in line for schema in schemas)


class _Throttled:
    """Called again and again while pg_restore runs: looks now and then, and raises what it sees."""

    def __init__(self, look: Look, tell: Callable[[], None]) -> None:
        self._look, self._tell = look, tell
        self._looked = time.monotonic()

    def __call__(self, log: Path) -> None:
        now = time.monotonic()
        if now - self._looked >= min(_LOOK_EVERY, watched.QUIET / 4):
            self._looked = now
            self._tell()
            reason = self._look()
            if reason is not None:
                raise reason
