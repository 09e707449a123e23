"""Fingerprints see every change of a value and nothing else; row by row says which rows and columns changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations_with_replacement, product

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import TestDatabase
from sqlalchemy.ext.asyncio import create_async_engine

from dbadmin.dialects import TableData, TableName, of
from dbadmin.state import data, snapshot

T = TableName(None, "t")
SELF_COMMITTING = ("mysql", "mariadb")
"""Engines whose DDL ends the transaction."""

# Values of one type that SQL, a hash or a client might take for one another.
VALUES: dict[str, dict[str, list[str]]] = {
    "sqlite": {
        "": ["NULL", "1", "1.0", "'1'", "x'31'", "0", "0.0", "(-1e-200 * 1e-200)", "''", "x''"],
        " /* text */": ["NULL", "'a'", "'a' || char(0)", "'a' || char(0) || 'b'", "x'61'", "'A'", "'a '",
                        "'\u00e9'", "'e\u0301'", "CAST(x'ff' AS TEXT)", "CAST(x'fe' AS TEXT)"],
        " /* numbers */": ["NULL", "9007199254740993", "9007199254740992", "9007199254740992.0",
                           "9223372036854775807", "-1", "4294967295", "9e999", "-9e999", "0.1", "0.1 + 1e-17 * 2"],
        "REAL": ["NULL", "1", "0.0", "-1", "1.5"],
        "TEXT COLLATE NOCASE": ["NULL", "'a'", "'A'", "''", "' '"],
    },
    "postgresql": {
        "smallint": ["NULL", "0", "1", "-1", "32767", "-32768"],
        "integer": ["NULL", "0", "1", "-1", "2147483647", "-2147483648"],
        "bigint": ["NULL", "0", "1", "-1", "4294967296", "4294967295", "-4294967297", "8589934591"],
        "numeric": ["NULL", "0", "0.0", "1", "-1", "1.0", "1.00", "'NaN'", "'Infinity'", "'-Infinity'", "10"],
        "real": ["NULL", "0", "'-0'", "1", "-1", "'NaN'", "'Infinity'", "1.0000001"],
        "double precision": ["NULL", "0", "'-0'", "1", "-1", "'NaN'", "'Infinity'", "0.3", "0.1::float8 + 0.2::float8"],
        "text": ["NULL", "''", "' '", "'a'", "'A'", "'a '", "'\u00e9'", "'e\u0301'", "repeat('x', 9000)"],
        "varchar(20)": ["NULL", "''", "'a'", "'a '", "'1'", "'01'"],
        "char(3)": ["NULL", "''", "'a'", "'b'"],
        "boolean": ["NULL", "true", "false"],
        "bytea": ["NULL", "''", "'\\x00'", "'\\x0000'", "'\\x01'"],
        "date": ["NULL", "'2020-01-01'", "'2020-01-02'", "'infinity'", "'-infinity'", "'4713-01-01 BC'"],
        "time": ["NULL", "'00:00'", "'24:00'", "'00:00:00.000001'", "'01:11:34.967296'"],
        "timetz": ["NULL", "'12:00+00'", "'13:00+01'", "'12:00+01'"],
        "timestamp": ["NULL", "'2000-01-01 00:00:00.000001'", "'2000-01-01 01:11:34.967297'", "'infinity'"],
        "timestamptz": ["NULL", "'2000-01-01 00:00:00.000001+00'", "'2000-01-01 01:11:34.967297+00'", "'-infinity'"],
        "interval": ["NULL", "'1 day'", "'24:00'", "'1 mon'", "'30 days'", "'00:00'"],
        "uuid": ["NULL", "'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000001'"],
        "json": ["NULL", "'null'", "'{}'", "'[]'", "'1.0'", "'1.00'",
                 "'{\"a\": 1, \"b\": 2}'", "'{\"b\": 2, \"a\": 1}'"],
        "jsonb": ["NULL", "'null'", "'{}'", "'[]'", "'1.0'", "'1.00'", "'\"1\"'", "'[[]]'"],
        "integer[]": ["NULL", "'{}'", "'{1}'", "'[0:0]={1}'", "'{NULL}'", "'{{1}}'", "'{1,2}'", "'{2,1}'"],
        "text[]": ["NULL", "'{}'", "'{\"\"}'", "'{NULL}'", "'{\"NULL\"}'", "'{a,b}'", "'{\"a,b\"}'"],
        "mood[]": ["NULL", "'{}'", "'{sad}'", "'{ok}'", "'{NULL}'"],
        "inet": ["NULL", "'10.0.0.1'", "'10.0.0.1/24'", "'::1'", "'10.0.0.2'"],
        "bit varying": ["NULL", "''", "B'0'", "B'00'", "B'1'"],
        "money": ["NULL", "'1.00'", "'-1.00'", "'0'"],
        "mood": ["NULL", "'sad'", "'ok'"],
        "even": ["NULL", "0", "2", "-2"],
        "pair": ["NULL", "'(,)'", "'(1,)'", "'(,1)'", "'(,\"\")'"],
        "int4range": ["NULL", "'empty'", "'[1,2)'", "'[1,3)'", "'(,)'"],
        "nummultirange": ["NULL", "'{}'", "'{[1,2)}'", "'{[1.0,2)}'"],
        "tsvector": ["NULL", "''", "'a'", "'a:1'", "'a b'"],
        "xml": ["NULL", "'<a/>'", "'<a></a>'", "'<b/>'"],
        "point": ["NULL", "'(0,0)'", "'(-0,0)'", "'(0,1)'"],
        "oid": ["NULL", "0", "1", "4294967295"],
        "citext": ["NULL", "'a'", "'A'", "''"],
        "hstore": ["NULL", "''", "'a=>1'", "'a=>NULL'", "'a=>\"\"'"],
    },
    "mariadb": {
        "tinyint": ["NULL", "0", "1", "-1", "127", "-128"],
        "boolean": ["NULL", "0", "1", "2"],
        "int": ["NULL", "0", "1", "-1", "2147483647", "-2147483648"],
        "int(5) unsigned zerofill": ["NULL", "0", "1", "4294967295", "99999"],
        "bigint": ["NULL", "0", "1", "-1", "4294967296", "4294967297", "-9223372036854775808"],
        "bigint unsigned": ["NULL", "0", "1", "18446744073709551615", "9223372036854775808", "4294967296"],
        "decimal(20,6)": ["NULL", "0", "0.000001", "-0.000001", "1", "-1", "99999999999999.999999"],
        "decimal(65,30)": ["NULL", "0", "1e-30", "-1e-30", "12345678901234567890123456789012345"],
        "float": ["NULL", "0", "-1e-30 * 1e-30", "0.1", "0.1000001", "16777216", "16777218", "1e-45"],
        "double": ["NULL", "0", "0.1", "0.3", "0.1e0 + 0.2e0", "5e-324", "1e308", "-1"],
        "double(20,4)": ["NULL", "0", "-0.0001", "0.0001", "1234567890123456"],
        "bit(1)": ["NULL", "0", "1"],
        "bit(64)": ["NULL", "0", "1", "256", "18446744073709551615"],
        "char(5)": ["NULL", "''", "'a'", "'A'", "'\u00e9'", "'NULL'", "' a'"],
        "varchar(20)": ["NULL", "''", "' '", "'a'", "'a '", "'a  '", "'A'", "'\u00e9'", "'e\u0301'", "'NULL'"],
        "varchar(21) collate utf8mb4_nopad_bin": ["NULL", "''", "' '", "'a'", "'a '", "'A'", "char(0)"],
        "varchar(22)": ["NULL", "'\U0001f600'", "'\U0001f601'", "'?'", "'1.0'", "'1.00'", "'01'", "'1'"],
        "varchar(20) character set latin1": ["NULL", "''", "'\u00e9'", "'\u00e8'", "'e'", "'E'", "'\u20ac'"],
        "varchar(20) character set ucs2": ["NULL", "''", "'\u00e9'", "'\u4e00'", "'a'", "'a '"],
        "varchar(20) character set sjis": ["NULL", "''", "'\u3042'", "'\u30a2'", "'a'"],
        "text": ["NULL", "''", "'a'", "'a '", "'A'", "repeat('x', 60000)", "concat(repeat('x', 59999), 'y')"],
        "longtext": ["NULL", "''", "'a\\0'", "'a\\0b'", "'a'", "'a\\nb'"],
        "text compressed": ["NULL", "''", "repeat('x', 9000)", "repeat('x', 9001)"],
        "binary(3)": ["NULL", "x''", "x'61'", "x'6120'", "x'610020'", "x'ff'"],
        "varbinary(20)": ["NULL", "x''", "x'00'", "x'0000'", "x'61'", "x'41'", "x'6120'"],
        "blob": ["NULL", "x''", "x'00'", "x'6100'", "x'610062'", "x'ff'", "x'fe'"],
        "date": ["NULL", "'2020-01-01'", "'2020-01-02'", "'0000-00-00'", "'2020-00-00'", "'9999-12-31'"],
        "datetime": ["NULL", "'2020-01-01'", "'2020-01-01 00:00:01'", "'0000-00-00'", "'2020-03-29 02:30:00'"],
        "datetime(6)": ["NULL", "'2020-01-01'", "'2020-01-01 00:00:00.000001'", "'2020-01-01 00:00:00.1'"],
        "timestamp NULL": ["NULL", "'2020-03-29 01:30:00'", "'2020-03-29 03:30:00'", "'0000-00-00'"],
        "timestamp(6) NULL": ["NULL", "'2020-01-01 00:00:00.000001'", "'2020-01-01'", "0"],
        "time": ["NULL", "'00:00:00'", "'00:00:01'", "'-00:00:01'", "'838:59:59'", "'-838:59:59'"],
        "time(6)": ["NULL", "'00:00:00.000001'", "'-00:00:00.000001'", "'00:00:00'", "'00:00:00.1'"],
        "year": ["NULL", "0", "2000", "1901", "2155"],
        "enum('a','b','NULL')": ["NULL", "'a'", "'b'", "'other'", "'NULL'"],
        "enum('','a')": ["NULL", "''", "0", "'a'"],
        "set('a','b','c')": ["NULL", "''", "'a'", "'a,b'", "'c'", "'a,b,c'"],
        "set('','a')": ["NULL", "0", "1", "2", "3"],
        "json": ["NULL", "'null'", "'{}'", "'[]'", "'1.0'", "'1.00'", "'{\"a\": 1}'", "'{\"a\":1}'"],
        "geometry": ["NULL", "point(0, 0)", "point(0, 1)", "st_geomfromtext('POINT(-0 0)')",
                     "st_geomfromtext('POINT(0 0)', 4326)", "st_geomfromtext('LINESTRING(0 0, 0 1)')"],
        "inet6": ["NULL", "'::'", "'::1'", "'::ffff:1.2.3.4'", "'1::'"],
        "inet4": ["NULL", "'0.0.0.0'", "'1.2.3.4'", "'4.3.2.1'"],
        "uuid": ["NULL", "'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000001'"],
    },
}  # fmt: skip
PREPARE: dict[str, list[str]] = {
    "sqlite": [],
    "postgresql": [
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN even AS bigint CHECK (VALUE / 2 * 2 = VALUE)",
        "CREATE TYPE pair AS (a integer, b text)",
        "CREATE EXTENSION citext",
        "CREATE EXTENSION hstore",
    ],
    "mariadb": [],
}


def prepared(database: TestDatabase) -> None:
    database.execute(*PREPARE[database.kind])


def looked(connection: sa.Connection, table: TableName = T) -> TableData:
    found = data.read(connection, [table])[table]
    assert found.unreadable is None
    return found


def can_write(connection: sa.Connection, type_: str, value: str) -> bool:
    """Whether this build of the server has the type at all (xml may be missing)."""
    if connection.dialect.name in SELF_COMMITTING:
        try:
            connection.exec_driver_sql(f"CREATE OR REPLACE TABLE tried (c {type_})")
        except sa.exc.DBAPIError:
            return False
        return True
    with connection.begin_nested() as nested:
        try:
            connection.exec_driver_sql(f"CREATE TABLE tried (c {type_})")
            connection.exec_driver_sql(f"INSERT INTO tried VALUES ({value})")
        except sa.exc.DBAPIError:
            return False
        finally:
            nested.rollback()
    return True


def states(
    connection: sa.Connection, type_: str, key: str, chosen: "Iterator[tuple[str, ...]]"
) -> dict[tuple[str, ...], TableData]:
    """The fingerprint of every state: rows 0, 1, … hold these values."""
    if connection.dialect.name in SELF_COMMITTING:
        return rewritten(connection, type_, key, chosen)
    nested = connection.begin_nested()
    tables = {}
    for number, state in enumerate(chosen):
        rows = ", ".join(f"({i if key else 7}, {value})" for i, value in enumerate(state))
        connection.exec_driver_sql(f"CREATE TABLE s{number} (id integer {key}, c {type_})")
        connection.exec_driver_sql(f"INSERT INTO s{number} VALUES {rows}")
        tables[state] = TableName(None, f"s{number}")
    found = data.read(connection, tables.values())
    nested.rollback()
    return {state: found[name] for state, name in tables.items()}


def rewritten(
    connection: sa.Connection, type_: str, key: str, chosen: "Iterator[tuple[str, ...]]"
) -> dict[tuple[str, ...], TableData]:
    """The same with one table, where every CREATE TABLE would be a transaction of its own."""
    connection.exec_driver_sql("SET sql_mode = ''")  # so that it takes zero dates and what is no member of an ENUM
    connection.exec_driver_sql(f"CREATE OR REPLACE TABLE s (id integer {key}, c {type_})")
    found = {}
    for state in chosen:
        connection.exec_driver_sql("DELETE FROM s")
        rows = ", ".join(f"({i if key else 7}, {value})" for i, value in enumerate(state))
        connection.execute(sa.text(f"INSERT INTO s VALUES {rows}".replace(":", "\\:")))
        found[state] = looked(connection, TableName(None, "s"))
    return found


def distinct(found: dict[tuple[str, ...], TableData]) -> int:
    return len({(d.rows, d.row, d.columns["c"].values, d.columns["c"].nulls) for d in found.values()})


@contextmanager
def as_plain_role(database: TestDatabase) -> Iterator[sa.Connection]:
    """A connection of a role that is no superuser: where there are no roles, an ordinary one."""
    if database.kind != "postgresql":
        with database.connect() as connection:
            yield connection
        return
    database.execute(
        "DO $$ BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        "GRANT ALL ON SCHEMA public TO plain",
    )
    engine = sa.create_engine(database.url.set(username="plain"), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
    database.execute("DROP OWNED BY plain")


@pytest.mark.parametrize("who", ["superuser", "plain role"])
def test_every_state_of_two_rows_has_its_own_fingerprint(database: TestDatabase, who: str) -> None:
    if who != "superuser" and database.kind == "mariadb":
        pytest.skip("one way to hash, whoever asks")
    prepared(database)
    seen = total = 0
    opened = database.connect() if who == "superuser" else as_plain_role(database)
    with opened as connection:
        for type_, values in VALUES[database.kind].items():
            if not can_write(connection, type_, values[1]):
                continue
            found = states(connection, type_, "PRIMARY KEY", product(values, repeat=2))
            assert distinct(found) == len(found), type_
            seen, total = seen + distinct(found), total + len(found)
    print(f"{database.kind}, {who}: {seen} of {total} states told apart")
    assert total > 300


def test_without_a_key_every_collection_of_rows_has_its_own_fingerprint_whatever_their_order(
    database: TestDatabase,
) -> None:
    prepared(database)
    with database.connect() as connection:
        for type_, values in VALUES[database.kind].items():
            if not can_write(connection, type_, values[1]):
                continue
            found = states(connection, type_, "", product(values[:5], repeat=2))
            assert distinct(found) == len(list(combinations_with_replacement(values[:5], 2))), type_


def test_two_values_exchanged_between_rows_are_seen_with_and_without_a_key(database: TestDatabase) -> None:
    for key in ("PRIMARY KEY", ""):
        database.execute(
            f"CREATE TABLE t (id integer {key}, a integer, b integer)",
            "INSERT INTO t VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30)",
        )
        with database.connect() as connection:
            before = looked(connection)
            connection.exec_driver_sql("UPDATE t SET b = 30 - b WHERE id < 3")
            after = looked(connection)
            assert before.columns["a"] == after.columns["a"]
            assert (before.columns["b"], before.row) != (after.columns["b"], after.row)
            assert before != after
            connection.exec_driver_sql("DROP TABLE t")


def test_values_exchanged_between_doubled_rows_are_seen(database: TestDatabase) -> None:
    """A plain xor of hashes would cancel both states to nothing."""
    database.execute("CREATE TABLE t (a integer, b integer)", "INSERT INTO t VALUES (1, 1), (1, 1), (2, 2), (2, 2)")
    with database.connect() as connection:
        before = looked(connection)
        connection.exec_driver_sql("UPDATE t SET b = 3 - b")
        after = looked(connection)
    assert before.columns == after.columns
    assert before.row != after.row


def test_a_row_doubled_added_or_lost_is_seen_without_a_key(database: TestDatabase) -> None:
    database.execute("CREATE TABLE t (c integer)", "INSERT INTO t VALUES (1), (1), (2), (2)")
    with database.connect() as connection:
        found = [looked(connection)]
        for statement in (
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (1)",
            "DELETE FROM t WHERE c = 2",
            "INSERT INTO t VALUES (NULL)",
            "DELETE FROM t",
        ):
            connection.exec_driver_sql(statement)
            found.append(looked(connection))
    assert len({(d.row, d.columns["c"]) for d in found}) == len(found)


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_the_same_rows_written_otherwise_are_no_difference(database: TestDatabase, key: str) -> None:
    big = "'" + "long text " * 900 + "'"
    database.execute(
        f"CREATE TABLE t (id integer {key}, a text, b integer)",
        f"INSERT INTO t VALUES (1, {big}, 1), (2, NULL, 2), (3, 'x', NULL)",
        f"CREATE TABLE u (b integer, gone integer, a text, id integer {key})",
        "INSERT INTO u (id, a, b) VALUES (3, 'x', NULL), (4, 'dropped', 5)",
        "DELETE FROM u WHERE id = 4",
        f"INSERT INTO u (id, a, b) VALUES (2, 'y', 9), (1, {big}, 1)",
        "UPDATE u SET a = NULL, b = 2 WHERE id = 2",
        "ALTER TABLE u DROP COLUMN gone",
    )
    if database.kind == "postgresql":
        database.execute(
            "ALTER TABLE u ALTER a SET STORAGE EXTERNAL", "UPDATE u SET a = a || ''", "CLUSTER u USING u_pkey"
        ) if key else None
    with database.connect() as connection:
        one, other = looked(connection), looked(connection, TableName(None, "u"))
    assert (one.rows, one.row, dict(one.columns)) == (other.rows, other.row, dict(other.columns))


@pytest.mark.parametrize("key", ["PRIMARY KEY (k)", "PRIMARY KEY (k, n)", "PRIMARY KEY (n, k)", "UNIQUE (k)"])
def test_text_and_composite_keys_bind_values_to_rows(database: TestDatabase, key: str) -> None:
    database.execute(
        f"CREATE TABLE t (k varchar(20) NOT NULL, n integer NOT NULL, c integer, {key})",
        "INSERT INTO t VALUES ('a', 1, 1), ('B', 1, 2), ('é', 2, 3)",
    )
    with database.connect() as connection:
        before = looked(connection)
        assert set(before.key) <= {"k", "n"} and before.key
        connection.exec_driver_sql("UPDATE t SET c = CASE k WHEN 'a' THEN 2 WHEN 'B' THEN 1 ELSE c END")
        after = looked(connection)
    assert before.columns["c"] != after.columns["c"]
    assert before.columns["k"] == after.columns["k"]


def test_a_value_is_bound_to_its_key(database: TestDatabase) -> None:
    database.execute("CREATE TABLE t (id integer PRIMARY KEY, c integer)", "INSERT INTO t VALUES (1, 1), (2, NULL)")
    with database.connect() as connection:
        before = looked(connection)
        connection.exec_driver_sql("UPDATE t SET id = id + 10")
        after = looked(connection)
    assert before.columns["c"].values != after.columns["c"].values
    assert before.columns["c"].nulls != after.columns["c"].nulls


def test_a_unique_column_that_may_be_null_is_no_key(database: TestDatabase) -> None:
    database.execute("CREATE TABLE t (k integer UNIQUE, c integer)", "INSERT INTO t VALUES (NULL, 1), (NULL, 2)")
    with database.connect() as connection:
        assert looked(connection).key == ()


def test_row_by_row_counts_what_was_lost_emptied_and_changed(database: TestDatabase) -> None:
    statements = ["UPDATE t SET a = NULL WHERE id <= 2", "UPDATE t SET a = 'new' WHERE id = 3",
                  "DELETE FROM t WHERE id = 4", "INSERT INTO t VALUES (9, 'y', 1)",
                  "UPDATE t SET b = 2 WHERE id = 5"]  # fmt: skip
    with twins(database, "PRIMARY KEY", statements) as (before, after):
        found = of(before).fingerprint.row_differences(before, after, T, ["id", "a", "b"])
    assert (found.lost, found.added) == (1, 1)
    assert found.values_lost == {"a": 2}
    assert found.values_changed == {"a": 1, "b": 1}
    assert found.sample == {"a": (1, 2, 3), "b": (5,), "lost": (4,), "added": (9,)}


def test_row_by_row_without_a_key_counts_whole_rows(database: TestDatabase) -> None:
    statements = ["UPDATE t SET a = 'z' WHERE id = 1", "INSERT INTO t VALUES (2, 'x', NULL)"]
    with twins(database, "", statements) as (before, after):
        found = of(before).fingerprint.row_differences(before, after, T, ["id", "a", "b"])
    assert (found.lost, found.added) == (1, 2)


@contextmanager
def twins(database: TestDatabase, key: str, statements: list[str]) -> Iterator[tuple[sa.Connection, sa.Connection]]:
    """Two connections: one to the first state, one to a state after these statements, not yet committed."""
    database.execute(
        f"CREATE TABLE t (id integer {key}, a text, b integer)",
        "INSERT INTO t VALUES (1, 'x', NULL), (2, 'x', NULL), (3, 'x', NULL), (4, 'x', NULL), (5, 'x', NULL)",
    )
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as before, engine.connect() as after:
        for statement in statements:
            after.exec_driver_sql(statement)
        yield before, after
        after.rollback()
    engine.dispose()


cells = st.one_of(st.none(), st.integers(-2, 2), st.sampled_from([0.0, -0.0, 1.0, "", "a", "A", b"", b"a"]))
row_keys = st.one_of(st.integers(-3, 3), st.sampled_from(["", "a", "A", b"a"]))
rows = st.dictionaries(row_keys, st.tuples(cells, cells), max_size=6)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=rows, new=rows)
def test_row_by_row_agrees_with_counting_in_python(
    sqlite: TestDatabase, old: dict[object, tuple[object, object]], new: dict[object, tuple[object, object]]
) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.NullPool)
    with engine.connect() as before, engine.connect() as after:
        for connection, content in ((before, old), (after, new)):
            connection.exec_driver_sql("CREATE TABLE t (k NOT NULL PRIMARY KEY, a, b)")
            for key, (a, b) in content.items():
                connection.exec_driver_sql("INSERT INTO t VALUES (?, ?, ?)", (key, a, b))
        found = of(before).fingerprint.row_differences(before, after, T, ["k", "a", "b"])
        prints = looked(before), looked(after)
    both = old.keys() & new.keys()
    exact = {key: (tuple(map(repr, old[key])), tuple(map(repr, new[key]))) for key in both}
    assert (found.lost, found.added) == (len(old.keys() - new.keys()), len(new.keys() - old.keys()))
    for i, column in enumerate(("a", "b")):
        changed = sum(was[i] != is_now[i] for was, is_now in exact.values())
        emptied = sum(was[i] != is_now[i] and is_now[i] == "None" for was, is_now in exact.values())
        assert found.values_lost.get(column, 0) == emptied
        assert found.values_changed.get(column, 0) == changed - emptied
    differ = found.lost or found.added or found.values_lost or found.values_changed
    assert (prints[0] != prints[1]) == bool(differ)


def test_a_table_without_columns_and_one_with_1600_have_fingerprints(postgresql: TestDatabase) -> None:
    columns = ", ".join(f"c{i} integer" for i in range(1599))
    postgresql.execute(
        "CREATE TABLE t ()", "INSERT INTO t DEFAULT VALUES", "INSERT INTO t DEFAULT VALUES",
        f"CREATE TABLE wide (id integer PRIMARY KEY, {columns})", "INSERT INTO wide (id, c1500) VALUES (1, 1), (2, 2)",
    )  # fmt: skip
    wide = TableName(None, "wide")
    with postgresql.connect() as connection:
        assert looked(connection).rows == 2
        before = looked(connection, wide)
        connection.exec_driver_sql("UPDATE wide SET c1500 = 3 - c1500")
        after = looked(connection, wide)
    assert [c for c in before.columns if before.columns[c] != after.columns[c]] == ["c1500"]


def test_partitions_and_children_are_tables_of_their_own(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TABLE p (id integer) PARTITION BY RANGE (id)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE parent (id integer)", "CREATE TABLE child () INHERITS (parent)",
        "INSERT INTO p VALUES (1), (2)", "INSERT INTO child VALUES (1)",
    )  # fmt: skip
    with postgresql.connect() as connection:
        found = snapshot(connection).data
    assert {str(name): table.rows for name, table in found.items()} == {"p1": 2, "parent": 0, "child": 1}


def test_a_table_that_may_not_be_read_says_so_and_the_others_are_read(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TABLE closed (id integer)", "CREATE TABLE hidden (id integer PRIMARY KEY)",
        "CREATE TABLE open (id integer PRIMARY KEY)", "INSERT INTO open VALUES (1)",
        "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY",
    )  # fmt: skip
    with as_plain_role(postgresql) as connection:
        postgresql.execute("GRANT SELECT ON open, hidden TO plain")
        found = snapshot(connection)
    assert set(map(str, found.not_compared)) == {"closed", "hidden"}
    assert found.data[TableName(None, "open")].rows == 1


def test_a_full_text_index_is_compared_by_what_it_gives_back(sqlite: TestDatabase) -> None:
    sqlite.execute("CREATE VIRTUAL TABLE t USING fts5 (a)", "INSERT INTO t VALUES ('one'), ('two')")
    with sqlite.connect() as connection:
        before = snapshot(connection)
        connection.exec_driver_sql("UPDATE t SET a = 'three' WHERE rowid = 1")
        changed = snapshot(connection)
        connection.exec_driver_sql("UPDATE t SET a = 'one' WHERE rowid = 1")
        after = snapshot(connection)
    assert list(before.data) == [T]
    assert before != changed
    assert before == after


def test_a_full_text_index_on_another_table_s_text_is_compared_by_the_documents_that_it_knows(
    sqlite: TestDatabase,
) -> None:
    sqlite.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
        "INSERT INTO t VALUES (1, 'one'), (2, 'two words')",
        "CREATE VIRTUAL TABLE words USING fts5 (a, content='t', content_rowid='id')",
        "INSERT INTO words (words) VALUES ('rebuild')",
    )
    known = TableName(None, "words_docsize")
    with sqlite.connect() as connection:
        before = snapshot(connection)
        connection.exec_driver_sql("INSERT INTO words (words) VALUES ('delete-all')")
        emptied = snapshot(connection)
        connection.exec_driver_sql("INSERT INTO words (words) VALUES ('rebuild')")
        after = snapshot(connection)
    assert (before.data[known].rows, emptied.data[known].rows) == (2, 0)
    assert before == after


def test_settings_of_the_session_change_no_fingerprint_and_stay(postgresql: TestDatabase) -> None:
    postgresql.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, a timestamptz, b interval, c float8, d bytea)",
        "INSERT INTO t VALUES (1, '2024-03-31 02:30+00', '1 mon 2 days', 0.1, '\\x00ff')",
    )
    ours = {"timezone": "Asia/Tokyo", "datestyle": "German", "intervalstyle": "iso_8601", "extra_float_digits": "-5",
            "bytea_output": "escape", "search_path": "pg_temp, public", "statement_timeout": "1h"}  # fmt: skip
    with as_plain_role(postgresql) as connection:
        postgresql.execute("GRANT SELECT ON t TO plain")
        before = snapshot(connection)
        for name, value in ours.items():
            connection.exec_driver_sql(f"SET {name} = {value if ',' in value else repr(value)}")
        shown = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ours}
        assert snapshot(connection) == before
        assert {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ours} == shown


def test_a_role_taken_on_by_the_application_changes_no_fingerprint(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE TABLE t (id integer PRIMARY KEY, a numeric)", "INSERT INTO t VALUES (1, 1.0)")
    with as_plain_role(postgresql), postgresql.connect() as connection:
        before = snapshot(connection)
        connection.exec_driver_sql("SET ROLE plain")
        assert snapshot(connection) == before
        assert connection.exec_driver_sql("SELECT current_user").scalar() == "plain"


def test_a_look_leaves_no_transaction_open_and_ends_none(database: TestDatabase) -> None:
    database.execute("CREATE TABLE t (id integer PRIMARY KEY)")
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        snapshot(connection)
        assert not connection.in_transaction()
        with connection.begin():
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            assert snapshot(connection).data[T].rows == 1
            connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        assert snapshot(connection).data[T].rows == 2
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert snapshot(connection).data[T].rows == 2
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("INSERT INTO t VALUES (3)")
        assert snapshot(connection).data[T].rows == 3
        connection.exec_driver_sql("ROLLBACK")
        assert snapshot(connection).data[T].rows == 2
    engine.dispose()


def test_asynchronous_drivers_give_the_same_snapshot(database: TestDatabase) -> None:
    with database.connect() as connection:
        name = connection.dialect.identifier_preparer.quote("100% a")
        connection.execute(sa.text(f"CREATE TABLE t (id integer PRIMARY KEY, {name} text)"))
        connection.execute(sa.text("INSERT INTO t VALUES (1, 'x%y')"))
    with database.connect() as connection:
        expected = snapshot(connection)

    async def look(driver: str) -> object:
        engine = create_async_engine(database.url.set(drivername=f"{database.kind}+{driver}"))
        async with engine.connect() as connection:
            first = await connection.run_sync(snapshot)
            await connection.exec_driver_sql("ALTER TABLE t ADD COLUMN b integer")
            await connection.run_sync(snapshot)
            await connection.rollback()
            if database.kind == "mariadb":
                await connection.exec_driver_sql("ALTER TABLE t DROP COLUMN b")
        await engine.dispose()
        return first

    drivers = {"sqlite": ["aiosqlite"], "postgresql": ["asyncpg", "psycopg"], "mariadb": ["aiomysql", "asyncmy"]}
    for driver in drivers[database.kind]:
        assert asyncio.run(look(driver)) == expected
