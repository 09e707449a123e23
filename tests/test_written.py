"""SQL as people write it: parameters, several statements, writes without WHERE."""

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from servers import TestDatabase

import dbadmin
from dbadmin.errors import UsageError
from dbadmin.queries.written import Written, only_reads, split_statements, tokens, without_where

PIECES = st.sampled_from(
    ["select ", "'a;b'", "''", '"x;"', "--c;\n", "/* ; */", "/* /* ; */ */", ";", "$$;$$", "$t$;$t$", ":id", "::int",
     "(", ")", " where ", "E'\\';'", "`;`", " 1.5 ", "é", "\\:"]
)  # fmt: skip


@given(st.lists(PIECES).map("".join) | st.text())
def test_tokens_lose_nothing(sql: str) -> None:
    assert "".join(token.text for token in tokens(sql)) == sql


@given(
    st.lists(st.lists(PIECES.filter(lambda p: p != ";")).map(lambda p: "select 1 " + " ".join(p) + "\n"), max_size=4)
)
def test_semicolons_inside_strings_and_comments_split_nothing(statements: list[str]) -> None:
    assert split_statements(";".join(statements)) == [s.strip() for s in statements]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        (" ; -- nothing\n;", []),
        ("select 1", ["select 1"]),
        ("select 1;\nselect 2;\n", ["select 1", "select 2"]),
        ("select 'it''s; fine'; select 2", ["select 'it''s; fine'", "select 2"]),
        ("select 'open; never closed", ["select 'open; never closed"]),
        (
            "create function f() returns int as $body$ begin; return 1; end $body$ language plpgsql; select 1",
            ["create function f() returns int as $body$ begin; return 1; end $body$ language plpgsql", "select 1"],
        ),
        (
            "create function f() returns int begin atomic select 1; end; select 2",
            ["create function f() returns int begin atomic select 1; end", "select 2"],
        ),
        (
            "create trigger t after update on x begin update y set a = case when 1 then 2 end; end; select 1",
            ["create trigger t after update on x begin update y set a = case when 1 then 2 end; end", "select 1"],
        ),
        ("begin; select 1; end; select 2", ["begin", "select 1", "end", "select 2"]),
        ("select /* a /* b; */ c; */ 1; select 2", ["select /* a /* b; */ c; */ 1", "select 2"]),
        ("select /* a /* b */ 1; select 2", ["select /* a /* b */ 1", "select 2"]),
        ("select a$b$c; select 1", ["select a$b$c", "select 1"]),
    ],
)  # fmt: skip
def test_a_text_is_split_into_its_statements(sql: str, expected: list[str]) -> None:
    assert split_statements(sql) == expected


@pytest.mark.parametrize(
    ("sql", "all_rows"),
    [
        ("delete from t", True),
        ("DELETE FROM t -- where", True),
        ("update t set a = 'where'", True),
        ('update t set "where" = 1', True),
        ("update t set a = (select b from u where u.id = 1)", True),
        ("with x as (select 1 where true) delete from t", True),
        ("with gone as (delete from t returning *) select * from gone where id = 1", True),
        ("explain analyze delete from t", True),
        ("analyze format=json delete from t", True),
        ("analyze format=json delete from t where id = 1", False),
        ("delete from t where id = 1", False),
        ("update t set a = 1 where id in (select 1)", False),
        ("with x as (delete from t where id = 1 returning *) select * from x", False),
        ("insert into t values (1) on conflict (id) do update set a = 1", False),
        ("merge into t using u on t.id = u.id when matched then delete", False),
        ("create table t (id int references u on delete cascade)", False),
        ("select * from t for update", False),
        ("select 'delete from t'", False),
        ("truncate t", False),
    ],
)
def test_a_write_to_every_row_is_seen(sql: str, all_rows: bool) -> None:
    assert without_where(sql) is all_rows


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("select 1", True),
        ("-- a\nvalues (1)", True),
        ("with a as (select 1) select * from a", True),
        ("with a as (delete from t where x returning *) select * from a", False),
        ("select * into copy from t", False),
        ("explain select 1", False),
        ("show all", False),
        ("", False),
    ],
)
def test_only_a_plain_query_is_read_through_a_cursor(sql: str, reads: bool) -> None:
    assert only_reads(sql) is reads


