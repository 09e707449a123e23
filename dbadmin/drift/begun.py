"""What a pending revision makes and the database has already: it was begun and not finished, as happens without
transactions around DDL.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dbadmin.dialects import ObjectKey
from dbadmin.dialects.changes import Change
from dbadmin.dialects.names import split
from dbadmin.migrations.review.read import read
from dbadmin.results import Revision

_MADE = {"create_index": "index", "add_constraint": "constraint", "create_type": "enum"}
Begun = Mapping[tuple[str, ...], str]


def begun(pending: Sequence[Revision], engine: str) -> Begun:
    """What the scripts say that pending revisions make, by kind and name, and the first revision that makes it."""
    found: dict[tuple[str, ...], str] = {}
    for revision in pending:
        path = Path(revision.file)
        for change in read(path, path.read_bytes(), engine).upgrade:
            for made in _made(change):
                found.setdefault(made, revision.revision)
    return found


def maker(key: ObjectKey, found: Begun) -> str | None:
    """The pending revision that makes an object.

    >>> maker(ObjectKey("column", "app.users.age"), {("column", "users", "age"): "b2"})
    'b2'
    """
    last = 2 if key.kind == "column" else 1
    return found.get((key.kind, *split(key.name)[-last:]))


def _made(change: Change) -> Iterator[tuple[str, ...]]:
    if change.kind == "create_table" and change.table:
        yield "table", change.table
    elif change.kind == "add_column" and change.table:
        yield from (("column", change.table, name) for name in change.names)
    elif change.kind == "create_object" and change.what and change.name:
        yield change.what.replace(" ", "-"), change.name
    elif change.kind in _MADE and change.name:
        yield _MADE[change.kind], change.name
