"""The schema map of MariaDB sees every change of an object, and nothing once the change is taken back."""

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from test_state_schema import differences, interrupted_everywhere

from dbadmin.dialects import ObjectKey, of
from dbadmin.dialects.names import split, table_of
from dbadmin.results import Phase
from dbadmin.rollback.blame import Culprit, Facet
from dbadmin.rollback.findings import schema_findings, sequence_findings
from dbadmin.state import Difference, compare, snapshot
from dbadmin.state.schema import read

SETUP = """
    CREATE TABLE plans (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20) NOT NULL UNIQUE, code char(3) DEFAULT 'x');
    CREATE TABLE users (
        id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, email varchar(100) NOT NULL COMMENT 'mail',
        age int DEFAULT 1, mood enum('sad','ok') NOT NULL DEFAULT 'ok', note text, data json,
        price decimal(10,2) DEFAULT 0, at timestamp NOT NULL DEFAULT current_timestamp ON UPDATE current_timestamp,
        seen datetime(6) DEFAULT NULL, flag boolean NOT NULL DEFAULT true, plan int, place point,
        low varchar(100) AS (lower(email)) VIRTUAL, twice int AS (age * 2) STORED,
        latin varchar(20) CHARACTER SET latin1,
        CONSTRAINT ck_age CHECK (age >= 0 AND mood <> 'none'), CHECK (age < 200),
        CONSTRAINT fk_plan FOREIGN KEY (plan) REFERENCES plans (id) ON DELETE CASCADE
    ) COMMENT 'people';
    CREATE INDEX ix_email ON users (email(10), age DESC);
    CREATE UNIQUE INDEX uq_email ON users (email);
    CREATE FULLTEXT INDEX ft_note ON users (note);
    CREATE TABLE posts (id int PRIMARY KEY, author bigint unsigned, FOREIGN KEY (author) REFERENCES users (id));
    CREATE TABLE days (id int, day date) PARTITION BY RANGE (year(day)) (
        PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE);
    CREATE TABLE kept (id int PRIMARY KEY, a int) WITH SYSTEM VERSIONING;
    CREATE VIEW adults AS SELECT id, email, '`app`.`x`' AS app FROM users WHERE age >= 18 AND mood <> 'sad';
    CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET new.age = 1;
    CREATE FUNCTION f(a int, b varchar(9)) RETURNS int DETERMINISTIC RETURN a + 1;
    CREATE PROCEDURE p(IN a int, OUT b text) SELECT a INTO b;
    CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM posts;
    CREATE SEQUENCE s START WITH 10 NOCACHE;
    INSERT INTO plans (name) VALUES ('free'); INSERT INTO users (email, place) VALUES ('a', point(1, 1))"""

