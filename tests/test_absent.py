"""Helpers on a database that is behind its models: whole rows do without what is not there yet, and say so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from apps import App
from rehearsing import build, execute
from servers import TestDatabase
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

import dbadmin
from dbadmin.admin import Admin
from dbadmin.errors import MissingColumn


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    handle: Mapped[str | None] = mapped_column(sa.String(20), unique=True)
    email: Mapped[str] = mapped_column(sa.String(20), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(20), default="customer")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "customer"}  # noqa: RUF012


class Company(Customer):
    vat: Mapped[str | None] = mapped_column(sa.String(20))
    __mapper_args__ = {"polymorphic_identity": "company"}  # noqa: RUF012


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    article: Mapped[str] = mapped_column(sa.String(20))
    note: Mapped[str | None] = mapped_column(sa.String(20))
    created_at: Mapped[Any] = mapped_column(sa.DateTime)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customers.id"))
    customer: Mapped[Customer] = relationship()


AHEAD = ("customers.handle", "customers.vat", "orders.created_at", "orders.note")


@pytest.fixture
def behind(database: TestDatabase) -> Iterator[Admin]:
    """Two tables without the columns of AHEAD."""
    execute(
        database.url,
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, email VARCHAR(20) UNIQUE, kind VARCHAR(20))",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, article VARCHAR(20), customer_id INTEGER)",
        "INSERT INTO customers VALUES (1, 'ada@example.org', 'customer'), (2, 'bob@example.org', 'company')",
        "INSERT INTO orders VALUES (1, 'ink', 1), (2, 'pen', 1), (3, 'nib', 2)",
    )
    with dbadmin.connect(database.url, models=Base) as admin:
        yield admin


def test_whole_rows_leave_out_what_is_not_there_and_say_so(behind: Admin) -> None:
    found = behind.recent(Order)
    assert list(found.columns) == ["id", "article", "customer_id"]
    assert list(found["id"]) == [3, 2, 1]  # by the key, as created_at is not there
    assert found.attrs["missing"] == ["orders.created_at", "orders.note"]
    both = behind.join(Order, Customer)
    assert list(both["email"]) == ["ada@example.org", "ada@example.org", "bob@example.org"]
    assert both.attrs["missing"] == list(AHEAD)


def test_groups_and_counts_do_without_too(behind: Admin) -> None:
    for outer in (False, True):
        found = behind.group(Order, by=Order.customer, outer=outer)
        assert list(found["customer.email"]) == ["ada@example.org", "bob@example.org"]
        assert list(found["count"]) == [2, 1]
    assert behind.count(Company) == 1
    assert list(behind.counts(Company, Order)["rows"]) == [1, 3]


def test_a_column_that_is_named_and_not_there_fails_with_a_hint(behind: Admin) -> None:
    asked: tuple[dict[str, Any], ...] = (
        {"columns": ["id", "note"]}, {"where": "note = 'x'"}, {"order_by": "created_at"}, {"order_by": Order.note},
    )  # fmt: skip
    for options in asked:
        with pytest.raises(MissingColumn, match=r"note|created_at") as caught:
            behind.recent(Order, **options)
        assert "dbadmin status" in str(caught.value.hint)
    with pytest.raises(MissingColumn, match="vat"):
        behind.recent(Company, columns=["vat"])
    with pytest.raises(MissingColumn, match="note"):
        behind.group(Order, by=Order.customer, agg={"last": "max(note)"}, outer=True)


def test_the_catalog_is_asked_only_where_a_column_is_missed(behind: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, asked = type(behind.database.dialect.catalog), []
    describe = catalog.describe

    def counted(self: Any, connection: Any, table: Any) -> Any:
        asked.append(str(table))
        return describe(self, connection, table)

    monkeypatch.setattr(catalog, "describe", counted)
    behind.recent(Order, columns=["id"], order_by="id")
    assert asked == []
    behind.recent(Order)
    assert asked == ["orders"]


def test_files_have_what_is_there(behind: Admin, tmp_path: Path) -> None:
    query = behind.answers.recent_query(Order)
    assert behind.export(query, tmp_path / "orders.parquet") == behind.export(query, tmp_path / "orders.csv") == 3
    assert list(pd.read_parquet(tmp_path / "orders.parquet").columns) == ["id", "article", "customer_id"]
    assert (tmp_path / "orders.csv").read_text().startswith("id,article,customer_id")


@pytest.fixture
def app(sqlite: TestDatabase, tmp_path: Path) -> App:
    """An application whose pending revision adds a column that its models have."""
    table = 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))'
    revisions = {
        "a1": (None, table, 'op.drop_table("t")'),
        "b2": ("a1", 'op.add_column("t", sa.Column("note", sa.Text))', 'op.drop_column("t", "note")'),
    }
    app = build(tmp_path, sqlite.url, revisions, at="a1", fill=("INSERT INTO t (id) VALUES (7)",))
    (app.directory / "app" / "models.py").write_text(
        "from sqlalchemy import Column, Integer, Text\nfrom sqlalchemy.orm import declarative_base\n\n"
        "Base = declarative_base()\n\n\nclass T(Base):\n    __tablename__ = 't'\n"
        "    id = Column(Integer, primary_key=True)\n    note = Column(Text)\n"
    )
    (app.directory / "dbadmin.toml").write_text('models = ["app.models"]\nalembic = "alembic.ini"\n')
    return app


SAID = "left out, as the database does not have them: t.note (dbadmin status shows pending revisions)"


def test_command_and_shell_say_it_in_one_line(run: Any, app: App) -> None:
    done = run("recent", "t", "--format", "csv", cwd=app.directory)
    assert (done.code, done.stdout) == (0, "id\n7\n"), done.stderr
    assert done.stderr == SAID + "\n"
    named = run("recent", "t", "--columns", "id,note", cwd=app.directory)
    assert named.code == 5
    assert "hint: dbadmin describe TABLE" in named.stderr
    shell = run("shell", "-c", "recent(T).to_dict('list')", cwd=app.directory)
    said = SAID.replace("dbadmin status", "db.status()")  # what is typed at that prompt
    assert (shell.code, said in shell.stderr) == (0, True), shell.stderr
