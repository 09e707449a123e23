"""What is no drift: what any two databases differ in, and what is only written otherwise."""

from pathlib import Path

import pytest
from apps import make_app
from rehearsing import execute
from servers import TestDatabase
from test_drift import ENV, POSTS, USERS, drift, told
from test_drift import MODELS as APP_MODELS

pytestmark = pytest.mark.rehearsal

MADE = {
    "sqlite": """
op.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER DEFAULT 0, b VARCHAR(20), c TEXT, "
           "CONSTRAINT uq_b UNIQUE (b), CHECK (a >= 0))")
op.execute("CREATE VIEW v AS SELECT id, a FROM t")
""",
    "postgresql": """
op.execute("CREATE TABLE t (id serial PRIMARY KEY, a integer DEFAULT 0 NOT NULL, b varchar(20), c text, "
           "made timestamp DEFAULT now(), CONSTRAINT uq_b UNIQUE (b), CONSTRAINT ck_a CHECK (a >= 0))")
op.execute("CREATE VIEW v AS SELECT id, a FROM t WHERE b IN ('x', 'y')")
op.execute("CREATE SEQUENCE numbers")
op.execute("CREATE EXTENSION IF NOT EXISTS plpgsql")
""",
    "mariadb": """
op.execute("CREATE TABLE t (id integer PRIMARY KEY AUTO_INCREMENT, a integer DEFAULT 0 NOT NULL, b varchar(20), "
           "c text, made datetime DEFAULT now(), CONSTRAINT uq_b UNIQUE (b), CONSTRAINT ck_a CHECK (a >= 0))")
op.execute("CREATE VIEW v AS SELECT id, a FROM t WHERE b IN ('x', 'y')")
op.execute("CREATE FUNCTION f(a integer) RETURNS integer DETERMINISTIC RETURN a + 1")
op.execute("CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO SET @x = 1")
""",
}
BY_HAND = {
    "sqlite": (
        "INSERT INTO t (a, b) VALUES (1, 'x')",
        "ALTER TABLE t DROP COLUMN c",
        "ALTER TABLE t ADD COLUMN c TEXT",  # rows and an AUTOINCREMENT, and a column in another place
        "PRAGMA user_version = 7",
        "ANALYZE",
    ),
    "postgresql": (
        "INSERT INTO t (a, b) VALUES (1, 'x')",
        "SELECT nextval('numbers')",
        "ALTER TABLE t DROP COLUMN c",
        "ALTER TABLE t ADD COLUMN c text",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT '0'",
        "ALTER TABLE t ALTER COLUMN made SET DEFAULT CURRENT_TIMESTAMP",
        "ALTER TABLE t RENAME CONSTRAINT uq_b TO t_b_key",
        "ALTER TABLE t RENAME CONSTRAINT ck_a TO t_a_check",
        "CREATE OR REPLACE VIEW v AS SELECT t.id, t.a FROM t WHERE (t.b IN ('x', 'y'))",
        "GRANT SELECT ON t TO PUBLIC",
        "CREATE ROLE drift_owner",
        "ALTER TABLE t OWNER TO drift_owner",
        "ANALYZE t",
        "CREATE TEMPORARY TABLE temporary (id integer)",
    ),
    "mariadb": (
        "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')",
        "ALTER TABLE t DROP COLUMN c",
        "ALTER TABLE t ADD COLUMN c text",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT '0'",
        "ALTER TABLE t MODIFY made datetime DEFAULT CURRENT_TIMESTAMP",
        "ALTER TABLE t DROP INDEX uq_b",
        "ALTER TABLE t ADD CONSTRAINT another UNIQUE (b)",
        "CREATE OR REPLACE VIEW v AS SELECT t.id, t.a FROM t WHERE t.b IN ('x', 'y')",
        "CREATE USER IF NOT EXISTS drift_definer@localhost",
        "GRANT SELECT ON *.* TO drift_definer@localhost",
        "CREATE OR REPLACE DEFINER=drift_definer@localhost FUNCTION f(a int) RETURNS int DETERMINISTIC RETURN a + 1",
        "SET time_zone = '+03:00'",
        "ANALYZE TABLE t",
    ),
}


def test_what_any_two_databases_differ_in_is_no_drift(database: TestDatabase, tmp_path: Path) -> None:
    app = make_app(tmp_path, url=database.url, revisions={"a1": (None, MADE[database.kind], "pass")})
    app.alembic("upgrade", "head")
    assert drift(app).drift == ()
    for statement in BY_HAND[database.kind]:
        execute(database.url, statement)
    try:
        assert told(drift(app)) == {}
    finally:
        if database.kind == "postgresql":
            execute(database.url, "DROP OWNED BY drift_owner CASCADE", "DROP ROLE drift_owner")
        elif database.kind == "mariadb":
            execute(database.url, "DROP USER drift_definer@localhost")


