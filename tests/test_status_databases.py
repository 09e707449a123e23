"""status of a project whose env.py migrates several databases: Alembic's own multidb template."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from forking import run_module

REVISION = '''"""add {table}"""
from alembic import op
import sqlalchemy as sa

revision = "{name}"
down_revision = {down!r}


def upgrade(engine_name):
    globals()[f"upgrade_{{engine_name}}"]()


def downgrade(engine_name):
    globals()[f"downgrade_{{engine_name}}"]()


def upgrade_main():
    op.create_table("{table}", sa.Column("id", sa.Integer))


def downgrade_main():
    op.drop_table("{table}")


def upgrade_archive():
    pass


def downgrade_archive():
    pass
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two SQLite files, one revision behind the other."""
    run_module("alembic", ["init", "-t", "multidb", "migrations"], tmp_path, {"PYTHONDONTWRITEBYTECODE": "1"})
    ini = tmp_path / "alembic.ini"
    text = re.sub(r"(?m)^databases = .*$", "databases = main, archive", ini.read_text())
    text = text.replace("[engine1]", "[main]").replace("[engine2]", "[archive]")
    urls = iter(("main.db", "archive.db"))
    ini.write_text(re.sub(r"(?m)^sqlalchemy\.url = .*$", lambda _: f"sqlalchemy.url = sqlite:///{next(urls)}", text))
    for name, down, table in (("a1", None, "one"), ("b2", "a1", "two")):
        path = tmp_path / "migrations" / "versions" / f"{name}.py"
        path.write_text(REVISION.format(name=name, down=down, table=table))
    done = run_module("alembic", ["upgrade", "head"], tmp_path, {"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "archive.db")) as archive:
        archive.execute("UPDATE alembic_version SET version_num = 'a1'")
        archive.commit()
    return tmp_path


def test_every_database_is_told_by_its_name(run: Any, project: Path) -> None:
    found = run("status", "--format", "json", cwd=project).json()
    assert (found["database_key"], found["state"], found["current"]) == ("main", "up-to-date", ["b2"])
    (archive,) = found["others"]
    assert (archive["database_key"], archive["state"], archive["current"]) == ("archive", "behind", ["a1"])
    assert [r["revision"] for r in archive["pending"]] == ["b2"]
    assert "Database archive" in run("status", cwd=project).stdout


def test_check_fails_where_one_of_them_is_behind(run: Any, project: Path) -> None:
    assert run("status", cwd=project).code == 0
    assert run("status", "--check", cwd=project).code == 1


def test_a_url_chooses_one_of_them(run: Any, project: Path) -> None:
    found = run("status", "--url", "sqlite:///archive.db", "--format", "json", cwd=project).json()
    assert (found["database_key"], found["state"], found["others"]) == ("archive", "behind", [])


@pytest.mark.slow
def test_drift_is_looked_for_with_a_configuration_of_ones_own(run: Any, project: Path) -> None:
    found = run("status", "--drift", "--format", "json", cwd=project)
    assert found.code == 5 and "databases = main, looks" in found.json()["drift_skipped"]
    ini = (project / "alembic.ini").read_text()
    (project / "main.ini").write_text(ini.replace("databases = main, archive", "databases = main"))
    alone = run("--config", "main.ini", "status", "--drift", "--format", "json", cwd=project)
    assert (alone.code, alone.json()["drift"], alone.json()["others"]) == (0, [], [])
