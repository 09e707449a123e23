"""A walk runs what `alembic` would run, in env.py's own transaction shape, and tells what really happened."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apps import Rev, Revisions, make_app
from servers import Servers, TestDatabase
from walking import Pair, guarded, has_ended, pair

from dbadmin import state
from dbadmin.dialects import TableName
from dbadmin.errors import ChildFailed
from dbadmin.migrations.runner import Child

MADE: Revisions = {
    "a1": (None, 'op.create_table("made", sa.Column("id", sa.Integer))', 'op.drop_table("made")'),
    "b2": ("a1", 'op.execute("INSERT INTO made VALUES (1), (2)")', 'op.execute("DELETE FROM made")'),
}


@pytest.fixture
def databases(database: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    with pair(database, servers, tmp_path) as made:
        yield made


@pytest.fixture
def files(sqlite: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    """A pair on SQLite only, for what has nothing to do with the engine."""
    with pair(sqlite, servers, tmp_path) as made:
        yield made


@pytest.fixture
def postgres(postgresql: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    with pair(postgresql, servers, tmp_path) as made:
        yield made


def failing(code: str) -> Revisions:
    """a1 works, b2 runs `code`, c3 would come after it."""
    return {"a1": MADE["a1"], "b2": ("a1", code, "pass"), "c3": ("b2", "pass", "pass")}


def test_each_revision_is_seen_from_inside(databases: Pair, tmp_path: Path) -> None:
    result = databases.walk(make_app(tmp_path, revisions=MADE, url=databases.source.url))
    first, second = result.steps
    assert (first.message, Path(str(first.file)).name) == ("revision a1", "a1_revision_a1.py")
    assert (first.statements, first.rows_changed) == (1, {})
    assert (second.statements, second.rows_changed) == (1, {"made": 2})
    assert second.seconds is not None and 0 <= second.seconds < 30
    assert second.touched is None or TableName(None, "made") in second.touched
    assert result.planned == ("a1", "b2")


def test_the_state_after_each_revision_is_read_from_inside(databases: Pair, tmp_path: Path) -> None:
    revisions: Revisions = {**MADE, "c3": ("b2", 'op.execute("UPDATE made SET id = 3 WHERE id = 2")', "pass")}
    app = make_app(tmp_path, revisions=revisions, url=databases.source.url)
    with databases.copy.connect() as connection:
        before = state.snapshot(connection)
    result = databases.walk(app, look=True, before=before)
    assert result.error is None
    first, second, third = (step.snapshot for step in result.steps)
    with databases.copy.connect() as connection:
        after = state.snapshot(connection, exclude=[TableName(None, "alembic_version")])
    assert first and second and third
    assert not state.compare(third, after)
    made = TableName(None, "made")
    assert [seen.data[made].rows for seen in (first, second, third)] == [0, 2, 2]
    scopes = [{d.scope for d in state.compare(*pair)} for pair in ((before, first), (first, second), (second, third))]
    assert "schema" in scopes[0] and "rows" in scopes[1] and "values" in scopes[2]
    assert [step.touched for step in result.steps[1:]] == [frozenset({made})] * 2
    assert all(made.name not in str(key) for key in before.schema)


def test_a_look_that_fails_is_no_fault_of_the_revision(databases: Pair, tmp_path: Path) -> None:
    broken = state.Snapshot({}, {}, frozenset())
    app = make_app(tmp_path, revisions=MADE, url=databases.source.url, models=BREAK_THE_LOOK, env="app_engine")
    with pytest.raises(ChildFailed, match=r"dbadmin itself failed .* at revision a1: .*broken on purpose"):
        databases.walk(app, look=True, before=broken)


BREAK_THE_LOOK = """
import dbadmin.state

def broken(*arguments, **options):
    raise ValueError("broken on purpose")

