"""Which revisions a rehearsal walks: pure, from the scripts and where the database stands."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from dbadmin.errors import ConfigError, EmptyPlan, UsageError
from dbadmin.migrations.scripts import Scripts, WalkPlan
from dbadmin.results import Plan, upgrade_target

BASE = "base"
_RELATIVE = re.compile(r"-\d+")


@dataclass(frozen=True)
class Route:
    """A plan and the destinations that `alembic upgrade` and `downgrade` are given on the way.

    `up` is None where nothing is pending; `top` are the revisions at the upper end.
    """

    plan: Plan
    up: str | None
    down: str
    up_again: str
    top: tuple[str, ...]


def make_route(
    scripts: Scripts,
    current: Sequence[str],
    *,
    to: str | None = None,
    steps: int | None = None,
    upgrade_to: str = "heads",
) -> Route:
    """Plan P where something is pending and no other target is asked for, else plan H.

    Parameters: `current`, the revisions in the version table; `to`, a target as `alembic downgrade` takes it;
    `steps`, so many revisions down; `upgrade_to`, a destination as `alembic upgrade` takes it.
    Raises EmptyPlan where nothing would run, UsageError where the target has to be chosen by the user.
    """
    if to is not None and steps is not None:
        raise UsageError("--to and --steps exclude each other", hint="give one of them")
    start = tuple(sorted(current))
    upward = scripts.plan("upgrade", upgrade_to, start)
    wanted = _wanted(to, steps)
    top = upward.end if upward.revisions else start
    if wanted is not None and _RELATIVE.fullmatch(wanted) and len(top) > 1:
        _refuse_several(top)
    if upward.revisions:
        back = _way_back(scripts, upward.end, start)
        if wanted is None or (back is not None and _ends_at(scripts, wanted, upward.end, start)):
            return _pending(start, upward, back or _refuse_way_back(start), scripts, upgrade_to, wanted is None)
    return _from_head(scripts, start, upward, wanted, upgrade_to)


def _wanted(to: str | None, steps: int | None) -> str | None:
    if steps is not None and steps < 1:
        raise UsageError(f"--steps {steps}: at least one revision has to go down", hint="--steps 1")
    return to if steps is None else f"-{steps}"


def _pending(
    start: tuple[str, ...], upward: WalkPlan, down: str, scripts: Scripts, up: str, default: bool
) -> Route:  # fmt: skip
    downward = scripts.plan("downgrade", down, upward.end)
    upgrade_to = upgrade_target(scripts.heads) if up == "heads" else up
    plan = Plan("pending", default, start, upward.revisions, downward.revisions, start, upgrade_to)
    return Route(plan, up, down, up, upward.end)


def _from_head(
    scripts: Scripts, start: tuple[str, ...], upward: WalkPlan, wanted: str | None, upgrade_to: str
) -> Route:
    top = upward.end if upward.revisions else start
    if not top:
        raise EmptyPlan(
            "the database stands at base and there is no revision to upgrade to: nothing can be rehearsed",
            hint="dbadmin status",
        )
    downward = _downward(scripts, top, wanted)
    if not downward.revisions:
        raise EmptyPlan(
            f"the database stands at {', '.join(top)}, and going down to {wanted} would run nothing",
            hint="choose an older revision with --to; dbadmin status --history lists them",
        )
    plan = Plan("head", wanted is None, start, upward.revisions, downward.revisions, downward.end)
    up = upgrade_to if upward.revisions else None
    return Route(plan, up, wanted or "-1", _way_up(scripts, downward.end, top), top)


def _downward(scripts: Scripts, top: tuple[str, ...], wanted: str | None) -> WalkPlan:
    if wanted is not None:
        return scripts.plan("downgrade", wanted, top)
    if len(top) > 1:
        _refuse_several(top)
    try:
        downward = scripts.plan("downgrade", "-1", top)
    except ConfigError:
        downward = WalkPlan((), ())
    if len(scripts.get(top[0]).down_revisions) > 1 or len(downward.end) > 1:
        parents = ", ".join(scripts.get(top[0]).down_revisions)
        raise UsageError(
            f"{top[0]} merges {parents}: how far down to go has to be said",
            hint="--to REVISION, or --to base",
        )
    return downward


def _refuse_several(top: tuple[str, ...]) -> NoReturn:
    # Alembic takes `-1` here, and goes down from whichever head comes first.
    raise UsageError(
        f"the walk down begins at several heads ({', '.join(top)}): which way it takes has to be said",
        hint=f"--to {top[0]}@-1, or --to REVISION",
    )


def _ends_at(scripts: Scripts, wanted: str, top: tuple[str, ...], start: tuple[str, ...]) -> bool:
    return tuple(sorted(scripts.plan("downgrade", wanted, top).end)) == start


def _way_back(scripts: Scripts, top: tuple[str, ...], start: tuple[str, ...]) -> str | None:
    """A destination for `alembic downgrade` that ends where the database stood, None where one is not enough."""
    candidates = [BASE] if not start else [*start, *_labelled(scripts, start)]
    for candidate in candidates:
        try:
            if tuple(sorted(scripts.plan("downgrade", candidate, top).end)) == start:
                return candidate
        except (ConfigError, UsageError):
            continue
    return None


def _labelled(scripts: Scripts, revisions: Sequence[str]) -> list[str]:
    labels = [label for revision in scripts.revisions for label in revision.branch_labels]
    return [f"{label}@{revision}" for label in labels for revision in (*revisions, BASE)]


def _refuse_way_back(start: tuple[str, ...]) -> NoReturn:
    raise UsageError(
        f"no single downgrade leads back to {', '.join(start) or BASE}, where the database stands",
        hint="rehearse one branch at a time with --upgrade-to BRANCH@head and --to REVISION",
    )


def _way_up(scripts: Scripts, bottom: tuple[str, ...], top: tuple[str, ...]) -> str:
    """A destination for `alembic upgrade` that leads from the bottom back to the top."""
    for candidate in (*top, "heads"):
        try:
            if tuple(sorted(scripts.plan("upgrade", candidate, bottom).end)) == tuple(sorted(top)):
                return candidate
        except (ConfigError, UsageError):
            continue
    raise UsageError(
        f"no single upgrade leads from {', '.join(bottom) or BASE} back to {', '.join(top)}",
        hint="rehearse one branch at a time with --to BRANCH@REVISION",
    )
