"""Which private places exist on this machine, and the removal of those that nobody owns any more."""

from collections.abc import Iterable

from dbadmin.dialects import Existing, every, named, prepared, private, stamped
from dbadmin.dialects.backups import PREFIX as BACKUP
from dbadmin.errors import DbadminError, UnknownName
from dbadmin.results import Copies, PrivateCopy

FILES = {BACKUP: "backup", private.PARTS: "file"}
"""Directories that belong to no engine: what was unpacked of backups while they are checked, files half written."""


def existing() -> tuple[Existing, ...]:
    """Every private place of dbadmin on this machine, oldest first."""
    found = [place for dialect in every() for place in dialect.copying.existing()]
    for prefix, engine in FILES.items():
        found += private.existing(prefix, engine)
    found += prepared.unfinished()
    return tuple(sorted(found, key=lambda place: place.started_at))


def clean() -> tuple[Existing, ...]:
    """Remove places whose owner on this host is dead and which were not kept; gives what was removed.

    One that cannot be removed (its server does not answer) is no reason to leave the others: what went wrong with the
    first such one is raised in the end.
    """
    removed: list[Existing] = []
    failed: list[DbadminError] = []
    for place in existing():
        if place.owner_alive is False and not place.kept:
            try:
                _remove(place)
                removed.append(place)
            except DbadminError as error:
                failed.append(error)
    if failed:
        raise failed[0]
    return tuple(removed)


def drop(name: str) -> Existing:
    """Remove one place by its name, also a kept one; UnknownName where there is none."""
    found = {place.name: place for place in existing()}
    if name not in found:
        raise UnknownName("copy", name, found, hint="dbadmin copies lists those that exist")
    _remove(found[name])
    return found[name]


def _remove(place: Existing) -> None:
    try:
        _remove_all_of(place)
    except OSError as error:
        raise stamped.not_removed(place.name, error, place.name) from error


def _remove_all_of(place: Existing) -> None:
    if place.engine == prepared.ENGINE:
        stamped.remove(place.directory, prepared.RECORD)
    elif place.engine in FILES.values():
        private.remove(place.directory)
    else:
        named(place.engine).copying.remove(place.name)


def report(removed: Iterable[Existing] = ()) -> Copies:
    """What exists now, as a result; `removed` was removed just before."""
    copies = tuple(
        PrivateCopy(
            place.name, place.engine, str(place.directory), place.started_at, place.owner_pid,
            place.owner_alive, place.kept, place.bytes,
        )
        for place in existing()
    )  # fmt: skip
    return Copies(copies, tuple(place.name for place in removed))
