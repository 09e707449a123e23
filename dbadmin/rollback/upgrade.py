"""What an upgrade took away, where the pair of states that decides does not tell. Pure.

In plan P a downgrade that fails leaves nothing to compare with; plan H compares from the head downward, so what
revisions above the start did to the data is judged at the moment when the downgrade passed the start.
"""

from collections.abc import Mapping

from dbadmin.dialects import TableData, TableName
from dbadmin.results import RollbackFinding
from dbadmin.rollback.blame import Culprit, Facet, Leg, moved, not_brought_back, remover, value, was_dropped
from dbadmin.rollback.contents import dropped_rows, dropped_values, rows
from dbadmin.rollback.facts import comparable
from dbadmin.rollback.findings import Scripts, finding
from dbadmin.state import Snapshot

Held = Mapping[tuple[TableName, str], int]


def judge_upgrade(up: Leg, back: Snapshot | None, held: Held, scripts: Scripts) -> list[RollbackFinding]:
    """Tables and columns that the upgrade dropped with something in them.

    `back` is what stood when a downgrade was where the upgrade had begun; what it brought back is not lost. None
    where there was no such moment. `held` counts the values of dropped columns.
    """
    found = []
    for table, data in up.before.data.items():
        if table not in up.after.data:
            facet = Facet(table=table)
            if data.rows and not _is_back(up, back, facet):
                found.append(dropped_rows(table, data.rows, _remover(up, facet), scripts, by_design=True))
            continue
        for column in data.columns:
            facet = Facet(table=table, column=column)
            number = held.get((table, column), 0)
            if number and not _is_back(up, back, facet):
                found.append(dropped_values(table, column, number, _remover(up, facet), scripts, by_design=True))
    return found


def judge_passing(up: Leg, down: Leg, held: Held, scripts: Scripts) -> list[RollbackFinding]:
    """What revisions above the start did to the data and did not undo, in a walk that goes further down.

    `down` is the whole downgrade: up to the moment when it passed the start its revisions are those of `up`. Rows
    are not counted: the walk does not stop there.
    """
    part = down.moments[: len(up.moments)]
    if {m.revision for m in part} != set(up.revisions) or not part or part[-1].snapshot is None:
        return judge_upgrade(up, down.after, held, scripts)  # other branches were walked in between
    back = part[-1].snapshot
    leg = Leg(down.phase, down.before, part, back)
    found = judge_upgrade(up, back, held, scripts)
    for table, data in up.before.data.items():
        later = back.data.get(table)
        if later is not None and later != data:
            found += _other_contents(table, data, later, up, leg, scripts)
    return found


def _other_contents(
    table: TableName, data: TableData, later: TableData, up: Leg, down: Leg, scripts: Scripts
) -> list[RollbackFinding]:
    facet = Facet(table=table)
    explained = not data.key and any(_was_gone(up, Facet(table=table, column=column)) for column in data.columns)
    if value(up.before, facet) != value(down.after, facet) and not (explained or _was_gone(up, facet)):
        more = later.rows - data.rows
        code = "rows-lost" if more < 0 else "rows-added" if more else "values-changed"
        words = {"rows-lost": "did not come back", "rows-added": "are left"}
        detail = f"{rows(abs(more))} of {table} {words[code]}" if more else f"{table} has not the rows that it had"
        return [
            finding(
                code, str(table), f"{detail}, where the downgrade passed the start", not_brought_back(up, down, facet),
                scripts, rows=abs(more) or None, by_design=None if code == "rows-added" else False,
            )
        ]  # fmt: skip
    found = []
    for column in data.columns.keys() & later.columns.keys() if comparable(data, later) else ():
        facet = Facet(table=table, column=column)
        if data.columns[column] != later.columns[column] and not _was_gone(up, facet):
            culprit = not_brought_back(up, down, facet)
            detail = f"{table}.{column} has not the values that it had, where the downgrade passed the start"
            found.append(finding("values-changed", f"{table}.{column}", detail, culprit, scripts, by_design=False))
    return found


def _was_gone(up: Leg, facet: Facet) -> bool:
    return was_dropped(up, None, facet)


def _is_back(up: Leg, back: Snapshot | None, facet: Facet) -> bool:
    if back is not None:
        return value(up.before, facet) == value(back, facet)
    return moved(up.before, up.after, facet) is not None


def _remover(up: Leg, facet: Facet) -> Culprit:
    return Culprit(remover(up, facet), up.phase)
