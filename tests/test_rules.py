"""Rules that an upgrade lifts: which ones are told, and that each query counts exactly the rows that break it."""

from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from servers import TestDatabase

from dbadmin.dialects import Schema, of
from dbadmin.dialects.rules import check_implies, masked
from dbadmin.rollback.relaxed import relaxed


@dataclass(frozen=True)
class Lifted:
    """Statements that make a schema, those that lift a rule of it, and rows of which `broken` break that rule."""

    name: str
    made: tuple[str, ...]
    lift: tuple[str, ...]
    rows: tuple[str, ...]
    rule: str | None
    shown: str = ""
    broken: int = 1
    only: str | None = None


PEOPLE = "CREATE TABLE people (id integer PRIMARY KEY, name varchar(5) NOT NULL, age integer, boss integer)"


def rebuilt(columns: str) -> tuple[str, ...]:
    """On every engine: the table anew, with other rules."""
    return ("DROP TABLE people", f"CREATE TABLE people ({columns})")


ANY = "id integer PRIMARY KEY, name varchar(5), age integer, boss integer"
PG, LITE, MARIA = "postgresql", "sqlite", "mariadb"
SAME = ANY.replace("(5)", "(5) NOT NULL")
LIFTED = [
    Lifted("NOT NULL", (PEOPLE,), rebuilt(ANY), ("(1, NULL, 1, 1)", "(2, 'x', 1, 1)"), "people.name", "NOT NULL"),
    Lifted("a unique constraint", (PEOPLE[:-1] + ", CONSTRAINT uq UNIQUE (name))",), rebuilt(SAME),
           ("(1, 'x', 1, 1)", "(2, 'x', 1, 1)", "(3, 'x', 1, 1)", "(4, 'y', 1, 1)"), "people.uq", "UNIQUE (name)", 2),
    Lifted("a unique constraint takes NULLs", (PEOPLE[:-1] + ", CONSTRAINT uq UNIQUE (age, boss))",),
           rebuilt(SAME),
           ("(1, 'x', NULL, 1)", "(2, 'x', NULL, 1)", "(3, 'x', 1, 1)"), "people.uq", "UNIQUE (age, boss)", 0),
    Lifted("a composite unique constraint narrows to more columns", (PEOPLE[:-1] + ", CONSTRAINT uq UNIQUE (name))",),
           rebuilt(SAME + ", CONSTRAINT uq UNIQUE (name, age)"),
           ("(1, 'x', 1, 1)", "(2, 'x', 2, 1)"), "people.uq", "UNIQUE (name)"),
    Lifted("a unique index", (PEOPLE, "CREATE UNIQUE INDEX ix ON people (name)"), ("DROP INDEX ix",),
           ("(1, 'x', 1, 1)", "(2, 'x', 2, 1)"), "people.ix", "UNIQUE (name)"),
    Lifted("a unique index of some rows, on an expression",
           (PEOPLE, "CREATE UNIQUE INDEX ix ON people (lower(name)) WHERE age > 3"), ("DROP INDEX ix",),
           ("(1, 'x', 1, 1)", "(2, 'X', 1, 1)", "(3, 'y', 9, 1)", "(4, 'Y', 9, 1)"), "people.ix", "UNIQUE (lower("),
    Lifted("a check", (PEOPLE[:-1] + ", CONSTRAINT ck CHECK (age > 0))",), rebuilt(SAME),
           ("(1, 'x', 0, 1)", "(2, 'x', 1, 1)", "(3, 'x', NULL, 1)"), "people.ck", "CHECK"),
    Lifted("a check takes more values", (PEOPLE[:-1] + ", CONSTRAINT ck CHECK (name IN ('a', 'b')))",),
           rebuilt(SAME + ", CONSTRAINT ck CHECK (name IN ('a', 'b', 'c'))"),
           ("(1, 'a', 0, 1)", "(2, 'c', 1, 1)"), "people.ck", "CHECK"),
    Lifted("a foreign key", (PEOPLE[:-1] + ", CONSTRAINT fk FOREIGN KEY (boss) REFERENCES people (id))",),
           rebuilt(SAME), ("(1, 'x', 1, 1)", "(2, 'x', 1, 7)", "(3, 'x', 1, NULL)"),
           "people.fk", "FOREIGN KEY (boss) REFERENCES"),
    Lifted("names that must be quoted", ('CREATE TABLE people (id integer PRIMARY KEY, "Order by" integer NOT NULL)',),
           ("DROP TABLE people", 'CREATE TABLE people (id integer PRIMARY KEY, "Order by" integer)'),
           ("(1, NULL)",), "people.Order by", "NOT NULL"),
    Lifted("a length", (PEOPLE,), ("ALTER TABLE people ALTER name TYPE text",),
           ("(1, 'xxxxxx', 1, 1)", "(2, 'xxxxx', 1, 1)"), "people.name",
           "type character varying(5)", only=PG),
    Lifted("an integer's width", (PEOPLE,), ("ALTER TABLE people ALTER age TYPE bigint",),
           ("(1, 'x', 2147483648, 1)", "(2, 'x', 2147483647, 1)", "(3, 'x', -2147483649, 1)"), "people.age",
           "type integer", 2, only=PG),
    Lifted("an integer becomes text", (PEOPLE,), ("ALTER TABLE people ALTER age TYPE text",),
           ("(1, 'x', 'old', 1)", "(2, 'x', ' -7', 1)"), "people.age", "type integer", only=PG),
    Lifted("digits", ("CREATE TABLE people (id integer, n numeric(4,2))",),
           ("ALTER TABLE people ALTER n TYPE numeric(9,2)",), ("(1, 99.99)", "(2, 100)", "(3, 99.994)"), "people.n",
           "type numeric(4,2)", only=PG),
    Lifted("values of an enum", ("CREATE TYPE mood AS ENUM ('a', 'b''c')", "CREATE TABLE people (id integer, m mood)"),
           ("ALTER TYPE mood ADD VALUE 'd'", "COMMIT"), ("(1, 'd')", "(2, 'b''c')", "(3, NULL)"), "people.m",
           "type public.mood with the values a, b'c", only=PG),
    Lifted("an enum becomes text", ("CREATE TYPE mood AS ENUM ('a')", "CREATE TABLE people (id integer, m mood)"),
           ("ALTER TABLE people ALTER m TYPE text",), ("(1, 'anything')", "(2, 'a')"), "people.m", "type public.mood",
           only=PG),
    Lifted("a domain's check",
           ("CREATE DOMAIN age AS integer CHECK (VALUE > 0)", "CREATE TABLE people (id integer, a age)"),
           ("ALTER DOMAIN age DROP CONSTRAINT age_check",), ("(1, 0)", "(2, 1)"), "people.a", "CHECK ((VALUE > 0))",
           only=PG),
    Lifted("NULLs are alike",
           ("CREATE TABLE people (id integer, a integer, CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a))",),
           ("ALTER TABLE people DROP CONSTRAINT u",), ("(1, NULL)", "(2, NULL)"), "people.u",
           "UNIQUE NULLS NOT DISTINCT (a)", only=PG),
    Lifted("a STRICT type", ("CREATE TABLE people (id integer, a integer) STRICT",),
           ("DROP TABLE people", "CREATE TABLE people (id integer, a any) STRICT"), ("(1, 'x')", "(2, 5)"), "people.a",
           "type INTEGER of a STRICT table", only=LITE),
    Lifted("a table in another schema", ("CREATE SCHEMA audit", "CREATE TABLE audit.people (id integer NOT NULL)"),
           ("ALTER TABLE audit.people ALTER id DROP NOT NULL",), ("(NULL)",), "audit.people.id", "NOT NULL",
           only=PG),
    Lifted("a length", (PEOPLE,), ("ALTER TABLE people MODIFY name text NOT NULL",),
           ("(1, 'xxxxxx', 1, 1)", "(2, 'xxxxx', 1, 1)"), "people.name", "type varchar(5)", only=MARIA),
    Lifted("an integer's width", (PEOPLE,), ("ALTER TABLE people MODIFY age bigint",),
           ("(1, 'x', 2147483648, 1)", "(2, 'x', 2147483647, 1)", "(3, 'x', -2147483649, 1)"), "people.age",
           "type int", 2, only=MARIA),
    Lifted("an integer without a sign", ("CREATE TABLE people (n int unsigned)",),
           ("ALTER TABLE people MODIFY n int",), ("(-1)", "(1)"), "people.n", "type int unsigned", only=MARIA),
    Lifted("digits", ("CREATE TABLE people (id integer, n numeric(4,2))",),
           ("ALTER TABLE people MODIFY n numeric(9,2)",), ("(1, 99.99)", "(2, 100)"), "people.n",
           "type decimal(4,2)", only=MARIA),
    Lifted("values of an enum", ("CREATE TABLE people (id integer, m enum('a', 'b''c'))",),
           ("ALTER TABLE people MODIFY m enum('a', 'b''c', 'd')",), ("(1, 'd')", "(2, 'b''c')", "(3, NULL)"),
           "people.m", "type enum('a','b''c')", only=MARIA),
    Lifted("a unique prefix", ("CREATE TABLE people (id integer, n varchar(9), UNIQUE u (n(2)))",),
           ("ALTER TABLE people DROP INDEX u",), ("(1, 'abc')", "(2, 'abd')"), "people.u", "UNIQUE (n(2))",
           only=MARIA),
    Lifted("a check of a column", ("CREATE TABLE people (id integer, age integer CHECK (age > 0))",),
           ("ALTER TABLE people MODIFY age integer",), ("(1, 0)", "(2, 1)"), "people.age", "CHECK (age > 0)",
           only=MARIA),
    # What only looks like a rule that was lifted.
    Lifted("a constraint under another name", (PEOPLE[:-1] + ", CONSTRAINT uq UNIQUE (name))",),
           rebuilt(SAME + ", CONSTRAINT other UNIQUE (name)"), (), None),
    Lifted("an index in place of a constraint", (PEOPLE[:-1] + ", CONSTRAINT uq UNIQUE (name))",),
           (*rebuilt(SAME), "CREATE UNIQUE INDEX ix ON people (name)"), (), None),
    Lifted("a narrower check", (PEOPLE[:-1] + ", CONSTRAINT ck CHECK (age > 0))",),
           rebuilt(SAME + ", CONSTRAINT ck CHECK (age > 17)"), (), None),
    Lifted("a check that only a wider type spells otherwise", (PEOPLE[:-1] + ", CONSTRAINT ck CHECK (name <> ''))",),
           ("ALTER TABLE people ALTER name TYPE text",), ("(1, 'xxxxxx', 1, 1)",), "people.name",
           "type character varying(5)", only=PG),
    Lifted("a shorter list", (PEOPLE[:-1] + ", CONSTRAINT ck CHECK (name IN ('a', 'b', 'c')))",),
           rebuilt(SAME + ", CONSTRAINT ck CHECK (name IN ('b', 'c'))"), (), None),
    Lifted("a dropped column", (PEOPLE,), rebuilt("id integer PRIMARY KEY, age integer, boss integer"), (), None),
    Lifted("a dropped table", (PEOPLE,), ("DROP TABLE people",), (), None),
    Lifted("a shorter type", (PEOPLE,), ("ALTER TABLE people ALTER name TYPE varchar(3)",), (), None, only=PG),
    Lifted("a fresh enum value that is renamed", ("CREATE TYPE mood AS ENUM ('a')", "CREATE TABLE people (m mood)"),
           ("ALTER TABLE people ALTER m TYPE varchar(9)", "ALTER TABLE people ALTER m TYPE mood USING m::mood"), (),
           None, only=PG),
]  # fmt: skip


