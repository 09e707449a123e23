"""Sessions on PostgreSQL: read-only by start-up option, by driver, and again in every transaction."""

import os
import re
from collections.abc import Callable, Mapping
from socket import gaierror
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dbadmin.dialects.cursors import judge_statements
from dbadmin.dialects.marks import PREFIX
from dbadmin.dialects.postgresql import drivers
from dbadmin.dialects.postgresql.address import conninfo
from dbadmin.dialects.postgresql.cancel import cancel_statement
from dbadmin.dialects.postgresql.senders import make_pliable
from dbadmin.dialects.postgresql.statements import refused, whole_server
from dbadmin.dialects.sessions import MISSING_COLUMN, MISSING_TABLE, SessionRules
from dbadmin.dialects.values import CONNECT_SECONDS, Identity
from dbadmin.errors import ConnectionFailed, DbadminError, MissingColumn, NotFinished, StatementFailed, TimedOut

if TYPE_CHECKING:
    from sqlalchemy import Connection

READ_ONLY_SETTINGS = {"default_transaction_read_only": "on", "row_security": "off"}
"""With row_security off, rows that a policy hides are an error and not a gap."""

OPTION = " ".join(f"-c {name}={value}" for name, value in READ_ONLY_SETTINGS.items())
READ_ONLY_TRANSACTION = (
    "SELECT set_config('transaction_read_only', 'on', true), set_config('row_security', 'off', true)"
)
"""As `SET TRANSACTION READ ONLY; SELECT 1` in one round trip: after a query PostgreSQL refuses READ WRITE."""

RIGHTS = """
    SELECT
        r.rolname,
        r.rolsuper,
        r.rolbypassrls,
        pg_has_role(d.datdba, 'USAGE') OR EXISTS (
            SELECT FROM pg_catalog.pg_class AS c
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'm', 'S') AND n.nspname <> 'information_schema'
              AND n.nspname !~ '^pg_' AND pg_has_role(c.relowner, 'USAGE')
        ),
        current_setting('server_version_num')::int >= 140000
    FROM pg_catalog.pg_roles AS r, pg_catalog.pg_database AS d
    WHERE r.rolname = current_user AND d.datname = current_database()
"""
"""One row: the role, whether it is superuser, passes over row security, owns the database or something in it, and
whether the server knows pg_read_all_data (from 14 on). Every role may read these.
"""

IDLE_SECONDS = 60

IDENTITY = """
    SELECT
        current_database(),
        d.oid::text,
        to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
        coalesce((
            SELECT substr(setting, length('dbadmin.copy_id=') + 1)
            FROM pg_catalog.pg_db_role_setting AS s, unnest(s.setconfig) AS setting
            WHERE s.setdatabase = d.oid AND s.setrole = 0 AND starts_with(setting, 'dbadmin.copy_id=')
        ), '')
    FROM pg_catalog.pg_database AS d
    WHERE d.datname = current_database()
"""
"""One row: name, oid, start of the server, dbadmin's marker. Every role may read these.

The start of the server tells apart servers that were copied file by file, whose system identifiers are
equal; the oid tells apart copies on one server; the marker is set by ALTER DATABASE and travels with neither
TEMPLATE nor pg_dump. Addresses are left out: one database is reached by many.
"""

_LOGIN = ("28P01", "28000")
_LOGIN_WORDS = re.compile(r"password authentication failed|no password supplied|pg_hba|not permitted to log in")
"""What libpq says of a refused login: an error at connecting carries no SQLSTATE there."""
_UNREACHABLE = re.compile(
    r"failed: (?:Connection refused|No such file)|(?:translate|resolve) host|Can't create a connection"
)
_UNKNOWN = re.compile(r'database "[^"]*" does not exist')
_LOST = ("57P01", "57P02", "57P03", "57P05", "25P03", "25P04")

_VALUES = (
    (re.compile(r'^([^:\n]+): "[^\n]*"$'), r"\1"),
    (re.compile(r'(value) "[^\n]*?" (is out of range)'), r"\1 \2"),
)
"""Parts of messages of data exceptions that hold values, and what stays of them."""

_timeouts: "WeakKeyDictionary[Connection, str]" = WeakKeyDictionary()


