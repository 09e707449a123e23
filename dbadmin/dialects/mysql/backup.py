"""Backups of MariaDB and MySQL: the SQL that mariadb-dump and mysqldump write, read to its end before it is run."""

import re
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.backups import Backups, Content, Format, Insight, Target
from dbadmin.dialects.copying import Place
from dbadmin.dialects.mysql import contents, restore, writing
from dbadmin.dialects.mysql.binaries import Family
from dbadmin.dialects.mysql.contents import Contents
from dbadmin.dialects.mysql.surroundings import Surroundings
from dbadmin.dialects.values import Backup, Copied, Progress
from dbadmin.errors import DamagedBackup

if TYPE_CHECKING:
    from sqlalchemy import URL

_NO_COMMENTS = "it was made without comments (--skip-comments or --compact), so nothing says where it ends"


class MysqlBackups(Backups):
    """The statements of a dump; they go to the server one by one, and the client program is never asked."""

    suffixes = writing.SUFFIXES

    def inspect(self, content: Content, *, progress: Progress) -> Insight:
        size = content.path.stat().st_size
        with content.path.open("rb") as file:

            def read(wanted: int) -> bytes:
                progress("check the backup", file.tell(), size)
                return file.read(wanted)

            found = contents.read(read, str(content.given))
        if not found.statements:
            raise DamagedBackup(f"{content.given} holds no statement", hint="make the backup again")
        return Insight(
            server_version=found.server_version,
            dump_version=found.dump_version,
            database=found.database,
            roles=tuple(sorted(f"{user}@{host}" if host else user for user, host in found.definers)),
            incomplete=None if found.complete else _NO_COMMENTS,
            notes=_notes(found, content.format),
            details=found,
        )

    def facts(self, backup: Backup) -> Surroundings:
        found: Contents = backup.details
        charset, collation = default_charset(found)
        version = found.server_version or ""
        return Surroundings(
            family=family(found, backup.kind),
            version=version.removeprefix("5.5.5-").split("-")[0],
            name=backup.database or backup.path.name.partition(".")[0],
            charset=charset,
            collation=collation,
            bytes=backup.restored_bytes,
            user="root@localhost",
            offset="+00:00",
            settings={},
            page_size=None,
            engines=frozenset(found.engines),
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


BACKUPS = MysqlBackups()


def family(found: Contents, kind: str) -> Family:
    """Whose server the dump comes from: by its version, else by the program that wrote it.

    >>> family(Contents(server_version="8.0.36"), "mariadb-dump")
    'mysql'
    """
    version = found.server_version or found.dump_version
    if version is None:
        return "mariadb" if kind == "mariadb-dump" else "mysql"
    is_old = re.match(r"10\.\d+\.\d+|11\.|12\.", version)  # no MySQL has these
    return "mariadb" if "mariadb" in version.lower() or is_old else "mysql"


def default_charset(found: Contents) -> tuple[str, str]:
    """The character set and collation that most tables have: a dump does not tell the database's own.

    >>> default_charset(Contents())
    ('utf8mb4', 'utf8mb4_general_ci')
    """
    common = found.charsets.most_common(1)
    if not common:
        return "utf8mb4", "utf8mb4_general_ci"
    charset, collation = common[0][0]
    return charset, collation or f"{charset}_general_ci"


def _notes(found: Contents, kind: str) -> tuple[str, ...]:
    charset, collation = default_charset(found)
    notes = [
        f"the database's own character set, which a dump does not tell: {charset}, {collation}, as most tables have"
    ]
    notes += [f"{what} of the backup, which were left out" for what in sorted(found.left_out)]
    notes.append("sql_mode and other settings of the source's server, which a dump does not tell")
    return tuple(notes)
