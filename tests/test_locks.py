"""What a step costs others: which locks it was the first to take, for how long, what it wrote anew, and its size."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from apps import Revisions, make_app
from servers import Servers, TestDatabase
from walking import Pair, pair

from dbadmin.dialects.postgresql.watch import PostgresqlCosts
from dbadmin.migrations.protocol import StepSeen, WalkResult
from dbadmin.migrations.timeline import Timeline
from dbadmin.results import Lock

PER_REVISION = "transaction_per_migration=True"


@pytest.fixture
def postgres(postgresql: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    with pair(postgresql, servers, tmp_path) as made:
        made.copy.execute(
            "CREATE TABLE a (id integer PRIMARY KEY, x integer, note varchar(20))",
            "CREATE TABLE b (id integer PRIMARY KEY, a_id integer)",
            "CREATE INDEX ix_a_x ON a (x)",
            "INSERT INTO a SELECT n, n, 'note ' || n FROM generate_series(1, 2000) AS n",
            "INSERT INTO b SELECT n, n FROM generate_series(1, 2000) AS n",
        )
        yield made


@pytest.fixture
def files(sqlite: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    with pair(sqlite, servers, tmp_path) as made:
        made.copy.execute(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, x INTEGER)", "CREATE TABLE b (id INTEGER PRIMARY KEY, x INTEGER)"
        )
        yield made


def chain(*upgrades: str) -> Revisions:
    """Revisions r1, r2 …, one after the other."""
    return {
        f"r{number}": (f"r{number - 1}" if number > 1 else None, upgrade, "pass")
        for number, upgrade in enumerate(upgrades, 1)
    }


def walk(databases: Pair, directory: Path, *upgrades: str, configure: str = PER_REVISION) -> list[StepSeen]:
    result = walked(databases, directory, *upgrades, configure=configure)
    assert result.error is None, result
    return list(result.steps)


def walked(databases: Pair, directory: Path, *upgrades: str, configure: str = PER_REVISION) -> WalkResult:
    app = make_app(directory, revisions=chain(*upgrades), url=databases.source.url, configure=configure)
    return databases.walk(app)


def told(step: StepSeen) -> set[tuple[str, str, str | None]]:
    return {(lock.object, lock.mode, lock.blocks) for lock in step.locks or ()}


def only(step: StepSeen) -> Lock:
    assert step.locks is not None
    (lock,) = step.locks
    return lock


EXCLUSIVE = ("AccessExclusive", "reads and writes")
CHANGES: list[tuple[str, set[tuple[str, str, str]], tuple[str, ...]]] = [
    ('op.execute("ALTER TABLE a ADD y integer DEFAULT 3")', {("a", *EXCLUSIVE)}, ()),
    (
        'op.execute("ALTER TABLE a ADD z double precision DEFAULT random()")',
        {("a", *EXCLUSIVE)},
        ("a", "a_pkey", "ix_a_x"),
    ),
    ('op.alter_column("b", "a_id", type_=sa.BigInteger)', {("b", *EXCLUSIVE)}, ("b", "b_pkey")),
    ('op.alter_column("a", "note", type_=sa.Text)', {("a", *EXCLUSIVE)}, ()),
    ('op.create_index("ix_note", "a", ["note"])', {("a", "Share", "writes")}, ()),
    (
        'op.create_foreign_key("fk", "b", "a", ["a_id"], ["id"])',
        {("a", "ShareRowExclusive", "writes"), ("b", "ShareRowExclusive", "writes")},
        (),
    ),
    ('op.drop_index("ix_note", "a")', {("a", *EXCLUSIVE)}, ()),
    (
        'op.execute("REINDEX INDEX ix_a_x")',
        {("a", "Share", "writes"), ("ix_a_x", *EXCLUSIVE)},
        ("ix_a_x",),
    ),
    ('op.execute("UPDATE a SET x = 1 WHERE id = 1")', {("a", "RowExclusive", "schema changes")}, ()),
    ('op.create_table("made", sa.Column("id", sa.Integer)); op.create_index("i", "made", ["id"])', set(), ()),
    ('op.execute("TRUNCATE b")', {("b", *EXCLUSIVE)}, ()),
    ('op.rename_table("a", "c"); op.execute("ALTER TABLE c ADD more integer")', {("a", *EXCLUSIVE)}, ()),
    ('op.execute("SELECT count(*) FROM c")', set(), ()),
]  # fmt: skip


def test_each_revision_has_its_locks_and_what_it_wrote_anew(postgres: Pair, tmp_path: Path) -> None:
    steps = walk(postgres, tmp_path, *(upgrade for upgrade, _, _ in CHANGES))
    for step, (upgrade, locks, rewrites) in zip(steps, CHANGES, strict=True):
        # An index that is locked with its table is the same to everybody else.
        assert {lock for lock in told(step) if not lock[0].endswith("_pkey")} == locks, upgrade
        assert tuple(map(str, step.rewrites or ())) == rewrites, upgrade


def test_in_one_transaction_the_first_revision_has_the_lock_until_the_end(postgres: Pair, tmp_path: Path) -> None:
    first, second, third = walk(
        postgres, tmp_path,
        'op.execute("ALTER TABLE a ADD y integer")',
        'op.execute("ALTER TABLE a ADD z integer"); op.execute("SELECT pg_sleep(0.4)")',
        'op.execute("ALTER TABLE b ADD y integer")',
        configure="",
    )  # fmt: skip
    assert told(first) == {("a", *EXCLUSIVE)}
    assert told(second) == set()
    assert told(third) == {("b", *EXCLUSIVE)}
    assert only(first).statement == "ALTER TABLE a ADD y integer"
    assert (only(first).seconds or 0) > 0.4


def test_how_long_a_lock_was_held_lies_between_its_bounds(postgres: Pair, tmp_path: Path) -> None:
    (step,) = walk(
        postgres, tmp_path,
        """
        op.execute("SELECT pg_sleep(0.3)")
        op.execute("ALTER TABLE a ADD y integer")
        op.execute("SELECT pg_sleep(0.6)")
        """,
    )  # fmt: skip
    lock = only(step)
    assert lock.seconds_min is not None and lock.seconds_max is not None and lock.seconds is not None
    assert 0.5 < lock.seconds_min <= lock.seconds <= lock.seconds_max < 0.85
    assert lock.seconds_max - lock.seconds_min < 0.2


def test_a_statement_that_commits_by_itself_is_watched_while_it_runs(postgres: Pair, tmp_path: Path) -> None:
    postgres.copy.execute(
        "CREATE FUNCTION slow(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS"
        " 'BEGIN PERFORM pg_sleep(0.0001); RETURN $1; END'"
    )
    block = 'with op.get_context().autocommit_block():\n    op.execute("{}")'
    slow = "ON a (slow(x)) WHERE id <= 300"
    before, concurrently, plainly = walk(
        postgres,
        tmp_path,
        f'op.execute("ALTER TABLE b ADD y integer")\n{block.format(f"CREATE INDEX CONCURRENTLY i1 {slow}")}',
        block.format(f"CREATE INDEX CONCURRENTLY i2 {slow}"),
        block.format(f"CREATE INDEX i3 {slow}"),
    )
    assert told(before) == {("b", *EXCLUSIVE), ("a", "ShareUpdateExclusive", "schema changes")}
    assert told(concurrently) == {("a", "ShareUpdateExclusive", "schema changes")}
    assert told(plainly) == {("a", "Share", "writes")}
    assert only(concurrently).statement == f"CREATE INDEX CONCURRENTLY i2 {slow}"
    assert all((only(step).seconds_min or 0) > 0.2 for step in (concurrently, plainly))


def test_the_time_of_dbadmins_own_looks_is_not_the_locks(
    postgres: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    pause = Timeline.pause
    monkeypatch.setattr(Timeline, "pause", lambda self, a, b: (paused.append(b - a), pause(self, a, b))[1])
    fill = "SELECT n, repeat(md5(n::text), 40) AS t FROM generate_series(1, 100000) AS n"
    postgres.copy.execute(f"CREATE TABLE wide AS {fill}")
    revisions = chain('op.execute("ALTER TABLE wide ADD y integer DEFAULT 1")', "pass")
    result = postgres.walk(make_app(tmp_path, url=postgres.source.url, revisions=revisions), look=True)
    (lock,) = (lock for lock in result.steps[0].locks or () if lock.object == "wide")
    assert lock.seconds is not None and lock.seconds < sum(paused) / 2


def test_a_failed_step_has_its_locks_too(postgres: Pair, tmp_path: Path) -> None:
    result = walked(
        postgres,
        tmp_path,
        'op.execute("ALTER TABLE a ADD y integer"); op.execute("SELECT pg_sleep(0.2)"); op.execute("SELECT 1/0")',
    )
    assert result.state == "failed"
    assert told(result.steps[0]) == {("a", *EXCLUSIVE)}


def test_sizes_are_those_before_and_after(postgres: Pair, tmp_path: Path) -> None:
    fill = "INSERT INTO a SELECT n, n, repeat('x', 20) FROM generate_series(3001, 40000) AS n"
    grown, emptied = walk(postgres, tmp_path, f'op.execute("{fill}")', 'op.execute("TRUNCATE a")', configure="")
    assert grown.bytes_before and grown.bytes_after and emptied.bytes_after is not None
    assert grown.bytes_after - grown.bytes_before > 2_000_000
    assert emptied.bytes_before == grown.bytes_after
    assert emptied.bytes_after < grown.bytes_before


def test_sqlite_has_one_lock_for_the_whole_file(files: Pair, tmp_path: Path) -> None:
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)"
    slow = f"{rows} INSERT INTO a (x) SELECT i FROM n"
    written, read = walk(files, tmp_path, f'op.execute("{slow}")', 'op.execute("SELECT 1")')
    lock = only(written)
    assert (lock.object, lock.mode, lock.blocks) == ("database", "RESERVED", "writes")
    assert lock.statement == slow
    assert lock.seconds_min is not None and lock.seconds_min > 0.5 * (written.seconds or 0)
    assert read.locks == ()
    assert written.bytes_after is not None and written.bytes_before is not None
    assert written.bytes_after - written.bytes_before > 1_000_000


def test_tables_that_batch_mode_builds_anew_are_named(files: Pair, tmp_path: Path) -> None:
    rebuilt, added, dropped, again = walk(
        files, tmp_path,
        'with op.batch_alter_table("a") as batch:\n    batch.alter_column("x", type_=sa.BigInteger)',
        'op.add_column("a", sa.Column("y", sa.Integer))',
        'op.execute("ALTER TABLE a DROP COLUMN y")',
        'op.drop_table("b"); op.create_table("b", sa.Column("id", sa.Integer))',
    )  # fmt: skip
    steps = (rebuilt, added, dropped, again)
    assert [tuple(map(str, step.rewrites or ())) for step in steps] == [("a",), (), ("a",), ()]


@pytest.fixture
def maria(mariadb: TestDatabase, servers: Servers, tmp_path: Path) -> Iterator[Pair]:
    with pair(mariadb, servers, tmp_path) as made:
        made.copy.execute(
            "CREATE TABLE a (id integer PRIMARY KEY AUTO_INCREMENT, x integer, note varchar(20))",
            "CREATE TABLE b (id integer PRIMARY KEY AUTO_INCREMENT, a_id integer)",
            "INSERT INTO a (x) SELECT seq FROM seq_1_to_300000",
        )
        yield made


def test_mariadbs_way_of_changing_a_table_is_told_with_its_locks(maria: Pair, tmp_path: Path) -> None:
    instant, copied, indexed, checked, truncated, updated = walk(
        maria,
        tmp_path,
        'op.add_column("a", sa.Column("y", sa.Integer))',
        'op.alter_column("a", "x", type_=sa.BigInteger, existing_type=sa.Integer)',
        'op.create_index("ix_note", "a", ["note"])',
        'op.execute("ALTER TABLE b ADD CONSTRAINT positive CHECK (a_id > 0)")',
        'op.execute("TRUNCATE TABLE b")',
        'op.execute("UPDATE a SET y = 1 WHERE id = 1"); op.execute("SELECT SLEEP(0.1)")',
        configure="",
    )
    steps = (instant, copied, indexed, checked, truncated, updated)
    assert [[told.rpartition(": ")[2] for told in step.algorithms or ()] for step in steps] == [
        ["INSTANT"], ["COPY"], ["INPLACE"], ["COPY"], [], [],
    ]  # fmt: skip
    assert [tuple(map(str, step.rewrites or ())) for step in steps] == [(), ("a (COPY)",), (), ("b (COPY)",), (), ()]
    assert ("a", "SHARED_NO_WRITE", "writes") in told(copied)
    assert not [lock for lock in indexed.locks or () if lock.blocks == "writes"]
    assert told(updated) == {("a", "SHARED_WRITE", "schema changes")}
    assert copied.bytes_before and instant.rewrites == ()


@pytest.mark.parametrize("env", ["async", "begin", "autocommit"])
def test_whatever_way_env_py_connects_locks_are_seen(env: str, postgres: Pair, tmp_path: Path) -> None:
    upgrade = 'op.execute("ALTER TABLE a ADD y integer DEFAULT 1")\nop.execute("CREATE INDEX i ON b (slow(a_id))")'
    postgres.copy.execute(
        "CREATE FUNCTION slow(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS"
        " 'BEGIN PERFORM pg_sleep(0.0001); RETURN $1; END'",
        "DELETE FROM b WHERE id > 300",
    )
    app = make_app(tmp_path, revisions=chain(upgrade), url=postgres.source.url, env=env)
    result = postgres.walk(app)
    assert result.error is None
    expected = {("a", *EXCLUSIVE), ("b", "Share", "writes")}
    # Without a transaction the first is gone at once, and may be missed.
    found = told(result.steps[0])
    assert found == expected or (env == "autocommit" and found == expected - {("a", *EXCLUSIVE)})


def test_without_a_watcher_locks_are_not_known_and_the_walk_goes_on(
    postgres: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, url: object) -> None:
        raise OSError("no session to spare")

    monkeypatch.setattr(PostgresqlCosts, "watcher", refuse)
    (step,) = walk(postgres, tmp_path, 'op.execute("ALTER TABLE a ADD y integer")')
    assert step.locks is None and step.rewrites == ()
