"""What the user asked of a rehearsal."""

from dataclasses import dataclass, field
from pathlib import Path

from dbadmin.dialects import TableName
from dbadmin.rollback.origin import Origin
from dbadmin.rollback.verdict import Acceptance
from dbadmin.secrets import SENSITIVE_WORDS


@dataclass(frozen=True)
class Options:
    """The options of `dbadmin verify-rollback`. Times in seconds, sizes in bytes.

    `to` and `steps` choose the target, `upgrade_to` the upper end; `exclude` and `data` leave something out of
    the comparison; `timeout` is for each revision; a lock that keeps others from writing for longer than `lock_budget`
    is a warning (None: never); `allow_connect` lists HOST or HOST:PORT that user code may reach; `max_copy` limits the
    copy's size; `keep` lets it stay. `to_git` names the commit whose scripts end at
    the target; `after_upgrade` is a script that writes as the new version would; `each` rehearses every revision by
    itself besides; `reveal` shows values where samples hold keys only; `sensitive` are words by which columns look
    like credentials. `origin` says where the copy comes from.
    """

    to: str | None = None
    steps: int | None = None
    upgrade_to: str = "heads"
    exclude: tuple[TableName, ...] = ()
    data: bool = True
    timeout: float | None = None
    accept: tuple[Acceptance, ...] = ()
    fail_on: tuple[str, ...] = ()
    allow_connect: tuple[str, ...] = ()
    max_copy: int | None = None
    keep: bool = False
    lock_budget: float | None = 2.0
    to_git: str | None = None
    after_upgrade: Path | None = None
    each: bool = False
    reveal: bool = False
    sensitive: tuple[str, ...] = SENSITIVE_WORDS
    origin: Origin = field(default_factory=Origin)

    @property
    def copies(self) -> int:
        """How many copies there are at the same time: one to walk on, one to compare with, one for further walks."""
        return 3 if self.each or self.after_upgrade is not None else 2
