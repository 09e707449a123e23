"""A history without branches, which needs no graph: in order without Alembic, and as Alembic has it. Pure."""

from collections.abc import Iterable, Sequence

from dbadmin.migrations.parse import ScriptFile, many


def line(files: Iterable[ScriptFile]) -> tuple[ScriptFile, ...] | None:
    """The scripts newest first, where each follows the one before and nothing depends on anything; else None.

    What is no whole line (branches, merges, dependencies, an id twice, a parent that is missing, a cycle) is for
    Alembic, which also says what is wrong with it.
    """
    followed: dict[str | None, ScriptFile] = {}
    count = 0
    for file in files:
        downs = many(file.values.get("down_revision"))
        if len(downs) > 1 or many(file.values.get("depends_on")) or (downs[0] if downs else None) in followed:
            return None
        followed[downs[0] if downs else None] = file
        count += 1
    found: list[ScriptFile] = []
    name: str | None = None
    while name in followed and len(found) < count:
        found.append(followed[name])
        name = found[-1].values["revision"]
    whole = len(found) == count and name not in followed
    return tuple(reversed(found)) if whole and len({file.values["revision"] for file in found}) == count else None


def waiting(newest_first: Sequence[str], current: Sequence[str]) -> tuple[str, ...] | None:
    """What `alembic upgrade heads` would run on a line, oldest first; None where it is not for a line to say.

    >>> waiting(["c3", "b2", "a1"], ["a1"]), waiting(["c3", "b2", "a1"], []), waiting(["b2", "a1"], ["a1", "b2"])
    (('b2', 'c3'), ('a1', 'b2', 'c3'), None)
    """
    if len(current) > 1 or not set(current) <= set(newest_first):
        return None
    at = newest_first.index(current[0]) if current else len(newest_first)
    return tuple(reversed(newest_first[:at]))
