"""status --drift: database, migrations and models compared, each as it is made; only real differences are told."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from apps import App, make_app
from rehearsing import execute
from servers import TestDatabase

from dbadmin.admin import open_admin
from dbadmin.results import Drift, Status

pytestmark = pytest.mark.rehearsal

MODELS = """
import sqlalchemy as sa

users = sa.Table(
    "users", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(100), nullable=False),
    sa.Column("age", sa.Integer, server_default="18"),
    sa.CheckConstraint("age > 0", name="ck_age"),
    sa.UniqueConstraint("email", name="uq_email"),
)
sa.Index("ix_users_age", users.c.age)
posts = sa.Table(
    "posts", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author", sa.ForeignKey("users.id", name="fk_author", ondelete="CASCADE")),
    sa.Column("at", sa.DateTime, server_default=sa.func.now()),
    sa.Column("price", sa.Numeric(10, 2), nullable=False, server_default="0"),
)
"""
USERS = """
op.create_table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(100), nullable=False),
    sa.Column("age", sa.Integer, server_default="18"),
    sa.CheckConstraint("age > 0", name="ck_age"),
    sa.UniqueConstraint("email", name="uq_email"),
)
op.create_index("ix_users_age", "users", ["age"])
"""
POSTS = """
op.create_table(
    "posts",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author", sa.Integer, sa.ForeignKey("users.id", name="fk_author", ondelete="CASCADE")),
    sa.Column("at", sa.DateTime, server_default=sa.text("CURRENT_TIMESTAMP")),
    sa.Column("price", sa.Numeric(10, 2), nullable=False, server_default=sa.text("0")),
)
"""
ENV = """
from alembic import context
from sqlalchemy import engine_from_config, pool
from app.db import metadata

with engine_from_config(
    context.config.get_section("alembic"), prefix="sqlalchemy.", poolclass=pool.NullPool
).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


def made(tmp_path: Path, database: TestDatabase, models: str = MODELS, **revisions: str) -> App:
    """An application with models; `revisions` come after users (a1) and posts (b2)."""
    chain = {"a1": (None, USERS, "pass"), "b2": ("a1", POSTS, "pass")}
    for name, upgrade in revisions.items():
        chain[name] = (list(chain)[-1], upgrade, "pass")
    return make_app(tmp_path, url=database.url, revisions=chain, env=ENV, models=models)


def drift(app: App) -> Status:
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]  # another test's application
    with open_admin(app=app.directory) as admin:
        return admin.status(drift=True)


def told(found: Status) -> dict[tuple[str, str], Drift]:
    assert found.drift is not None, found.drift_skipped
    return {(d.kind, d.object): d for d in found.drift}


def test_no_drift_where_all_three_agree_and_nothing_is_written(database: TestDatabase, tmp_path: Path) -> None:
    app = made(tmp_path, database)
    app.alembic("upgrade", "head")
    found = drift(app)
    assert (found.drift, found.drift_skipped, found.ok) == ((), None, True)


def test_what_somebody_changed_by_hand_is_found_while_behind(database: TestDatabase, tmp_path: Path) -> None:
    app = made(tmp_path, database, c3='op.add_column("users", sa.Column("late", sa.Integer))')
    app.alembic("upgrade", "b2")
    execute(database.url, "CREATE INDEX ix_by_hand ON posts (price)")
    execute(database.url, "ALTER TABLE users ADD COLUMN nickname varchar(20)")
    execute(database.url, "CREATE VIEW old AS SELECT id FROM users")
    found = drift(app)
    assert found.state == "behind" and not found.ok
    seen = {key: d for key, d in told(found).items() if d.against == "revision"}
    assert set(seen) == {("index", "posts.ix_by_hand"), ("column", "users.nickname"), ("view", "old")}
    for (kind, name), fact in seen.items():
        assert fact.remedy is not None and fact.remedy.split()[0] in ("DROP", "ALTER"), (kind, name)
        execute(database.url, fact.remedy)
    again = drift(app)
    assert [d for d in again.drift or () if d.against == "revision"] == []
    assert {(d.kind, d.object, d.against) for d in again.drift or ()} == {("column", "users.late", "models")}


def test_what_is_missing_is_told_with_its_revision_and_comes_back(postgresql: TestDatabase, tmp_path: Path) -> None:
    app = made(tmp_path, postgresql)
    app.alembic("upgrade", "head")
    for statement in (
        "DROP INDEX ix_users_age",
        "ALTER TABLE users DROP CONSTRAINT ck_age",
        "ALTER TABLE users ALTER COLUMN age SET DEFAULT 21",
        "ALTER TABLE users ALTER COLUMN email TYPE varchar(200), ALTER COLUMN email DROP NOT NULL",
        "ALTER TABLE posts DROP CONSTRAINT fk_author",
    ):
        execute(postgresql.url, statement)
    found = told(drift(app))
    assert set(found) == {
        ("index", "users.ix_users_age"), ("constraint", "users.ck_age"), ("column", "users.age"),
        ("column", "users.email"), ("constraint", "posts.fk_author"),
    }  # fmt: skip
    assert {d.revision for d in found.values()} == {"a1", "b2"}
    for fact in found.values():
        execute(postgresql.url, fact.remedy or "")
    assert drift(app).drift == ()


