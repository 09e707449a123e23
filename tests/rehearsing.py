"""Rehearsals of tiny applications: build one on a database, fill it, rehearse, and give the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps import App, Revisions, make_app
from sqlalchemy import NullPool, create_engine

from dbadmin.database import Database
from dbadmin.results import RollbackReport
from dbadmin.rollback import Options, Rehearsed, rehearse

Fact = tuple[str, str | None, str]


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


def rehearsed(app: App, **options: Any) -> RollbackReport:
    """Rehearse an application's rollback."""
    database = Database(create_engine(app.url, poolclass=NullPool))
    source = Rehearsed(database, app.project, environment=app.environment)
    try:
        return rehearse(source, Options(**options), progress=lambda what, done, total: None)
    finally:
        database.close()


def facts(report: RollbackReport, *, notes: bool = False) -> set[Fact]:
    """Code, revision and object of each finding; notes only where asked for."""
    return {(f.code, f.revision, f.object) for f in report.findings if notes or f.severity != "note"}
