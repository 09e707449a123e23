"""What the target revision makes by itself, on an empty database: the schema that a downgrade should leave."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbadmin.copies import Copy
from dbadmin.copies.make import connect, identity_of
from dbadmin.dialects import ObjectKey, of
from dbadmin.dialects.names import join
from dbadmin.migrations.runner import walk
from dbadmin.migrations.scripts import Scripts
from dbadmin.rollback.blame import Facet, Leg, Moment, first_appearance
from dbadmin.rollback.options import Options
from dbadmin.rollback.plan import Route
from dbadmin.rollback.source import Rehearsed
from dbadmin.state import Difference, Snapshot, snapshot

if TYPE_CHECKING:
    from sqlalchemy import URL

NAME = "dbadmin_reference"


@dataclass(frozen=True)
class Reference:
    """The schemas that the scripts make: at the target and at the head, with what each revision made.

    `differences` are those of the target's schema and the copy's after the downgrade, `drift` those of the
    head's and the copy's before it; empty until they were compared.
    """

    target: Snapshot
    head: Snapshot
    legs: tuple[Leg, ...]
    differences: tuple[Difference, ...] = ()
    drift: tuple[Difference, ...] = ()

    def maker(self, facet: Facet) -> str | None:
        """The last revision that made or changed an object on the way up, None where none did."""
        for leg in reversed(self.legs):
            found = first_appearance(leg, facet)
            if found is not None:
                return found
        return None


def build_reference(
    source: Rehearsed, copy: Copy, route: Route, scripts: Scripts, options: Options
) -> "Reference | str":
    """Run the scripts from nothing to the head; a reason where that gives no reference.

    In one run, as a deployment would: enum types made twice and the like fail only step by step. Only where the
    target lies on another branch than the way up, it is climbed to first. A project whose base revision
    creates no tables (made with create_all and stamped) has no reference.
    """
    url = copy.place.empty(NAME)
    empty = ready(source, url)
    passed = _passes(scripts, route)
    if passed is None:
        target = climb(source, url, route.plan.target, empty, options)
        if isinstance(target, str):
            return target
        head = climb(source, url, route.top, target.after, options)
        legs: tuple[Leg, ...] = (target, head) if isinstance(head, Leg) else ()
    else:
        head = climb(source, url, route.top, empty, options)
        legs = (head,) if isinstance(head, Leg) else ()
    if isinstance(head, str):
        return head
    if not any(key.kind == "table" for key in head.after.schema):
        return "the migrations create no table on an empty database"
    at_target = legs[0].after if passed is None else _after(head, passed)
    if at_target is None:
        return f"nobody could look at an empty database at {', '.join(route.plan.target)}"
    return Reference(at_target, head.after, legs)


def _passes(scripts: Scripts, route: Route) -> int | None:
    """After how many revisions of the way up from base the target is reached; None where it never is."""
    wanted = tuple(sorted(route.plan.target))
    if not wanted:
        return 0
    if len(route.top) > 1:
        return None
    way = scripts.plan("upgrade", route.top[0], ()).revisions
    for number in range(1, len(way) + 1):
        if scripts.stands_after(way[:number]) == wanted:
            return number
    return None


def _after(leg: Leg, number: int) -> Snapshot | None:
    return leg.before if number == 0 else leg.moments[number - 1].snapshot


def ready(source: Rehearsed, url: "URL") -> Snapshot:
    """What is in an empty scratch database before the first revision: the version table's schema, where it has one,
    since Alembic makes the table there before it runs any.
    """
    schema = source.version_name.schema
    with connect(url) as connection:
        if schema is not None:
            of(connection).schema.make_room(connection, {ObjectKey("schema", join([schema])): ""})
            connection.commit()
        return snapshot(connection, exclude=(source.version_name,), data=False)


def climb(source: Rehearsed, url: "URL", to: tuple[str, ...], before: Snapshot, options: Options) -> "Leg | str":
    """Upgrade a scratch database to each of these revisions; the leg that was walked, or why it was not.

    `before` is what is in it. The schema is looked at after each revision, the data not.
    """
    moments: list[Moment] = []
    state, identity = before, identity_of(url)
    for revision in to:
        request = source.request(
            url, identity, "upgrade", revision, options,
            look=True, exclude=(source.version_name,), before=state,
        )  # fmt: skip
        result = walk(request)
        if result.state == "failed":
            told = result.error.message if result.error else "the walk failed"
            where = result.error.revision if result.error and result.error.revision else revision
            return f"an empty database cannot be upgraded to {revision}: {where}: {told}"
        moments += [Moment(step.revision, step.snapshot) for step in result.steps]
        with connect(url) as connection:
            state = snapshot(connection, exclude=(source.version_name,), data=False)
    return Leg("upgrade", before, tuple(moments), state)
