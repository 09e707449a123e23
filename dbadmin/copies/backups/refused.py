"""What people give that dbadmin does not restore, told by its first bytes: its name, and what to type instead."""

from codecs import getincrementaldecoder
from pathlib import Path

from dbadmin.errors import DbadminError, UsageError

_UNPACK = "unpack it first: {tool}"
_DECRYPT = "decrypt it first: {tool}"
_PHYSICAL = "restore it yourself into a server of its own, then: dbadmin verify-rollback --url URL --in-place"

# (first bytes, what it is, what to type)
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\xfd7zXZ\x00", "xz compressed", _UNPACK.format(tool="xz -dk FILE")),
    (b"BZh", "bzip2 compressed", _UNPACK.format(tool="bzip2 -dk FILE")),
    (b"\x04\x22\x4d\x18", "lz4 compressed", _UNPACK.format(tool="lz4 -d FILE")),
    (b"PK\x03\x04", "a zip archive", _UNPACK.format(tool="unzip FILE")),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK.format(tool="7z x FILE")),
    (b"Rar!\x1a\x07", "a rar archive", _UNPACK.format(tool="unrar x FILE")),
    (b"age-encryption.org/v1", "encrypted with age", _DECRYPT.format(tool="age -d -o OUT FILE")),
    (b"-----BEGIN AGE ENCRYPTED FILE", "encrypted with age", _DECRYPT.format(tool="age -d -o OUT FILE")),
    (b"-----BEGIN PGP MESSAGE", "encrypted with gpg", _DECRYPT.format(tool="gpg -d -o OUT FILE")),
    (b"Salted__", "encrypted with openssl", _DECRYPT.format(tool="openssl enc -d -in FILE -out OUT …")),
    (b"XBSTCK01", "a stream of mariadb-backup or xtrabackup", _PHYSICAL),
    (b"\xff\xfe", "UTF-16 text, as PowerShell's > writes it", "dump with --file=FILE (or -r FILE) instead of >"),
    (b"\xfe\xff", "UTF-16 text, as PowerShell's > writes it", "dump with --file=FILE (or -r FILE) instead of >"),
    (b"PRAGMA foreign_keys=OFF;", "what SQLite's .dump prints", "sqlite3 restored.db < FILE, and give restored.db"),
    (b"PAR1", "a Parquet file", "give a backup of the database"),
)
# Binary OpenPGP packets (RFC 9580, 4.2): a public-key or symmetric-key encrypted session key comes first.
_PGP_FIRST = frozenset({0x84, 0x85, 0x86, 0x8C, 0x8D, 0x8E, 0xC1, 0xC3})
_PHYSICAL_NAMES = {
    "PG_VERSION": "a data directory of PostgreSQL",
    "backup_manifest": "a base backup of PostgreSQL",
    "base.tar": "a base backup of PostgreSQL",
    "base.tar.gz": "a base backup of PostgreSQL",
    "backup.info": "a repository of Barman or pgBackRest",
    "xtrabackup_checkpoints": "a backup by mariadb-backup",
    "mariadb_backup_checkpoints": "a backup by mariadb-backup",
    "ibdata1": "a data directory of MariaDB or MySQL",
}


def by_magic(path: Path, head: bytes) -> DbadminError | None:
    """The refusal for a file that begins with `head`, None where it is not known."""
    for magic, what, hint in _MAGIC:
        if head.startswith(magic):
            return UsageError(f"{path} is {what}", hint=hint.replace("FILE", str(path)))
    if head and head[0] in _PGP_FIRST and not _is_text(head):
        return UsageError(f"{path} looks encrypted with gpg", hint=f"decrypt it first: gpg -d -o OUT {path}")
    return None


def by_names(path: Path, names: set[str]) -> DbadminError | None:
    """The refusal for a directory or archive with these files, None where it is not known."""
    for name, what in _PHYSICAL_NAMES.items():
        if name in names:
            return UsageError(f"{path} is {what}: its files, not a dump of one database", hint=_PHYSICAL)
    return None


def unknown(path: Path, head: bytes) -> DbadminError:
    """The refusal for what nothing knows."""
    begins = head[:16].decode(errors="replace").encode("ascii", "backslashreplace").decode()
    printable = "".join(c if c.isprintable() else "." for c in begins)
    return UsageError(
        f"{path} is no backup that dbadmin knows (it begins with {printable!r})",
        hint="known: pg_dump's four formats, SQL by mariadb-dump or mysqldump, a SQLite file; each also .gz or .zst",
    )


def cluster(path: Path) -> DbadminError:
    """The refusal for pg_dumpall's output."""
    return UsageError(
        f"{path} is a dump of a whole server, by pg_dumpall: several databases, and roles",
        hint="dump the one database: pg_dump --format=custom --file=FILE NAME",
    )


def _is_text(head: bytes) -> bool:
    try:
        getincrementaldecoder("utf-8")().decode(head[:64])  # the cut may be within a letter
    except UnicodeDecodeError:
        return False
    return True
