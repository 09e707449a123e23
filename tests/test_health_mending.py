"""`dbadmin inspect`: the SQL of every kind of finding runs as it is given, on each engine that has it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from servers import TestDatabase
from test_health import applied, inspected
from test_health_state import busy, until, waiting

from dbadmin.health.run import every_check
from dbadmin.results import HealthFinding

pytestmark = pytest.mark.usefixtures("elsewhere")

NOTHING_TO_TYPE = {
    "connections", "plain-text-credential", "orphaned-rows", "large-table", "cache-hits", "seq-scans",
    "slow-statements", "model-table", "model-column", "model-index", "model-type",
}  # fmt: skip
"""Mended by thinking, or by Alembic; `model-index` has SQL and is mended with the others of models."""
ELSEWHERE = {
    "fk-without-index": "test_health", "duplicate-index": "test_health", "overlapping-index": "test_health",
    "no-primary-key": "test_health", "fk-type-mismatch": "test_health", "invalid-index": "test_health",
    "blocking": "test_health_state", "sequence-exhaustion": "test_health_state", "not-validated": "test_health_state",
    "model-not-null": "test_health_models", "model-unique": "test_health_models",
    "model-foreign-key": "test_health_models", "model-default": "test_health_models",
}  # fmt: skip
"""Checks whose findings are mended, and made again by the reverse, in another module."""


@dataclass(frozen=True)
class Ill:
    """What makes a database ill, the key of the finding, and the number from which on it is one."""

    kind: str
    key: str
    sql: tuple[str, ...]
    threshold: float | None = None
    damage: Callable[[TestDatabase], None] | None = None
    stays: bool = field(default=False)

    @property
    def check(self) -> str:
        return self.key.partition(":")[0]


def lose_an_index_entry(database: TestDatabase) -> None:
    """Take a row out of an index and leave it in the table."""
    path = Path(str(database.url.database))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"two")
    data[at : at + 3] = b"owt"
    path.write_bytes(data)


SERVER = "CREATE TABLE t (id integer PRIMARY KEY, a integer)"
ILLS = (
    Ill("sqlite", "bloat:the database file", ("CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(30000000))",
        "DELETE FROM t")),
    Ill("sqlite", "settings:journal_mode", ("CREATE TABLE t (a)",)),
    Ill("sqlite", "integrity:0", ("CREATE TABLE t (a text)", "CREATE INDEX ix ON t (a)",
        "INSERT INTO t VALUES ('one'), ('two')"), damage=lose_an_index_entry),
    Ill("postgresql", "unused-index:t.i", (SERVER, "CREATE INDEX i ON t (a)", "SELECT * FROM t"), 0),
    Ill("postgresql", "dead-rows:t:autovacuum", (f"{SERVER} WITH (autovacuum_enabled = false)",)),
    Ill("postgresql", "stale-statistics:t", (f"{SERVER} WITH (autovacuum_enabled = false)",
        "INSERT INTO t SELECT n, n FROM generate_series(1, 2000) AS n", "SELECT pg_stat_force_next_flush()")),
    Ill("postgresql", "wraparound:database {name}:transaction ids", (SERVER,), -1, stays=True),
    Ill("postgresql", "settings:idle_in_transaction_session_timeout", ()),
    Ill("mariadb", "unused-index:t.i", (SERVER, "CREATE INDEX i ON t (a)"), 0),
    Ill("mariadb", "bloat:t", ("CREATE TABLE t (id integer PRIMARY KEY, a varchar(4000))",
        "INSERT INTO t SELECT seq, repeat('x', 3000) FROM seq_1_to_9000", "DELETE FROM t WHERE id > 9",
        "ANALYZE TABLE t"), 1),
    Ill("mariadb", "settings:innodb_flush_log_at_trx_commit", ()),
)  # fmt: skip


def found(database: TestDatabase, ill: Ill) -> HealthFinding | None:
    thresholds = {} if ill.threshold is None else {ill.check: ill.threshold}
    findings = {finding.key: finding for finding in inspected(database, ill.check, thresholds=thresholds).findings}
    return findings.get(ill.key.format(name=database.name))


def cell(ill: Ill) -> Any:
    marks = (pytest.mark.slow,) if (ill.kind, ill.check) == ("mariadb", "bloat") else ()
    return pytest.param(ill, marks=marks, id=f"{ill.kind}-{ill.check}")


@pytest.mark.parametrize("ill", [cell(ill) for ill in ILLS])
def test_the_statements_mend_and_the_reverse_brings_it_back(request: Any, ill: Ill) -> None:
    database: TestDatabase = request.getfixturevalue(ill.kind)
    applied(database, ill.sql or ("SELECT 1",))
    if ill.damage is not None:
        ill.damage(database)
    before: HealthFinding = until(lambda: found(database, ill))
    assert before.sql
    applied(database, before.sql)
    try:
        assert ill.stays or until(lambda: found(database, ill) is None)
    finally:
        applied(database, before.undo)
    if before.undo:
        assert until(lambda: found(database, ill)).sql == before.sql


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("check", ["long-query", "idle-in-transaction"])
def test_what_ends_a_session_or_its_statement_runs(request: Any, kind: str, check: str) -> None:
    database: TestDatabase = request.getfixturevalue(kind)
    database.execute(SERVER)
    sleep = {"postgresql": "SELECT pg_sleep(60)", "mariadb": "SELECT sleep(60)"}[kind]

    def is_ended() -> None:
        (finding,) = until(lambda: inspected(database, check, thresholds={check: 0}).findings)
        applied(database, finding.sql)
        until(lambda: not inspected(database, check, thresholds={check: 0}).findings)

    if check == "idle-in-transaction":
        with busy(database, "INSERT INTO t VALUES (1, 1)"):
            is_ended()
        return
    with waiting(database, sleep):
        is_ended()


def test_every_check_says_whether_there_is_something_to_type() -> None:
    here = {ill.check for ill in ILLS} | {"long-query", "idle-in-transaction"}
    assert here.isdisjoint(NOTHING_TO_TYPE)
    assert here | NOTHING_TO_TYPE | set(ELSEWHERE) == set(every_check())
