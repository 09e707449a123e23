"""An upgrade that failed as what it makes is there already: by create_all(), or a run that stopped half-way. Pure."""

from collections.abc import Iterator

from dbadmin.dialects import ObjectKey, Schema
from dbadmin.dialects.names import split
from dbadmin.dialects.rules import Rules
from dbadmin.migrations.protocol import StepError
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import Culprit
from dbadmin.rollback.findings import Scripts, finding


def judge_existing(
    start: Schema, error: StepError | None, rules: Rules, scripts: Scripts
) -> Iterator[RollbackFinding]:  # fmt: skip
    """A note naming the object, where an upgrade failed on one that `start`, the state before it, has already.

    One that the same walk made earlier is the scripts' own fault, and no note.
    """
    name = rules.existing_object(error.message) if error is not None else None
    if error is None or name is None:
        return
    key = _found(name, start)
    if key is None:
        return
    kind = key.kind.replace("-", " ")
    where = error.revision or "REVISION"
    yield finding(
        "already-exists", key.name, f"the {kind} {key.name} was there before the upgrade that makes it",
        Culprit(error.revision, "upgrade"), scripts, severity="note",
        remedy=f"made by create_all(), or by a run of {where} that stopped half-way: make the rest of what {where} "
        f"makes and type `alembic stamp {where}`, or drop {key.name} and upgrade again",
    )  # fmt: skip


def _found(name: str, schema: Schema) -> ObjectKey | None:
    """The object of this name; a table before what belongs to one."""
    last = name.rpartition(".")[2].lower()
    fits = [key for key in schema if split(key.name)[-1:] and split(key.name)[-1].lower() == last]
    order = ("table", "view", "enum", "sequence", "column", "index", "constraint")
    ranked = sorted(fits, key=lambda key: (order.index(key.kind) if key.kind in order else len(order), key.name))
    return ranked[0] if ranked else None
