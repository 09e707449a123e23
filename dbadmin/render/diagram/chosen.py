"""Which columns a diagram shows of each table: all of a few tables, the keys of many."""

from collections.abc import Mapping
from dataclasses import dataclass

from dbadmin.render.values import plural
from dbadmin.results import Diagram, DiagramColumn, DiagramTable

MOST_IN_FULL = 20
"""With more tables than this, only keys are shown."""
MOST_COLUMNS = 40
"""A table with more columns than this is shown by its keys and its first ones."""
NO_GROUP = "other"


@dataclass(frozen=True)
class Shown:
    """The columns of a table that are shown, and how many are not."""

    table: DiagramTable
    columns: tuple[DiagramColumn, ...]
    left_out: int

    @property
    def note(self) -> str | None:
        """What is said of those that are not shown."""
        return f"+ {plural(self.left_out, 'column')}" if self.left_out else None


def chosen(diagram: Diagram) -> dict[str, Shown]:
    """What is shown of each table, by name."""
    referred: dict[str, set[str]] = {}
    for relation in diagram.relations:
        referred.setdefault(relation.referred_table, set()).update(relation.referred_columns)
    many = len(diagram.tables) > MOST_IN_FULL
    return {
        table.table: _of(
            table, referred.get(table.table, set()), keys=many or diagram.around not in (None, table.table)
        )
        for table in diagram.tables
    }


def _of(table: DiagramTable, referred: set[str], *, keys: bool) -> Shown:
    important = [c for c in table.columns if c.primary_key or c.refers_to or c.name in referred]
    if keys:
        columns = important
    elif len(table.columns) > MOST_COLUMNS:
        others = [c for c in table.columns if c not in important][: max(MOST_COLUMNS - len(important), 0)]
        columns = [c for c in table.columns if c in important or c in others]
    else:
        columns = list(table.columns)
    return Shown(table, tuple(columns), len(table.columns) - len(columns))


def grouped(diagram: Diagram) -> Mapping[str | None, list[DiagramTable]]:
    """The tables of each group in the groups' order; those without one last, under None."""
    found: dict[str | None, list[DiagramTable]] = {}
    for group in sorted({t.group for t in diagram.tables if t.group is not None}):
        found[group] = [table for table in diagram.tables if table.group == group]
    if rest := [table for table in diagram.tables if table.group is None]:
        found[None] = rest
    return found


def title(diagram: Diagram) -> str:
    """What the diagram shows, in one line."""
    said = f"{plural(len(diagram.tables), 'table')}, {plural(len(diagram.relations), 'relation')}"
    if diagram.around is not None:
        said = f"{diagram.around} and its neighbours: {said}"
    return f"{said}, {plural(diagram.hidden, 'table')} not shown" if diagram.hidden else said
