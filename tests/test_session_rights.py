"""What a login could do beyond reading is said, and rows that it may not see are an error."""

import pytest
import sqlalchemy as sa
from attempts import fill
from servers import TestDatabase

from dbadmin.database import Database
from dbadmin.errors import StatementFailed

pytestmark = pytest.mark.usefixtures("protection_ends")


def warned(database: TestDatabase, user: str | None = None) -> str | None:
    asked = Database(sa.create_engine(database.url.set(username=user) if user else database.url))
    try:
        return asked.run(asked.dialect.session.may_write)
    finally:
        asked.close()


def test_postgresql_names_superusers_owners_and_who_passes_over_row_security(postgresql: TestDatabase) -> None:
    fill(postgresql)
    postgresql.execute(
        "CREATE ROLE reader LOGIN IN ROLE pg_read_all_data", "CREATE ROLE passer LOGIN BYPASSRLS",
        "CREATE ROLE owner LOGIN", "ALTER TABLE items OWNER TO owner",
    )  # fmt: skip
    try:
        said = {user: warned(postgresql, user) for user in (None, "reader", "passer", "owner")}
        assert said["reader"] is None
        assert "is a superuser" in str(said[None])
        assert "passes over row security" in str(said["passer"])
        assert str(said["owner"]) == (
            "login owner owns what is in this database: dbadmin keeps the session read-only, the server would not; "
            "safer: a role with pg_read_all_data alone"
        )
    finally:
        postgresql.execute("REASSIGN OWNED BY owner TO CURRENT_USER", "DROP ROLE reader, passer, owner")


def test_mariadb_names_every_right_beyond_reading(mariadb: TestDatabase) -> None:
    fill(mariadb)
    mariadb.execute(
        "CREATE USER reader", "GRANT PROCESS ON *.* TO reader",
        f"GRANT SELECT, SHOW VIEW ON {mariadb.name}.* TO reader",
        "CREATE USER writer", f"GRANT SELECT, INSERT (id), DELETE ON {mariadb.name}.items TO writer",
    )  # fmt: skip
    try:
        assert warned(mariadb, "reader") is None
        assert "login writer@% has DELETE, INSERT:" in str(warned(mariadb, "writer"))
        assert "ALL PRIVILEGES" in str(warned(mariadb))
    finally:
        mariadb.execute("DROP USER reader, writer")


def test_a_file_has_no_logins(sqlite: TestDatabase) -> None:
    fill(sqlite)
    assert warned(sqlite) is None


def test_rows_that_a_policy_hides_are_an_error_and_no_gap(postgresql: TestDatabase) -> None:
    fill(postgresql)
    postgresql.execute(
        "ALTER TABLE items ENABLE ROW LEVEL SECURITY", "CREATE POLICY one ON items USING (id = 1)",
        "CREATE ROLE tenant LOGIN", "GRANT SELECT ON items TO tenant",
    )  # fmt: skip
    database = Database(sa.create_engine(postgresql.url.set(username="tenant")))
    try:
        with pytest.raises(StatementFailed, match="row-level security") as caught:
            database.run(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM items"))
        assert "row_security = on" in str(caught.value.hint)

        def own_rows(connection: sa.Connection) -> object:
            connection.exec_driver_sql("SET LOCAL row_security = on")
            return connection.exec_driver_sql("SELECT count(*) FROM items").scalar()

        assert database.run(own_rows) == 1
    finally:
        database.close()
        postgresql.execute("DROP OWNED BY tenant", "DROP ROLE tenant")
