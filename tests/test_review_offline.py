"""SQL that revisions would run: written in a process that reaches nothing, as far as it can be; squawk on it."""

import socket
from pathlib import Path

import pytest
from review import script, silent

from dbadmin.dialects import named
from dbadmin.errors import NotFinished
from dbadmin.migrations.project import Project
from dbadmin.migrations.review import Around, choose, review, squawk
from dbadmin.migrations.review.offline import Rendered, render_sql
from dbadmin.migrations.scripts import open_scripts


def rendered(directory: Path, **bodies: str) -> dict[str, Rendered]:
    """Each body's SQL on PostgreSQL, by the name of its script."""
    files = [directory / f"{name}.py" for name in bodies]
    for path, body in zip(files, bodies.values(), strict=True):
        path.write_text(script(path.stem, None, body, "pass"))
    found = render_sql(Project(None, "alembic", directory, directory), "postgresql", files)
    return {path.stem: one for path, one in found.items()}


def test_a_statement_has_the_line_that_makes_it_and_a_script_that_asks_stops_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        found = rendered(
            tmp_path,
            good='op.drop_column("users", "age")\nwith op.get_context().autocommit_block():\n    op.execute("VACUUM")',
            asks='op.execute("SELECT 1")\nop.get_bind().execute(sa.text("SELECT 2")).fetchall()\nop.drop_table("x")',
            connects=f'import socket\nop.execute("SELECT 1")\nsocket.create_connection(("127.0.0.1", {port}))',
            ends="import os\nos._exit(3)",
            after='op.execute("SELECT 1")',
        )
        listening.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listening.accept()
    good = found["good"]
    assert good.stopped is None
    assert (good.statements[0].sql, good.statements[0].line) == ("ALTER TABLE users DROP COLUMN age;", 12)
    assert found["asks"].stopped is not None and found["asks"].stopped.startswith("line 13: ")
    assert found["connects"].stopped is not None and len(found["connects"].statements) == 1
    assert found["ends"].stopped == found["after"].stopped == "the process that ran the scripts offline ended"


def test_squawk_tells_what_no_rule_of_ours_does_at_the_line_of_the_script(tmp_path: Path) -> None:
    program = squawk.available()
    if program is None:
        pytest.skip("squawk is not installed")
    sql = 'op.execute("SELECT 1")\nop.drop_index("ix", "users")\nop.create_index("ix", "users", ["age"])'
    told = list(squawk.findings(program, rendered(tmp_path, case1=sql)["case1"], "18.1", tmp_path, "case1"))
    assert [(code, found.line) for code, found in told] == [("require-concurrent-index-deletion", 13)]
    assert not {code for code, _ in told} & squawk.OWN


def test_without_squawk_its_absence_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squawk, "available", lambda: None)
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "a.py").write_text(script("case1", None, 'op.drop_table("t")', "pass"))
    scripts = open_scripts(Project(None, "alembic", tmp_path, tmp_path))
    choice = choose(scripts, None, pending=False, every=True, current=None)
    answer = review(scripts, choice, Around(named("postgresql"), "postgresql"), progress=silent)
    assert answer.linter is None
    assert any("dbadmin-toolkit[review]" in note for note in answer.notes)


def test_settings_of_squawk_beside_alembic_ini_are_heeded(tmp_path: Path) -> None:
    program = squawk.available()
    if program is None:
        pytest.skip("squawk is not installed")
    (case,) = rendered(tmp_path, case1='op.drop_index("ix", "users")').values()
    assert [code for code, _ in squawk.findings(program, case, None, tmp_path, "case1")] != []
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["require-concurrent-index-deletion"]\n')
    assert list(squawk.findings(program, case, None, tmp_path, "case1")) == []


def test_a_squawk_that_does_not_answer_is_said_with_what_to_try(tmp_path: Path) -> None:
    program = tmp_path / "squawk"
    program.write_text("#!/bin/sh\necho no such option >&2\necho '{'\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(NotFinished, match="squawk gave no answer"):
        list(squawk.findings(str(program), Rendered((), None), None, tmp_path, "case1"))


HELPERS = """
from alembic import op

def drop(table, *columns):
    for column in columns:
        op.drop_column(table, column)
"""
TOP = "from functools import partial\nfrom alembic import op as o\nfrom helpers import drop"


def answered(
    directory: Path, upgrade: str, downgrade: str, engine: str = "postgresql"
) -> list[tuple[str, str, int | None]]:
    """The findings about what is dropped or left, of a script that leans on a module beside it."""
    (directory / "versions").mkdir()
    (directory / "helpers.py").write_text(HELPERS)
    (directory / "versions" / "a.py").write_text(script("case1", None, upgrade, downgrade, TOP))
    scripts = open_scripts(Project(None, "alembic", directory, directory))
    choice = choose(scripts, "case1", pending=False, every=False, current=None)
    found = review(scripts, choice, Around(named(engine), engine), progress=silent).findings
    told = {
        "column-dropped",
        "table-dropped",
        "downgrade-incomplete",
        "concurrently-in-transaction",
        "transaction-ended",
    }
    return [(f.code, f.object, f.line) for f in found if f.code in told]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mysql"])
def test_what_reading_does_not_tell_is_read_in_the_sql_at_the_line_that_writes_it(engine: str, tmp_path: Path) -> None:
    upgrade = 'drop("users", "age", "name")\npartial(o.drop_table)("posts")\nop.drop_column("users", "x" + str(1))'
    found = answered(tmp_path, upgrade, "raise NotImplementedError", engine)
    assert sorted(found, key=str) == [
        ("column-dropped", "users.age", 14), ("column-dropped", "users.name", 14), ("column-dropped", "users.x1", 16),
        ("table-dropped", "posts", 15),
    ]  # fmt: skip


def test_what_only_the_sql_shows_is_taken_back_by_what_only_the_sql_shows(tmp_path: Path) -> None:
    add = 'partial(o.add_column, "users")(sa.Column("age", sa.Integer()))'
    assert answered(tmp_path, add, 'drop("users", "age")') == []


def test_a_downgrade_that_could_not_be_written_may_take_back_what_only_the_sql_shows(tmp_path: Path) -> None:
    add = 'partial(o.add_column, "users")(sa.Column("age", sa.Integer()))\nop.execute("SELECT 1")'
    assert answered(tmp_path, add, 'sa.inspect(op.get_bind())\ndrop("users", "age")') == []


def test_an_autocommit_block_in_the_sql_ends_no_transaction(tmp_path: Path) -> None:
    inside = 'with op.get_context().autocommit_block():\n    partial(o.execute)("VACUUM FULL users")'
    assert answered(tmp_path, inside, "pass") == []
