"""Random applications: tables with rows, a migration that can be undone exactly, and ways to spoil its downgrade.

Every change is a pair: what the upgrade does, and what undoes it. A spoiled downgrade leaves one of them out, or
does one thing more to the rows or the schema that were there before.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"])
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "sa.Integer": st.integers(-(2**31) + 10, 2**31 - 10),
    "sa.BigInteger": st.integers(-(2**62), 2**62),
    "sa.String(40)": st.text(CHARACTERS, max_size=12),
    "sa.Text": st.sampled_from(["", "a", "A", "Émilie", "a\nb", "'", "%s :x", "  x", "😀"]),
    "sa.Numeric(12, 3)": st.integers(-(10**8), 10**8).map(lambda n: Decimal(n) / 1000),
    "sa.Boolean": st.booleans(),
    "sa.Date": st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    "sa.DateTime": st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1)).map(lambda d: d.replace(microsecond=0)),
    "sa.LargeBinary": st.binary(max_size=8),
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A column of a table: its type as code, and whether it may be empty."""

    name: str
    type: str
    nullable: bool

    def code(self) -> str:
        return f"sa.Column({self.name!r}, {self.type}, nullable={self.nullable})"


@dataclass(frozen=True)
class Table:
    """A table with rows; the key is `id`, two columns, or nothing."""

    name: str
    columns: tuple[Made, ...]
    key: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    index: str | None

    def create(self) -> str:
        columns = "".join(f"    {column.code()},\n" for column in self.columns)
        key = f"    sa.PrimaryKeyConstraint({', '.join(map(repr, self.key))}),\n" if self.key else ""
        code = f"op.create_table(\n    {self.name!r},\n{columns}{key})\n"
        if self.index:
            code += f"op.create_index('ix_{self.name}_{self.index}', {self.name!r}, [{self.index!r}])\n"
        return code

    def plain(self) -> list[Made]:
        """Columns that are not part of the key."""
        return [column for column in self.columns if column.name not in self.key]


@dataclass(frozen=True)
class Change:
    """What the upgrade does, and what undoes it exactly."""

    upgrade: str
    downgrade: str


@dataclass(frozen=True)
class Case:
    """An application's tables, what its new revision changes, and one thing by which its downgrade is spoiled."""

    tables: tuple[Table, ...]
    changes: tuple[Change, ...]
    spoiled: tuple[str, tuple[str, ...]] = field(default=("", ()))

    @property
    def base(self) -> tuple[None, str, str]:
        """The revision that makes the tables."""
        made = "".join(table.create() for table in self.tables)
        return None, made, "".join(f"op.drop_table({table.name!r})\n" for table in reversed(self.tables))

    @property
    def upgrade(self) -> str:
        return "".join(change.upgrade for change in self.changes)

    @property
    def downgrade(self) -> str:
        """What undoes every change, in reverse."""
        return "".join(change.downgrade for change in reversed(self.changes))

    def spoil(self) -> str:
        """The downgrade with one thing wrong."""
        return "".join(self.spoiled[1])


names = st.sampled_from(["a", "b", "order", "Größe", "user name", "x1", "select", "CamelCase"])


@st.composite
def tables(draw: st.DrawFn, name: str) -> Table:
    """A table of up to six columns with at least two rows."""
    kind = draw(st.sampled_from(["id", "id", "composite", "none"]))
    key: tuple[str, ...] = {"id": ("id",), "composite": ("k1", "k2"), "none": ()}[kind]
    columns = [Made(part, "sa.Integer", False) for part in key]
    for column in draw(st.lists(names, min_size=2, max_size=4, unique_by=str.lower)):
        columns.append(Made(column, draw(st.sampled_from(list(TYPES))), draw(st.booleans())))
    columns.append(Made("mark", "sa.Integer", False))
    rows = []
    for number in range(draw(st.integers(2, 6))):
        row: dict[str, Any] = dict.fromkeys(key, number + 1) | {"mark": number}
        for made in columns:
            if made.name not in row:
                value = TYPES[made.type]
                row[made.name] = draw(st.none() | value if made.nullable else value)
        rows.append(row)
    plain = [column.name for column in columns if column.type in ("sa.Integer", "sa.Date", "sa.Boolean")]
    return Table(name, tuple(columns), key, tuple(rows), draw(st.none() | st.sampled_from(plain)))