OBJECTS = """
op.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
op.execute("CREATE SEQUENCE numbers")
op.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
op.execute("CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION f()")
op.execute("CREATE POLICY p ON users USING (id > 0)")
op.execute("CREATE VIEW v AS SELECT id, email FROM users")
op.execute("CREATE INDEX ix_lower ON users (lower(email)) WHERE age > 3")
"""


def test_objects_that_autogenerate_does_not_see_are_seen(postgresql: TestDatabase, tmp_path: Path) -> None:
    index = 'sa.Index("ix_lower", sa.func.lower(users.c.email), postgresql_where=users.c.age > 3)'
    app = made(tmp_path, postgresql, MODELS + index + "\n", c3=OBJECTS)
    app.alembic("upgrade", "head")
    assert drift(app).drift == ()
    for statement in (
        "ALTER TYPE mood ADD VALUE 'fine' BEFORE 'ok'",
        "ALTER SEQUENCE numbers INCREMENT 5",
        "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "ALTER TABLE users DISABLE TRIGGER t",
        "DROP POLICY p ON users",
        "CREATE OR REPLACE VIEW v AS SELECT id, email, age FROM users",
        "DROP INDEX ix_lower",
        "CREATE INDEX ix_lower ON users (lower(email)) WHERE age > 4",
        "SELECT nextval('numbers')",
        "GRANT SELECT ON users TO PUBLIC",
    ):
        execute(postgresql.url, statement)
    seen = {(d.kind, d.object) for d in drift(app).drift or () if d.against == "revision"}
    assert seen == {
        ("enum", "mood"), ("sequence", "numbers"), ("function", "f()"), ("trigger", "users.t"), ("policy", "users.p"),
        ("view", "v"), ("index", "users.ix_lower"),
    }  # fmt: skip


def test_what_only_the_models_have_or_lack(database: TestDatabase, tmp_path: Path) -> None:
    models = MODELS.replace(
        'sa.Column("age", sa.Integer, server_default="18")', 'sa.Column("age", sa.Integer)'
    ).replace(
        'sa.Index("ix_users_age", users.c.age)',
        'sa.Table("tags", metadata, sa.Column("id", sa.Integer, primary_key=True))',
    )
    app = made(tmp_path, database, models)
    app.alembic("upgrade", "head")
    found = told(drift(app))
    assert {key: d.against for key, d in found.items()} == {
        ("column", "users.age"): "models", ("index", "users.ix_users_age"): "models", ("table", "tags"): "models",
    }  # fmt: skip
    assert "autogenerate" in (found["table", "tags"].remedy or "")


def test_what_the_models_have_is_not_to_be_taken_away(database: TestDatabase, tmp_path: Path) -> None:
    models = MODELS + '\nsa.Index("ix_users_email", users.c.email)\n'
    app = made(tmp_path, database, models)
    app.alembic("upgrade", "head")
    execute(
        database.url,
        "CREATE INDEX ix_users_email ON users (email)",
        "CREATE INDEX ix_by_hand ON users (email, age)",
    )
    remedies = {d.object: d.remedy or "" for d in drift(app).drift or () if d.against == "revision"}
    assert remedies["users.ix_users_email"] == "a revision that makes it: the models have it"
    assert remedies["users.ix_by_hand"].startswith(("DROP INDEX", "ALTER TABLE"))


def test_create_all_and_a_stamp_are_told_from_migrations(database: TestDatabase, tmp_path: Path) -> None:
    email, age = (line for line in MODELS.splitlines() if '"email", sa.S' in line or '"age", sa.I' in line)
    swapped = MODELS.replace(f"{email}\n{age}", f"{age}\n{email}")
    app = made(tmp_path, database)
    app.alembic("upgrade", "head")
    assert swapped != MODELS
    other = make_app(
        tmp_path, url=database.url, revisions={"a1": (None, USERS, "pass"), "b2": ("a1", POSTS, "pass")}, env=ENV,
        models=swapped, name="swapped",
    )  # fmt: skip
    found = drift(other)
    assert (found.made_by, found.drift) == ("migrations", ())
    for table in ("posts", "users", "alembic_version"):
        execute(database.url, f"DROP TABLE {table}")
    namespace: dict[str, Any] = {}
    exec((other.directory / "app" / "db.py").read_text(), namespace)
    engine = namespace["make_engine"]()
    namespace["metadata"].create_all(engine)
    engine.dispose()
    other.alembic("stamp", "head")
    assert drift(other).made_by == "create_all"


def test_a_revision_that_no_script_has_is_guessed_by_the_schema(database: TestDatabase, tmp_path: Path) -> None:
    app = made(tmp_path, database, c3='op.add_column("users", sa.Column("late", sa.Integer))')
    app.alembic("upgrade", "b2")
    execute(database.url, "UPDATE alembic_version SET version_num = 'gone'")
    found = drift(app)
    assert found.state == "unknown-revision"
    assert (found.likely[0].revision, found.likely[0].differences) == ("b2", 0)
    assert found.likely[1].differences > 0


