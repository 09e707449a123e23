"""What `dbadmin backup` and `dbadmin restore` answer."""

from dataclasses import dataclass

from dbadmin.results.base import DatabaseInfo, Record, Result

NOT_PROVEN = 5


@dataclass(frozen=True)
class TableProof(Record):
    """A table whose rows in the restored backup could not be shown to be those of the database, and why."""

    table: str
    reason: str


@dataclass(frozen=True)
class BackupProof(Record):
    """What restoring the backup and comparing it with the database showed."""

    tables: int
    rows: int
    objects: int
    seconds: float
    not_proven: tuple[TableProof, ...] = ()


@dataclass(frozen=True)
class BackupReport(Result):
    """A backup that was written and checked. `incomplete`: why nobody can tell whether it is whole; None where it is.

    `proof` is None where nobody asked for it (`--verify`).
    """

    kind = "backup"

    path: str
    format: str
    bytes: int
    sha256: str
    database: DatabaseInfo
    seconds: float
    incomplete: str | None = None
    proof: BackupProof | None = None
    not_covered: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where all that was asked for is proven."""
        return NOT_PROVEN if self.incomplete or (self.proof and self.proof.not_proven) else 0

    @property
    def ok(self) -> bool:
        """Whether all that was asked for is proven."""
        return self.exit_code == 0


@dataclass(frozen=True)
class RestoreReport(Result):
    """A backup that was restored. `emptied`: what the database held before was removed for it."""

    kind = "restore"

    path: str
    format: str
    sha256: str
    database: DatabaseInfo
    tables: int
    bytes: int | None
    seconds: float
    emptied: bool = False
    incomplete: str | None = None
    not_covered: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where the backup is known to be whole."""
        return NOT_PROVEN if self.incomplete else 0

    @property
    def ok(self) -> bool:
        """Whether the backup is known to be whole."""
        return self.exit_code == 0
