"""What a project and the machine around it offer, and what was made of that."""

from dataclasses import dataclass
from typing import Literal

from dbadmin.results.base import Record, Result


@dataclass(frozen=True)
class DoctorCheck(Record):
    """One thing dbadmin needs; `origin` is where the value came from."""

    name: str
    state: Literal["ok", "warning", "failed", "skipped"]
    value: str | None
    origin: str | None
    detail: str | None = None
    remedy: str | None = None


@dataclass(frozen=True)
class Doctor(Result):
    """The answer of `dbadmin doctor`."""

    kind = "doctor"

    checks: tuple[DoctorCheck, ...]

    @property
    def ok(self) -> bool:
        """False where something failed."""
        return all(check.state != "failed" for check in self.checks)


@dataclass(frozen=True)
class Init(Result):
    """What `dbadmin init` found, and what it wrote (or would write under `--dry-run`)."""

    kind = "init"

    file: str | None
    written: bool
    values: dict[str, str | list[str]]
    origins: dict[str, str]
    already: tuple[str, ...]
    text: str

    @property
    def ok(self) -> bool:
        """False where nothing was found."""
        return bool(self.values or self.already)


@dataclass(frozen=True)
class Demo(Result):
    """A small application that was made to try dbadmin on; `database` has its password hidden."""

    kind = "demo"

    directory: str
    engine: str
    database: str
    current: str
    pending: tuple[str, ...]
    users: int
    posts: int
    stopped: bool = False


@dataclass(frozen=True)
class PrivateCopy(Record):
    """A private place of dbadmin on this machine. `owner_alive` is None where its owner is on another host."""

    name: str
    engine: str
    directory: str
    started_at: str
    owner_pid: int
    owner_alive: bool | None
    kept: bool
    bytes: int | None


@dataclass(frozen=True)
class Copies(Result):
    """The answer of `dbadmin copies`: what exists, and what was removed just now."""

    kind = "copies"

    copies: tuple[PrivateCopy, ...]
    removed: tuple[str, ...] = ()