dbadmin.state.update = broken
"""


def test_down_is_walked_like_up(databases: Pair, tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions=MADE, url=databases.source.url)
    databases.walk(app)
    result = databases.walk(app, direction="downgrade", destination="-1")
    assert ([step.revision for step in result.steps], result.revisions) == (["b2"], ("a1",))
    result = databases.walk(app, direction="downgrade", destination="base")
    assert ([step.revision for step in result.steps], result.revisions) == (["a1"], ())
    assert databases.tables() == {"kept", "alembic_version"}


def test_nothing_to_run_is_no_failure(databases: Pair, tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions=MADE, url=databases.source.url)
    databases.walk(app)
    result = databases.walk(app)
    assert (result.state, result.steps, result.revisions) == ("ok", (), ("b2",))


@pytest.mark.parametrize(
    ("env", "configure", "left"),
    [("plain", "", set()), ("plain", "transaction_per_migration=True", {"made"}), ("begin", "", set())],
)
def test_what_a_failure_leaves_follows_from_env_pys_own_transactions(
    env: str, configure: str, left: set[str], postgres: Pair, tmp_path: Path
) -> None:
    app = make_app(tmp_path, revisions=failing("1 / 0"), url=postgres.source.url, env=env, configure=configure)
    result = postgres.walk(app)
    assert [(step.revision, step.state) for step in result.steps] == [("a1", "ok"), ("b2", "failed")]
    assert postgres.tables() - {"kept", "alembic_version"} == left
    assert result.revisions == (("a1",) if left else ())


ENUM: Revisions = {
    "a1": (None, "op.execute(\"CREATE TYPE mood AS ENUM ('sad')\")", "pass"),
    "b2": ("a1", "op.execute(\"ALTER TYPE mood ADD VALUE 'happy'\")", "pass"),
    "c3": ("b2", "op.execute(\"SELECT 'happy'::mood\")", "pass"),
}


def test_an_enum_value_used_in_the_next_revision_fails_as_in_production(postgres: Pair, tmp_path: Path) -> None:
    assert postgres.walk(make_app(tmp_path, revisions={"a1": ENUM["a1"]}, url=postgres.source.url)).error is None
    app = make_app(tmp_path, revisions=ENUM, url=postgres.source.url, name="later")
    result = postgres.walk(app)
    assert [(step.revision, step.state) for step in result.steps] == [("b2", "ok"), ("c3", "failed")]
    assert result.error is not None and "unsafe use of new value" in result.error.message
    assert result.error.statement == "SELECT 'happy'::mood"
    per_migration = make_app(
        tmp_path,
        revisions=ENUM,
        url=postgres.source.url,
        configure="transaction_per_migration=True",
        name="each",
    )
    assert postgres.walk(per_migration).error is None


CONCURRENTLY: Revisions = {
    "a1": (
        None,
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY i ON kept (note)")
        """,
        "pass",
    )
}


def test_autocommit_block_works_where_alembic_owns_the_transaction(postgres: Pair, tmp_path: Path) -> None:
    result = postgres.walk(make_app(tmp_path, revisions=CONCURRENTLY, url=postgres.source.url))
    assert (result.error, result.revisions) == (None, ("a1",))


@pytest.mark.parametrize("env", ["begin", "no_begin"])
def test_autocommit_block_under_another_transaction_is_explained(env: str, postgres: Pair, tmp_path: Path) -> None:
    result = postgres.walk(make_app(tmp_path, revisions=CONCURRENTLY, url=postgres.source.url, env=env))
    assert result.error is not None
    assert (result.error.type, result.error.revision) == ("AssertionError", "a1")
    assert "autocommit_block() needs a transaction that Alembic began" in result.error.message


def test_a_commit_in_the_middle_is_seen_by_what_the_version_table_holds(postgres: Pair, tmp_path: Path) -> None:
    revisions = failing("op.get_bind().commit()")
    result = postgres.walk(make_app(tmp_path, revisions=revisions, url=postgres.source.url))
    app = make_app(tmp_path, revisions=revisions, url=postgres.copy.url, name="bare")
    postgres.copy.execute("DROP TABLE made", "DROP TABLE alembic_version")
    app.alembic("upgrade", "head", check=False)
    assert result.revisions == tuple(
        str(row[0]) for row in postgres.copy.rows("SELECT version_num FROM alembic_version")
    )
    assert result.state == ("ok" if result.revisions == ("c3",) else "failed")


def test_an_error_names_revision_file_line_and_statement(databases: Pair, tmp_path: Path) -> None:
    result = databases.walk(
        make_app(
            tmp_path,
            revisions=failing('x = 1\nop.execute("SELECT * FROM nowhere")'),
            url=databases.source.url,
        )
    )
    error = result.error
    assert error is not None
    assert (error.revision, error.line) == ("b2", 18)
    assert Path(str(error.file)).name == "b2_revision_b2.py"
    assert (error.statement, error.not_implemented, error.timed_out) == (
        "SELECT * FROM nowhere",
        False,
        False,
    )
    assert "nowhere" in error.message
    assert result.steps[-1].error == error and result.steps[-1].failed_statement == error.statement
    assert [step.revision for step in result.steps] == ["a1", "b2"]


