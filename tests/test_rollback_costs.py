"""Locks held for long, tables written anew and connections elsewhere are told, and change no verdict."""

from pathlib import Path
from typing import Any

import pytest
from apps import Rev
from rehearsing import BASE, build, rehearsed
from servers import TestDatabase
from snapshots import leg, scripts, snap, table

from dbadmin.dialects import named
from dbadmin.dialects.costs import Costs, Rewrite
from dbadmin.migrations.protocol import StepSeen, WalkResult
from dbadmin.results import Lock, Phase, RollbackFinding
from dbadmin.rollback.costs import cost_findings, outside_connections
from dbadmin.rollback.walk import Walk

MB = 1024 * 1024


def walked(*, phases: tuple[Phase, ...] = ("upgrade",), rows: int = 5, **step: Any) -> Walk:
    """One revision, b2, in some phases."""
    walk = Walk(snap(t=table(rows)))
    for phase in phases:
        walk.results[phase] = WalkResult("ok", (StepSeen("b2", "", None, "ok", **step),), ("b2",))
        walk.legs[phase] = leg(phase, snap(t=table(rows)), ("b2", snap(t=table(rows))))
    return walk


def found(walk: Walk, *, budget: float | None = 2.0, costs: Costs | None = None) -> list[RollbackFinding]:
    return cost_findings(walk, costs or Costs(), budget, scripts())


def lock(seconds: float, blocks: str = "writes", statement: str = "CREATE INDEX i ON t (x)") -> Lock:
    return Lock("t", "Share", seconds, blocks, seconds, seconds, statement)


def test_a_lock_beyond_the_budget_that_keeps_others_from_writing_is_a_warning() -> None:
    (warning,) = found(walked(locks=(lock(2.5),)))
    assert (warning.code, warning.severity, warning.revision, warning.phase, warning.object) == (
        "lock-held", "warning", "b2", "upgrade", "t",
    )  # fmt: skip
    assert warning.detail == "nobody else could write t for 2.5 s (Share lock: CREATE INDEX i ON t (x))"
    assert not found(walked(locks=(lock(1.9),)))
    assert not found(walked(locks=(lock(60, "schema changes"),)))
    assert not found(walked(locks=(lock(60),)), budget=None)
    assert found(walked(locks=(lock(0.2),)), budget=0.1)


def test_the_second_upgrade_is_not_told_again() -> None:
    walk = walked(phases=("upgrade", "downgrade", "reupgrade"), locks=(lock(3),))
    assert [finding.phase for finding in found(walk)] == ["upgrade", "downgrade"]
    assert [finding.phase for finding in found(walked(phases=("downgrade", "reupgrade"), locks=(lock(3),)))] == [
        "downgrade", "reupgrade",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "statement", "remedy"),
    [
        ("postgresql", "CREATE UNIQUE INDEX i ON t (x)", "CONCURRENTLY"),
        ("postgresql", "CREATE INDEX CONCURRENTLY i ON t (x)", "lock_timeout"),
        ("postgresql", "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY(x) REFERENCES u (id)", "NOT VALID"),
        ("postgresql", "ALTER TABLE t ADD CONSTRAINT uq UNIQUE (x)", "USING INDEX"),
        ("postgresql", "ALTER TABLE t ALTER COLUMN x SET NOT NULL", "IS NOT NULL"),
        ("postgresql", "ALTER TABLE t ALTER COLUMN x TYPE bigint", "in batches"),
        ("postgresql", "UPDATE t", "lock_timeout"),
        ("mysql", "ALTER TABLE t MODIFY x BIGINT", "ALGORITHM=INSTANT"),
        ("mysql", "UPDATE t", "transaction"),
        ("sqlite", "UPDATE t", "in batches"),
    ],
)
def test_the_remedy_is_the_engines_for_the_statement(engine: str, statement: str, remedy: str) -> None:
    (warning,) = found(walked(locks=(lock(3, statement=statement),)), costs=named(engine).costs)
    assert warning.remedy is not None and remedy in warning.remedy


@pytest.mark.parametrize(
    ("size", "rows", "severity"),
    [
        (MB - 1, 10**9, None), (MB, 5, "note"), (100 * MB, 5, "warning"),
        (None, 9_999, None), (None, 10_000, "note"), (None, 1_000_000, "warning"),
    ],
)  # fmt: skip
def test_a_table_written_anew_is_told_by_its_size(size: int | None, rows: int, severity: str | None) -> None:
    told = found(walked(rows=rows, rewrites=(Rewrite("t", None, size, "COPY"), Rewrite("ix", "t", 10**12))))
    assert [one.severity for one in told] == ([severity] if severity else [])
    assert all((one.code, one.rows, one.object) == ("table-rewritten", rows, "t") for one in told)
    assert all(one.detail.startswith("t was written anew (COPY): ") for one in told)


def test_connections_elsewhere_are_a_note_each_once() -> None:
    walk = walked(phases=("upgrade", "downgrade"))
    walk.results["upgrade"] = WalkResult("ok", (), (), outside=("vault:443",))
    walk.results["downgrade"] = WalkResult("ok", (), (), outside=("vault:443", "mail:25"))
    told = outside_connections(walk, scripts())
    assert [(one.code, one.severity, one.object, one.phase) for one in told] == [
        ("outside-connection", "note", "mail:25", "downgrade"),
        ("outside-connection", "note", "vault:443", "upgrade"),
    ]


WIDEN = """
    op.execute("ALTER TABLE people ALTER COLUMN id TYPE bigint")
    op.execute("SELECT pg_sleep(2)")
"""


@pytest.mark.rehearsal
def test_a_rehearsal_tells_what_it_costs_and_stays_safe(postgresql: TestDatabase, tmp_path: Path) -> None:
    fill = "INSERT INTO people SELECT n, 'somebody', 'calm' FROM generate_series(1, 30000) AS n"
    revisions = {
        "a1": BASE,
        "b2": Rev("a1", WIDEN, 'op.alter_column("people", "id", type_=sa.Integer)'),
    }
    app = build(tmp_path, postgresql.url, revisions, at="a1", fill=(fill,))
    report = rehearsed(app, lock_budget=1.9, fail_on=("lock-held",))
    assert (report.verdict, report.ok) == ("safe", False)
    told = [one for one in report.findings if one.code in ("lock-held", "table-rewritten")]
    assert [(one.code, one.severity, one.phase, one.revision, one.object, one.rows) for one in told] == [
        ("lock-held", "warning", "upgrade", "b2", "people", None),
        ("table-rewritten", "note", "upgrade", "b2", "people", 30_000),
        ("table-rewritten", "note", "downgrade", "b2", "people", 30_000),
    ]
    upgrade, downgrade, again = report.steps
    for step in (upgrade, again):
        (held,) = (one for one in step.locks or () if one.object == "people")
        assert (held.mode, held.blocks) == ("AccessExclusive", "reads and writes")
        assert held.seconds is not None and 2 <= held.seconds < 60
    assert downgrade.rewrites is not None and downgrade.rewrites[0] == "people"
    assert upgrade.bytes_before and upgrade.bytes_after and upgrade.bytes_before > MB