# There and back: (change, what takes it back, kind and name of every object that the change alone must tell).
PAIRS: list[tuple[list[str], list[str], set[str]]] = [
    (["ALTER TABLE users ADD x int"], ["ALTER TABLE users DROP x"], {"column users.x"}),
    (["ALTER TABLE users ADD x int FIRST"], ["ALTER TABLE users DROP x"], {"column users.x"}),
    (["ALTER TABLE users MODIFY age bigint DEFAULT 1"], ["ALTER TABLE users MODIFY age int DEFAULT 1"],
     {"column users.age"}),
    (["ALTER TABLE users MODIFY age int(4) unsigned DEFAULT 1"], ["ALTER TABLE users MODIFY age INTEGER DEFAULT '1'"],
     {"column users.age"}),
    (["ALTER TABLE users MODIFY email varchar(300) NOT NULL COMMENT 'mail'"],
     ["ALTER TABLE users MODIFY email varchar(100) NOT NULL COMMENT 'mail'"], {"column users.email"}),
    (["ALTER TABLE users MODIFY email varchar(100) COMMENT 'mail'"],
     ["ALTER TABLE users MODIFY email varchar(100) NOT NULL COMMENT 'mail'"], {"column users.email"}),
    (["ALTER TABLE users MODIFY email varchar(100) NOT NULL"],
     ["ALTER TABLE users MODIFY email varchar(100) NOT NULL COMMENT 'mail'"], {"column users.email"}),
    (["ALTER TABLE users RENAME COLUMN note TO text"], ["ALTER TABLE users RENAME COLUMN text TO note"],
     {"column users.note", "column users.text", "index users.ft_note"}),
    (["ALTER TABLE users CHANGE plan plan_id int"], ["ALTER TABLE users CHANGE plan_id plan int"],
     {"column users.plan", "column users.plan_id", "constraint users.fk_plan", "index users.fk_plan"}),
    (["RENAME TABLE users TO people", "RENAME TABLE people TO users"], [], set()),
    (["RENAME TABLE posts TO articles"], ["RENAME TABLE articles TO posts"], {"table posts", "table articles"}),
    (["ALTER TABLE users ALTER age SET DEFAULT 2"], ["ALTER TABLE users ALTER age SET DEFAULT 1"],
     {"column users.age"}),
    (["ALTER TABLE users ALTER age DROP DEFAULT", "ALTER TABLE users ALTER price SET DEFAULT 1.50"],
     ["ALTER TABLE users MODIFY age int DEFAULT '1'", "ALTER TABLE users ALTER price SET DEFAULT '0'"],
     {"column users.age", "column users.price"}),
    (["ALTER TABLE users MODIFY at timestamp NOT NULL DEFAULT current_timestamp"],
     ["ALTER TABLE users MODIFY at timestamp NOT NULL DEFAULT NOW() ON UPDATE CURRENT_TIMESTAMP()"],
     {"column users.at"}),
    (["ALTER TABLE users MODIFY seen datetime"], ["ALTER TABLE users MODIFY seen datetime(6)"], {"column users.seen"}),
    (["ALTER TABLE users MODIFY mood enum('sad','ok','odd') NOT NULL DEFAULT 'ok'"],
     ["ALTER TABLE users MODIFY mood enum('sad','ok') NOT NULL DEFAULT 'ok'"], {"column users.mood"}),
    (["ALTER TABLE users MODIFY mood enum('ok','sad') NOT NULL DEFAULT 'ok'"],
     ["ALTER TABLE users MODIFY mood enum('sad','ok') NOT NULL DEFAULT 'ok'"], {"column users.mood"}),
    (["ALTER TABLE users MODIFY latin varchar(20) CHARACTER SET utf8mb4"],
     ["ALTER TABLE users MODIFY latin varchar(20) CHARACTER SET latin1"], {"column users.latin"}),
    (["ALTER TABLE users MODIFY latin varchar(20) CHARACTER SET latin1 COLLATE latin1_bin"],
     ["ALTER TABLE users MODIFY latin varchar(20) CHARACTER SET latin1"], {"column users.latin"}),
    (["ALTER TABLE plans CONVERT TO CHARACTER SET utf8"], ["ALTER TABLE plans CONVERT TO CHARACTER SET utf8mb4"],
     {"table plans", "column plans.name", "column plans.code"}),
    (["ALTER TABLE users MODIFY data longtext"], ["ALTER TABLE users MODIFY data JSON"], {"column users.data"}),
    (["ALTER TABLE users MODIFY flag tinyint(4) NOT NULL DEFAULT 1"],
     ["ALTER TABLE users MODIFY flag BOOL NOT NULL DEFAULT 1"], {"column users.flag"}),
    (["ALTER TABLE users MODIFY note text INVISIBLE"], ["ALTER TABLE users MODIFY note text"], {"column users.note"}),
    (["ALTER TABLE users DROP INDEX ft_note", "ALTER TABLE users MODIFY note text COMPRESSED"],
     ["ALTER TABLE users MODIFY note text", "ALTER TABLE users ADD FULLTEXT ft_note (note)"],
     {"column users.note", "index users.ft_note"}),
    (["ALTER TABLE users MODIFY place point REF_SYSTEM_ID=4326"], ["ALTER TABLE users MODIFY place point"],
     {"column users.place"}),
    (["ALTER TABLE users MODIFY low varchar(100) AS (upper(email)) VIRTUAL"],
     ["ALTER TABLE users MODIFY low varchar(100) GENERATED ALWAYS AS (LOWER(`email`)) VIRTUAL"], {"column users.low"}),
    (["ALTER TABLE users DROP twice"], ["ALTER TABLE users ADD twice int AS (age*2) STORED AFTER low"],
     {"column users.twice"}),
    (["ALTER TABLE users MODIFY note text AFTER id"], ["ALTER TABLE users MODIFY note text AFTER mood"],
     {"column-order users"}),
    (["ALTER TABLE users MODIFY id bigint unsigned NOT NULL"],
     ["ALTER TABLE users MODIFY id bigint unsigned NOT NULL AUTO_INCREMENT"],
     {"column users.id", "sequence-position users"}),
    (["DROP INDEX ix_email ON users"], ["CREATE INDEX ix_email ON users (email(10) ASC, age DESC) USING BTREE"],
     {"index users.ix_email"}),
    (["DROP INDEX ix_email ON users", "CREATE INDEX ix_email ON users (email, age)"],
     ["DROP INDEX ix_email ON users", "CREATE INDEX ix_email ON users (email(10), age DESC)"],
     {"index users.ix_email"}),
    (["ALTER TABLE users ALTER INDEX ix_email IGNORED"], ["ALTER TABLE users ALTER INDEX ix_email NOT IGNORED"],
     {"index users.ix_email"}),
    (["ALTER TABLE users RENAME INDEX ix_email TO ix"], ["ALTER TABLE users RENAME INDEX ix TO ix_email"],
     {"index users.ix_email", "index users.ix"}),
    (["DROP INDEX ft_note ON users"], ["ALTER TABLE users ADD FULLTEXT ft_note (note)"], {"index users.ft_note"}),
    (["ALTER TABLE users DROP INDEX uq_email", "CREATE INDEX uq_email ON users (email)"],
     ["ALTER TABLE users DROP INDEX uq_email", "ALTER TABLE users ADD CONSTRAINT uq_email UNIQUE (email)"],
     {"constraint users.uq_email", "index users.uq_email"}),
    (["ALTER TABLE plans DROP INDEX name"], ["ALTER TABLE plans ADD UNIQUE (name)"],
     {"constraint plans.UNIQUE (`name`)"}),
    (["ALTER TABLE users DROP FOREIGN KEY fk_plan"],
     ["ALTER TABLE users ADD CONSTRAINT fk_plan FOREIGN KEY (plan) REFERENCES plans (id) ON DELETE CASCADE"],
     {"constraint users.fk_plan"}),
    (["ALTER TABLE users DROP FOREIGN KEY fk_plan",
      "ALTER TABLE users ADD CONSTRAINT fk_plan FOREIGN KEY (plan) REFERENCES plans (id) ON DELETE SET NULL"],
     ["ALTER TABLE users DROP FOREIGN KEY fk_plan",
      ("ALTER TABLE users ADD CONSTRAINT fk_plan FOREIGN KEY (plan) REFERENCES plans (id) ON DELETE CASCADE"
      " ON UPDATE RESTRICT")], {"constraint users.fk_plan"}),
    (["ALTER TABLE posts DROP FOREIGN KEY posts_ibfk_1"],
     ["ALTER TABLE posts ADD FOREIGN KEY (author) REFERENCES users (id) ON DELETE NO ACTION"],
     {"constraint posts.FOREIGN KEY (`author`) REFERENCES `users` (`id`)"}),
    (["ALTER TABLE users DROP CONSTRAINT ck_age"],
     ["ALTER TABLE users ADD CONSTRAINT ck_age CHECK ((`age`>=0) AND (mood!='none'))"], {"constraint users.ck_age"}),
    (["ALTER TABLE users DROP CONSTRAINT CONSTRAINT_1"], ["ALTER TABLE users ADD CHECK (age < 200)"],
     {"constraint users.CHECK (`age` < 200)"}),
    (["ALTER TABLE users MODIFY age int DEFAULT 1 CHECK (age < 99)"], ["ALTER TABLE users MODIFY age int DEFAULT 1"],
     {"column users.age"}),
    (["ALTER TABLE users COMMENT 'folk'"], ["ALTER TABLE users COMMENT 'people'"], {"table users"}),
    (["ALTER TABLE days ENGINE=Aria"], ["ALTER TABLE days ENGINE=InnoDB"], {"table days"}),
    (["ALTER TABLE plans ROW_FORMAT=COMPRESSED"], ["ALTER TABLE plans ROW_FORMAT=DYNAMIC"], {"table plans"}),
    (["ALTER TABLE plans DEFAULT CHARACTER SET latin1"], ["ALTER TABLE plans DEFAULT CHARACTER SET utf8mb4"],
     {"table plans"}),
    (["ALTER TABLE plans STATS_PERSISTENT=1"], ["ALTER TABLE plans STATS_PERSISTENT=DEFAULT"], {"table plans"}),
    (["ALTER TABLE days DROP PARTITION p0"],
     [("ALTER TABLE days REORGANIZE PARTITION p1 INTO (PARTITION p0 VALUES LESS THAN (2000),"
      " PARTITION p1 VALUES LESS THAN MAXVALUE)")], {"table days"}),
    (["ALTER TABLE days REMOVE PARTITIONING"],
     [("ALTER TABLE days PARTITION BY RANGE (YEAR(`day`)) (PARTITION p0 VALUES LESS THAN (2000),"
      " PARTITION p1 VALUES LESS THAN (MAXVALUE))")], {"table days"}),
    (["ALTER TABLE kept DROP SYSTEM VERSIONING"], ["ALTER TABLE kept ADD SYSTEM VERSIONING"], {"table kept"}),
    (["SET system_versioning_alter_history = KEEP", "ALTER TABLE kept MODIFY a int WITHOUT SYSTEM VERSIONING"],
     ["SET system_versioning_alter_history = KEEP", "ALTER TABLE kept MODIFY a int WITH SYSTEM VERSIONING"],
     {"column kept.a"}),
    (["DROP VIEW adults"],
     [("CREATE VIEW adults AS SELECT users.id, users.email, '`app`.`x`' app FROM users WHERE users.age>=18"
      " AND mood<>'sad'")], {"view adults"}),
    (["CREATE OR REPLACE SQL SECURITY INVOKER VIEW adults AS SELECT id, email, '`app`.`x`' AS app FROM users"],
     [("ALTER SQL SECURITY DEFINER VIEW adults AS SELECT id, email, '`app`.`x`' AS app FROM users WHERE age >= 18"
      " AND mood <> 'sad'")],
     {"view adults"}),
    (["DROP TRIGGER tr"], ["CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET new.age = 1"],
     {"trigger users.tr"}),
    (["CREATE TRIGGER tr2 BEFORE INSERT ON users FOR EACH ROW PRECEDES tr SET new.age = 2"], ["DROP TRIGGER tr2"],
     {"trigger users.tr", "trigger users.tr2"}),
    (["SET sql_mode = ''", "CREATE OR REPLACE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET new.age = 1"],
     ["CREATE OR REPLACE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET new.age = 1"], {"trigger users.tr"}),
    (["DROP FUNCTION f"], ["CREATE FUNCTION f(a int, b varchar(9)) RETURNS int DETERMINISTIC RETURN a + 1"],
     {"function f"}),
    (["CREATE OR REPLACE FUNCTION f(a int, b varchar(8)) RETURNS int DETERMINISTIC RETURN a + 1"],
     ["CREATE OR REPLACE FUNCTION f(a int, b varchar(9)) RETURNS int DETERMINISTIC RETURN a + 1"], {"function f"}),
    (["ALTER PROCEDURE p SQL SECURITY INVOKER"], ["ALTER PROCEDURE p SQL SECURITY DEFINER"], {"procedure p"}),
    (["DROP EVENT e"], ["CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM posts"], {"event e"}),
    (["ALTER EVENT e DISABLE"], ["ALTER EVENT e ENABLE"], {"event e"}),
    (["ALTER SEQUENCE s INCREMENT BY 2"], ["ALTER SEQUENCE s INCREMENT BY 1"], {"sequence s"}),
    (["DROP SEQUENCE s"], ["CREATE SEQUENCE s START WITH 10 NOCACHE"], {"sequence s"}),
    (["DROP TABLE posts"],
     [("CREATE TABLE posts (id int NOT NULL, author bigint unsigned DEFAULT NULL, PRIMARY KEY (id), KEY (author),"
      " FOREIGN KEY (author) REFERENCES users (id))")], {"table posts"}),
    (["GRANT SELECT ON plans TO reader"], ["REVOKE SELECT ON plans FROM reader"], {"grant plans.'reader'@'%'"}),
    (["GRANT UPDATE (name) ON plans TO reader"], ["REVOKE UPDATE (name) ON plans FROM reader"],
     {"column-grant plans.name.'reader'@'%'"}),
    (["GRANT EXECUTE ON FUNCTION f TO reader"], ["REVOKE EXECUTE ON FUNCTION f FROM reader"],
     {"function-grant f.'reader'@'%'"}),
    (["CREATE USER other"], ["DROP USER other"], {"user 'other'@'%'"}),
    (["CREATE TABLE _alembic_tmp (id int)"], ["DROP TABLE _alembic_tmp"], {"table _alembic_tmp"}),
]  # fmt: skip


