"""What env.py leaves out of autogenerate is nobody's drift: tables of others beside the application's own."""

from collections.abc import Iterable, Sequence

from dbadmin.dialects.names import join, split
from dbadmin.migrations.asking import env_py
from dbadmin.rollback.source import Rehearsed
from dbadmin.state import Difference

_SECONDS = 60.0
_ASKED = frozenset({"column", "index"})


def left_out(source: Rehearsed, found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Those of the differences that concern tables, columns or indexes which env.py's include_name or include_object
    leaves out, and what stands in such tables. Runs env.py once more. Raises ChildFailed where it does not answer.
    """
    asked = [one for one in found if one.table is not None]
    if not asked:
        return ()
    objects = [_object(one) for one in asked]
    answer = env_py(source.project, source.environment, looked_at=False, objects=objects).answer(_SECONDS)
    return tuple(one for one, is_out in zip(asked, answer.get("left_out", ()), strict=False) if is_out)


def _object(one: Difference) -> tuple[str, str | None, str, str | None]:
    assert one.table is not None
    if one.key is not None and one.key.kind in _ASKED:
        return one.key.kind, one.table.schema, one.table.name, split(one.key.name)[-1]
    return "table", one.table.schema, one.table.name, None


def shown(found: Iterable[Difference]) -> list[str]:
    """What was left out, each table once."""
    return sorted({" ".join((kind, join(part for part in parts if part))) for kind, *parts in map(_object, found)})