ENGINES_OF = {
    "a unique index of some rows, on an expression": (LITE, PG),
    "a unique index": (LITE, PG),
    "names that must be quoted": (LITE, PG),
}
"""What MariaDB has not, or writes otherwise."""


def schema_of(database: TestDatabase) -> Schema:
    with database.connect() as connection:
        return dict(of(connection).schema.read(connection))


@pytest.mark.parametrize("case", LIFTED, ids=lambda case: case.name)
def test_a_lifted_rule_is_told_with_the_query_that_counts_who_breaks_it(
    case: Lifted, request: pytest.FixtureRequest
) -> None:
    for engine in (case.only,) if case.only else ENGINES_OF.get(case.name, (LITE, PG, MARIA)):
        database: TestDatabase = request.getfixturevalue(engine)
        database.execute(*case.made)
        strict = schema_of(database)
        for statement in case.lift:
            database.execute(statement)
        table = "audit.people" if case.rule == "audit.people.id" else "people"
        database.execute(*(f"INSERT INTO {table} VALUES {row}" for row in case.rows))
        with database.connect() as connection:
            found = relaxed(of(connection).rules, strict, schema_of(database))
            assert [rule.name for rule in found] == ([case.rule] if case.rule else []), engine
            for rule in found:
                assert case.shown in rule.shown.replace("`", "")
                assert connection.exec_driver_sql(rule.query).scalar() == case.broken, rule.query


