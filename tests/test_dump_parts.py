r"""A dump told apart as its client would: statements, rows, commands of the client, wherever a piece of it ends."""

from collections.abc import Callable, Iterator

import pytest

from dbadmin.dialects import text as text_module
from dbadmin.dialects.mysql import plain as mysql
from dbadmin.dialects.postgresql import plain as postgresql
from dbadmin.errors import DamagedBackup


@pytest.fixture(params=[1, 2, 3, 7, 1 << 20])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bytes come at once, and are held before more are asked for."""
    monkeypatch.setattr(text_module, "PIECE", request.param)
    size: int = request.param
    return size


def reading(text: bytes, pieces: int) -> Callable[[int], bytes]:
    given: Iterator[bytes] = (text[at : at + pieces] for at in range(0, len(text), pieces))
    return lambda wanted: next(given, b"")


def of_mysql(text: bytes, pieces: int = 1 << 20) -> list[object]:
    return [part.text for part in mysql.parts(reading(text, pieces))]


def of_postgresql(text: bytes, pieces: int = 1 << 20) -> list[object]:
    found: list[object] = []
    for part in postgresql.parts(reading(text, pieces)):
        if isinstance(part, postgresql.Rows):
            found.append(b"".join(part.pieces))
        else:
            found.append(part.text.removesuffix(b";") if isinstance(part.text, bytes) else part.text)
    return found


def test_mariadb_s_statements_commands_and_delimiters(pieces: int) -> None:
    text = (
        b"-- a comment\nSELECT 1;;\nDELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END ;;\n"
        b"DELIMITER -\nSELECT 2-\nDELIMITER ;\nSELECT 3\\! ls\nSELECT 'it''s \\' ;', \"a;\"; /*!40101 SET x = 1 */;\n"
    )
    assert of_mysql(text, pieces) == [
        "-- a comment", b"SELECT 1", b"CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END ", b"SELECT 2",
        "\\! ls", b"SELECT 'it''s \\' ;', \"a;\"", b"/*!40101 SET x = 1 */",
    ]  # fmt: skip


def test_mariadb_s_backslashes_are_none_where_the_mode_says_so() -> None:
    text = b"SET sql_mode = 'NO_BACKSLASH_ESCAPES';\nSELECT 'a\\';\nSET sql_mode = '';\nSELECT 'a\\';b';\n"
    assert of_mysql(text)[1] == b"SELECT 'a\\'"
    assert of_mysql(text)[3] == b"SELECT 'a\\';b'"


def test_a_line_that_only_begins_like_a_delimiter_s_is_a_statement() -> None:
    assert of_mysql(b"DELIMITERS;\nSELECT 1;\n") == [b"DELIMITERS", b"SELECT 1"]
    with pytest.raises(DamagedBackup, match="begins in line 1"):
        of_mysql(b"DELIMITER")


def test_postgresql_s_statements_rows_and_commands(pieces: int) -> None:
    text = (
        b"-- a comment\nSELECT ';', $$;$$; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\n"
        b"COPY public.t (a) FROM stdin;\n1\n2\n\\.\nCOPY public.u (a) FROM stdin;\n\\.\n\\connect other\nSELECT 3;\n"
    )
    assert of_postgresql(text, pieces) == [
        "-- a comment", b"SELECT ';', $$;$$", b"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        b"COPY public.t (a) FROM stdin", b"1\n2\n", b"COPY public.u (a) FROM stdin", b"", "\\connect other",
        b"SELECT 3",
    ]  # fmt: skip


def test_rows_may_end_with_the_file_and_not_before(pieces: int) -> None:
    head = b"COPY public.t (a) FROM stdin;\n"
    assert of_postgresql(head + b"1\n\\.", pieces) == [head[:-2], b"1\n"]
    with pytest.raises(DamagedBackup, match="within the rows of a table, in line 4"):
        of_postgresql(head + b"1\n2\n3", pieces)


def test_rows_that_nobody_reads_are_passed_over() -> None:
    text = b"COPY public.t (a) FROM stdin;\n" + b"1\n" * 100 + b"\\.\nSELECT 1;\n"
    kinds = [type(part).__name__ for part in postgresql.parts(reading(text, 50))]
    assert kinds == ["Statement", "Rows", "Statement"]


@pytest.mark.parametrize("text", [b"SELECT 1", b"SELECT 'a;\n", b"CREATE RULE r AS (SELECT 1; SELECT 2;\n"])
def test_a_statement_that_does_not_end_is_damage(text: bytes) -> None:
    with pytest.raises(DamagedBackup, match="begins in line 1"):
        of_postgresql(text)
    with pytest.raises(DamagedBackup, match="begins in line 1"):
        of_mysql(text.partition(b"AS (")[0])