@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("select :n + 1", {"n": 2}, 3),
        ("select ':n' || :n", {"n": "x"}, ":nx"),
        ("select ':a:b'", {}, ":a:b"),
        (r"select 'a\:b'", {}, r"a\:b"),
        ("select '100%' -- 50% :no", {}, "100%"),
        ("select '12:30' /* :no */", {}, "12:30"),
        ("select case when :x is null then 1 else 2 end", {"x": None}, 1),
    ],
)
def test_parameters_are_bound_only_where_they_are_meant(
    database: TestDatabase, sql: str, params: dict[str, object], expected: object
) -> None:
    if database.kind == "mariadb":
        sql = sql.replace("':n' || :n", "concat(':n', :n)").replace("\\:", "\\\\:")
    if database.kind == "postgresql":
        sql = sql.replace(":n + 1", "cast(:n as int) + 1").replace("|| :n", "|| cast(:n as text)")
        sql = sql.replace(":x is", "cast(:x as int) is")
    with database.connect() as connection:
        assert connection.scalar(Written(sql, params)) == expected


def test_a_cast_is_no_parameter(postgresql: TestDatabase) -> None:
    with postgresql.connect() as connection:
        assert connection.scalar(Written("select '5'::int + (array[1,2])[:n] + :n::int", {"n": 1})) == 7


def test_a_text_is_compared_as_the_server_would_compare_a_literal(postgresql: TestDatabase) -> None:
    with postgresql.connect() as connection:
        query = Written("select timestamp '2025-05-05' > :since and current_date > :since", {"since": "2025-01-01"})
        assert connection.scalar(query) is True


def test_a_parameter_without_a_value_or_without_a_place_is_refused() -> None:
    with pytest.raises(UsageError, match="no value for :id, :name") as caught:
        Written("select :id, :name, :id")
    assert caught.value.hint == "give it with -p id=VALUE"
    with pytest.raises(UsageError, match="the statement has no :ids"):
        Written("select 1", {"ids": 1})


def test_a_value_cannot_leave_its_place(database: TestDatabase) -> None:
    database.execute("create table t (a varchar(50))", "insert into t values ('x')")
    with database.connect() as connection:
        query = Written("select count(*) from t where a = :a", {"a": "' or '1'='1"})
        assert connection.scalar(query) == 0
    assert isinstance(query, sa.sql.ClauseElement)


@pytest.mark.parametrize(
    ("sql", "why", "hint"),
    [
        ("", "there is no statement", "dbadmin sql"),
        (" ; -- only a comment", "there is no statement", "dbadmin sql"),
        ("delete from t\0 where id = 1", "NUL character", "leave it out"),
        (r"\dt+ users", r"\\dt is a command of psql's", "dbadmin tables"),
        (".schema users", r"\.schema is a command of the sqlite3 shell's", "dbadmin describe TABLE"),
        ("DELIMITER //", "DELIMITER is a command of the mysql client's", "leave it out"),
        ("/* out */ copy t to stdout", "COPY … TO STDOUT gives no rows", "--output FILE.csv"),
        ("COPY t FROM STDIN", "COPY … FROM STDIN needs a client", "INSERT"),
        ("select 1; delete from t", "several statements", "--file"),
    ],
)
def test_what_no_driver_runs_is_refused_before_it_is_sent(sql: str, why: str, hint: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        Written(sql)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "sql",
    ["select 1;", "select ';' ;;", "/*!50000 select 3 */", "create trigger t begin select 1; select 2; end",
     "begin not atomic select 1; select 2; end", "select 'copy t to stdout'", "copy t to '/tmp/t'", "select .5"],
)  # fmt: skip
def test_what_only_looks_like_it_is_sent(sql: str) -> None:
    assert Written(sql).sql == sql


@pytest.mark.usefixtures("elsewhere")
def test_a_statement_that_a_copy_would_end_leaves_a_session_that_works(postgresql: TestDatabase) -> None:
    postgresql.execute("CREATE TABLE t (x int)")
    with dbadmin.connect(url=postgresql.url) as db:
        with pytest.raises(UsageError, match="COPY … TO STDOUT"):
            db.sql("COPY t TO STDOUT")
        assert db.sql("select count(*) from t").iloc[0, 0] == 0
