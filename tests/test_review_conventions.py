"""Naming conventions of env.py's metadata: what they name needs no name in the script."""

from pathlib import Path

import pytest
from apps import make_app
from conftest import Run
from servers import TestDatabase
from sqlalchemy import create_engine, inspect, make_url

import dbadmin

ENV = """
from alembic import context
from sqlalchemy import MetaData, engine_from_config, pool

with engine_from_config(
    context.config.get_section("alembic"), prefix="sqlalchemy.", poolclass=pool.NullPool
).connect() as connection:
    context.configure(connection=connection, target_metadata=MetaData(naming_convention={convention}))
    with context.begin_transaction():
        context.run_migrations()
"""
WHOLE = {"uq": "uq_%(table_name)s_%(column_0_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s"}
CONSTRAINED = """
with op.batch_alter_table("posts") as batch:
    batch.create_unique_constraint(None, ["slug"])
    batch.create_foreign_key(None, "users", ["author"], ["id"])
"""
REVISIONS = {
    "a1": (
        None,
        """
        op.create_table("users", sa.Column("id", sa.Integer, primary_key=True))
        columns = (sa.Column("author", sa.Integer), sa.Column("slug", sa.String(50)))
        op.create_table("posts", sa.Column("id", sa.Integer, primary_key=True), *columns)
        """,
        "raise NotImplementedError()",
    ),
    "b2": ("a1", CONSTRAINED, 'raise NotImplementedError("no")'),
}


def unnamed(found: dbadmin.results.Review) -> list[str]:
    return [f.severity for f in found.findings if f.code == "unnamed-constraint"]


def test_what_a_convention_names_is_not_unnamed(database: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=database.url, revisions=REVISIONS, env=ENV.format(convention=WHOLE))
    app.alembic("upgrade", "a1")
    with dbadmin.connect(app.url, app=app.directory) as db:
        assert unnamed(db.review("b2")) == []
    app.alembic("upgrade", "b2")  # as Alembic names them
    engine = create_engine(database.url)
    assert [one["name"] for one in inspect(engine).get_foreign_keys("posts")] == ["fk_posts_author"]
    engine.dispose()


@pytest.mark.parametrize(
    "convention",
    ["None", {"ix": "ix_%(column_0_label)s"}, {"fk": WHOLE["fk"]}, {"uq": "uq_%(constraint_name)s", "fk": WHOLE["fk"]}],
)
def test_what_no_convention_names_is_unnamed(tmp_path: Path, convention: object) -> None:
    url = make_url(f"sqlite:///{tmp_path / 'x.db'}")
    app = make_app(tmp_path, url=url, revisions=REVISIONS, env=ENV.format(convention=convention))
    (tmp_path / "x.db").touch()
    with dbadmin.connect(app.url, app=app.directory) as db:
        assert "error" in unnamed(db.review("b2"))  # batch mode refuses it


def test_a_constraint_in_sql_has_no_name_by_a_convention_and_no_database_is_needed(tmp_path: Path, run: Run) -> None:
    written = {**REVISIONS, "c3": ("b2", 'op.execute("ALTER TABLE posts ADD UNIQUE (author)")', "pass")}
    url = make_url("postgresql+psycopg://u@127.0.0.1:1/x")
    app = make_app(tmp_path, url=url, revisions=written, env=ENV.format(convention=WHOLE))
    asked = ["review", "--all", "--engine", "postgresql", "--format", "json"]
    told = run(*asked, cwd=app.directory, env=app.environment).json()
    assert [f["revision"] for f in told["findings"] if f["code"] == "unnamed-constraint"] == ["c3"]
