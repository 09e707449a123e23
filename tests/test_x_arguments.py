"""-x: what env.py reads by context.get_x_argument(), as alembic hands it over."""

from pathlib import Path
from typing import Any

import pytest
from apps import App, make_app
from conftest import Run

import dbadmin
from dbadmin.app import load_settings
from dbadmin.shell.notebook import variables

ENV = """
from alembic import context
from sqlalchemy import create_engine, pool

from app.db import metadata

tenant = context.get_x_argument(as_dictionary=True)["tenant"]
print("x:", context.get_x_argument())

with create_engine(f"sqlite:///{tenant}.db", poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, version_table=f"{tenant}_version")
    with context.begin_transaction():
        context.run_migrations()
"""
MADE = ('op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("t")')
MODELS = """
import sqlalchemy as sa
sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Index("ix", "id"))
"""


@pytest.fixture
def app(tmp_path: Path) -> App:
    """Two tenants: acme has everything, zeta one of two revisions."""
    made = make_app(
        tmp_path,
        url="sqlite:///unused.db",
        revisions={"a1": (None, *MADE), "b2": ("a1", "op.create_index('ix', 't', ['id'])", "op.drop_index('ix')")},
        env=ENV,
        models=MODELS,
        ini={"sqlalchemy.url": ""},
    )
    made.alembic("-x", "tenant=acme", "upgrade", "head")
    made.alembic("-x", "tenant=zeta", "upgrade", "a1")
    return made


def told(run: Run, app: App, *arguments: str, code: int = 0, **more: Any) -> dict[str, Any]:
    finished = run(*arguments, "--format", "json", cwd=app.directory, **more)
    assert finished.code == code, finished.stderr
    answer: dict[str, Any] = finished.json()
    return answer


def test_without_it_the_hint_says_what_is_missing(app: App, run: Run) -> None:
    refused = run("status", cwd=app.directory)
    assert refused.code == 2
    assert "migrations/env.py:7: KeyError: 'tenant'" in refused.stderr
    assert "dbadmin -x NAME=VALUE" in refused.stderr


@pytest.mark.parametrize("before", [True, False])
def test_each_value_asks_its_own_database_also_from_what_is_kept(app: App, run: Run, before: bool) -> None:
    for _ in range(2):
        for tenant, state in (("acme", "up-to-date"), ("zeta", "behind")):
            words = ["-x", f"tenant={tenant}"]
            found = told(run, app, *([*words, "status"] if before else ["status", *words]))
            assert (found["state"], found["version_table"]) == (state, f"{tenant}_version")
            assert found["database"]["name"].endswith(f"{tenant}.db")


def test_drift_and_rehearsals_hand_it_to_env_py_too(app: App, run: Run) -> None:
    assert told(run, app, "status", "--drift", "-x", "tenant=acme")["drift"] == []
    found = told(run, app, "verify-rollback", "-x", "tenant=zeta", "-x", "also,this")
    assert (found["verdict"], found["plan"]["upgrade"]) == ("safe", ["b2"])


def test_a_file_or_a_variable_may_say_it_and_what_is_typed_wins(app: App, run: Run) -> None:
    (app.directory / "dbadmin.toml").write_text('x = ["tenant=zeta"]\n')
    assert told(run, app, "status")["state"] == "behind"
    assert told(run, app, "status", "-x", "tenant=acme")["state"] == "up-to-date"
    assert told(run, app, "status", env={"DBADMIN_X": "tenant=acme,other"})["state"] == "up-to-date"
    checks = {check["name"]: check for check in told(run, app, "doctor", "-x", "tenant=acme")["checks"]}
    assert (checks["x"]["value"], checks["x"]["origin"]) == ("tenant=acme", "-x")


def test_python_has_it_too_and_a_notebook_keeps_it(app: App) -> None:
    with dbadmin.connect(app=app.directory, x=["tenant=zeta"]) as db:
        assert db.status().state == "behind"
    settings = load_settings({"app": app.directory, "x": ("tenant=acme", "fast")})
    assert variables(settings)["DBADMIN_X"] == "tenant=acme,fast"
