"""Rehearsals of tiny applications: build one on a database, fill it, rehearse, and give the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps import App, Revisions, make_app
from sqlalchemy import NullPool, create_engine

from dbadmin.database import Database
from dbadmin.dialects import Progress
from dbadmin.results import RollbackReport
from dbadmin.rollback import Options, Rehearsed, rehearse

Fact = tuple[str, str | None, str]

BASE = (
    None,
    """
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("mood", sa.String(20)),
        sa.CheckConstraint("name <> ''", name="ck_people_name"),
    )
    op.create_index("ix_people_name", "people", ["name"])
    """,
    'op.drop_table("people")',
)
PEOPLE = ("INSERT INTO people (id, name, mood) VALUES (1, 'Ada', 'calm'), (2, 'Grete', NULL), (3, 'Émilie', 'keen')",)
"""A revision that makes `people`, and rows for it."""
BAG = (
    None,
    'op.create_table("bag", sa.Column("a", sa.Integer), sa.Column("b", sa.String(20)))',
    'op.drop_table("bag")',
)
THINGS = ("INSERT INTO bag (a, b) VALUES (1, 'x'), (1, 'x'), (2, 'y'), (3, NULL)",)
"""A table without a key, and rows for it, two of them equal."""


@dataclass(frozen=True)
class Case:
    """An upgrade and a downgrade on top of BASE, and what a rehearsal must say of them."""

    name: str
    upgrade: str
    downgrade: str | None
    verdict: str
    found: frozenset[Fact] = frozenset()
    notes: frozenset[Fact] = frozenset()
    options: dict[str, Any] = field(default_factory=dict)
    only: str | None = None
    besides: Mapping[str, frozenset[Fact]] = field(default_factory=dict)
    """Findings that one engine has in addition."""


def fact(code: str, obj: str, revision: str | None = "b2") -> Fact:
    return (code, revision, obj)


def build(
    directory: Path, url: Any, revisions: Revisions, *, at: str = "heads", fill: Sequence[str] = (), **more: Any
) -> App:
    """An application whose database stands at revision `at`, after the statements of `fill`."""
    app = make_app(directory, url=url, revisions=revisions, **more)
    if at != "base":
        app.alembic("upgrade", at)
    execute(url, *fill)
    return app


def execute(url: Any, *statements: str) -> None:
    """Run statements on a database and commit them."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def rehearsed(
    app: App, *, source: Mapping[str, Any] | None = None, progress: Progress | None = None, **options: Any
) -> RollbackReport:
    """Rehearse an application's rollback; `source` is what Rehearsed takes besides.

    Unless a test asks for it, no lock is too long: how long one is held depends on the machine.
    """
    options.setdefault("lock_budget", None)
    database = Database(create_engine(app.url, poolclass=NullPool))
    meant = Rehearsed(database, app.project, environment=app.environment, **(source or {}))
    try:
        return rehearse(meant, Options(**options), progress=progress or (lambda what, done, total: None))
    finally:
        database.close()


def facts(report: RollbackReport, *, notes: bool = False) -> set[Fact]:
    """Code, revision and object of each finding; notes only where asked for."""
    return {(f.code, f.revision, f.object) for f in report.findings if notes or f.severity != "note"}
