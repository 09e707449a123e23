"""How sessions behave on an engine: read-only, timeouts, identity, refused statements, what its errors say."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dbadmin.dialects.values import Identity
from dbadmin.errors import WRITE_HINT, DbadminError, WriteRefused

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

MISSING_COLUMN = "dbadmin describe TABLE shows the columns that are there, dbadmin status what is pending"
"""What to type next where a statement names a column that the table has not: the models may be ahead of it."""
MISSING_TABLE = "dbadmin tables lists the tables that are there, dbadmin status what is pending"
"""What to type next where a statement names a table that is not there."""


class SessionRules(ABC):
    """How sessions behave on this engine."""

    deaf_drivers: tuple[str, ...] = ()
    """Drivers that wait for the server in C and see no interrupt before it has answered."""

    @abstractmethod
    def read_only_parameters(self, driver: str, cargs: list[Any], cparams: dict[str, Any]) -> None:
        """Change connect parameters in place so that the connection opens read-only (SQLite: mode=ro)."""

    @abstractmethod
    def make_read_only(self, dbapi_connection: Any) -> None:
        """Make a fresh DBAPI connection read-only for all its life."""

    def keep_read_only(self, dbapi_connection: Any) -> None:
        """Take back what was said to the driver since `make_read_only`; no transaction is open."""
        return

    def keep_engine_read_only(self, dialect: Any) -> None:
        """Let SQLAlchemy's dialect of an engine not end by itself what `make_read_only` began."""
        return

    @abstractmethod
    def begin_read_only(self, connection: "Connection") -> None:
        """Say at the start of a transaction that it is read-only, where the engine knows such transactions."""

    @abstractmethod
    def prove_read_only(self, connection: "Connection") -> None:
        """Try a write that must fail and leaves nothing; raise NotFinished if it is taken."""

    @abstractmethod
    def refused(self, statement: str) -> str | None:
        """Why this statement is refused in a read-only session although the engine would take it, or None."""

    def judge(self, statement: str) -> None:
        """Raise WriteRefused where `refused` has a reason."""
        reason = self.refused(statement)
        if reason is not None:
            raise WriteRefused(f"refused in a read-only session: {reason}", hint=WRITE_HINT)

    def may_write(self, connection: "Connection") -> str | None:
        """What this login could do on the server beyond reading, and which would be safer, in one line.

        None where it may only read, or where the engine has no logins.
        """
        return None

    def connect_options(self, driver: str, cparams: Mapping[str, Any]) -> dict[str, Any]:
        """Connect parameters that end the wait for a server which takes a connection and never answers.

        Empty where `cparams`, as the URL and the application would have them, say already how long, or where the
        driver gives up by itself (mysql-connector does after 10 s), or where there is no server.
        """
        return {}

    def connected(self, dbapi_connection: Any) -> None:
        """Take back what of `connect_options` would also limit the statements of a connection that is open now."""
        return

    def name_on_server(self, dbapi_connection: Any) -> Any:
        """What `stop` must know of a fresh connection, while it can still be asked; None where that is nothing."""
        return None

    def stop(self, driver_connection: Any, name: Any, anew: Callable[[Callable[[Any], None]], None]) -> None:
        """End on the server what it still does for a connection whose statement was interrupted, and nothing else.

        Called in a thread of its own. `name` is what `name_on_server` gave; `anew(work)` calls `work` with a second
        DBAPI connection, made in the same way. It may raise: nobody is told.
        """
        return

    def forget_cursors(self, dbapi_connection: Any) -> None:
        """Let no cursor of this connection wait for the server when nobody refers to it any more."""
        return

    def is_unread(self, driver_connection: Any) -> bool:
        """Whether rows of a streamed result are still to come, which the driver would read before anything else."""
        return False

    def abandon(self, driver_connection: Any) -> None:
        """Leave them unread. The connection is of no use any more, and who goes on reading is told so."""
        return

    @abstractmethod
    def set_timeouts(self, connection: "Connection", statement: float | None, lock: float | None) -> None:
        """Set statement and lock timeouts in seconds for this Connection; None leaves what the server has.

        They end with the Connection, so that no other user of a pool or of PgBouncer meets them.
        """

    @abstractmethod
    def identity(self, connection: "Connection") -> Identity:
        """Read the identity from the catalog."""

    @abstractmethod
    def server_version(self, connection: "Connection") -> str:
        """The server's version, such as "18.6" or "3.40.1"."""

    def product(self, connection: "Connection") -> str | None:
        """What the server calls itself where that is not the dialect's name (MariaDB among MySQL's), in lower case."""
        return None

    @abstractmethod
    def is_read_only_error(self, error: BaseException) -> bool:
        """Whether the engine refused a write because the session is read-only."""

    def is_denied(self, error: BaseException) -> bool:
        """Whether the server refused a statement because the role lacks a right."""
        return False

    def shares_server(self, copy: Identity) -> bool:
        """Whether a copy is on a server that others use, so that statements about the whole server are refused."""
        return False

    def whole_server(self, statement: str) -> str | None:
        """What in a statement concerns the whole server and not only its database; None where nothing does."""
        return None

    def check_target(self, url: "URL") -> None:
        """Raise ConnectionFailed where connecting would make a database instead of finding one."""
        return

    def message(self, error: BaseException) -> str:
        """What a driver's error says, without row values: its first line."""
        lines = str(error).strip().splitlines()
        return lines[0].strip() if lines else type(error).__name__

    def explain(self, error: BaseException) -> DbadminError | None:
        """What a driver's error means where its own words would not do, else None."""
        return None