@pytest.mark.parametrize("configure", ["", "transaction_per_migration=True"])
def test_a_commit_that_fails_is_blamed_on_the_last_revision_in_it(
    configure: str, postgres: Pair, tmp_path: Path
) -> None:
    late = "ALTER TABLE kept ADD CONSTRAINT late UNIQUE (note) DEFERRABLE INITIALLY DEFERRED"
    code = f"""
        op.execute("{late}")
        op.execute("INSERT INTO kept VALUES (2, 'source')")
    """
    app = make_app(
        tmp_path, revisions={"a1": MADE["a1"], "b2": ("a1", code, "pass")}, url=postgres.source.url, configure=configure
    )
    result = postgres.walk(app)
    assert [(step.revision, step.state) for step in result.steps] == [("a1", "ok"), ("b2", "failed")]
    assert result.error is not None and result.error.at_commit
    assert (result.error.revision, result.error.type) == ("b2", "IntegrityError")
    assert result.revisions == (("a1",) if configure else ())


def test_our_own_look_counts_for_no_limit(files: Pair, tmp_path: Path) -> None:
    with files.copy.connect() as connection:
        before = state.snapshot(connection)
    slow = BREAK_THE_LOOK.replace(
        'raise ValueError("broken on purpose")', "time.sleep(3)\n    return update(*arguments)"
    )
    slow = slow.replace("import dbadmin.state", "import dbadmin.state, time\nupdate = dbadmin.state.update")
    app = make_app(tmp_path, revisions={"a1": MADE["a1"]}, url=files.source.url, models=slow, env="app_engine")
    result = files.walk(app, look=True, before=before, timeout=2.5)
    assert result.error is None


def test_row_values_stay_out_of_errors(postgres: Pair, tmp_path: Path) -> None:
    code = "op.execute(\"INSERT INTO kept VALUES (1, 'a')\")"
    error = postgres.walk(make_app(tmp_path, revisions=failing(code), url=postgres.source.url)).error
    assert error is not None and "duplicate key" in error.message and "Key (" not in error.message


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("import sys\nsys.exit(0)", "SystemExit", "sys.exit(0) was called"),
        ("import os\nos._exit(0)", "ProcessEnded", "exit status 0) while revision b2 ran"),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
            "ProcessEnded",
            "signal SIGKILL) while revision b2",
        ),
        ("input()", "EOFError", "EOF"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("import ctypes\nctypes.string_at(0)", "ProcessEnded", "signal SIGSEGV"),
    ],
)
def test_a_revision_that_ends_the_process_is_a_failure_of_that_revision(
    code: str, kind: str, text: str, files: Pair, tmp_path: Path
) -> None:
    result = files.walk(make_app(tmp_path, revisions=failing(code), url=files.source.url))
    assert result.error is not None
    assert (result.state, result.error.type, result.error.revision) == ("failed", kind, "b2")
    assert text in result.error.message
    assert (result.steps[-1].revision, result.steps[-1].state) == ("b2", "failed")


def test_a_revision_that_hangs_is_ended_at_the_limit(databases: Pair, tmp_path: Path) -> None:
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)"
    app = make_app(tmp_path, revisions=failing(code), url=databases.source.url)
    started = time.monotonic()
    result = databases.walk(app, timeout=2.5)
    assert time.monotonic() - started < 20
    assert result.error is not None
    assert (result.error.timed_out, result.error.revision, result.error.type) == (True, "b2", "Timeout")
    assert result.error.message == "revision b2 ran longer than 2.5 s"


def test_a_statement_that_waits_for_a_lock_of_its_own_is_ended_at_the_limit(postgres: Pair, tmp_path: Path) -> None:
    code = """
        from app.db import make_engine
        op.execute("LOCK TABLE kept")
        with make_engine().begin() as other:
            other.execute(sa.text("DELETE FROM kept"))
    """
    app = make_app(tmp_path, revisions=failing(code), url=postgres.source.url)
    result = postgres.walk(app, timeout=3)
    assert result.error is not None and result.error.timed_out
    assert postgres.copy.rows("SELECT id FROM kept") == [(1,)]


