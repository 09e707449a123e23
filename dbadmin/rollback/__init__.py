"""The rehearsal of a rollback: walked on a copy, compared, judged."""

from dbadmin.rollback.dry import plan_rehearsal
from dbadmin.rollback.options import Options
from dbadmin.rollback.origin import Origin
from dbadmin.rollback.rehearse import rehearse
from dbadmin.rollback.source import Rehearsed

__all__ = ["Options", "Origin", "Rehearsed", "plan_rehearsal", "rehearse"]
