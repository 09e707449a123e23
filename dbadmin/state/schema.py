"""The schema of any database as a flat map."""

from typing import TYPE_CHECKING

from dbadmin.dialects import ObjectKey, Schema, of

if TYPE_CHECKING:
    from sqlalchemy import Connection


def read(connection: "Connection") -> Schema:
    """Every object with its definition in the engine's own words; the session stays as it was."""
    return of(connection).schema.read(connection)


__all__ = ["ObjectKey", "Schema", "read"]
