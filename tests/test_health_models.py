"""`dbadmin inspect` with an application's models in view: what they promise and the database does not hold."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from test_health import applied

import dbadmin
from dbadmin.results import HealthFinding

pytestmark = pytest.mark.usefixtures("elsewhere")


class Base(DeclarativeBase):
    """The models of this module."""


class Parent(Base):
    """Stands whole in the database."""

    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)


class Child(Base):
    """Promises more than the database holds."""

    __tablename__ = "children"
    __table_args__ = (sa.UniqueConstraint("a", "b", name="uq_children_a_b"), sa.Index("ix_children_mixed", "b", "a"))

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("parents.id"))
    a: Mapped[str] = mapped_column(sa.String(20))
    b: Mapped[str | None] = mapped_column(sa.String(30))
    code: Mapped[str | None] = mapped_column(sa.String(20), unique=True)
    state: Mapped[str | None] = mapped_column(sa.String(20), server_default="new")
    note: Mapped[str | None] = mapped_column(sa.String(20), index=True)
    flag: Mapped[bool | None] = mapped_column(sa.Boolean())
    at: Mapped[Any] = mapped_column(sa.DateTime(), nullable=True)
    gone: Mapped[int | None]


class Missing(Base):
    """Has no table."""

    __tablename__ = "missing"
    id: Mapped[int] = mapped_column(primary_key=True)


CHILDREN = (
    "CREATE TABLE children (id integer NOT NULL PRIMARY KEY, parent_id integer, a varchar(20), b varchar(10) NOT NULL,"
    " code varchar(20), state varchar(20), note varchar(20), flag boolean, at timestamp NULL,"
    " extra varchar(20) DEFAULT 'x', needed integer NOT NULL, UNIQUE (note))"
)
TABLES = (
    "CREATE TABLE parents (id integer NOT NULL PRIMARY KEY)",
    CHILDREN,
    "CREATE INDEX ix_extra ON children (extra)",
)
EXPECTED = {
    "model-table:missing": "error",
    "model-column:children.gone": "error",
    "model-column:children.extra": "note",
    "model-column:children.needed": "warning",
    "model-not-null:children.a": "warning",
    "model-not-null:children.b": "note",
    "model-unique:children.a,b": "warning",
    "model-unique:children.code": "warning",
    "model-unique:children.note": "note",
    "model-foreign-key:children.parent_id": "warning",
    "model-index:children.b,a": "warning",
    "model-index:children.ix_extra": "note",
    "model-default:children.state": "warning",
}
NAMES = (
    "model-table", "model-column", "model-not-null", "model-unique", "model-foreign-key", "model-index", "model-type",
    "model-default",
)  # fmt: skip


def found(database: TestDatabase, base: Any = Base) -> dict[str, HealthFinding]:
    with dbadmin.connect(url=database.url, models=[base]) as db:
        report = db.inspect(*NAMES)
    assert [run for run in report.checks if run.state == "skipped"] == []
    return {finding.key: finding for finding in report.findings}


def test_what_models_promise_and_the_database_does_not_hold_is_found_and_mended(database: TestDatabase) -> None:
    at = "datetime" if database.kind == "mariadb" else "timestamp"
    database.execute(*(statement.replace("timestamp", at) for statement in TABLES))
    before = found(database)
    # SQLite gives every value room, so that lengths say nothing there, and Alembic does not compare them.
    expected = EXPECTED | ({} if database.kind == "sqlite" else {"model-type:children.b": "warning"})
    seen = {key: finding.severity for key, finding in before.items()}
    assert {key: level for key, level in seen.items() if key != "model-type:children.b"} == {
        key: level for key, level in expected.items() if key != "model-type:children.b"
    }
    assert ("model-type:children.b" in seen) or database.kind == "sqlite"
    assert before["model-unique:children.code"].model == "Child"
    assert str(before["model-unique:children.code"].file).endswith("test_health_models.py")
    mended = {key: finding for key, finding in before.items() if finding.sql}
    applied(database, tuple(one for finding in mended.values() for one in finding.sql))
    assert set(found(database)) == set(before) - set(mended)
    applied(database, tuple(one for finding in reversed(mended.values()) for one in finding.undo))
    assert set(found(database)) == set(before)


def test_nothing_is_said_of_a_database_that_was_made_from_the_models(database: TestDatabase) -> None:
    options = {"ssl_disabled": True} if database.kind == "mariadb" else {}
    engine = sa.create_engine(database.url, connect_args=options)
    Everything.metadata.create_all(engine)
    engine.dispose()
    assert found(database, Everything) == {}


class Everything(DeclarativeBase):
    """Models of every kind, of whose database nothing is to be said."""


class Kinds(Everything):
    """Types, defaults and keys as they are declared in the wild."""

    __tablename__ = "kinds"
    __table_args__ = (
        sa.Index("ix_kinds_number", "number"),
        sa.Index("ix_kinds_partial", "day", postgresql_where=sa.text("flag"), sqlite_where=sa.text("flag")),
        sa.CheckConstraint("number > 0", name="positive"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    flag: Mapped[bool] = mapped_column(sa.Boolean(), server_default=sa.false())
    number: Mapped[int] = mapped_column(sa.SmallInteger(), server_default="0")
    price: Mapped[Any] = mapped_column(sa.Numeric(10, 2))
    ratio: Mapped[float] = mapped_column(sa.Float())
    name: Mapped[str] = mapped_column(sa.String(40), unique=True, index=True)
    body: Mapped[str] = mapped_column(sa.Text())
    kind: Mapped[str] = mapped_column(sa.Enum("a", "b", name="kind"))
    data: Mapped[Any] = mapped_column(sa.JSON())
    uid: Mapped[Any] = mapped_column(sa.Uuid())
    blob: Mapped[bytes] = mapped_column(sa.LargeBinary())
    day: Mapped[Any] = mapped_column(sa.Date())
    made: Mapped[Any] = mapped_column(sa.DateTime(), server_default=sa.func.now())
    aware: Mapped[Any] = mapped_column(sa.DateTime(timezone=True))
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("kinds.id", ondelete="SET NULL"))
    double: Mapped[int] = mapped_column(sa.Integer(), sa.Computed("number * 2"))


class Composite(Everything):
    """A composite key, and a foreign key to one."""

    __tablename__ = "composite"
    a: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    b: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Refers(Everything):
    """Refers to a composite key."""

    __tablename__ = "refers"
    __table_args__ = (sa.ForeignKeyConstraint(["x", "y"], ["composite.a", "composite.b"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[int | None]
    y: Mapped[int | None]


def test_a_database_that_is_behind_says_that_revisions_are_pending(run: Any, tmp_path: Any) -> None:
    made = run("demo", tmp_path / "demo")
    assert made.code == 0, made.stderr
    answer = run("inspect", "model-index", "--format", "json", cwd=tmp_path / "demo").json()
    assert [finding["key"] for finding in answer["findings"]] == ["model-index:users.subscription_status"]
    assert "1 revision is pending" in answer["notes"][0]
    assert answer["findings"][0]["file"].endswith(".py")


def test_without_models_the_checks_are_skipped_when_named_and_left_out_else(
    sqlite: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite.execute(TABLES[0])
    monkeypatch.chdir(tmp_path)
    with dbadmin.connect(url=sqlite.url) as db:
        named, every = db.inspect(*NAMES).checks, db.inspect().checks
    assert [(run.state, "no models" in str(run.reason)) for run in named] == [("skipped", True)] * len(NAMES)
    assert [run.name for run in every if run.name in NAMES] == []
