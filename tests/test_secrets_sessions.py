"""What an interactive shell and a notebook show and keep: no password, and no credential that nobody asked for."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from canary import PASSWORD, ROW, TOKEN, secrets_in
from conftest import Run
from notebooks import run_cells
from servers import TestDatabase
from shells import Terminal
from telling import Told, told

ASKED = ("db.recent('items')", "[order.note for order in session.scalars(select(Order))]")
"""Rows are the answer to these."""
TYPED = (
    "engine", "engine.url", "session", "db", "db.models()", "db.tables()", "db.status()", "db.describe(Item)",
    "session.get_bind().url", "engine.connect().info", "engine.dialect", "Item", "app_url = os.environ['APP_URL']",
    "sa.create_engine(app_url.replace('5432', 'port'))", "sa.make_url(app_url)", "sa.create_engine(app_url)",
    "session.execute(text(\"insert into items values (9, 'x', 'y')\"))", "db.sql('selec')",
    "session.execute(text('select cast(name as integer) from items'))", "%tb",
    "session.scalars(select(Item).where(Item.nothing == 1))", "db.restore('missing.dump', to=app_url)",
    "%xmode Verbose", "sa.create_engine(app_url.replace('5432', 'port'))",
    "session.execute(text('select cast(name as integer) from items'))",
)  # fmt: skip
CELLS = (
    "%load_ext dbadmin",
    "import os, dbadmin, sqlalchemy as sa; url = os.environ['APP_URL']; there = dbadmin.connect()",
    "[(r, str(r), r._repr_html_()) for r in (db.status(), db.models(), db.tables(), db.describe('items'))]",
    "db, engine, engine.url, session, there, session.get_bind().url",
    "db.recent('items', order_by='id')",
    "%sql select name from items where id = 1",
    "%sql select cast(name as integer) from items",
    "dbadmin.connect(url=url.replace('db.example.com:5432', 'localhost:1')).tables()",
    "dbadmin.connect(url=url.replace('5432', 'port'))",
    "sa.create_engine(url.replace('5432', 'port'))",
    "db.count('itens')",
    "dbadmin.restore('missing.dump', to=url)",
    "%xmode Verbose",
    "dbadmin.connect(url=url.replace('db.example.com:5432', 'localhost:1')).tables()",
    "sa.create_engine(url.replace('5432', 'port'))",
    "session.execute(text('select cast(name as integer) from items'))",
)
FAILING = {6, 7, 8, 9, 10, 11, 13, 14, 15}


@pytest.fixture
def runs(postgresql: TestDatabase, run: Run, temporary_directory: Path, tmp_path: Path) -> Iterator[Told]:
    with told(postgresql, run, temporary_directory, tmp_path) as made:
        yield made


def test_a_shell_shows_and_keeps_no_password(runs: Told) -> None:
    shell = Terminal(runs.app.directory, **runs.environment, PYTHONDONTWRITEBYTECODE="1")
    try:
        said = [shell.banner]
        shell.type("import os, sqlalchemy as sa")
        said += [shell.type(line).partition("\n")[2] if "pass" in line else shell.type(line) for line in TYPED]
        answers = [shell.type(line) for line in ASKED]
        shell.type(f"secret = {PASSWORD!r}")
        said.append(shell.exit()[1])
    finally:
        shell.process.close(force=True)
    told_all = "\n".join(said)
    assert secrets_in(told_all + "".join(answers)) == []
    assert ROW not in told_all
    assert TOKEN not in told_all + "".join(answers)
    assert all(ROW in answer for answer in answers)
    assert any("InvalidTextRepresentation" in one or "invalid input syntax" in one for one in said)
    assert list(runs.home.rglob("shell-history.sqlite")), "what `told` looks into is there"


@pytest.mark.slow
def test_a_notebook_shows_no_password(runs: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.home.mkdir(exist_ok=True)
    for name, value in {**runs.environment, "HOME": str(runs.home), "PYTHONDONTWRITEBYTECODE": "1"}.items():
        monkeypatch.setenv(name, value)
    told = run_cells(runs.app.directory, *CELLS)
    assert {n for n, one in enumerate(told) if "Error" in one or "dbadmin: " in one} == FAILING
    assert secrets_in("\n".join(told)) == []
    assert TOKEN not in "\n".join(told)
    assert {n for n, one in enumerate(told) if ROW in one} == {4, 5}
    shutil.rmtree(runs.home / ".ipython")  # a kernel's own files are as it makes them
