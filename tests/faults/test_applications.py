"""Configuration that leads elsewhere than it seems, and words that look like something else."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from apps import make_app
from rehearsing import BASE, build, rehearsed
from servers import TestDatabase
from sqlalchemy import text

from dbadmin.app import sessions
from dbadmin.database import Database
from dbadmin.dialects import urls
from dbadmin.errors import ConfigError, ConnectionFailed, DbadminError, NotSupported, UsageError

REFUSED: list[tuple[str, type[DbadminError], str]] = [
    ("", ConfigError, "is empty"),
    ("shop.db", ConfigError, "holds no database URL"),
    ("postgresql://app:hunter@22@db/shop", ConfigError, "has an @ or /"),
    ("postgresql://app:hunter22@db:port/shop", ConfigError, "holds no database URL"),
    ("postgresqll://app:hunter22@db/shop", NotSupported, "postgresqll"),
]


@pytest.mark.parametrize(("url", "error", "said"), REFUSED, ids=[said for _, _, said in REFUSED])
def test_a_url_that_leads_elsewhere_than_it_seems(url: str, error: type[DbadminError], said: str) -> None:
    with pytest.raises(error, match=said) as refused:
        sessions.of_url(urls.parse(url, "DATABASE_URL"), "DATABASE_URL")
    assert refused.value.hint and "hunter" not in refused.value.message + refused.value.hint


def test_a_slash_in_a_password_does_not_move_the_host_and_no_port_is_exit_3() -> None:
    assert (urls.parse("postgresql://app:hun/ter22@db/shop", "x").host) == "db"
    engine: Any = sessions.of_url(urls.parse("postgresql://app:hunter22@127.0.0.1:99999/shop", "x"), "x").engine
    with closing(Database(engine)) as database, pytest.raises(ConnectionFailed, match="99999") as failed:
        database.run(lambda connection: connection.scalar(text("SELECT 1")))
    assert failed.value.exit_code == 3 and "hunter22" not in failed.value.message


@pytest.mark.rehearsal
def test_a_database_in_memory_is_not_rehearsed(tmp_path: Path) -> None:
    app = make_app(tmp_path, revisions={"a1": BASE}, url="sqlite://")
    with pytest.raises(DbadminError) as refused:
        rehearsed(app)
    assert refused.value.exit_code in (2, 4) and refused.value.hint
    assert "memory" in refused.value.message


@pytest.mark.rehearsal
@pytest.mark.parametrize("target", ["--help", "-x"])
def test_a_revision_that_looks_like_an_option(target: str, sqlite: TestDatabase, tmp_path: Path) -> None:
    app = build(tmp_path, sqlite.url, {"a1": BASE, "b2": ("a1", "pass", "pass")})
    with pytest.raises(UsageError) as refused:
        rehearsed(app, to=target)
    assert refused.value.exit_code == 2 and target in refused.value.message
