"""How databases of dbadmin's are told from all others on a server of the user's: by their name and by a mark."""

import json
from collections.abc import Mapping
from typing import Any

PREFIX = "dbadmin_"
MARK = "dbadmin copy "
"""What the comment of such a database begins with; after it comes whose it is, as JSON."""


def mark(owner: Mapping[str, Any]) -> str:
    """The comment of a database of this owner's."""
    return MARK + json.dumps(dict(owner))


def owner_in(comment: str | None) -> dict[str, Any] | None:
    """Whose a database is that has this comment; None where the comment is no mark.

    >>> owner_in('dbadmin copy {"pid": 7}'), owner_in("dbadmin copy of mine"), owner_in(None)
    ({'pid': 7}, None, None)
    """
    if not comment or not comment.startswith(MARK):
        return None
    try:
        owner = json.loads(comment.removeprefix(MARK))
    except ValueError:
        return None
    return owner if isinstance(owner, dict) else None


def name_of(token: str, name: str) -> str:
    """What one of our databases is called on a server of the user's; the server may cut it.

    >>> name_of("x1y2", "shop")
    'dbadmin_x1y2_shop'
    """
    return f"{PREFIX}{token}_{name}"
