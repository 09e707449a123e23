"""What the user asked of a rehearsal."""

from dataclasses import dataclass

from dbadmin.dialects import TableName
from dbadmin.rollback.verdict import Acceptance


@dataclass(frozen=True)
class Options:
    """The options of `dbadmin verify-rollback`. Times in seconds, sizes in bytes.

    `to` and `steps` choose the target, `upgrade_to` the upper end; `exclude` and `data` leave something out of
    the comparison; `timeout` is for each revision; `allow_connect` lists HOST or HOST:PORT that user code may
    reach; `max_copy` limits the copy's size; `keep` lets it stay.
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
