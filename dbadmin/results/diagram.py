"""Tables, their models and relations, as a diagram shows them."""

from dataclasses import dataclass

from dbadmin.results.base import Record, Result


@dataclass(frozen=True)
class DiagramColumn(Record):
    """A column; `type` in SQL words, None where unknown. `refers_to` is the table that a foreign key leads to."""

    name: str
    type: str | None
    nullable: bool
    primary_key: bool = False
    unique: bool = False
    refers_to: str | None = None


@dataclass(frozen=True)
class DiagramTable(Record):
    """A table with the group that it is shown in; `neighbours` counts the tables that it has relations with."""

    table: str
    model: str | None
    group: str | None
    columns: tuple[DiagramColumn, ...]
    neighbours: int = 0


@dataclass(frozen=True)
class DiagramRelation(Record):
    """A foreign key from `table` to `referred_table`.

    `many`: several rows may refer to the same one. `optional`: a row may refer to none. `names` are the relationships
    of the models that follow it (`BlogPost.author`).
    """

    table: str
    columns: tuple[str, ...]
    referred_table: str
    referred_columns: tuple[str, ...]
    many: bool = True
    optional: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagram(Result):
    """Tables and the relations between them; it draws itself in a notebook.

    `around` is the table that it was made around, `hidden` the number of tables left out for that.
    """

    kind = "diagram"

    tables: tuple[DiagramTable, ...]
    relations: tuple[DiagramRelation, ...]
    around: str | None = None
    hidden: int = 0

    def _repr_html_(self) -> None:  # type: ignore[override]
        """Nothing: a notebook shows the drawing instead."""

    def _repr_svg_(self) -> str:
        from dbadmin.render import render

        return render(self, "svg")
