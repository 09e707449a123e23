"""Dumps in SQL sent to the server, statement by statement and row by row; psql has no part in it."""

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from dbadmin.dialects import watched
from dbadmin.dialects.postgresql import contents, left, restore_watch
from dbadmin.dialects.postgresql.plain import Rows, Statement, parts
from dbadmin.errors import DbadminError, NotFinished
from dbadmin.secrets import mask

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import URL, Connection


def run(read: Any, url: "URL", schemas: frozenset[str], shown: str) -> None:
    """Send a dump's statements and rows to the server, one after the other; psql has no part in it."""
    import psycopg

    with (
        left.connected(url) as connection,
        closing(_cursor(connection)) as cursor,
        watched.beside(lambda: restore_watch.looking(url, shown), cursor.connection.cancel),
    ):
        line = 1
        try:
            copying: bytes | None = None
            for part in parts(read):
                if isinstance(part, Statement):
                    contents.refuse(part, shown)
                    line, copying = part.line, None
                    if part.text[:4].upper() == b"COPY":
                        copying = part.text
                    elif contents.wanted(part, schemas):
                        cursor.execute(part.text, prepare=False)
                elif isinstance(part, Rows) and copying is not None:
                    with cursor.copy(copying) as copy:
                        for piece in part.pieces:
                            copy.write(piece)
        except psycopg.Error as error:
            raise _failure(shown, line, error) from error


def _cursor(connection: "Connection") -> "psycopg.Cursor[Any]":
    return cast("psycopg.Cursor[Any]", connection.connection.cursor())


def _failure(shown: str, line: int, error: Any) -> DbadminError:
    told = error.diag.message_primary or str(error).strip().partition("\n")[0]
    hint = "restore it yourself where you may, then --in-place"
    if error.sqlstate in ("42501", "0LP01"):
        told = f"{told} (a backup is restored by a role that is no superuser, so that it cannot run programs)"
    if error.sqlstate in ("22021", "22P05"):
        hint = "the source's encoding is not UTF8: dump with --encoding=UTF8"
    return NotFinished(f"restoring {shown} failed in line {line}: {mask(told)}", hint=hint)
