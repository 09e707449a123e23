"""What the catalog says of tables, under the names and shapes that real databases have."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from servers import TestDatabase

import dbadmin
from dbadmin import readonly
from dbadmin.database import Database
from dbadmin.dialects import TableName, named
from dbadmin.errors import TimedOut, UnknownName
from dbadmin.results import ConstraintInfo, IndexInfo, Relation, TableDescription, TableInfo

ODD_NAMES = [
    "order",
    "Mixed Case",
    "ünï 📚",
    'say "hi"',
    "it's",
    "100%",
    "a:b",
    "a%sb",
    "back\\slash",
    "semi;colon",
]


@contextmanager
def reading(made: TestDatabase) -> Iterator[Database]:
    """The database as dbadmin reads it: read-only."""
    database = Database(sa.create_engine(made.url))
    try:
        yield database
    finally:
        database.close()
        readonly.release(named(made.kind).address.of_url(made.url))


def tables(made: TestDatabase, *, exact: bool = True) -> dict[str, TableInfo]:
    with reading(made) as database:
        found = database.run(lambda connection: database.dialect.catalog.tables(connection, exact=exact))
        counted = database.run(lambda connection: database.dialect.catalog.counts(connection, exact=exact))
    assert [(c.table, c.rows, c.exact) for c in counted] == [(t.table, t.rows, t.exact) for t in found]
    assert [table.table for table in found] == sorted(table.table for table in found)
    return {table.table: table for table in found}


def names(made: TestDatabase) -> list[str]:
    with reading(made) as database:
        return [str(name) for name in database.run(database.dialect.catalog.table_names)]


def describe(made: TestDatabase, name: str, schema: str | None = None) -> TableDescription:
    with reading(made) as database:
        return database.run(lambda connection: database.dialect.catalog.describe(connection, TableName(schema, name)))


def estimate(made: TestDatabase, name: str) -> int | None:
    with reading(made) as database:
        return database.run(lambda connection: database.dialect.catalog.estimate(connection, TableName(None, name)))


BLOG = (
    """
    CREATE TABLE authors (
        id INTEGER PRIMARY KEY,
        email VARCHAR(80) NOT NULL UNIQUE,
        name TEXT DEFAULT 'nobody'
    )
    """,
    """
    CREATE TABLE posts (
        id INTEGER PRIMARY KEY,
        author_id INTEGER NOT NULL REFERENCES authors (id) ON DELETE CASCADE,
        reply_to INTEGER REFERENCES posts (id),
        words INTEGER,
        CONSTRAINT words_positive CHECK (words > 0)
    )
    """,
    "CREATE INDEX posts_by_author ON posts (author_id, words)",
    "INSERT INTO authors (id, email) VALUES (1, 'a@b'), (2, 'c@d')",
    "INSERT INTO posts VALUES (1, 1, NULL, 5)",
)
PARTIAL = "CREATE UNIQUE INDEX posts_lower ON posts (abs(words)) WHERE words > 1"


def make_blog(database: TestDatabase) -> None:
    """Authors and posts, with a partial index where there are such."""
    database.execute(*BLOG, *([] if database.kind == "mariadb" else [PARTIAL]))


def test_tables_are_listed_with_exact_rows_columns_and_indexes(database: TestDatabase) -> None:
    make_blog(database)
    found = tables(database)
    assert list(found) == ["authors", "posts"]
    assert (found["authors"].rows, found["authors"].exact, found["authors"].columns) == (2, True, 3)
    assert (found["posts"].rows, found["posts"].columns) == (1, 4)
    # MariaDB makes an index for the foreign key reply_to; author_id has one already.
    assert found["posts"].indexes == {"sqlite": 2, "postgresql": 3, "mariadb": 3}[database.kind]
    assert (found["posts"].bytes or 0) > 0
    assert (found["posts"].index_bytes or 0) > 0


def test_tables_have_the_comments_that_the_engine_keeps(database: TestDatabase) -> None:
    make_blog(database)
    comment = {
        "postgresql": ["COMMENT ON TABLE posts IS 'what was written'"],
        "mariadb": ["ALTER TABLE posts COMMENT 'what was written'"],
    }.get(database.kind, [])
    database.execute(*comment)
    said = "what was written" if comment else None
    assert {name: t.comment for name, t in tables(database).items()} == {"authors": None, "posts": said}
    assert describe(database, "posts").comment == said


def test_rows_are_unknown_until_the_first_analyze(database: TestDatabase) -> None:
    if database.kind == "mariadb":
        pytest.skip("InnoDB estimates rows from the start")
    make_blog(database)
    assert {name: (t.rows, t.exact) for name, t in tables(database, exact=False).items()} == {
        "authors": (None, False),
        "posts": (None, False),
    }
    assert estimate(database, "authors") is None
    database.execute("ANALYZE")
    assert {name: (t.rows, t.exact) for name, t in tables(database, exact=False).items()} == {
        "authors": (2, False),
        "posts": (1, False),
    }
    assert estimate(database, "authors") == 2


def test_odd_names_are_counted_and_described(database: TestDatabase) -> None:
    quote = sa.create_engine(database.url).dialect.identifier_preparer.quote_identifier
    # Names on MySQL and MariaDB have no characters beyond the first 65,536.
    odd = [name.replace("📚", "§") for name in ODD_NAMES] if database.kind == "mariadb" else ODD_NAMES
    for number, name in enumerate(odd):
        rows = ", ".join(["(1)"] * (number + 1))
        table = quote(name).replace("%%", "%")
        raw = sa.create_engine(database.url, poolclass=sa.NullPool).raw_connection()
        cursor = raw.cursor()
        cursor.execute(f"CREATE TABLE {table} ({table} INTEGER)")
        cursor.execute(f"INSERT INTO {table} VALUES {rows}")
        raw.commit()
        raw.close()
    found = tables(database)
    assert {name: found[name].rows for name in found} == {name: i + 1 for i, name in enumerate(odd)}
    assert names(database) == sorted(odd)
    for name in odd:
        described = describe(database, name)
        assert (described.table, [column.name for column in described.columns]) == (name, [name])


def test_hundreds_of_tables_are_counted_in_one_statement(database: TestDatabase) -> None:
    statements = [f"CREATE TABLE t{number} (id INTEGER)" for number in range(300)]
    database.execute(*statements, "INSERT INTO t7 VALUES (1)")
    counting: list[str] = []
    with reading(database) as opened:
        sa.event.listen(opened.sync_engine, "before_cursor_execute", lambda c, cursor, sql, *_: counting.append(sql))
        found = opened.run(lambda connection: opened.dialect.catalog.tables(connection, exact=True))
    assert sum(table.rows or 0 for table in found) == 1
    assert len(found) == 300
    assert 1 <= sum("(SELECT count(*) FROM" in sql and "t7" in sql for sql in counting) <= 2


LOCKING = {"postgresql": "LOCK TABLE t3 IN ACCESS EXCLUSIVE MODE", "mariadb": "LOCK TABLES t3 WRITE"}


def test_a_table_that_cannot_be_counted_in_time_is_estimated(database: TestDatabase, engine_kind: str) -> None:
    if engine_kind not in LOCKING:
        pytest.skip("SQLite locks no single table")
    analyse = {"postgresql": "ANALYZE", "mariadb": "ANALYZE TABLE t3"}[engine_kind]
    database.execute(*(f"CREATE TABLE t{n} AS SELECT 1 AS a UNION ALL SELECT 2" for n in range(4)), analyse)
    url = database.url.render_as_string(hide_password=False)
    with database.connect() as other:
        other.exec_driver_sql(LOCKING[engine_kind])
        with dbadmin.connect(url=url, lock_timeout=1) as db:
            found = {one.table: (one.rows, one.exact) for one in db.answers.counts().tables}
            assert found == {**{f"t{n}": (2, True) for n in range(3)}, "t3": (2, False)}
            named = {one.table: (one.rows, one.exact) for one in db.answers.counts("t2", "t3").tables}
            assert named == {"t2": (2, True), "t3": (2, False)}
            with pytest.raises(TimedOut):  # there is no estimate of a filter's rows
                db.answers.counts("t3", where="a = 1")


def test_an_empty_database_has_no_tables(database: TestDatabase) -> None:
    database.execute("CREATE VIEW v AS SELECT 1 AS a")
    assert tables(database) == {}
    assert names(database) == []


def test_a_description_holds_keys_constraints_and_relations(database: TestDatabase) -> None:
    make_blog(database)
    posts, authors = describe(database, "posts"), describe(database, "authors")
    assert [(column.name, column.nullable, column.primary_key) for column in posts.columns] == [
        ("id", database.kind == "sqlite", True),
        ("author_id", False, False),
        ("reply_to", True, False),
        ("words", True, False),
    ]
    assert Relation("out", "authors", ("author_id",), ("id",), foreign_key(database, "author_id"), "CASCADE") in (
        posts.relations
    )
    assert Relation("in", "posts", ("author_id",), ("id",), foreign_key(database, "author_id"), "CASCADE") in (
        authors.relations
    )
    itself = [relation for relation in posts.relations if relation.table == "posts"]
    assert [(r.direction, r.columns, r.referred_columns) for r in itself] == [
        ("out", ("reply_to",), ("id",)),
        ("in", ("reply_to",), ("id",)),
    ]
    assert {constraint.kind for constraint in posts.constraints} == {"primary key", "foreign key", "check"}
    assert [c.name for c in posts.constraints if c.kind == "check"] == ["words_positive"]
    assert [c.definition for c in authors.constraints if c.kind == "unique"] == ["UNIQUE (email)"]
    by_author = next(index for index in posts.indexes if index.name == "posts_by_author")
    assert (by_author.unique, by_author.columns) == (False, ("author_id", "words"))
    if database.kind == "mariadb":
        assert by_author.definition == "KEY posts_by_author (author_id, words)"
        return
    partial = next(index for index in posts.indexes if index.name == "posts_lower")
    assert partial.unique
    assert partial.definition is not None
    assert "WHERE" in partial.definition


def foreign_key(database: TestDatabase, column: str) -> str | None:
    return {"sqlite": None, "postgresql": f"posts_{column}_fkey", "mariadb": "posts_ibfk_1"}[database.kind]


def test_types_and_defaults_are_in_the_engines_words(database: TestDatabase) -> None:
    make_blog(database)
    columns = {column.name: column for column in describe(database, "authors").columns}
    expected = {
        "sqlite": ("VARCHAR(80)", "'nobody'"),
        "postgresql": ("character varying(80)", "'nobody'::text"),
        "mariadb": ("varchar(80)", "'nobody'"),
    }
    assert (columns["email"].type, columns["name"].default) == expected[database.kind]


def test_an_unknown_table_is_named_with_its_neighbours(database: TestDatabase) -> None:
    make_blog(database)
    with pytest.raises(UnknownName, match="did you mean 'posts'"):
        describe(database, "post")
    with pytest.raises(UnknownName):
        estimate(database, "nothing")


def test_generated_and_identity_columns_and_comments(postgresql: TestDatabase) -> None:
    postgresql.execute(
        """
        CREATE TABLE t (
            a integer GENERATED ALWAYS AS IDENTITY,
            b integer GENERATED BY DEFAULT AS IDENTITY,
            c integer GENERATED ALWAYS AS (a * 2) STORED,
            d numeric(10, 2)[] DEFAULT '{}'
        )
        """,
        "COMMENT ON TABLE t IS 'all kinds'",
        "COMMENT ON COLUMN t.d IS 'prices'",
    )
    described = describe(postgresql, "t")
    assert described.comment == "all kinds"
    assert [(column.generated, column.default, column.comment) for column in described.columns] == [
        ("GENERATED ALWAYS AS IDENTITY", None, None),
        ("GENERATED BY DEFAULT AS IDENTITY", None, None),
        ("GENERATED ALWAYS AS ((a * 2)) STORED", None, None),
        (None, "'{}'::numeric[]", "prices"),
    ]
    assert described.columns[3].type == "numeric(10,2)[]"


def test_other_schemas_are_named_and_relations_cross_them(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE SCHEMA audit",
        "CREATE TABLE users (id integer PRIMARY KEY)",
        "CREATE TABLE audit.users (id integer REFERENCES public.users)",
        "INSERT INTO users VALUES (1)",
    )
    found = tables(postgresql)
    assert {name: table.rows for name, table in found.items()} == {"users": 1, "audit.users": 0}
    assert names(postgresql) == ["audit.users", "users"]
    assert [relation.table for relation in describe(postgresql, "users").relations] == ["audit.users"]
    assert describe(postgresql, "users", "audit").table == "audit.users"
    assert describe(postgresql, "users", "public").table == "users"


def test_a_partitioned_table_is_one_table_and_its_partitions_hold_the_rows(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TABLE events (id integer, day integer) PARTITION BY RANGE (day)",
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (10)",
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id)",
        "CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES FROM (1) TO (10)",
        "INSERT INTO events SELECT 1, d FROM generate_series(1, 19) AS d",
    )
    assert names(postgresql) == ["events_1", "events_2a"]
    found = tables(postgresql)
    assert (list(found), found["events"].rows) == (["events"], 19)
    assert (found["events"].bytes or 0) >= 16384
    assert estimate(postgresql, "events") is None
    postgresql.execute("ANALYZE events")
    assert estimate(postgresql, "events") == 19


def test_inherited_rows_are_not_counted_twice(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TABLE parent (id integer)",
        "CREATE TABLE child () INHERITS (parent)",
        "INSERT INTO child VALUES (1), (2)",
    )
    assert {name: table.rows for name, table in tables(postgresql).items()} == {"parent": 0, "child": 2}


def test_a_table_that_may_not_be_read_or_only_in_part_is_not_counted(postgresql: TestDatabase) -> None:
    role = f"reader_{postgresql.name}"
    postgresql.execute(
        "CREATE TABLE open (id integer)",
        "CREATE TABLE closed (id integer)",
        "CREATE TABLE filtered (id integer)",
        "ALTER TABLE filtered ENABLE ROW LEVEL SECURITY",
        "INSERT INTO filtered VALUES (1)",
        f"CREATE ROLE {role} LOGIN",
        f"GRANT SELECT ON open, filtered TO {role}",
    )
    seen = TestDatabase(postgresql.kind, postgresql.url.set(username=role), postgresql.name)
    try:
        found = tables(seen)
        assert {name: (t.rows, t.exact) for name, t in found.items()} == {
            "open": (0, True),
            "closed": (None, False),
            "filtered": (None, False),
        }
    finally:
        postgresql.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_an_older_server_answers_the_same_questions(postgresql15: TestDatabase) -> None:
    make_blog(postgresql15)
    assert {name: table.rows for name, table in tables(postgresql15).items()} == {"authors": 2, "posts": 1}
    assert len(describe(postgresql15, "posts").relations) == 3


def test_virtual_tables_stand_for_their_shadow_tables(sqlite: TestDatabase) -> None:
    sqlite.execute(
        "CREATE VIRTUAL TABLE words USING fts5(text)",
        "INSERT INTO words VALUES ('one'), ('two')",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)",
    )
    found = tables(sqlite)
    assert {name: table.rows for name, table in found.items()} == {"words": 2, "counted": 0}
    assert (found["words"].bytes or 0) > 4096
    assert found["words"].columns == 1
    assert [column.name for column in describe(sqlite, "words").columns] == ["text"]


def test_sqlite_columns_of_every_kind(sqlite: TestDatabase) -> None:
    sqlite.execute(
        "CREATE TABLE t (a TEXT, b INTEGER NOT NULL, v INTEGER GENERATED ALWAYS AS (b + 1), "
        "s TEXT AS (a || 'x') STORED, untyped, PRIMARY KEY (b, a)) WITHOUT ROWID"
    )
    described = describe(sqlite, "T")
    assert described.table == "t"
    assert [(c.name, c.type, c.generated, c.primary_key) for c in described.columns] == [
        ("a", "TEXT", None, True),
        ("b", "INTEGER", None, True),
        ("v", "INTEGER", "GENERATED ALWAYS VIRTUAL", False),
        ("s", "TEXT", "GENERATED ALWAYS STORED", False),
        ("untyped", "", None, False),
    ]
    assert described.constraints == (ConstraintInfo(None, "primary key", "PRIMARY KEY (b, a)"),)
    assert described.indexes == (IndexInfo("sqlite_autoindex_t_1", True, ("b", "a"), None),)


def test_mariadb_columns_and_constraints_of_every_kind(mariadb: TestDatabase) -> None:
    mariadb.execute(
        """
        CREATE TABLE t (
            id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'the key',
            kind ENUM('a', 'b') NOT NULL DEFAULT 'a',
            changed DATETIME NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
            twice INT AS (id * 2) VIRTUAL,
            price DECIMAL(10, 2) CHECK (price > 0),
            note TEXT,
            PRIMARY KEY (id, kind),
            UNIQUE KEY by_note (note(20), price DESC),
            FULLTEXT KEY words (note)
        ) COMMENT 'all kinds'
        """,
        "INSERT INTO t (note) VALUES ('x')",
    )
    described = describe(mariadb, "t")
    assert described.comment == "all kinds"
    assert [(c.name, c.type, c.generated, c.default, c.primary_key) for c in described.columns] == [
        ("id", "bigint(20) unsigned", "AUTO_INCREMENT", None, True),
        ("kind", "enum('a','b')", None, "'a'", True),
        ("changed", "datetime", None, "current_timestamp() ON UPDATE current_timestamp()", False),
        ("twice", "int(11)", "GENERATED ALWAYS AS (`id` * 2) VIRTUAL", None, False),
        ("price", "decimal(10,2)", None, None, False),
        ("note", "text", None, None, False),
    ]
    assert described.columns[0].comment == "the key"
    assert [(c.name, c.kind, c.definition) for c in described.constraints] == [
        ("PRIMARY", "primary key", "PRIMARY KEY (id, kind)"),
        ("by_note", "unique", "UNIQUE (note(20), price DESC)"),
        ("price", "check", "CHECK (`price` > 0)"),
    ]
    assert [index.definition for index in described.indexes] == [
        "PRIMARY KEY (id, kind)",
        "UNIQUE KEY by_note (note(20), price DESC)",
        "FULLTEXT KEY words (note)",
    ]


def test_names_that_mariadb_compares_as_equal_stay_apart(mariadb: TestDatabase) -> None:
    mariadb.execute(
        "CREATE TABLE uni (a INT)", "CREATE TABLE Uni (b INT)", "CREATE TABLE `ünï` (c INT, d INT)",
        "INSERT INTO Uni VALUES (1)",
    )  # fmt: skip
    assert {name: (t.rows, t.columns) for name, t in tables(mariadb).items()} == {
        "Uni": (1, 1), "uni": (0, 1), "ünï": (0, 2),
    }  # fmt: skip
    assert [column.name for column in describe(mariadb, "Uni").columns] == ["b"]
    assert [column.name for column in describe(mariadb, "ünï").columns] == ["c", "d"]
    with pytest.raises(UnknownName):
        describe(mariadb, "UNI")


def test_sequences_views_and_other_databases_are_no_tables(mariadb: TestDatabase) -> None:
    other = f"{mariadb.name}_other"
    mariadb.execute(
        f"CREATE DATABASE {other}",
        f"CREATE TABLE {other}.parents (id INT PRIMARY KEY)",
        "CREATE SEQUENCE numbers",
        "CREATE VIEW seen AS SELECT 1 AS one",
        f"CREATE TABLE children (id INT, FOREIGN KEY (id) REFERENCES {other}.parents (id))",
        "CREATE TABLE history (id INT) WITH SYSTEM VERSIONING",
        "CREATE TABLE parts (id INT) PARTITION BY HASH (id) PARTITIONS 3",
        "INSERT INTO parts VALUES (1), (2)",
    )
    try:
        assert names(mariadb) == ["children", "history", "parts"]
        assert tables(mariadb)["parts"].rows == 2
        assert [(r.direction, r.table) for r in describe(mariadb, "children").relations] == [
            ("out", f"{other}.parents")
        ]
        with pytest.raises(UnknownName):
            describe(mariadb, "parents", other)
        assert describe(mariadb, "parts", mariadb.name).table == "parts"
    finally:
        mariadb.execute("DROP TABLE children", f"DROP DATABASE {other}")


def test_a_table_that_a_user_of_mariadb_may_not_read_is_not_counted(mariadb: TestDatabase) -> None:
    mariadb.execute(
        "CREATE TABLE open (id INT)",
        "CREATE TABLE closed (id INT)",
        "INSERT INTO open VALUES (1)",
        "CREATE USER reader",
        f"GRANT SELECT ON {mariadb.name}.open TO reader",
        f"GRANT INSERT ON {mariadb.name}.closed TO reader",
    )
    seen = TestDatabase(mariadb.kind, mariadb.url.set(username="reader"), mariadb.name)
    try:
        found = tables(seen)
        assert {name: (t.rows, t.exact) for name, t in found.items()} == {"closed": (0, False), "open": (1, True)}
    finally:
        mariadb.execute("DROP USER reader")