@pytest.fixture
def filled(mariadb: TestDatabase) -> TestDatabase:
    """A database with every kind of object."""
    mariadb.execute(
        *(statement for statement in SETUP.split(";") if statement.strip()), "CREATE OR REPLACE USER reader"
    )
    return mariadb


def told(found: tuple[Difference, ...]) -> set[str]:
    return {f"{d.key.kind} {'.'.join(split(d.key.name))}" for d in found if d.key}


def test_every_change_is_seen_and_nothing_after_it_is_taken_back(filled: TestDatabase) -> None:
    with filled.connect() as connection:
        before = snapshot(connection, data=False)
        for there, back, expected in PAIRS:
            connection.exec_driver_sql("SET sql_mode = DEFAULT")
            for statement in there:
                connection.exec_driver_sql(statement)
            assert told(compare(before, snapshot(connection, data=False))) == expected, there
            connection.exec_driver_sql("SET sql_mode = DEFAULT")
            for statement in back:
                connection.exec_driver_sql(statement)
            assert compare(before, snapshot(connection, data=False)) == (), (there, back)
    print(f"mariadb: {len(PAIRS)} changes seen, and none after they were taken back")


def test_ctrl_c_at_any_statement_is_told_as_such(filled: TestDatabase) -> None:
    assert interrupted_everywhere(filled) >= 20


