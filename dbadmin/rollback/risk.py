"""What a downgrade drops, and the new version writes to: `data-at-risk`, a note. Pure."""

from collections.abc import Iterable, Mapping

from dbadmin.dialects import TableName
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import Culprit, Facet, Leg, first_change, moved, remover
from dbadmin.rollback.contents import rows
from dbadmin.rollback.findings import Scripts, finding
from dbadmin.state import Snapshot


def at_risk_of_new(up: Leg, down: Leg, scripts: Scripts) -> list[RollbackFinding]:
    """Tables and columns that the upgrade makes and the downgrade drops: what is written there later is lost."""
    found = []
    for facet in _made(up.before, up.after):
        if _there(down.after, facet) or _renamed_back(up, down, facet):
            continue
        name = ".".join(filter(None, (str(facet.table), facet.column)))
        culprit = Culprit(first_change(up, facet).revision, "downgrade")
        detail = f"what the new version will have written to {name} is dropped by the downgrade"
        found.append(finding("data-at-risk", name, detail, culprit, scripts, severity="note", by_design=True))
    return found


def _renamed_back(up: Leg, down: Leg, facet: Facet) -> bool:
    """Whether the upgrade only gave something that was there a new name, and the downgrade its former one."""
    former = moved(up.after, up.before, facet)
    return former is not None and moved(up.after, down.after, facet) == former


def _made(before: Snapshot, after: Snapshot) -> list[Facet]:
    tables = [Facet(table=table) for table in after.data if table not in before.data]
    columns = [
        Facet(table=table, column=column)
        for table, data in after.data.items()
        if table in before.data
        for column in data.columns
        if column not in before.data[table].columns
    ]
    return tables + columns


def _there(snapshot: Snapshot, facet: Facet) -> bool:
    assert facet.table is not None
    data = snapshot.data.get(facet.table)
    return data is not None and (facet.column is None or facet.column in data.columns)


def at_risk_from_head(
    down: Leg, dropped: Mapping[tuple[TableName, str], int], told: Iterable[RollbackFinding], scripts: Scripts, *,
    rebuilt: bool,
) -> list[RollbackFinding]:  # fmt: skip
    """Tables and columns that a downgrade from the head drops, with the rows or values that they hold now.

    What is lost for certain (`told`) is no risk any more. `dropped` counts the values of dropped columns; `rebuilt`
    says that the upgrade was run again, so that what is not lost has come back.
    """
    lost = {f.object for f in told if f.code in ("rows-lost", "values-lost")}
    found = []
    for facet in _made(down.after, down.before):
        name = ".".join(filter(None, (str(facet.table), facet.column)))
        if name in lost or moved(down.before, down.after, facet) is not None:
            continue
        assert facet.table is not None
        data = down.before.data[facet.table]
        column = facet.column is not None
        number = dropped.get((facet.table, facet.column or "")) if column else None if data.is_unread else data.rows
        held = f"{number:,} value{'' if number == 1 else 's'}" if column else rows(number or 0)
        kept = f"; the {held} in it now came back with the upgrade" if number and rebuilt else ""
        culprit = Culprit(remover(down, facet), down.phase)
        detail = f"{name} is dropped by the downgrade with what is written to it until then{kept}"
        found.append(
            finding("data-at-risk", name, detail, culprit, scripts, severity="note", rows=number, by_design=True)
        )
    return found
