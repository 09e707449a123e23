"""Two SQLite files are compared by SQLite itself, and tell what merging them row by row in Python tells."""

import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbadmin.dialects.sqlite import rows
from dbadmin.dialects.sqlite.fingerprint import any_text

NAN_FREE = st.one_of(
    st.none(),
    st.integers(-2, 2),
    st.sampled_from(
        [0.0, -0.0, 1.0, "", "a", "A", "1", "1.0", "a\0b", b"", b"a", 2**53, 2.0**53, -(2**63), -(2.0**63)]
    ),
)
KEYS = st.one_of(st.integers(-3, 3), st.sampled_from(["", "a", "A", "é", b"a", 2**60]))
CONTENT = st.dictionaries(KEYS, st.tuples(NAN_FREE, NAN_FREE), max_size=6)
TABLES = (
    "CREATE TABLE t (k NOT NULL PRIMARY KEY, a, b)",
    "CREATE TABLE t (k NOT NULL PRIMARY KEY, a TEXT COLLATE NOCASE, b NUMERIC) WITHOUT ROWID",
    "CREATE TABLE t (k TEXT COLLATE RTRIM NOT NULL PRIMARY KEY, a REAL, b)",
    "CREATE TABLE t (k NOT NULL PRIMARY KEY, a INTEGER, b DOUBLE)",
)


def made(path: Path, table: str, content: Mapping[object, tuple[object, object]]) -> sqlite3.Connection:
    path.unlink(missing_ok=True)
    raw = sqlite3.connect(path)
    raw.execute(table)
    raw.executemany("INSERT OR IGNORE INTO t VALUES (?, ?, ?)", [(key, *values) for key, values in content.items()])
    raw.commit()
    return raw


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=CONTENT, new=CONTENT, tables=st.tuples(st.sampled_from(TABLES), st.sampled_from(TABLES)))
def test_attached_files_and_merged_rows_tell_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: dict[object, tuple[object, object]],
    new: dict[object, tuple[object, object]], tables: tuple[str, str],
) -> None:  # fmt: skip
    with ExitStack() as stack:
        before = stack.enter_context(closing(made(tmp_path / "before.db", tables[0], old)))
        after = stack.enter_context(closing(made(tmp_path / "after.db", tables[1], new)))
        told = rows.differences(before, after, "t", ["k", "a", "b"])
        assert [row[1] for row in after.execute("PRAGMA database_list")] == ["main"]
        with monkeypatch.context() as patched:
            patched.setattr(rows, "_attachable", lambda *_: False)
            assert rows.differences(before, after, "t", ["k", "a", "b"]) == told


def test_a_table_that_was_rebuilt_with_other_types_differs_in_every_changed_value(tmp_path: Path) -> None:
    with (
        closing(
            made(tmp_path / "b.db", "CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b TEXT)", {1: (1, "1")})
        ) as old,
        closing(
            made(tmp_path / "a.db", "CREATE TABLE t (k INTEGER PRIMARY KEY, a REAL, b INTEGER)", {1: (1, "1")})
        ) as new,
    ):
        told = rows.differences(old, new, "t", ["a", "b"])
    assert told.values_changed == {"a": 1, "b": 1}


def test_minus_zero_is_another_value(tmp_path: Path) -> None:
    table = "CREATE TABLE t (k INTEGER PRIMARY KEY, a, b)"
    with (
        closing(made(tmp_path / "b.db", table, {1: (0.0, 1)})) as old,
        closing(made(tmp_path / "a.db", table, {1: (-0.0, 1)})) as new,
    ):
        assert rows.differences(old, new, "t", ["a", "b"]).values_changed == {"a": 1}


def test_text_that_is_not_utf8_is_compared_too(tmp_path: Path) -> None:
    table = "CREATE TABLE t (k INTEGER PRIMARY KEY, a, b)"
    with (
        closing(made(tmp_path / "b.db", table, {1: ("x", 1)})) as old,
        closing(made(tmp_path / "a.db", table, {})) as new,
    ):
        new.execute("INSERT INTO t VALUES (1, CAST(x'ff' AS TEXT), 1)")
        new.commit()
        told = any_text(new, lambda: rows.differences(old, new, "t", ["a", "b"]))
    assert told.values_changed == {"a": 1}


def test_the_least_integer_is_another_value_as_a_real(tmp_path: Path) -> None:
    table = "CREATE TABLE t (k INTEGER PRIMARY KEY, a NUMERIC)"
    with closing(sqlite3.connect(tmp_path / "b.db")) as old, closing(sqlite3.connect(tmp_path / "a.db")) as new:
        for raw, value in ((old, -(2**63)), (new, -(2.0**63))):
            raw.execute(table)
            raw.execute("INSERT INTO t VALUES (1, ?)", (value,))
            raw.commit()
        assert rows.differences(old, new, "t", ["k", "a"]).values_changed == {"a": 1}