def test_the_map_is_read_in_a_fixed_number_of_queries(filled: TestDatabase) -> None:
    def queries() -> int:
        engine = sa.create_engine(filled.url, poolclass=sa.NullPool)
        asked: list[str] = []
        sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        with engine.connect() as connection:
            read(connection)
        engine.dispose()
        return len(asked)

    few = queries()
    filled.execute(*(f"CREATE TABLE more{i} (id int PRIMARY KEY, a int, KEY ix (a))" for i in range(30)))
    assert queries() == few < 30


def test_nothing_in_the_map_names_the_database(filled: TestDatabase) -> None:
    with filled.connect() as connection:
        schema = read(connection)
    assert not [text for text in schema.values() if filled.name in text]
    assert {key.kind for key in schema} >= {
        "table", "column", "column-order", "constraint", "constraint-name", "index", "view", "trigger", "function",
        "procedure", "event", "sequence", "sequence-position", "database-setting", "user",
    }  # fmt: skip


def test_names_that_the_server_made_are_no_names_of_objects(filled: TestDatabase) -> None:
    """A note, unless a revision refers to the name that is not there any more."""
    filled.execute("CREATE TABLE a (id int, FOREIGN KEY (id) REFERENCES plans (id))")
    with filled.connect() as connection:
        found = differences(
            connection,
            lambda: [connection.exec_driver_sql(s) for s in (
                "ALTER TABLE a DROP FOREIGN KEY a_ibfk_1",
                "ALTER TABLE a ADD CONSTRAINT a_ibfk_2 FOREIGN KEY (id) REFERENCES plans (id)",
                "ALTER TABLE users DROP CONSTRAINT CONSTRAINT_1",
                "ALTER TABLE users ADD CONSTRAINT ck_young CHECK (age < 200)",
            )] and None,
        )  # fmt: skip
    assert {(d.key.kind, d.before, d.after) for d in found if d.key} == {
        ("constraint-name", "a_ibfk_1", "a_ibfk_2"),
        ("constraint-name", "id", "a_ibfk_2"),  # the index that the foreign key brings along
        ("constraint-name", "CONSTRAINT_1", "ck_young"),
    }
    assert {(f.code, f.severity) for f in schema_findings(found, nobody, {})} == {("name-changed", "note")}


