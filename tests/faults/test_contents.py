"""Rows and names that a comparison could stumble over."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from rehearsing import build, execute, facts, rehearsed
from servers import TestDatabase

pytestmark = pytest.mark.rehearsal

LARGE = 4 * 1024 * 1024
ODD = 'select "from" %s %(x)s :y `z` [a] \\ 50% \N{SNOWMAN}\N{GRINNING FACE}'


def test_one_byte_of_a_large_value_is_seen(sqlite: TestDatabase, tmp_path: Path) -> None:
    base = (
        None,
        'op.create_table("files", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.LargeBinary))',
        'op.drop_table("files")',
    )
    last = f"UPDATE files SET body = CAST(substr(body, 1, {LARGE - 1}) || 'x' AS BLOB)"
    app = build(
        tmp_path, sqlite.url, {"a1": base, "b2": ("a1", f"op.execute({last!r})", "op.execute('SELECT 1')")}, at="a1"
    )
    execute(sqlite.url, f"INSERT INTO files VALUES (1, CAST(replace(hex(zeroblob({LARGE // 2})), '0', 'a') AS BLOB))")
    report = rehearsed(app)
    (found,) = [one for one in report.findings if one.blocks_verdict]
    assert (report.verdict, found.code, found.object, found.rows) == ("lossy", "values-changed", "files.body", 1)


def refuse_unless_sqlalchemy_writes(name: str) -> None:
    """Skip where SQLAlchemy itself takes a part of a name for a parameter (2.0.30 does)."""
    table = sa.Table(name, sa.MetaData(), sa.Column("order\nby", sa.Text))
    with sa.create_engine("sqlite://").begin() as connection:
        table.create(connection)
        try:
            connection.execute(table.update().values({"order\nby": "new"}))
        except sa.exc.StatementError as error:
            pytest.skip(f"this SQLAlchemy cannot write such names: {error.orig}")


def test_a_table_of_any_name_is_rehearsed(sqlite: TestDatabase, tmp_path: Path) -> None:
    refuse_unless_sqlalchemy_writes(ODD)
    base = (
        None,
        f"""
        op.create_table({ODD!r}, sa.Column("id", sa.Integer, primary_key=True), sa.Column("order\\nby", sa.Text))
        op.create_table("Select", sa.Column("id", sa.Integer, primary_key=True))
        """,
        f'op.drop_table("Select")\nop.drop_table({ODD!r})',
    )
    up = f"""
    t = sa.table({ODD!r}, sa.column("order\\nby"))
    op.execute(t.update().values({{"order\\nby": "new"}}))
    op.add_column({ODD!r}, sa.Column({ODD!r}, sa.Text))
    """
    app = build(tmp_path, sqlite.url, {"a1": base, "b2": ("a1", up, f"op.drop_column({ODD!r}, {ODD!r})")}, at="a1")
    name = ODD.replace('"', '""')
    execute(sqlite.url, f"""INSERT INTO "{name}" VALUES (1, 'old'), (2, 'other')""", 'INSERT INTO "Select" VALUES (1)')
    report = rehearsed(app)
    assert (report.verdict, facts(report)) == ("lossy", {("values-changed", "b2", f"{ODD}.order\nby")})
