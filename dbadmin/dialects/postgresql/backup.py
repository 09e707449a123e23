"""Backups of PostgreSQL: pg_dump's four formats, read to their end before anything is restored."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.backups import Backups, Content, Format, Insight, Target
from dbadmin.dialects.copying import Place
from dbadmin.dialects.postgresql import archives, contents, restore, writing
from dbadmin.dialects.postgresql.binaries import Binaries, require
from dbadmin.dialects.postgresql.contents import Contents
from dbadmin.dialects.postgresql.surroundings import Surroundings
from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.errors import DamagedBackup, NotSupported

if TYPE_CHECKING:
    from sqlalchemy import URL

_DATABASE = re.compile(r"^;\s+dbname: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Details:
    """What restoring must know: the dump's statements, and whose pg_restore reads it (None: it is plain SQL)."""

    contents: Contents
    reader: Binaries | None


class PostgresqlBackups(Backups):
    """pg_dump's files. Plain SQL goes to the server statement by statement: psql is never asked."""

    suffixes = writing.SUFFIXES

    def inspect(self, content: Content, *, progress: Progress) -> Insight:
        if content.format == "plain":
            return _insight(_read_plain(content, progress), None, None)
        if content.format == "directory":
            archives.check_directory(content.path, str(content.given))
        return _read_archive(content, progress)

    def facts(self, backup: Backup) -> Surroundings:
        found: Contents = backup.details.contents
        return Surroundings(
            major=major_needed(found),
            roles=(),
            settings=(),
            extensions=backup.extensions,
            encoding="UTF8",
            collation="C.UTF-8",
            icu=found.icu,
            bytes=backup.restored_bytes,
        )

    def load(self, backup: Backup, url: "URL", *, private: bool, progress: Progress) -> tuple[str, ...]:
        return restore.load(backup, url, private=private, progress=progress)

    def write(self, source: "URL", facts: Any, kind: Format, target: Target, *, progress: Progress) -> tuple[str, ...]:
        return writing.write(source, facts, kind, target, progress=progress)

    def holds(self, url: "URL") -> tuple[str, ...]:
        return writing.holds(url)

    def empty(self, url: "URL") -> None:
        writing.empty(url)

    def restore(self, place: Place, backup: Backup, name: str, *, progress: Progress) -> Copied:
        return restore.restore(place, backup, name, progress=progress)


BACKUPS = PostgresqlBackups()


def major_needed(found: Contents) -> int:
    """The major version that takes it: the source's, and that of pg_dump, whose settings older servers do not know.

    >>> major_needed(Contents(server_version="15.20", dump_version="18.6"))
    18
    """
    versions = [version for version in (found.server_version, found.dump_version) if version]
    return max((int(re.split(r"\D", version, maxsplit=1)[0]) for version in versions), default=0)


def _read_plain(content: Content, progress: Progress) -> Contents:
    size = content.path.stat().st_size
    with content.path.open("rb") as file:

        def read(wanted: int) -> bytes:
            progress("check the backup", file.tell(), size)
            return file.read(wanted)

        return contents.read(read, str(content.given))


def _read_archive(content: Content, progress: Progress) -> Insight:
    """Try each pg_restore of this machine, the oldest first: one may be too old, or lack a way of compression."""
    shown = str(content.given)
    refused: NotSupported | None = None
    for reader in archives.readers() or (require(),):
        try:
            with archives.as_sql(reader, content.path, shown) as stream:

                def read(wanted: int, stream: archives.Output = stream) -> bytes:
                    progress("check the backup", stream.bytes, None)
                    return stream.read(wanted)

                found = contents.read(read, shown)
        except NotSupported as error:
            refused = error
            continue
        if not found.statements:  # pragma: no cover  pg_restore begins each script with settings, whatever it holds
            raise DamagedBackup(f"{shown} holds nothing", hint="make the backup again")
        listed = _DATABASE.search(archives.listing(reader, content.path, shown))
        return _insight(found, reader, listed[1].strip() if listed else None)
    assert refused is not None
    raise refused


def _insight(found: Contents, reader: Binaries | None, database: str | None) -> Insight:
    is_bare = reader is None and not found.begins
    return Insight(
        server_version=found.server_version,
        dump_version=found.dump_version,
        database=database,
        extensions=tuple(dict.fromkeys(name for name, _ in found.extensions if name != "plpgsql")),
        roles=tuple(sorted(found.roles)),
        incomplete="it has none of pg_dump's comments, so nothing says where it ends" if is_bare else None,
        notes=_notes(found),
        details=Details(found, reader),
    )


def _notes(found: Contents) -> tuple[str, ...]:
    notes = ["owners and privileges, which the backup's restoring leaves out"]
    notes += [f"{what} of the backup, which were left out" for what in sorted(found.left_out)]
    notes.append("how the source sorts text: the copy sorts by C.UTF-8 where a column says nothing else")
    return tuple(notes)