MESSAGES = {
    "sqlite": ("table people already exists", "index ix already exists", "duplicate column name: age"),
    "mariadb": ("Table 'people' already exists", "Duplicate key name 'ix'", "Duplicate column name 'age'"),
    "postgresql": (
        'relation "people" already exists', 'relation "ix" already exists',
        'column "age" of relation "people" already exists',
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"])
def test_an_object_that_is_there_already_is_named_from_the_engine_s_own_error(
    engine: str, request: pytest.FixtureRequest
) -> None:
    database: TestDatabase = request.getfixturevalue(engine)
    database.execute(PEOPLE, "CREATE INDEX ix ON people (name)")
    twice = (PEOPLE, "CREATE INDEX ix ON people (name)", "ALTER TABLE people ADD COLUMN age integer")
    for statement, message, name in zip(twice, MESSAGES[engine], ("people", "ix", "age"), strict=True):
        with pytest.raises(sa.exc.DBAPIError) as raised:
            database.execute(statement)
        assert message in str(raised.value.orig)
        with database.connect() as connection:
            assert of(connection).rules.existing_object(str(raised.value.orig).splitlines()[0]) == name
            assert of(connection).rules.existing_object("no such table: people") is None


@given(
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.sampled_from(["<", "<=", ">", ">="]),
)
def test_a_bound_implies_another_exactly_where_no_number_says_otherwise(
    one: int, other: int, op: str, op2: str
) -> None:
    import operator

    signs: dict[str, Any] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
    tried = [n / 2 for n in range(-110, 111)]
    contradicted = any(signs[op](n, one) and not signs[op2](n, other) for n in tried)
    same_way = op[0] == op2[0]
    assert check_implies(f"x {op} {one}", f"x {op2} {other}") == (same_way and not contradicted)


@given(st.text(alphabet="a'\"() ,"))
def test_masking_keeps_every_character_in_its_place(text: str) -> None:
    assert len(masked(text)) == len(text)
