"""What `doctor` says of the version table: which revisions it holds, and what to do where the scripts do not fit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbadmin.results import DoctorCheck, upgrade_target

if TYPE_CHECKING:
    from dbadmin.migrations.scripts import Scripts
    from dbadmin.migrations.status import Standing

NAME = "version table"
DRIFT = "dbadmin status --drift finds the nearest"


def version_table_check(standing: "Standing", table: str, scripts: "Scripts | None") -> DoctorCheck:
    """The check; `scripts` is None where they cannot be read, which is told elsewhere."""
    if standing.revisions:
        held = ", ".join(standing.revisions)
        unknown = _unknown(standing.revisions, scripts)
        if not unknown:
            return DoctorCheck(NAME, "ok", held, table)
        return DoctorCheck(NAME, "warning", held, table, f"no script has {', '.join(unknown)}", DRIFT)
    missing = "there is none" if standing.revisions is None else "it is empty"
    if standing.tables:
        missing += ", and the database has tables"
        return DoctorCheck(NAME, "warning", None, table, missing, f"alembic stamp REVISION; {DRIFT}")
    remedy = f"alembic upgrade {upgrade_target(scripts.heads if scripts is not None else ())}"
    return DoctorCheck(NAME, "warning", None, table, missing, remedy)


def _unknown(revisions: Sequence[str], scripts: "Scripts | None") -> list[str]:
    return [] if scripts is None else [revision for revision in revisions if revision not in scripts.names]