def test_printing_a_great_deal_is_bounded_and_masked(files: Pair, tmp_path: Path) -> None:
    code = """
        import os
        for _ in range(2000):
            os.write(1, b"x" * 50_000 + bytes([0, 255]) + b"\\n")
        print("the last line, password=hunter22 postgresql://u:s3cret@h/d")
    """
    result = files.walk(make_app(tmp_path, revisions=failing(code), url=files.source.url))
    assert result.error is None
    assert len(result.output) <= 64 * 1024
    assert result.output.rstrip().endswith("password=*** postgresql://u:***@h/d")


def test_threads_that_never_end_hold_nothing_up(files: Pair, tmp_path: Path) -> None:
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()"
    started = time.monotonic()
    assert files.walk(make_app(tmp_path, revisions=failing(code), url=files.source.url)).error is None
    assert time.monotonic() - started < 20


def test_a_fork_neither_repeats_nor_survives(files: Pair, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"""
        import os, time
        if os.fork() == 0:
            open({str(note)!r}, "w").write(str(os.getpid()))
            time.sleep(1000)
        while not (os.path.exists({str(note)!r}) and os.path.getsize({str(note)!r})):
            time.sleep(0.01)
    """
    result = files.walk(make_app(tmp_path, revisions=failing(code), url=files.source.url))
    assert result.error is None
    assert [step.revision for step in result.steps] == ["a1", "b2", "c3"]
    assert has_ended(int(note.read_text()))


def test_what_user_code_does_to_its_process_does_not_reach_the_walk(files: Pair, tmp_path: Path) -> None:
    code = """
        import logging.config, os, signal, sys, warnings
        os.chdir("/")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        logging.config.dictConfig({"version": 1})
        warnings.simplefilter("error")
        sys.stdout = sys.stderr = None
        os.close(1)
    """
    result = files.walk(make_app(tmp_path, revisions=failing(code), url=files.source.url))
    assert (result.error, result.revisions) == (None, ("c3",))


@pytest.mark.parametrize(
    ("downgrade", "by_design"),
    [
        ("raise NotImplementedError", True),
        ('raise RuntimeError("This migration is irreversible")', True),
        ("raise Exception('downgrade is not supported')", True),
        (None, True),
        ('raise RuntimeError("the table is gone")', False),
        ('op.drop_table("not_there")', False),
    ],
)
def test_a_downgrade_that_refuses_by_design_is_told_from_one_that_breaks(
    downgrade: str | None, by_design: bool, files: Pair, tmp_path: Path
) -> None:
    app = make_app(tmp_path, revisions={"a1": (None, "pass", downgrade)}, url=files.source.url)
    assert files.walk(app).error is None
    result = files.walk(app, direction="downgrade", destination="base")
    assert result.error is not None
    assert (result.error.not_implemented, result.error.revision) == (by_design, "a1")
    assert result.revisions == ("a1",)


def test_a_missing_downgrade_stops_before_any_step_as_alembic_does(databases: Pair, tmp_path: Path) -> None:
    revisions: Revisions = {"a1": (None, "pass", None), "b2": ("a1", "pass", 'op.drop_table("kept")')}
    app = make_app(tmp_path, revisions=revisions, url=databases.source.url)
    databases.walk(app)
    result = databases.walk(app, direction="downgrade", destination="base")
    assert (result.steps, result.revisions) == ((), ("b2",))
    assert result.error is not None and result.error.message == "revision a1 has no downgrade()"
    assert "kept" in databases.tables()


def test_an_env_py_that_raises_is_named_with_its_line(files: Pair, tmp_path: Path) -> None:
    env = "import os\n\nraise ValueError('the setting SECRET_KEY is missing')\n"
    result = files.walk(make_app(tmp_path, revisions=MADE, url=files.source.url, env=env))
    error = result.error
    assert error is not None
    assert (error.revision, Path(str(error.file)).name, error.line) == (None, "env.py", 3)
    assert "SECRET_KEY is missing" in error.message


@pytest.mark.parametrize("env", ["offline_only", "pass\n"])
def test_an_env_py_that_runs_nothing_is_a_failure(env: str, files: Pair, tmp_path: Path) -> None:
    result = files.walk(make_app(tmp_path, revisions=MADE, url=files.source.url, env=env))
    assert result.state == "failed" and result.error is not None
    assert Path(str(result.error.file)).name == "env.py"


def test_a_version_table_of_another_name_and_schema_is_read(postgres: Pair, tmp_path: Path) -> None:
    postgres.copy.execute("CREATE SCHEMA meta")
    app = make_app(
        tmp_path,
        revisions=MADE,
        url=postgres.source.url,
        configure='version_table="migrated", version_table_schema="meta"',
    )
    result = postgres.walk(app)
    assert (result.error, result.version_table, result.version_table_schema) == (None, "migrated", "meta")
    assert postgres.copy.rows("SELECT version_num FROM meta.migrated") == [("b2",)]


def test_a_revision_id_too_long_for_the_version_table_is_blamed_on_it(postgres: Pair, tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"a" * 40: Rev(None)}, url=postgres.source.url)
    result = postgres.walk(app)
    assert result.error is not None and result.error.revision == "a" * 40
    assert "too long" in result.error.message


