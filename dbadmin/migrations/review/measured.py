"""What a rehearsal measured: the locks of each step, from the JSON report of `dbadmin verify-rollback`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbadmin.errors import UsageError

_HINT = "dbadmin verify-rollback --output report.json writes one"


@dataclass(frozen=True)
class Measured:
    """A lock that was held in a rehearsal: its mode, seconds, and what it kept others from."""

    mode: str
    seconds: float
    blocks: str | None


@dataclass(frozen=True)
class Measurements:
    """Locks by revision and table, of upgrades."""

    locks: dict[tuple[str, str], Measured]

    def of(self, revision: str, table: str | None) -> Measured | None:
        """The longest lock that a revision had on a table; None where none was measured."""
        return self.locks.get((revision, table or ""))


NONE = Measurements({})


def read_report(path: Path) -> Measurements:
    """Read a report. Raises UsageError where the file is none of verify-rollback's."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--measured {path}: {error.strerror or error}", hint=_HINT) from error
    except ValueError as error:
        raise UsageError(f"--measured {path}: not JSON", hint=_HINT) from error
    if not isinstance(data, dict) or data.get("kind") != "verify-rollback" or not isinstance(data.get("steps"), list):
        raise UsageError(f"--measured {path}: no report of verify-rollback", hint=_HINT)
    locks: dict[tuple[str, str], Measured] = {}
    for step in data["steps"]:
        if step.get("phase") in ("upgrade", "reupgrade"):
            for lock in step.get("locks") or ():
                _keep(locks, step["revision"], lock)
    return Measurements(locks)


def _keep(locks: dict[tuple[str, str], Measured], revision: str, lock: dict[str, Any]) -> None:
    seconds = lock.get("seconds")
    if seconds is None:
        return
    for table in {lock["object"], lock["object"].rpartition(".")[2]}:
        known = locks.get((revision, table))
        if known is None or known.seconds < seconds:
            locks[revision, table] = Measured(lock["mode"], float(seconds), lock.get("blocks"))
