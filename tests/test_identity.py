"""One database has one identity on every road, and databases differ."""

from pathlib import Path

import sqlalchemy as sa
from attempts import fill
from servers import TestDatabase

from dbadmin.dialects import named


def identity(database: TestDatabase) -> tuple[str, ...]:
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return named(database.kind).session.identity(connection).key


def test_a_database_has_one_identity_on_every_road(postgresql: TestDatabase) -> None:
    user = postgresql.rows("SELECT current_user")
    postgresql.execute("CREATE ROLE app LOGIN")
    assert user != [("app",)]
    other = TestDatabase(postgresql.kind, postgresql.url.set(username="app"), postgresql.name)
    try:
        assert identity(other) == identity(postgresql)
    finally:
        postgresql.execute("DROP ROLE app")


def test_a_database_of_mariadb_has_one_identity_on_every_road_and_databases_differ(mariadb: TestDatabase) -> None:
    other = f"{mariadb.name}_other"
    mariadb.execute(
        "CREATE USER passer_by", f"GRANT SELECT ON {mariadb.name}.* TO passer_by", f"CREATE DATABASE {other}"
    )
    try:
        by_another = TestDatabase(mariadb.kind, mariadb.url.set(username="passer_by"), mariadb.name)
        beside = TestDatabase(mariadb.kind, mariadb.url.set(database=other), other)
        assert identity(by_another) == identity(mariadb) != identity(beside)
        assert identity(beside)[:-1] == identity(mariadb)[:-1]
    finally:
        mariadb.execute("DROP USER passer_by", f"DROP DATABASE {other}")


def test_copies_have_identities_of_their_own(postgresql: TestDatabase) -> None:
    name = f"{postgresql.name}_copy"
    server = sa.create_engine(
        postgresql.url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    copy = TestDatabase(postgresql.kind, postgresql.url.set(database=name), name)
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {postgresql.name}")
        try:
            plain = identity(copy)
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET dbadmin.copy_id = 'nonce'")
            marked = identity(copy)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
    assert len({plain, marked, identity(postgresql)}) == 3
    assert marked[-1] == "nonce"


def test_a_sqlite_files_identity_is_its_inode(sqlite: TestDatabase, tmp_path: Path) -> None:
    fill(sqlite)
    path = Path(str(sqlite.url.database))
    (tmp_path / "hard.db").hardlink_to(path)
    (tmp_path / "copy.db").write_bytes(path.read_bytes())
    named_otherwise, copied = (
        TestDatabase("sqlite", sqlite.url.set(database=str(tmp_path / name)), name) for name in ("hard.db", "copy.db")
    )
    assert identity(named_otherwise) == identity(sqlite) != identity(copied)