def test_branches_and_dependencies_end_where_alembic_ends(databases: Pair, tmp_path: Path) -> None:
    revisions: Revisions = {
        "a1": Rev(None, labels=("shop",)),
        "a2": Rev("a1"),
        "w1": Rev(None, labels=("stock",), depends_on=("a2",)),
    }
    app = make_app(tmp_path, revisions=revisions, url=databases.source.url)
    result = databases.walk(app, destination="heads")
    assert (result.error, result.revisions) == (None, ("w1",))
    result = databases.walk(app, direction="downgrade", destination="stock@base")
    assert (result.error, result.revisions) == (None, ("a2",))


def test_a_walk_that_is_interrupted_leaves_no_process(files: Pair, tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions=failing("import time\ntime.sleep(1000)"), url=files.source.url)
    children: list[int] = []

    def interrupt(event: dict[str, Any]) -> None:
        if event["event"] == "begin" and event["revision"] == "b2":
            children.extend(guarded())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.walk(app, on_event=interrupt)
    assert children and all(has_ended(pid) for pid in children)


def test_a_process_that_got_ready_before_it_was_asked_walks_the_same(files: Pair, tmp_path: Path) -> None:
    code = "import sys\nassert 'app' not in sys.modules and sys.argv[1:] == ['upgrade', 'head'], sys.argv"
    app = make_app(tmp_path, revisions=failing(code), url=files.source.url)
    child = Child(files.request(app, direction="downgrade", destination="base"))
    time.sleep(0.5)
    result = files.walk(app, child=child, timeout=60)
    assert (result.error, result.revisions) == (None, ("c3",))


def test_a_process_that_is_never_asked_ends_without_a_trace(files: Pair, tmp_path: Path) -> None:
    child = Child(files.request(make_app(tmp_path, revisions=MADE, url=files.source.url)))
    time.sleep(0.3)
    (pid,) = guarded()
    child.close()
    assert has_ended(pid)
    assert files.tables() == {"kept"}


def test_the_child_dies_with_its_parent(files: Pair, tmp_path: Path) -> None:
    import signal
    import subprocess
    import sys

    note = tmp_path / "pid"
    code = f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)"
    app = make_app(tmp_path, revisions=failing(code), url=files.source.url)
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from sqlalchemy import make_url
from dbadmin.dialects import Identity
from dbadmin.migrations.runner import WalkRequest, walk
from dbadmin.migrations.scripts import read_project
identity = Identity(*{(*vars(files.identity).values(),)!r})
project, copy = read_project(Path({str(app.ini)!r})), make_url({str(files.copy.url)!r})
walk(WalkRequest(project, copy, None, identity, "upgrade", "head"))
"""
    parent = subprocess.Popen([sys.executable, "-c", script], env=dict(os.environ))
    for _ in range(400):
        if note.exists() and note.read_text():
            break
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert has_ended(int(note.read_text()))


def test_secrets_stay_off_the_command_line(postgres: Pair, tmp_path: Path) -> None:
    note = tmp_path / "line"
    code = f"open({str(note)!r}, 'w').write(open('/proc/self/cmdline').read())"
    app = make_app(tmp_path, revisions=failing(code), url=postgres.source.url)
    assert postgres.walk(app, copy_url=postgres.copy.url.set(password="s3cret-pw")).error is None
    assert "dbadmin.migrations." in note.read_text() and "s3cret" not in note.read_text()