def nobody(_facet: Facet) -> Culprit:
    phase: Phase = "downgrade"
    return Culprit("d1", phase)


@pytest.mark.parametrize(
    ("statement", "severity"),
    [
        ("INSERT INTO plans (name) VALUES ('new')", "note"),
        ("SELECT nextval(s)", "note"),
        ("SELECT setval(s, 500)", "note"),
        ("TRUNCATE plans", "error"),
        ("ALTER SEQUENCE s RESTART 10", "error"),
    ],
)
def test_a_sequence_ahead_is_a_note_and_one_behind_an_error(
    filled: TestDatabase, statement: str, severity: str
) -> None:
    filled.execute(
        "ALTER TABLE users DROP FOREIGN KEY fk_plan", "INSERT INTO plans (name) VALUES ('a')", "SELECT nextval(s)"
    )
    with filled.connect() as connection:
        before = snapshot(connection, data=False)
        connection.exec_driver_sql(statement).close()
        after = snapshot(connection, data=False)
    found = sequence_findings(compare(before, after), nobody, {}, after.schema)
    assert [(f.code, f.severity) for f in found] == [("sequence-changed", severity)]


def test_a_sequence_that_runs_downward_is_ahead_below(mariadb: TestDatabase) -> None:
    mariadb.execute("CREATE SEQUENCE s START WITH 10 INCREMENT BY -1 NOCACHE MAXVALUE 10 MINVALUE -10")
    with mariadb.connect() as connection:
        before = snapshot(connection, data=False)
        connection.exec_driver_sql("SELECT nextval(s)").close()
        after = snapshot(connection, data=False)
    assert [f.severity for f in sequence_findings(compare(before, after), nobody, {}, after.schema)] == ["note"]


