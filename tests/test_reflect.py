"""A URL without code: tables, keys and relations are read in a few queries, and light classes map them."""

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from sqlalchemy.orm import Session

import dbadmin
from dbadmin.app.reflect import classes, reflect
from dbadmin.database import Database
from dbadmin.dialects import TableName
from dbadmin.errors import UsageError
from dbadmin.state import schema


def reflected(database: TestDatabase) -> sa.MetaData:
    connected = Database(sa.create_engine(database.url))
    try:
        return connected.run(reflect)
    finally:
        connected.close()


def test_tables_keys_uniques_and_relations(database: TestDatabase) -> None:
    partial = "create unique index some_names on users (name, nick) where nick is not null"

    def spelled(sql: str) -> str:
        return sql.replace('"', "`") if database.kind == "mariadb" else sql

    database.execute(
        "create table users (id integer primary key, name varchar(50) not null unique, nick varchar(9))",
        spelled('create table "blog.posts" (id integer primary key, "Author Id" integer references users (id))'),
        "create table pairs (a integer, b integer, primary key (b, a))",
        "create unique index one_nick on users (nick)",
        *([partial] if database.kind != "mariadb" else []),
        "create view everybody as select * from users",
    )
    metadata = reflected(database)
    assert sorted(metadata.tables) == ["blog.posts", "pairs", "users"]
    users, posts, pairs = (metadata.tables[name] for name in ("users", "blog.posts", "pairs"))
    assert [c.name for c in pairs.primary_key.columns] == ["b", "a"]
    uniques = {tuple(c.columns.keys()) for c in users.constraints if isinstance(c, sa.UniqueConstraint)}
    assert uniques == {("name",), ("nick",)}, "a partial unique index makes nothing unique"
    assert [fk.target_fullname for fk in posts.c["Author Id"].foreign_keys] == ["users.id"]
    assert not users.c.name.nullable
    joined = sa.select(posts).join(users)
    assert database.rows(str(joined.compile(dialect=sa.create_engine(database.url).dialect))) == []


def test_other_schemas_are_read_too(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "create schema audit",
        "create table users (id integer primary key)",
        "create table audit.users (id integer primary key, who integer references public.users (id))",
    )
    metadata = reflected(postgresql)
    assert sorted(metadata.tables) == ["audit.users", "users"]
    assert [fk.column.table.fullname for fk in metadata.tables["audit.users"].c.who.foreign_keys] == ["users"]
    assert [c.__name__ for c in classes(metadata)] == ["AuditUsers", "UsersTable"]


def test_a_chain_of_a_thousand_relations(database: TestDatabase) -> None:
    length = 100 if database.kind == "mariadb" else 1000  # a file each, which takes its time there
    database.execute(
        "create table t0 (id integer primary key)",
        *(f"create table t{n} (id integer primary key references t{n - 1} (id))" for n in range(1, length + 1)),
    )
    metadata = reflected(database)
    assert len(metadata.tables) == length + 1
    assert len(classes(metadata)) == length + 1
    assert next(iter(metadata.tables[f"t{length}"].foreign_keys)).column.table.name == f"t{length - 1}"


def test_classes_answer_queries(database: TestDatabase) -> None:
    database.execute(
        "create table blog_posts (id integer primary key, title varchar(9))",
        "create table log (line varchar(9))",
        "insert into blog_posts values (1, 'one')",
    )
    (blog_posts,) = classes(reflected(database))
    assert blog_posts.__name__ == "BlogPosts"
    with database.connect() as connection, Session(connection) as session:
        assert session.scalars(sa.select(blog_posts)).one().title == "one"


@pytest.mark.filterwarnings("error")
def test_unknown_types_make_no_noise(postgresql: TestDatabase) -> None:
    postgresql.execute("create table places (id integer primary key, at point, span int4range)")
    assert isinstance(reflected(postgresql).tables["places"].c.at.type, sa.types.NullType)


ODD = (
    'a"b', "it's", "a`b", "50%", "%s", "%(x)s", ":x", "a\nb", " lead", "select", "a.b", "a;b", "a\\b", "f(x", "a,b",
)  # fmt: skip
"""Names that some reader of definitions takes for something else."""


@pytest.mark.usefixtures("elsewhere")
def test_tables_columns_and_references_are_found_whatever_they_are_called(database: TestDatabase) -> None:
    quote = {"mariadb": "`"}.get(database.kind, '"')

    def quoted(name: str) -> str:
        return quote + name.replace(quote, 2 * quote) + quote

    with database.connect() as connection:
        cursor = connection.connection.cursor()
        for name in ODD:
            column, child = quoted(name), quoted(f"of {name}")
            cursor.execute(f"CREATE TABLE {column} (id integer NOT NULL PRIMARY KEY, {column} varchar(9))")
            cursor.execute(f"INSERT INTO {column} VALUES (1, 'v')")
            cursor.execute(f"CREATE TABLE {child} ({child} integer, FOREIGN KEY ({child}) REFERENCES {column} (id))")
            cursor.execute(f"INSERT INTO {child} VALUES (1)")
    with dbadmin.connect(url=database.url) as db:
        for name in ODD:
            assert list(db.recent(name, order_by="id").columns) == ["id", name]
            assert list(db.group(name, by=name)[name]) == ["v"]
            assert len(db.join(f"of {name}", name)) == 1
        assert len(db.diagram().relations) == len(ODD)
        rules = db.database.run(lambda connection: db.database.dialect.rules.of(schema.read(connection)))
        keys = {rule.content for rule in rules if rule.kind == "foreign-key"}
        assert keys == {(f"of {name}", str(TableName(None, name)), "id") for name in ODD}


@pytest.mark.usefixtures("elsewhere")
def test_a_table_with_a_column_without_a_name_is_left_to_sql(sqlite: TestDatabase) -> None:
    sqlite.execute('CREATE TABLE t ("" int)', "INSERT INTO t VALUES (7)", "CREATE TABLE u (x int)")
    with dbadmin.connect(url=sqlite.url) as db:
        assert db.count("u") == 0 and len(db.diagram().tables) == 1 and len(db.counts()) == 2
        with pytest.raises(UsageError, match="a column of 't' has no name") as caught:
            db.recent("t")
        assert str(caught.value.hint) == "dbadmin sql 'SELECT * FROM t' reads it"
        assert db.sql("SELECT * FROM t").iloc[0, 0] == 7