MODELS = """
import enum
import sqlalchemy as sa

class Kind(enum.Enum):
    small = 1
    large = 2

parent = sa.Table("parent", metadata, sa.Column("id", sa.Integer, primary_key=True))
things = sa.Table(
    "things", metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("flag", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("data", sa.JSON),
    sa.Column("kind", sa.Enum(Kind, name="kind")),
    sa.Column("price", sa.Numeric(10, 2), server_default="0"),
    sa.Column("share", sa.Double),
    sa.Column("amount", sa.Integer),
    sa.Column("note", sa.Text),
    sa.Column("blob", sa.LargeBinary),
    sa.Column("at", sa.DateTime, server_default=sa.func.now()),
    sa.Column("day", sa.Date, server_default=sa.text("'2020-01-01'")),
    sa.Column("code", sa.String(20), unique=True),
    sa.Column("parent_id", sa.ForeignKey("parent.id", ondelete="SET NULL"), index=True),
    sa.Column("twice", sa.Integer, sa.Computed("amount * 2", persisted=True)),
)
sa.Index("ix_note", things.c.code, things.c.day.desc())
"""
WRITTEN = {
    "sqlite": """
op.execute("CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY)")
op.execute("CREATE TABLE things (id integer not null primary key, flag boolean default 1 not null, data json, "
           "kind varchar(5), price numeric(10, 2) default 0, share double, amount int, note text, blob blob, "
           "at datetime default CURRENT_TIMESTAMP, day date default '2020-01-01', code varchar(20) unique, "
           "parent_id integer references parent (id) on delete set null, "
           "twice integer generated always as (amount * 2) stored)")
""",
    "postgresql": """
op.execute("CREATE TABLE parent (id serial PRIMARY KEY)")
op.execute("CREATE TYPE kind AS ENUM ('small', 'large')")
op.execute("CREATE TABLE things (id bigserial primary key, flag bool default true not null, data json, kind kind, "
           "price decimal(10, 2) default '0', share float8, amount int, note text, blob bytea, "
           "at timestamp default now(), day date default '2020-01-01', code varchar(20) unique, "
           "parent_id int references parent (id) on delete set null, "
           "twice int generated always as (amount * 2) stored)")
""",
    "mariadb": """
op.execute("CREATE TABLE parent (id integer PRIMARY KEY AUTO_INCREMENT)")
op.execute("CREATE TABLE things (id bigint primary key auto_increment, flag tinyint(1) default 1 not null, data json, "
           "kind enum('small', 'large'), price decimal(10, 2) default 0, share double, amount int, note text, "
           "`blob` blob, at datetime default current_timestamp, day date default '2020-01-01', "
           "code varchar(20) unique, parent_id int, twice int generated always as (amount * 2) stored, "
           "foreign key (parent_id) references parent (id) on delete set null)")
""",
}
INDEXES = """
op.create_index("ix_things_parent_id", "things", ["parent_id"])
op.execute("CREATE INDEX ix_note ON things (code, day DESC)")
"""


