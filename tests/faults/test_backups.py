"""Files that are no backup, or not the whole of one, or of something else."""

import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from apps import App
from rehearsing import BASE, PEOPLE, build, rehearsed
from servers import TestDatabase
from sqlalchemy import make_url

from dbadmin.copies.backups import open_backup
from dbadmin.errors import DbadminError, EmptyPlan
from dbadmin.rollback.origin import Origin

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def app(sqlite: TestDatabase, tmp_path: Path) -> App:
    """An application with a column pending."""
    column = ('op.add_column("people", sa.Column("age", sa.Integer))', 'op.drop_column("people", "age")')
    return build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", *column)}, at="a1", fill=PEOPLE)


def backup(app: App, path: Path, *statements: str) -> Origin:
    """The application's database as a file, changed."""
    with closing(sqlite3.connect(str(app.url.database))) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        for statement in statements:
            target.execute(statement)
        target.commit()
    return Origin(backup=path)


@pytest.mark.parametrize("kind", ["directory", "fifo", "device", "socket", "circle", "missing"])
def test_what_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "prod.dump"
    held = socket.socket(socket.AF_UNIX)
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "socket":
        here = os.open(tmp_path, os.O_RDONLY)  # a socket's whole path may be too long
        os.fchdir(here)
        os.close(here)
        held.bind("prod.dump")
    elif kind == "circle":
        path.symlink_to(path)
    with held, pytest.raises(DbadminError) as refused, open_backup(path, progress=lambda what, done, total: None):
        pass
    assert refused.value.exit_code in (2, 5) and refused.value.hint
    assert path.name in refused.value.message and len(refused.value.message.splitlines()) == 1


def test_a_backup_from_another_history_is_exit_2(app: App, tmp_path: Path) -> None:
    origin = backup(app, tmp_path / "old.bak", "UPDATE alembic_version SET version_num = '0ld'")
    with pytest.raises(EmptyPlan, match="stands at 0ld, which no script in") as refused:
        rehearsed(app, origin=origin)
    assert refused.value.exit_code == 2 and refused.value.hint


def test_a_dump_of_a_part_is_not_taken_for_the_whole(app: App, tmp_path: Path) -> None:
    with pytest.raises(EmptyPlan, match="no revision in alembic_version") as refused:
        rehearsed(app, origin=backup(app, tmp_path / "one_table.bak", "DROP TABLE alembic_version"))
    assert refused.value.exit_code == 2 and refused.value.hint
    report = rehearsed(app, origin=backup(app, tmp_path / "schema.bak", "DELETE FROM people"))
    assert report.verdict == "safe"
    assert "people" in report.compared.empty and "had no rows" in report.summary


def test_the_backup_of_another_engine_is_no_proof_for_this_one(app: App, tmp_path: Path) -> None:
    """A developer's database may well be another engine's, so it is told and not refused."""
    origin = backup(app, tmp_path / "shop.bak")
    report = rehearsed(app, origin=origin, source={"configured": make_url("postgresql://app@db/shop")})
    assert "what was seen holds for sqlite" in report.not_covered[-1]
    assert not any("what was seen" in line for line in rehearsed(app, origin=origin).not_covered)