class PostgresqlSession(SessionRules):
    """How sessions behave on PostgreSQL."""

    deaf_drivers = ("psycopg2",)

    def read_only_parameters(self, driver: str, cargs: list[Any], cparams: dict[str, Any]) -> None:
        """Ask for default_transaction_read_only at start-up, beside the options that are already there."""
        if driver in ("asyncpg", "pg8000"):
            key = "server_settings" if driver == "asyncpg" else "startup_params"
            cparams[key] = {**(cparams.get(key) or {}), **READ_ONLY_SETTINGS}
            return
        make_pliable(driver, cparams)
        options = cparams.get("options")
        if options is None:
            said = conninfo(driver, cargs[0]) if cargs and isinstance(cargs[0], str) else {}
            options = said.get("options", os.environ.get("PGOPTIONS", ""))
        if not str(options).endswith(OPTION):
            cparams["options"] = f"{options} {OPTION}".strip()

    def make_read_only(self, dbapi_connection: Any) -> None:
        """Make the driver begin every transaction READ ONLY where it can, else set it for the session."""
        if not drivers.begin_read_only(dbapi_connection):
            cursor = dbapi_connection.cursor()
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            cursor.close()
            dbapi_connection.commit()
        judge_statements(dbapi_connection, self.judge)

    def keep_read_only(self, dbapi_connection: Any) -> None:
        """SQLAlchemy says READ WRITE for `postgresql_readonly=False`, and whenever a connection that had it goes back.

        psycopg and psycopg2 then begin transactions READ WRITE, which goes before the session's default.
        """
        if any(getattr(dbapi_connection, name, None) is False for name in ("read_only", "readonly")):
            drivers.begin_read_only(dbapi_connection)

    def keep_engine_read_only(self, dialect: Any) -> None:
        """See `drivers.keep_pg8000_read_only`."""
        drivers.keep_pg8000_read_only(dialect)

    def begin_read_only(self, connection: "Connection") -> None:
        """Say it again for this transaction, which then cannot be made READ WRITE.

        A transaction that needs REPEATABLE READ asks for it with the execution option `isolation_level`.
        """
        self.keep_read_only(connection.connection.dbapi_connection)
        connection.exec_driver_sql(READ_ONLY_TRANSACTION)

    def prove_read_only(self, connection: "Connection") -> None:
        """Try CREATE TEMP TABLE, which PostgreSQL refuses before it looks at rights; ends the transaction."""
        from sqlalchemy.exc import DBAPIError

        try:
            connection.exec_driver_sql("CREATE TEMP TABLE dbadmin_read_only_proof () ON COMMIT DROP")
        except DBAPIError as error:
            if error.orig is not None and self.is_read_only_error(error.orig):
                return
            raise
        finally:
            connection.rollback()
        raise NotFinished(
            "this session takes writes although it was opened read-only; the proof was rolled back",
            hint="use a login that may only read; dbadmin doctor shows what this one may do",
        )

    def refused(self, statement: str) -> str | None:
        """See `statements.refused`."""
        return refused(statement)

    def may_write(self, connection: "Connection") -> str | None:
        """Superusers, owners, and roles that pass over row security; see `RIGHTS`."""
        name, is_superuser, passes_over, owns, has_role = connection.exec_driver_sql(RIGHTS).one()
        what = "is a superuser" if is_superuser else "owns what is in this database" if owns else ""
        what = what or ("passes over row security" if passes_over else "")
        if not what:
            return None
        role = "pg_read_all_data alone" if has_role else "SELECT alone"
        return (
            f"login {name} {what}: dbadmin keeps the session read-only, the server would not; safer: a role with {role}"
        )

    def connect_options(self, driver: str, cparams: Mapping[str, Any]) -> dict[str, Any]:
        """libpq's connect_timeout (PGCONNECT_TIMEOUT goes before it), and `timeout` of asyncpg and pg8000."""
        name = "timeout" if driver in ("asyncpg", "pg8000") else "connect_timeout"
        said = name in cparams or (name == "connect_timeout" and "PGCONNECT_TIMEOUT" in os.environ)
        return {} if said else {name: CONNECT_SECONDS}

    def connected(self, dbapi_connection: Any) -> None:
        """Give pg8000's socket all the time it wants: its timeout is one for everything that is read."""
        socket = getattr(dbapi_connection, "_usock", None)
        if socket is not None:
            socket.settimeout(None)

    def stop(self, driver_connection: Any, name: Any, anew: Callable[[Callable[[Any], None]], None]) -> None:
        """Cancel as the protocol has it: without a login, and through PgBouncer too. asyncpg does it by itself."""
        cancel_statement(driver_connection)

    def set_timeouts(self, connection: "Connection", statement: float | None, lock: float | None) -> None:
        """Set them in this transaction and at the start of each later one of this Connection.

        With a statement timeout, a transaction that idles for a minute ends too: it would hold back VACUUM.
        """
        from sqlalchemy import event

        limits = {"statement_timeout": statement, "lock_timeout": lock}
        if statement is not None:
            limits["idle_in_transaction_session_timeout"] = IDLE_SECONDS
        local = "false" if _autocommit(connection) else "true"
        calls = [
            f"set_config('{name}', '{max(1, round(seconds * 1000)):d}', {local})"
            for name, seconds in limits.items() if seconds is not None
        ]  # fmt: skip
        if connection not in _timeouts:
            event.listen(connection, "begin", _apply_timeouts)
        _timeouts[connection] = f"SELECT {', '.join(calls)}" if calls else ""
        _apply_timeouts(connection)

    def identity(self, connection: "Connection") -> Identity:
        """Database name, oid, the server's start and dbadmin's marker; see `IDENTITY`."""
        name, oid, started, marker = connection.exec_driver_sql(IDENTITY).one()
        shown = f"{name} (oid {oid}, server started {started} UTC)" + (f", copy {marker}" if marker else "")
        return Identity("postgresql", name, (started, oid, name, marker), shown, (started,))

    def server_version(self, connection: "Connection") -> str:
        """Such as "18.6"; the distribution's addition is left out."""
        return str(connection.exec_driver_sql("SHOW server_version").scalar_one()).split()[0]

    def shares_server(self, copy: Identity) -> bool:
        """Only copies on servers of the user's are called so; see `marked`."""
        return copy.name.startswith(PREFIX)

    def whole_server(self, statement: str) -> str | None:
        """See `statements.whole_server`."""
        return whole_server(statement)

    def is_read_only_error(self, error: BaseException) -> bool:
        """SQLSTATE 25006, read_only_sql_transaction."""
        return sqlstate(error) == "25006"

    def is_denied(self, error: BaseException) -> bool:
        """SQLSTATE 42501, insufficient_privilege."""
        return sqlstate(error) == "42501"

    def message(self, error: BaseException) -> str:
        """The primary message alone, without the value that a data exception names: DETAIL holds values of rows."""
        if error.args and isinstance(error.args[0], dict):  # pg8000
            text = str(error.args[0].get("M", error.args[0].get("C", "")))
        else:
            text = re.sub(r"^<class '[^']+'>: ", "", super().message(error))  # SQLAlchemy's asyncpg
        for pattern, kept in _VALUES if sqlstate(error).startswith("22") else ():
            text = pattern.sub(kept, text)
        return text

    def explain(self, error: BaseException) -> DbadminError | None:
        """What a SQLSTATE means for somebody who has never seen it."""
        state, message = sqlstate(error), self.message(error)
        if "unsupported startup parameter" in message:
            return ConnectionFailed(
                f"PgBouncer does not pass on the read-only option: {message}",
                hint="connect to the server itself, or add it to ignore_startup_parameters of pgbouncer.ini",
            )
        if state in _LOGIN or (not state and _LOGIN_WORDS.search(message)):
            return ConnectionFailed(message, hint="check user, password and pg_hba.conf; dbadmin doctor")
        if state == "3D000" or (not state and _UNKNOWN.search(message)):
            return ConnectionFailed(message, hint="check the database's name; dbadmin doctor")
        if not state and (isinstance(error, ConnectionRefusedError | gaierror) or _UNREACHABLE.search(message)):
            return ConnectionFailed(message, hint="is the server running there? dbadmin doctor")
        if state in _LOST or state.startswith("08"):
            return ConnectionFailed(f"the connection was lost: {message}", hint="dbadmin doctor")
        if state == "57014":
            return TimedOut(message, hint="allow more with --statement-timeout 5m")
        if state == "42501" and "row-level security" in message:
            return StatementFailed(
                message,
                hint="ask as a role that sees every row; for this role's rows alone: SET LOCAL row_security = on first",
            )
        if state == "42703":
            return MissingColumn(message, hint=MISSING_COLUMN)
        if state == "42P01":
            return StatementFailed(message, hint=MISSING_TABLE)
        if state == "55P03":
            return TimedOut(
                f"another session holds a lock: {message}",
                hint="try again, or wait longer with --lock-timeout 30s",
            )
        return None


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of an error of any driver, empty where there is none."""
    if error.args and isinstance(error.args[0], dict):  # pg8000
        return str(error.args[0].get("C", ""))
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def _autocommit(connection: "Connection") -> bool:
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


def _apply_timeouts(connection: "Connection") -> None:
    statement = _timeouts.get(connection)
    if statement:
        connection.exec_driver_sql(statement)
