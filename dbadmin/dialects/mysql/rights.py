"""What an account may see of a database, by its grants."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

ONLY_SOME = "tables: this account sees those alone that it was granted one by one; what else there is, is left out"
"""What is said of a copy or a backup that such an account makes."""


def unseen(connection: "Connection", database: str) -> tuple[str, ...]:
    """Kinds of objects that are hidden from this account."""
    grants = _grants(connection)
    wanted = {"TRIGGER": "triggers", "EVENT": "events"}
    return tuple(kind for right, kind in wanted.items() if not may(grants, right, database))


def only_some(connection: "Connection", database: str) -> bool:
    """Whether this account reads but the tables that it was granted one by one: the server hides all others."""
    return not may(_grants(connection), "SELECT", database)


def _grants(connection: "Connection") -> list[str]:
    return [str(row[0]) for row in connection.exec_driver_sql("SHOW GRANTS").all()]


def may(grants: Iterable[str], right: str, database: str) -> bool:
    r"""Whether these grants give a right on a whole database.

    >>> may(["GRANT SELECT, TRIGGER ON `sh\\_%`.* TO `app`@`%`"], "TRIGGER", "sh_op")
    True
    >>> may(["GRANT SELECT ON *.* TO `app`@`%`"], "EVENT", "shop")
    False
    """
    for grant in grants:
        found = re.match(r"""GRANT (.*?) ON (?:\*|[`"](.*?)[`"])\.\* TO """, grant)
        if found is None:
            continue
        rights = [one.strip() for one in found[1].split(",")]
        if not {right, "ALL PRIVILEGES", "ALL"} & set(rights):
            continue
        if found[2] is None or re.fullmatch(_like(found[2]), database, re.IGNORECASE):
            return True
    return False


def _like(pattern: str) -> str:
    """A LIKE pattern as a regular expression."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