def test_whoever_makes_a_view_anew_becomes_its_definer_which_is_no_difference(filled: TestDatabase) -> None:
    filled.execute("CREATE OR REPLACE USER owner", "CREATE OR REPLACE DEFINER=owner VIEW v AS SELECT 1 AS a")
    with filled.connect() as connection:
        again = "CREATE OR REPLACE VIEW v AS SELECT {} AS a"
        assert differences(connection, lambda: connection.exec_driver_sql(again.format(1)) and None) == ()
        connection.exec_driver_sql("CREATE OR REPLACE DEFINER=reader VIEW v AS SELECT 1 AS a")
        other = "CREATE OR REPLACE DEFINER=owner VIEW v AS SELECT 1 AS a"
        found = differences(connection, lambda: connection.exec_driver_sql(other) and None)
        assert told(found) == {"view v"}
        assert told(differences(connection, lambda: connection.exec_driver_sql(again.format(2)) and None)) == {"view v"}


def test_objects_of_tables_lead_to_their_tables(filled: TestDatabase) -> None:
    filled.execute("CREATE TABLE `a.b` (`c d` int CHECK (`c d` > 0), UNIQUE (`c d`))")
    with filled.connect() as connection:
        schema = read(connection)
    mine = {key for key in schema if (table := table_of(key)) is not None and table.name == "a.b"}
    assert {key.kind for key in mine} == {"table", "column", "column-order", "constraint", "constraint-name"}
    assert schema[ObjectKey("column", '"a.b".c d')] == "int CHECK (`c d` > 0)"


def test_the_session_is_the_same_after_reading_the_schema(filled: TestDatabase) -> None:
    with filled.connect() as connection:
        mode = connection.exec_driver_sql("SELECT @@sql_mode, @@time_zone").one()
        of(connection).schema.canonical(connection, {ObjectKey("view", "v"): ("DEFINER=a@b", "DEFINER=c@d")})
        read(connection)
        assert connection.exec_driver_sql("SELECT @@sql_mode, @@time_zone").one() == mode
