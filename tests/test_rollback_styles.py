"""verify-rollback as typed, on applications whose env.py goes its own way to the database: only the copy is touched."""

from pathlib import Path
from typing import Any

import pytest
from rehearsing import build
from servers import TestDatabase
from sqlalchemy import NullPool, create_engine, text

pytestmark = pytest.mark.rehearsal

REVISIONS = {
    "a1": (
        None,
        'op.create_table("people", sa.Column("id", sa.Integer, primary_key=True), sa.Column("mood", sa.String(9)))',
        'op.drop_table("people")',
    ),
    "b2": ("a1", "op.execute(\"UPDATE people SET mood = 'lost'\")", "print('nothing')"),
}
FILL = ("INSERT INTO people (id, mood) VALUES (1, 'calm'), (2, 'keen')",)
STYLES = ("getenv", "dotenv_override", "app_engine", "async", "attributes_or_ini")


@pytest.mark.parametrize("style", STYLES)
def test_the_migration_runs_on_the_copy_and_only_there(
    run: Any, database: TestDatabase, tmp_path: Path, style: str
) -> None:
    app = build(tmp_path, database.url, REVISIONS, at="a1", fill=FILL, env=style)
    variables = {k: v for k, v in app.environment.items() if k == "DATABASE_URL"}
    before = held(database.url)
    finished = run("verify-rollback", "--format", "json", cwd=app.directory, env=variables)
    report = finished.json()
    assert (finished.code, report["verdict"]) == (1, "lossy"), finished.stderr
    assert [(f["code"], f["revision"], f["rows"]) for f in report["findings"]] == [("values-changed", "b2", 2)]
    assert report["source_unchanged"] is True
    assert held(database.url) == before == [(1, "calm"), (2, "keen")]


def held(url: Any) -> list[tuple[Any, ...]]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT id, mood FROM people ORDER BY id"))]
