"""`dbadmin count`, `tables`, `describe` and `models`."""

from collections.abc import Sequence
from typing import Any

from dbadmin.render.document import Block, Cell, Column, Document, KeyValues, Table
from dbadmin.render.values import number, plural, size
from dbadmin.results import Counts, Models, TableDescription, Tables


def lay_out_counts(result: Counts, *, detail: bool = False) -> Document:
    """Rows of each table."""
    columns = [Column("table", whole=True), Column("rows", "right")]
    rows: list[list[Any]] = [[t.table, number(t.rows, exact=t.exact)] for t in result.tables]
    if any(t.model for t in result.tables):
        columns.append(Column("model", whole=True, yields=1))
        for row, counted in zip(rows, result.tables, strict=True):
            row.append(counted.model)
    table = Table(tuple(columns), rows, empty="no tables")
    return Document("Row counts", (table,), table)


def lay_out_tables(result: Tables, *, detail: bool = False) -> Document:
    """Every table with its size."""
    columns = [
        Column("table", whole=True),
        Column("rows", "right"),
        Column("size", "right", yields=2),
        Column("index size", "right", yields=1),
        Column("columns", "right", yields=1),
        Column("indexes", "right", yields=1),
        Column("model", whole=True, yields=2),
    ]
    rows: list[list[Any]] = [
        [
            t.table,
            number(t.rows, exact=t.exact),
            size(t.bytes),
            size(t.index_bytes),
            t.columns,
            t.indexes,
            t.model,
        ]
        for t in result.tables
    ]
    if any(t.comment for t in result.tables):
        columns.append(Column("comment", wrap=True, yields=1))
        for row, described in zip(rows, result.tables, strict=True):
            row.append(described.comment)
    note = plural(len(rows), "table") if rows else None
    table = Table(tuple(columns), rows, note=note, empty="no tables")
    return Document("Tables", (table,), table)


def lay_out_description(result: TableDescription, *, detail: bool = False) -> Document:
    """Columns, indexes, constraints and relations of one table."""
    facts: list[tuple[str, Any]] = [("table", result.table), ("model", result.model)]
    if result.comment:
        facts.append(("comment", result.comment))
    facts += [
        ("rows", number(result.rows, exact=result.exact)),
        ("size", size(result.bytes)),
        ("index size", size(result.index_bytes)),
    ]
    main = columns_table(result)
    blocks: tuple[Block, ...] = (
        KeyValues(tuple(facts)),
        main,
        indexes_table(result),
        constraints_table(result),
        relations_table(result),
    )
    return Document(f"Table {result.table}", blocks, main)


def columns_table(result: TableDescription) -> Table:
    """The columns; what no column has (a generation rule, a comment) gets no column of its own."""
    headers = [
        Column("column", whole=True),
        Column("type", wrap=True),
        Column("null", whole=True, yields=1),
        Column("key", whole=True, yields=1),
        Column("default", wrap=True, yields=1),
    ]
    rows: list[list[Any]] = [
        [c.name, c.type, "yes" if c.nullable else "no", "primary" if c.primary_key else None, c.default]
        for c in result.columns
    ]
    for name in ("generated", "comment"):
        values = [getattr(column, name) for column in result.columns]
        if any(values):
            headers.append(Column(name, wrap=True, yields=1))
            for row, value in zip(rows, values, strict=True):
                row.append(value)
    return Table(tuple(headers), rows, title="Columns", empty="no columns")


def indexes_table(result: TableDescription) -> Table:
    """The indexes."""
    headers = (
        Column("index", whole=True),
        Column("unique", whole=True, yields=1),
        Column("columns", wrap=True, yields=1),
        Column("definition", below=True),
    )
    rows = [(i.name, "yes" if i.unique else "no", names(i.columns), i.definition) for i in result.indexes]
    return Table(headers, rows, title="Indexes")


def constraints_table(result: TableDescription) -> Table:
    """The constraints, in the engine's words."""
    headers = (
        Column("constraint", whole=True),
        Column("kind", whole=True, yields=1),
        Column("definition", wrap=True, yields=2),
    )
    rows = [(c.name, c.kind, c.definition) for c in result.constraints]
    return Table(headers, rows, title="Constraints")


def relations_table(result: TableDescription) -> Table:
    """Foreign keys out of and into this table."""
    headers = (
        Column("direction", whole=True),
        Column("relation", wrap=True),
        Column("on delete", whole=True, yields=1),
        Column("name", whole=True, yields=1),
    )
    rows = []
    for r in result.relations:
        child, parent = (result.table, r.table) if r.direction == "out" else (r.table, result.table)
        path = f"{child}({names(r.columns)}) → {parent}({names(r.referred_columns)})"
        rows.append((r.direction, path, r.on_delete, r.name))
    return Table(headers, rows, title="Relations")


def names(columns: Sequence[str]) -> str:
    """Column names in a row."""
    return ", ".join(columns)


def lay_out_models(result: Models, *, detail: bool = False) -> Document:
    """Every model, and whether Alembic sees it."""
    columns = (
        Column("model", whole=True),
        Column("table", whole=True, yields=3),
        Column("module", whole=True, yields=1),
        Column("columns", "right", yields=1),
        Column("relationships", wrap=True, yields=1),
        Column("in Alembic", whole=True, yields=2),
    )
    seen = {True: "yes", False: Cell("no", "bad"), None: None}
    rows = [
        (m.model, m.table, m.module, m.columns, names(m.relationships) or None, seen[m.in_alembic])
        for m in result.models
    ]
    unseen = sum(m.in_alembic is False for m in result.models)
    note = f"{plural(unseen, 'model')} not in target_metadata of env.py: Alembic does not see it" if unseen else None
    table = Table(columns, rows, note=note, empty="no models")
    return Document("Models", (table,), table)