def test_models_and_migrations_that_write_the_same_otherwise_agree(database: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": (None, WRITTEN[database.kind] + INDEXES, "pass")}
    app = make_app(tmp_path, url=database.url, revisions=revisions, env=ENV, models=MODELS)
    app.alembic("upgrade", "head")
    assert told(drift(app)) == {}


LEAVES_OUT = ENV.replace(
    "target_metadata=metadata)",
    "target_metadata=metadata, include_schemas=True, include_object=is_ours, include_name=is_named)",
).replace(
    "with engine_from",
    """
def is_ours(object, name, type_, reflected, compare_to):
    if type_ == "table" and reflected and compare_to is None and object.name == "queue":
        return False
    if type_ == "index" and reflected and object.table.name == "posts" and name.startswith("dba_"):
        return False
    if type_ == "table" and object.info.get("is_view"):
        return False
    if name == "strange":
        raise RuntimeError("it asks what only the database knows")
    return True


def is_named(name, type_, parent_names):
    return not (type_ == "table" and parent_names["schema_qualified_table_name"].startswith("spatial_")
                or type_ == "column" and parent_names["table_name"] == "users" and name == "old_name")

with engine_from""",
    1,
)


def test_what_env_py_leaves_out_of_autogenerate_is_no_drift(database: TestDatabase, tmp_path: Path) -> None:
    report = 'sa.Table("report", metadata, sa.Column("id", sa.Integer), info={"is_view": True})\n'
    chain = {"a1": (None, USERS, "pass"), "b2": ("a1", POSTS, "pass")}
    app = make_app(tmp_path, url=database.url, revisions=chain, env=LEAVES_OUT, models=APP_MODELS + report)
    app.alembic("upgrade", "head")
    for statement in (
        "CREATE TABLE spatial_ref_sys (srid integer PRIMARY KEY)",
        "CREATE TABLE queue (id integer)",
        "CREATE INDEX ix_queue ON queue (id)",
        "CREATE INDEX dba_price ON posts (price)",
        "ALTER TABLE users ADD COLUMN old_name varchar(20)",
    ):
        execute(database.url, statement)
    found = drift(app)
    assert found.drift == () and found.ok
    assert found.drift_skipped == (
        "what env.py leaves out of autogenerate: column users.old_name, index posts.dba_price, table queue, "
        "table report, table spatial_ref_sys"
    )
    execute(database.url, "CREATE TABLE strange (id integer)")
    execute(database.url, "CREATE INDEX ix_other ON posts (price)")
    assert set(told(drift(app))) == {("table", "strange"), ("index", "posts.ix_other")}


RULES = """
def is_ours(object, name, type_, reflected, compare_to):
    if type_ == "unique_constraint" and [column.name for column in object.columns] == ["age"]:
        return False
    if type_ in ("unique_constraint", "index") and name == "uq_of_dba":
        return object.table.name != "posts"
    if type_ == "foreign_key_constraint" and reflected and compare_to is None:
        return not object.elements[0].target_fullname.startswith("users.")
    return not (type_ == "check_constraint" and name == "ck_of_dba")

with engine_from"""
"""A filter that looks at constraints, their columns and where they lead."""
BY_DBA = (
    "ALTER TABLE posts ADD CONSTRAINT ck_of_dba CHECK (price > 0)",
    "ALTER TABLE posts ADD CONSTRAINT uq_of_dba UNIQUE (price)",
    "ALTER TABLE posts ADD CONSTRAINT fk_of_dba FOREIGN KEY (id) REFERENCES users (id)",
)


def test_constraints_that_env_py_leaves_out_are_no_drift(database: TestDatabase, tmp_path: Path) -> None:
    env = ENV.replace("=metadata)", "=metadata, include_object=is_ours)").replace("with engine_from", RULES, 1)
    unique = 'metadata.tables["users"].append_constraint(sa.UniqueConstraint("age", name="uq_age"))\n'
    chain = {"a1": (None, USERS, "pass"), "b2": ("a1", POSTS, "pass")}
    app = make_app(tmp_path, url=database.url, revisions=chain, env=env, models=APP_MODELS + unique)
    app.alembic("upgrade", "head")
    app.alembic("check")
    altered = database.kind != "sqlite"
    execute(database.url, *BY_DBA if altered else ())
    found = drift(app)
    assert found.drift == () and found.ok
    left = ["constraint posts.ck_of_dba", "constraint posts.fk_of_dba", "constraint posts.uq_of_dba"]
    said = ", ".join([*left * altered, "constraint users.uq_age"])
    assert found.drift_skipped == f"what env.py leaves out of autogenerate: {said}"
    if altered:
        app.alembic("check")
        execute(database.url, "ALTER TABLE posts ADD CONSTRAINT ck_other CHECK (price > 1)")
        assert set(told(drift(app))) == {("constraint", "posts.ck_other")}


def test_what_stands_in_a_schema_that_env_py_leaves_out_is_no_drift(postgresql: TestDatabase, tmp_path: Path) -> None:
    named = (
        "include_schemas=True, include_name=lambda name, type_, parents: not (type_ == 'schema' and name == 'other')"
    )
    env = ENV.replace("=metadata)", f"=metadata, {named})")
    chain = {"a1": (None, USERS, "pass"), "b2": ("a1", POSTS, "pass")}
    app = make_app(tmp_path, url=postgresql.url, revisions=chain, env=env, models=APP_MODELS)
    app.alembic("upgrade", "head")
    execute(
        postgresql.url,
        "CREATE SCHEMA other",
        "CREATE TABLE other.theirs (id serial PRIMARY KEY)",
        "CREATE TYPE other.mood AS ENUM ('a')",
        "CREATE VIEW other.seen AS SELECT 1 AS a",
        "CREATE FUNCTION other.f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    )
    found = drift(app)
    assert found.drift == ()
    assert found.drift_skipped == "what env.py leaves out of autogenerate: schema other, table other.theirs"
    execute(postgresql.url, "CREATE TABLE mine (id serial PRIMARY KEY)")
    assert set(told(drift(app))) == {("table", "mine")}, "its sequence goes with it"
