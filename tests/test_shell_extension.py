"""`%load_ext dbadmin` in the kernel of a notebook."""

from pathlib import Path

import pytest
from notebooks import run_cells, run_outputs, shown
from servers import TestDatabase
from shells import TABLES, application


def test_a_notebook_gets_the_names_and_manners_of_the_shell(tmp_path: Path, database: TestDatabase) -> None:
    database.execute(*TABLES)
    directory = application(tmp_path / "small", database.url)
    loaded, one, stored, value, write, other, missing, secret, after = run_cells(
        directory,
        "%load_ext dbadmin",
        "who = 'ann'\n%sql select id, ':who' as text from authors where name = :who",
        "%%sql rows <<\nselect 1 as first;\nselect 2 as second",
        "rows.second.tolist()",
        "session.execute(text('delete from posts'))",
        "%sql delete from posts",
        "%sql select :nothing",
        "raise ValueError('postgresql://me:hunter22@host/x')",
        "count(Post), session.scalar(select(Author.name)), db.database.statement_timeout",
    )
    assert "read-only; models: Author, Post" in loaded
    assert ":who" in one and "1" in one
    assert "first" in stored and "second" not in stored
    assert value == "[2]"
    assert all("read-only" in told and "%mode sandbox" in told and "%mode write" in told for told in (write, other))
    assert missing.startswith("UsageError: no value for :nothing")
    assert "ValueError" in secret and "hunter22" not in secret
    assert after == "(1, 'ann', None)"


def test_a_notebook_awaits_an_asynchronous_application(tmp_path: Path, sqlite: TestDatabase) -> None:
    sqlite.execute(*TABLES)
    directory = application(tmp_path / "small", sqlite.url, is_async=True)
    _, name, mixed, frame, refused, later = run_cells(
        directory,
        "%load_ext dbadmin",
        "(await session.execute(select(Author.name))).scalar_one()",
        "ann = await db.get(Author, 1)\nlen(ann.posts), count(Post)",
        "%sql select name from authors",
        "await session.execute(text('delete from posts'))",
        "import asyncio\nawait asyncio.sleep(0)\nann.name",
    )
    assert (name, mixed) == ("'ann'", "(1, 1)")
    assert "ann" in frame
    assert "read-only" in refused
    assert later == "'ann'"


@pytest.mark.usefixtures("protection_ends")
def test_unloading_leaves_the_kernel_as_it_was(tmp_path: Path, sqlite: TestDatabase) -> None:
    sqlite.execute(*TABLES)
    directory = application(tmp_path / "small", sqlite.url)
    *_, names, write = run_cells(
        directory,
        "%load_ext dbadmin\nmine = 1",
        "%unload_ext dbadmin",
        "mine, 'session' in globals(), 'select' in globals()",
        "import app.db as a, sqlalchemy as sa\n"
        "with a.engine.begin() as c: print(c.execute(sa.text('delete from posts')).rowcount)",
    )
    assert names == "(1, False, False)"
    assert write.strip() == "1"


def test_what_goes_as_it_should_is_not_drawn_in_red(tmp_path: Path, sqlite: TestDatabase) -> None:
    sqlite.execute(*TABLES)
    directory = application(tmp_path / "small", sqlite.url)
    _, _, ended, status = run_outputs(
        directory, "%load_ext dbadmin", "%mode sandbox app.db", "%mode read-only", "db.status()"
    )
    assert any("the sandbox is rolled back" in output.text for output in ended)
    assert {output.name for output in ended} == {"stdout"}
    told = "\n".join(map(shown, status))
    assert "db = dbadmin.connect(app='DIR')" in told and "--app" not in told
