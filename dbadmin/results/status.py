"""Where a database stands against its migrations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dbadmin.results.base import DatabaseInfo, Record, Result

State = Literal["unknown-revision", "empty", "unmanaged", "behind", "multiple-heads", "up-to-date"]


def upgrade_target(heads: Sequence[str]) -> str:
    """What `alembic upgrade` is given to apply all that is pending: it refuses `head` where there are several.

    >>> upgrade_target(["c3"]), upgrade_target(["c3", "d4"])
    ('head', 'heads')
    """
    return "head" if len(heads) < 2 else "heads"


@dataclass(frozen=True)
class Revision(Record):
    """One migration script. `irreversible` says why it cannot be rolled back, None where it can.

    `applied` is None where the database was not asked, and where it stands at a revision that no script has: it may
    rest on this one.
    """

    revision: str
    down_revisions: tuple[str, ...]
    message: str
    date: datetime | None
    file: str
    irreversible: str | None = None
    branch_labels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    is_head: bool = False
    applied: bool | None = None


def ancestors(revisions: Iterable[Revision], of_these: Iterable[str]) -> frozenset[str]:
    """These revisions and all that they rest on, dependencies included."""
    by_name = {revision.revision: revision for revision in revisions}
    found: set[str] = set()
    waiting = list(of_these)
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in found:
            found.add(name)
            waiting += [*by_name[name].down_revisions, *by_name[name].depends_on]
    return frozenset(found)


def loose(heads: Sequence[str], revisions: Sequence[Revision]) -> tuple[str, ...]:
    """Of several heads, those that no branch label tells apart."""
    if len(heads) < 2:
        return ()
    labelled = [revision.revision for revision in revisions if revision.branch_labels]
    return tuple(head for head in heads if ancestors(revisions, [head]).isdisjoint(labelled))


@dataclass(frozen=True)
class UnknownRevision(Record):
    """A revision in the version table that no script has, and the nearest that exist, by name.

    `found_in` is the script as git names it (`BRANCH:PATH`, or `COMMIT:PATH` where no branch has it any more); None
    where git knows of none.
    """

    revision: str
    nearest: tuple[str, ...]
    found_in: str | None = None


@dataclass(frozen=True)
class Candidate(Record):
    """A revision that a database may stand at, and in how many objects it differs from what that revision makes."""

    revision: str
    differences: int


@dataclass(frozen=True)
class Drift(Record):
    """A difference between what should be there and what is.

    `against` is "revision" (the database, from what its own revision makes) or "models" (the migrations, or the
    database, from the models); `remedy` is the statement or the step that mends it, `revision` the one that makes the
    object.
    """

    kind: str
    object: str
    detail: str
    against: str | None = None
    remedy: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Status(Result):
    """The answer of `dbadmin status`.

    `checked` is set by `--check`: then anything but up to date is bad news. `applied` counts revisions that
    the database has, `total` those that the scripts hold. `point_of_no_return` is the newest applied or
    pending revision that cannot be rolled back. Where env.py migrates several databases, `database_key` is the
    name that it gives this one, and `others` are the rest.

    Where the database stands at a revision that no script has (`unknown`), `applied` is None and nothing is pending:
    only what rests below revisions that are known besides is counted.

    Only where drift was looked for: `likely` are the revisions whose schema is nearest, where it is not known at which
    the database stands; `made_by` is "create_all" or "migrations" where the two make different schemas and the database
    has one of them.
    """

    kind = "status"

    database: DatabaseInfo
    state: State
    current: tuple[str, ...]
    heads: tuple[str, ...]
    applied: int | None
    total: int
    pending: tuple[Revision, ...]
    point_of_no_return: str | None
    history: tuple[Revision, ...]
    unknown: tuple[UnknownRevision, ...]
    drift: tuple[Drift, ...] | None = None
    drift_skipped: str | None = None
    version_table: str = "alembic_version"
    checked: bool = False
    database_key: str | None = None
    others: "tuple[Status, ...]" = ()
    likely: tuple[Candidate, ...] = ()
    made_by: str | None = None

    @property
    def ok(self) -> bool:
        """False where there is drift or nobody could look for it, and under `--check` unless all are up to date."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """1 for bad news; 5 where drift was asked for, and nothing could be compared."""
        behind = self.checked and any(one.state != "up-to-date" for one in (self, *self.others))
        if behind or self.drift:
            return 1
        return 5 if self.drift is None and self.drift_skipped is not None and not self.likely else 0
