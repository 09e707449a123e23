"""The rehearsal of a rollback: walked on a copy, compared, judged."""

from dbadmin.rollback.options import Options
from dbadmin.rollback.rehearse import plan_rehearsal, rehearse
from dbadmin.rollback.source import Rehearsed

__all__ = ["Options", "Rehearsed", "plan_rehearsal", "rehearse"]
