"""Which private places exist on this machine, and the removal of those that nobody owns any more."""

from collections.abc import Iterable

from dbadmin.dialects import Existing, every, named, private
from dbadmin.dialects.backups import PREFIX as BACKUP
from dbadmin.errors import UnknownName
from dbadmin.results import Copies, PrivateCopy


def existing() -> tuple[Existing, ...]:
    """Every private place of dbadmin on this machine, oldest first."""
    found = [place for dialect in every() for place in dialect.copying.existing()]
    found += private.existing(BACKUP, "backup")  # what was unpacked of backups, for the time they are checked
    return tuple(sorted(found, key=lambda place: place.started_at))


def clean() -> tuple[Existing, ...]:
    """Remove places whose owner on this host is dead and which were not kept; gives what was removed."""
    dead = tuple(place for place in existing() if place.owner_alive is False and not place.kept)
    for place in dead:
        _remove(place)
    return dead


def drop(name: str) -> Existing:
    """Remove one place by its name, also a kept one; UnknownName where there is none."""
    found = {place.name: place for place in existing()}
    if name not in found:
        raise UnknownName("copy", name, found, hint="dbadmin copies lists those that exist")
    _remove(found[name])
    return found[name]


def _remove(place: Existing) -> None:
    if place.engine == "backup":
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
