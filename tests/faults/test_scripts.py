"""Migration scripts and version tables that go wrong: what the catalogue of faults names and no other test does."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apps import make_app
from rehearsing import BASE, PEOPLE, build, execute, facts, rehearsed
from servers import Servers, TestDatabase
from sqlalchemy import NullPool, create_engine, text
from walking import Pair, pair

from dbadmin.errors import DbadminError

pytestmark = pytest.mark.rehearsal

INDEX = ('op.create_index("ix_b", "people", ["name", "id"])', 'op.drop_index("ix_b", "people")')


def digest(url: Any) -> str:
    return hashlib.sha256(Path(url.database).read_bytes()).hexdigest()


def scalars(url: Any, query: str) -> list[Any]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def test_a_version_table_that_holds_an_ancestor_too_is_no_start(sqlite: TestDatabase, tmp_path: Path) -> None:
    """Alembic's own downgrade empties such a table, with a warning only."""
    app = build(
        tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", *INDEX), "c3": ("b2", "pass", "pass")}, at="b2", fill=PEOPLE
    )
    execute(sqlite.url, "INSERT INTO alembic_version VALUES ('a1')")
    before = digest(app.url)
    with pytest.raises(DbadminError) as refused:
        rehearsed(app)
    assert refused.value.exit_code == 2 and refused.value.hint
    assert "a1" in refused.value.message and "b2" in refused.value.message
    assert digest(app.url) == before


DID_NOTHING = ("downgrade-empty", "b2", "b2")
HIDING = """
        include_object=lambda thing, name, kind, reflected, other: name != "people",
        include_name=lambda name, kind, parents: name != "people",
"""


def test_what_env_py_hides_from_autogenerate_is_compared_all_the_same(sqlite: TestDatabase, tmp_path: Path) -> None:
    revisions = {"a1": BASE, "b2": ("a1", """op.execute("UPDATE people SET mood = 'new'")""", "pass")}
    app = build(tmp_path, sqlite.url, revisions, at="a1", fill=PEOPLE, configure=HIDING)
    report = rehearsed(app)
    assert (report.verdict, facts(report)) == ("lossy", {("values-changed", "b2", "people.mood"), DID_NOTHING})


def test_a_stamp_without_its_schema_is_broken(sqlite: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", *INDEX)}, at="base")
    app.alembic("stamp", "a1")
    before = digest(app.url)
    report = rehearsed(app)
    (found,) = [f for f in report.findings if f.blocks_verdict]
    assert (report.verdict, found.code, found.revision) == ("broken", "upgrade-failed", "b2")
    assert "people" in found.detail and found.remedy
    assert digest(app.url) == before


def test_a_migration_finds_the_files_of_its_project(sqlite: TestDatabase, tmp_path: Path) -> None:
    """Beside the script, and from the directory where Alembic runs; what is not there is told with its name."""
    read = """
    import pathlib
    op.execute(pathlib.Path(__file__).with_name("seed.sql").read_text())
    """
    revisions = {"a1": BASE, "b2": ("a1", read, 'op.execute("DROP TABLE seed")')}
    app = build(tmp_path, sqlite.url, revisions, at="a1", fill=PEOPLE)
    missing = rehearsed(app)
    (found,) = [f for f in missing.findings if f.blocks_verdict]
    assert (missing.verdict, found.code) == ("broken", "upgrade-failed") and "seed.sql" in found.detail
    (app.versions / "seed.sql").write_text("CREATE TABLE seed (id integer PRIMARY KEY)")
    assert rehearsed(app).verdict == "safe"


def test_two_rehearsals_of_one_database_say_the_same(sqlite: TestDatabase, tmp_path: Path) -> None:
    drop = ("a1", 'op.drop_column("people", "mood")', 'op.add_column("people", sa.Column("mood", sa.String(20)))')
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": drop}, at="a1", fill=PEOPLE)
    first, second = (rehearsed(app) for _ in range(2))
    assert first.verdict == "lossy"
    assert first.findings == second.findings
    assert (first.summary, first.verdict, first.plan, first.compared) == (
        second.summary, second.verdict, second.plan, second.compared,
    )  # fmt: skip


def test_an_invalid_index_that_stays_is_told(postgresql: TestDatabase, tmp_path: Path) -> None:
    concurrently = """
    with op.get_context().autocommit_block():
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY ux_mood ON people (length(name))")
    """
    app = build(tmp_path, postgresql.url, {"a1": BASE, "b2": ("a1", concurrently, 'op.drop_index("ux_mood")')}, at="a1")
    execute(postgresql.url, "INSERT INTO people (id, name) VALUES (1, 'Ada'), (2, 'Eve')")
    report = rehearsed(app)
    (failed,) = [step for step in report.steps if step.state == "failed"]
    assert report.verdict == "broken" and failed.revision == "b2"
    assert any("ux_mood" in left for left in failed.left_behind), failed
    assert scalars(postgresql.url, "SELECT count(*) FROM pg_class WHERE relname = 'ux_mood'") == [0]


def refused(pair: Pair, directory: Path, statement: str) -> str:
    """What is said of an upgrade with a statement that PostgreSQL does not take."""
    app = make_app(directory, revisions={"a1": (None, f"op.execute({statement!r})", "pass")}, url=pair.source.url)
    before = pair.source_state()
    result = pair.walk(app)
    assert [(step.revision, step.state) for step in result.steps] == [("a1", "failed")]
    assert result.error is not None and (result.error.revision, result.error.statement) == ("a1", statement)
    assert pair.source_state() == before
    return result.error.message


@pytest.fixture
def both(postgresql: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    with pair(postgresql, servers, tmp_path) as made:
        yield made


def test_concurrently_inside_of_a_transaction_is_refused_by_name(both: Pair, tmp_path: Path) -> None:
    said = refused(both, tmp_path, "CREATE INDEX CONCURRENTLY i ON kept (note)")
    assert "CREATE INDEX CONCURRENTLY cannot run inside a transaction block" in said


def test_an_extension_that_is_not_here_fails_its_revision(both: Pair, tmp_path: Path) -> None:
    assert 'extension "no_such_extension" is not available' in refused(
        both, tmp_path, "CREATE EXTENSION no_such_extension"
    )


def test_a_prepared_transaction_is_no_way_to_leave_something_behind(postgresql: TestDatabase, tmp_path: Path) -> None:
    """Where copies live, nothing can be prepared: it would keep the copy from being dropped."""
    prepare = ("a1", """op.execute("PREPARE TRANSACTION 'shop'")""", "pass")
    app = build(tmp_path, postgresql.url, {"a1": BASE, "b2": prepare}, at="a1", fill=PEOPLE)
    report = rehearsed(app)
    (found,) = [f for f in report.findings if f.blocks_verdict]
    assert (report.verdict, found.code, found.revision) == ("broken", "upgrade-failed", "b2")
    assert "prepared transactions are disabled" in found.detail
    assert scalars(postgresql.url, "SELECT count(*) FROM pg_prepared_xacts") == [0]


def test_a_downgrade_that_drops_the_schema_is_lossy_and_harms_the_copy_alone(
    postgresql: TestDatabase, tmp_path: Path
) -> None:
    drop = ("a1", 'op.execute("CREATE TABLE extra (id integer)")', 'op.execute("DROP SCHEMA public CASCADE")')
    app = build(tmp_path, postgresql.url, {"a1": BASE, "b2": drop}, at="a1", fill=PEOPLE)
    report = rehearsed(app)
    assert not report.ok and report.verdict in ("lossy", "broken")
    assert scalars(postgresql.url, "SELECT count(*) FROM people") == [3]