def changes_of(table: Table, server: bool) -> list[Change]:
    """Every change that can be made to a table and undone exactly."""
    name, free = table.name, [column for column in table.plain() if column.name not in (table.index, "mark")]
    column = free[0]
    found = [
        Change(f"op.add_column({name!r}, sa.Column('extra', sa.Integer))\n", f"op.drop_column({name!r}, 'extra')\n"),
        Change(f"op.create_index('new_{name}', {name!r}, ['mark'])\n", f"op.drop_index('new_{name}', {name!r})\n"),
        Change(
            f"op.create_table('new_{name}', sa.Column('id', sa.Integer, primary_key=True))\n",
            f"op.drop_table('new_{name}')\n",
        ),
        Change(f"op.rename_table({name!r}, 'renamed_{name}')\n", f"op.rename_table('renamed_{name}', {name!r})\n"),
        Change(
            f"t = sa.table({name!r}, sa.column('mark'))\nop.execute(t.update().values(mark=t.c.mark + 7))\n",
            f"t = sa.table({name!r}, sa.column('mark'))\nop.execute(t.update().values(mark=t.c.mark - 7))\n",
        ),
    ]  # fmt: skip
    if table.index:
        index = f"ix_{name}_{table.index}"
        make = f"op.create_index({index!r}, {name!r}, [{table.index!r}])\n"
        found.append(Change(f"op.drop_index({index!r}, {name!r})\n", make))
    if server:
        loose = f"existing_type={column.type}, existing_nullable={column.nullable}"
        rename = f"op.alter_column({name!r}, {{0!r}}, new_column_name={{1!r}}, {loose})\n"
        found.append(Change(rename.format(column.name, "renamed_c"), rename.format("renamed_c", column.name)))
        if not column.nullable:
            alter = f"op.alter_column({name!r}, {column.name!r}, existing_type={column.type}, nullable={{}})\n"
            found.append(Change(alter.format(True), alter.format(False)))
        found.append(
            Change(
                f"op.create_unique_constraint('uq_{name}_mark', {name!r}, ['mark'])\n",
                f"op.drop_constraint('uq_{name}_mark', {name!r}, type_='unique')\n",
            )
        )
    return found


def spoilers(table: Table, server: bool) -> list[str]:
    """What a downgrade may do to a table that was there before, besides."""
    name = table.name
    t = f"t = sa.table({name!r}, sa.column('mark'), sa.column({table.plain()[0].name!r}))\n"
    found = [
        f"{t}op.execute(t.update().where(t.c.mark == 0).values(mark=99))\n",
        f"{t}op.execute(t.update().values(mark=sa.case((t.c.mark == 0, 1), (t.c.mark == 1, 0), else_=t.c.mark)))\n",
        f"{t}op.execute(t.delete().where(t.c.mark == 1))\n",
        f"op.add_column({name!r}, sa.Column('left', sa.Integer))\n",
        f"op.create_index('ix_left', {name!r}, ['mark'])\n",
    ]
    if table.index:
        found.append(f"op.drop_index('ix_{name}_{table.index}', {name!r})\n")
    if server:
        alter = f"op.alter_column({name!r}, 'mark', existing_type=sa.Integer, {{}})\n"
        found.append(alter.format("nullable=True"))
        found.append(alter.format("type_=sa.BigInteger, existing_nullable=False"))
        found.append(alter.format("server_default='5', existing_nullable=False"))
    return found


@st.composite
def cases(draw: st.DrawFn, server: bool) -> Case:
    """An application and its migration; at most one change a table, so that none needs another's names."""
    made = tuple(draw(tables(f"t{number}")) for number in range(draw(st.integers(1, 3))))
    some = draw(st.lists(st.sampled_from(made), min_size=1, unique_by=lambda table: table.name))
    changes = tuple(draw(st.sampled_from(changes_of(table, server))) for table in some)
    undone = tuple(change.downgrade for change in reversed(changes))
    if draw(st.booleans()):
        left_out = draw(st.integers(0, len(undone) - 1))
        spoiled = ("leaves one out", (*undone[:left_out], *undone[left_out + 1 :]))
    else:
        spoiled = (
            "does one thing more",
            (*undone, draw(st.sampled_from(spoilers(draw(st.sampled_from(made)), server)))),
        )
    return Case(made, changes, spoiled)
