"""What only MariaDB and MySQL have: kinds of tables, keys and settings that fingerprints must not trip over."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations, product

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from test_state_data import VALUES, distinct, looked, rewritten

from dbadmin.dialects import TableName, of
from dbadmin.dialects.mysql import hashes
from dbadmin.rollback.facts import comparable
from dbadmin.state import data, snapshot

T = TableName(None, "t")

KEYS = {
    "int": ["1", "2", "3", "-1", "0", "1000000"],
    "int unsigned": ["1", "2", "4294967295", "2147483648", "0", "2147483649"],
    "bigint": ["1", "4294967297", "8589934593", "-1", "-4294967297", "0"],
    "bigint unsigned": ["1", "18446744073709551615", "9223372036854775808", "2", "3", "4294967296"],
    "varchar(20)": ["'a'", "'ab'", "'b'", "''", "'ba'", "'\u00e9'"],
    "varchar(20) character set latin1": ["'a'", "'ab'", "'b'", "''", "'\u00e9'", "'z'"],
    "varbinary(20)": ["x'61'", "x'6100'", "x''", "x'00'", "x'ff'", "x'fe'"],
    "datetime(6)": ["'2020-01-01'", "'2020-01-02'", "'2020-01-01 00:00:00.000001'", "'1999-01-01'",
                    "'2020-01-01 01:00:00'", "'2020-01-01 00:00:01'"],
    "double": ["1", "2", "0.1", "-1", "0", "1e300"],
    "decimal(10,2)": ["1", "2", "0.1", "-1", "0", "1.01"],
    "uuid": [f"'00000000-0000-0000-0000-00000000000{i}'" for i in range(6)],
}  # fmt: skip
# Values that differ from one another as keys do, so that linear checksums would cancel.
PERMUTED = {
    "varchar(20)": ["'1'", "'2'", "'3'", "'a'", "'b'", "''"],
    "varchar(21)": ["'ab'", "'b'", "'a'", "'aba'", "'ba'", "'NULL'"],
    "int": ["1", "2", "3", "-1", "0", "1000000"],
    "binary(4)": ["x'01000000'", "x'02000000'", "x'03000000'", "x'00000000'", "x'ffffffff'", "x'40420f00'"],
}


@pytest.mark.parametrize("method", ["crc", "reversed"])
def test_every_exchange_of_values_between_rows_is_seen_whatever_the_key(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch, method: hashes.Method
) -> None:
    monkeypatch.setattr(hashes, "method_of", lambda _: method)
    kinds = list(KEYS)
    seen = total = 0
    with mariadb.connect() as connection:
        for number, (key, (type_, values)) in enumerate(product(kinds, PERMUTED.items())):
            ran = list(permutations(values))[number % 5 :: 72]
            found = permuted(connection, key, type_, ran)
            assert found == len(ran), (key, type_)
            seen, total = seen + found, total + len(ran)
    print(f"mariadb, {method}: {seen} of {total} exchanges told apart over {len(kinds)} kinds of keys")


def permuted(connection: sa.Connection, key: str, type_: str, states: list[tuple[str, ...]]) -> int:
    """How many fingerprints there are of these orders of values, for six rows of a key."""
    connection.exec_driver_sql(f"CREATE OR REPLACE TABLE t (k {key} PRIMARY KEY, c {type_})")
    found = set()
    for state in states:
        connection.exec_driver_sql("DELETE FROM t")
        rows = ", ".join(f"({k}, {value})" for k, value in zip(KEYS[key], state, strict=True))
        connection.exec_driver_sql(f"INSERT INTO t VALUES {rows}")
        found.add(looked(connection).columns["c"])
    return len(found)


def test_the_method_for_servers_without_two_checksums_tells_values_apart_as_well(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "method_of", lambda _: "reversed")
    seen = total = 0
    with mariadb.connect() as connection:
        for type_, values in VALUES["mariadb"].items():
            for key in ("PRIMARY KEY", ""):
                found = rewritten(connection, type_, key, iter([(value, values[1]) for value in values]))
                assert distinct(found) == len(found), type_
                assert {d.method for d in found.values()} == {"reversed"}
                seen, total = seen + distinct(found), total + len(found)
    print(f"mariadb, reversed: {seen} of {total} states told apart")


def test_parts_of_a_composite_key_do_not_run_into_one_another(mariadb: TestDatabase) -> None:
    """Rows ('a', 'bc') and ('ab', 'c') have two keys, and the same value in both must not cancel."""
    mariadb.execute(
        "CREATE TABLE t (k varchar(9), l varchar(9), c int, PRIMARY KEY (k, l))",
        "INSERT INTO t VALUES ('a', 'bc', 1), ('ab', 'c', 1)",
    )
    with mariadb.connect() as connection:
        before = looked(connection)
        connection.exec_driver_sql("UPDATE t SET c = 2")
        assert looked(connection).columns["c"] != before.columns["c"]
        connection.exec_driver_sql("UPDATE t SET c = CASE k WHEN 'a' THEN 1 ELSE 2 END")
        one = looked(connection)
        connection.exec_driver_sql("UPDATE t SET c = 3 - c")
        assert looked(connection).columns["c"] != one.columns["c"]


def test_a_column_that_may_be_null_and_never_is_has_the_fingerprint_of_one_that_may_not(mariadb: TestDatabase) -> None:
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, c int NOT NULL)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    with mariadb.connect() as connection:
        before = looked(connection)
        connection.exec_driver_sql("ALTER TABLE t MODIFY c int")
        assert looked(connection) == before
        connection.exec_driver_sql("DELETE FROM t")
        empty = looked(connection)
        connection.exec_driver_sql("ALTER TABLE t MODIFY c int NOT NULL")
        assert looked(connection) == empty


def test_fingerprints_under_a_key_that_was_widened_are_not_held_against_those_before(mariadb: TestDatabase) -> None:
    """A key of 64 bits binds values otherwise than one of 32 bits: only row by row can be told what differs."""
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, c int)", "INSERT INTO t VALUES (1, 1), (-2, NULL)")
    with mariadb.connect() as connection:
        before = looked(connection)
        connection.exec_driver_sql("ALTER TABLE t MODIFY id bigint")
        after = looked(connection)
        assert after.columns["c"] != before.columns["c"]
        assert not comparable(before, after)
        connection.exec_driver_sql("ALTER TABLE t MODIFY id int")
        assert looked(connection) == before


def test_a_key_that_changes_its_case_only_is_another_key(mariadb: TestDatabase) -> None:
    mariadb.execute("CREATE TABLE t (k varchar(9) PRIMARY KEY, c int)", "INSERT INTO t VALUES ('a', 1), ('b', 2)")
    with mariadb.connect() as connection:
        before = looked(connection)
        connection.exec_driver_sql("UPDATE t SET k = 'A' WHERE k = 'a'")
        assert looked(connection).columns["k"] != before.columns["k"]


@pytest.mark.parametrize("engine", ["InnoDB", "MyISAM", "Aria", "MEMORY"])
def test_tables_of_every_engine_have_fingerprints(mariadb: TestDatabase, engine: str) -> None:
    mariadb.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, c varchar(9)) ENGINE={engine}", "INSERT INTO t VALUES (1, 'a')"
    )
    with mariadb.connect() as connection:
        before = looked(connection)
        connection.exec_driver_sql("UPDATE t SET c = 'b'")
        assert (before.rows, looked(connection).columns["c"] == before.columns["c"]) == (1, False)


def test_only_tables_hold_rows(mariadb: TestDatabase) -> None:
    mariadb.execute(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3", "CREATE VIEW v AS SELECT * FROM t",
        "CREATE SEQUENCE s", "CREATE TABLE one (id int PRIMARY KEY) ENGINE=MyISAM",
        "CREATE TABLE merged (id int NOT NULL) ENGINE=MERGE UNION=(one)", "CREATE TEMPORARY TABLE passing (id int)",
        "INSERT INTO t VALUES (1), (2), (3)", "CREATE TABLE `we``ird \u00fc %%.\"` (`a b` int PRIMARY KEY, `%%s` int)",
        "INSERT INTO `we``ird \u00fc %%.\"` VALUES (1, 2)",
    )  # fmt: skip
    with mariadb.connect() as connection:
        found = snapshot(connection).data
    assert {name.name: table.rows for name, table in found.items()} == {"t": 3, "one": 0, 'we`ird \u00fc %."': 1}


def test_generated_invisible_and_many_columns_are_compared(mariadb: TestDatabase) -> None:
    many = ", ".join(f"c{i} int" for i in range(1000))
    mariadb.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, a int, v int AS (a * 2) VIRTUAL, s int AS (a + 1) STORED,"
        f" h int INVISIBLE, {many})",
        "INSERT INTO t (id, a, h, c999) VALUES (1, 1, 1, 1)",
    )
    with mariadb.connect() as connection:
        before = looked(connection)
        connection.exec_driver_sql("UPDATE t SET a = 2, h = 2, c999 = 2")
        after = looked(connection)
    assert {c for c in before.columns if before.columns[c] != after.columns[c]} == {"a", "v", "s", "h", "c999"}


def test_the_history_of_a_versioned_table_is_no_part_of_what_it_holds(mariadb: TestDatabase) -> None:
    mariadb.execute(
        "CREATE TABLE t (id int PRIMARY KEY, c int, at timestamp(6) GENERATED ALWAYS AS ROW START,"
        " until timestamp(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (at, until)) WITH SYSTEM VERSIONING",
        "INSERT INTO t (id, c) VALUES (1, 1), (2, 2)",
    )
    with mariadb.connect() as connection:
        before = looked(connection)
    mariadb.execute("UPDATE t SET c = 9 WHERE id = 1")
    mariadb.execute("UPDATE t SET c = 1 WHERE id = 1")
    with mariadb.connect() as connection:
        assert looked(connection) == before
    assert (before.rows, before.key, set(before.columns)) == (2, ("id",), {"id", "c"})


def test_settings_of_the_session_change_no_snapshot_and_stay(mariadb: TestDatabase) -> None:
    mariadb.execute(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamp NULL, c char(9), d double)",
        "INSERT INTO t VALUES (1, '2020-03-29 01:30:00', 'a', 0.1)",
        "CREATE VIEW v AS SELECT concat(c, 'x') AS `y z` FROM t",
    )
    ours = {"time_zone": "'-05:00'", "sql_mode": "'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,ORACLE'",
            "collation_connection": "latin1_swedish_ci", "sql_select_limit": "0", "group_concat_max_len": "4",
            "max_statement_time": "100", "max_sort_length": "64", "sql_auto_is_null": "1"}  # fmt: skip
    with mariadb.connect() as connection:
        before = snapshot(connection)
        for name, value in ours.items():
            connection.exec_driver_sql(f"SET SESSION {name} = {value}")
        names = ", ".join(f"@@SESSION.{name}" for name in ours)
        connection.exec_driver_sql("SET SESSION sql_select_limit = DEFAULT")
        shown = connection.exec_driver_sql(f"SELECT {names}").one()
        connection.exec_driver_sql("SET SESSION sql_select_limit = 0")
        assert snapshot(connection) == before
        connection.exec_driver_sql("SET SESSION sql_select_limit = DEFAULT")
        assert connection.exec_driver_sql(f"SELECT {names}").one() == shown


def test_a_look_keeps_no_lock_that_another_sessions_ddl_would_wait_for(mariadb: TestDatabase) -> None:
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE u (id int PRIMARY KEY)")
    with opened(mariadb) as ours, opened(mariadb) as other:
        other.exec_driver_sql("SET lock_wait_timeout = 1")
        ours.exec_driver_sql("SET @begun = 1")  # SQLAlchemy has begun a transaction, the server has not
        snapshot(ours)
        other.exec_driver_sql("ALTER TABLE t ADD a int")
        ours.exec_driver_sql("INSERT INTO u VALUES (1)")
        assert snapshot(ours).data[TableName(None, "u")].rows == 1
        ours.rollback()
        assert snapshot(ours).data[TableName(None, "u")].rows == 0


def test_use_of_another_database_does_not_lead_the_look_away(mariadb: TestDatabase) -> None:
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    with opened(mariadb) as connection:
        before = snapshot(connection)
        connection.exec_driver_sql("USE mysql")
        assert snapshot(connection) == before


def test_a_table_that_cannot_be_read_says_so_and_the_others_are_read(mariadb: TestDatabase) -> None:
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)", "CREATE TABLE u (id int)")
    with opened(mariadb) as connection:
        connection.exec_driver_sql("LOCK TABLES t READ")
        found = data.read(connection, [T, TableName(None, "u"), TableName(None, "gone")])
        connection.exec_driver_sql("UNLOCK TABLES")
    assert found[T].rows == 1
    assert found[TableName(None, "u")].unreadable == "Table 'u' was not locked with LOCK TABLES"
    assert found[TableName(None, "gone")].unreadable == "no such table"


@pytest.mark.parametrize(
    "key", ["varchar(20)", "varchar(20) character set latin1", "bigint unsigned", "datetime(6)", "uuid"]
)
def test_row_by_row_pairs_rows_of_any_key_in_both_states(mariadb: TestDatabase, key: str) -> None:
    values = KEYS[key]
    mariadb.execute(
        f"CREATE TABLE t (k {key} PRIMARY KEY, a text, b double)",
        "INSERT INTO t VALUES " + ", ".join(f"({value}, 'x', 0.1)" for value in values),
    )
    with opened(mariadb) as before, opened(mariadb) as after:
        after.exec_driver_sql(f"UPDATE t SET a = NULL WHERE k = {values[0]}")
        after.exec_driver_sql(f"UPDATE t SET a = 'x ', b = 0.1e0 + 2e-17 WHERE k = {values[1]}")
        after.exec_driver_sql(f"DELETE FROM t WHERE k = {values[2]}")
        found = of(before).fingerprint.row_differences(before, after, T, ["k", "a", "b"])
        assert of(after).fingerprint.values_held(after, T, "a") == len(values) - 2
        after.rollback()
    assert (found.lost, found.added) == (1, 0)
    assert (found.values_lost, found.values_changed) == ({"a": 1}, {"a": 1, "b": 1})
    assert str(found.sample["b"][0]).startswith(values[1].strip("'"))


@contextmanager
def opened(database: TestDatabase) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()