def test_tables_without_a_revision_are_guessed_too(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = made(tmp_path, sqlite)
    app.alembic("upgrade", "a1")
    execute(sqlite.url, "DROP TABLE alembic_version")
    found = drift(app)
    assert (found.state, found.likely[0].revision, found.likely[0].differences) == ("unmanaged", "a1", 0)


def test_what_a_pending_revision_has_begun_is_told_as_that(sqlite: TestDatabase, tmp_path: Path) -> None:
    late = 'op.create_table("tags", sa.Column("id", sa.Integer, primary_key=True))\n'
    late += 'op.add_column("users", sa.Column("late", sa.Integer))\nop.create_index("ix_late", "users", ["late"])'
    app = made(tmp_path, sqlite, c3=late)
    app.alembic("upgrade", "b2")
    execute(sqlite.url, "CREATE TABLE tags (id INTEGER PRIMARY KEY)", "ALTER TABLE users ADD COLUMN late INTEGER")
    execute(sqlite.url, "ALTER TABLE users ADD COLUMN other INTEGER")
    found = {d.object: d for d in drift(app).drift or () if d.against == "revision"}
    assert found["users.late"].revision == found["tags"].revision == "c3"
    assert found["users.late"].remedy == "so that c3 can run: ALTER TABLE users DROP COLUMN late"
    assert found["tags"].remedy == "so that c3 can run, when its rows have been looked at: DROP TABLE tags"
    assert "begun, and not finished" in found["tags"].detail
    assert "no revision" in found["users.other"].detail


def test_a_version_table_in_a_schema_of_its_own_is_no_hindrance(postgresql: TestDatabase, tmp_path: Path) -> None:
    execute(postgresql.url, "CREATE SCHEMA meta")
    app = make_app(
        tmp_path, url=postgresql.url, revisions={"a1": (None, USERS, "pass")}, configure='version_table_schema="meta"'
    )
    app.alembic("upgrade", "head")
    found = drift(app)
    assert (found.drift, found.drift_skipped) == ((), None)


def test_where_nothing_could_be_compared_it_is_not_said_that_there_is_no_drift(
    sqlite: TestDatabase, tmp_path: Path
) -> None:
    app = made(tmp_path, sqlite)
    app.alembic("upgrade", "a1")
    execute(sqlite.url, "DROP TABLE alembic_version")
    (script,) = app.versions.glob("a1*")
    script.write_text(script.read_text().replace("def upgrade() -> None:\n", "def upgrade() -> None:\n    1 / 0\n"))
    found = drift(app)
    assert (found.drift, found.exit_code) == (None, 5)
    assert "division by zero" in (found.drift_skipped or "")


def test_migrations_that_make_no_tables_are_said_and_models_stand_in(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=sqlite.url, revisions={"a1": (None, "pass", "pass")}, env=ENV, models=MODELS)
    execute(sqlite.url, "CREATE TABLE users (id integer primary key, email varchar(100) not null, age integer)")
    app.alembic("stamp", "a1")
    found = drift(app)
    assert "create no table" in (found.drift_skipped or "")
    assert ("table", "posts") in told(found) and ("column", "users.age") in told(found)


def test_a_migration_that_fails_on_an_empty_database_is_told(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = made(tmp_path, sqlite)
    app.alembic("upgrade", "head")
    (script,) = app.versions.glob("a1*")
    script.write_text(script.read_text().replace("def upgrade() -> None:\n", "def upgrade() -> None:\n    1 / 0\n"))
    found = drift(app)
    assert "division by zero" in (found.drift_skipped or "")
    assert found.drift == ()  # the database is as the models say


def test_models_that_env_py_does_not_import_are_found(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = made(tmp_path, sqlite)
    app.alembic("upgrade", "head")
    (app.directory / "app" / "more.py").write_text(
        "from sqlalchemy import Column, Integer\nfrom sqlalchemy.orm import DeclarativeBase\n\n\n"
        "class Base(DeclarativeBase):\n    pass\n\n\n"
        "class Invoice(Base):\n    __tablename__ = 'invoices'\n    id = Column(Integer, primary_key=True)\n"
    )
    found = told(drift(app))
    assert list(found) == [("model", "app.more")]
    assert "app/more.py" in found["model", "app.more"].detail


def test_drift_exits_with_1_and_looking_writes_nothing(run: Any, sqlite: TestDatabase, tmp_path: Path) -> None:
    app = made(tmp_path, sqlite)
    app.alembic("upgrade", "head")
    file = Path(sqlite.url.database or "")
    before = file.read_bytes()
    assert run("status", "--drift", cwd=app.directory, timeout=120).code == 0
    assert file.read_bytes() == before
    execute(sqlite.url, "DROP INDEX ix_users_age")
    done = run("status", "--drift", "--format", "json", cwd=app.directory, timeout=120)
    assert done.code == 1
    (fact,) = json.loads(done.stdout)["drift"]
    assert {"kind", "object", "detail", "against", "remedy", "revision"} <= fact.keys()
    assert (fact["kind"], fact["object"], fact["revision"]) == ("index", "users.ix_users_age", "a1")
