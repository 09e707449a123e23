"""What drivers and SQLAlchemy raise, as dbadmin tells it: without values of rows and without passwords."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbadmin import readonly
from dbadmin.errors import ConnectionFailed, DbadminError, StatementFailed, WriteRefused
from dbadmin.secrets import first_line, mask

if TYPE_CHECKING:
    from dbadmin.database.access import Database

ECHO = "--echo shows the statement"


@contextmanager
def errors(database: "Database") -> Iterator[None]:
    """Turn driver and SQLAlchemy errors into dbadmin's own, without row values or passwords."""
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

    try:
        yield
    except DBAPIError as error:
        raise explain(error, database) from error
    except NoSuchModuleError as error:
        raise ConnectionFailed(first_line(error), hint="dbadmin doctor") from error
    except ConnectionError as error:  # asyncpg and pg8000, when the server goes away
        raise ConnectionFailed(f"the connection was lost: {first_line(error)}", hint="dbadmin doctor") from error
    except SQLAlchemyError as error:
        raise StatementFailed(first_line(error), hint=ECHO) from error


@contextmanager
def connecting(database: "Database") -> Iterator[None]:
    """Whatever a driver raises while it connects is a ConnectionFailed: not all are DBAPI errors."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DbadminError:
        raise
    except Exception as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if isinstance(cause, TimeoutError):  # of a socket or a loop, which has no words of its own
            cause = TimeoutError("the server takes the connection, or drops it on the way, and does not answer in time")
        known = database.dialect.session.explain(cause)
        detail = mask(known.message if known is not None else database.dialect.session.message(cause))
        raise ConnectionFailed(
            f"cannot connect to {database.shown_url}: {detail}",
            hint=known.hint if known is not None else "dbadmin doctor",
        ) from error


def explain(error: Any, database: "Database") -> DbadminError:
    """The error that a DBAPIError stands for; `error` is a sqlalchemy DBAPIError."""
    session = database.dialect.session
    detail = mask(session.message(error.orig))
    if session.is_read_only_error(error.orig):
        return WriteRefused(f"this session is read-only: {detail}", hint=readonly.HINT)
    known = session.explain(error.orig)
    if known is not None:
        return type(known)(mask(known.message), hint=known.hint)
    if error.connection_invalidated:
        return ConnectionFailed(f"the connection was lost: {detail}", hint="dbadmin doctor")
    return StatementFailed(detail, hint=ECHO)
