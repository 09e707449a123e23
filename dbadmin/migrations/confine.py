"""What the kernel closes around user code: the network, other servers' sockets, the files of the source."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from dbadmin.dialects import namespaces
from dbadmin.migrations import sandbox

if TYPE_CHECKING:
    from dbadmin.migrations.guard import Guard

LANDLOCK = "Landlock"
"""TCP connections are limited to the ports of the copy and of `--allow-connect`."""


def restrict(guard: "Guard") -> tuple[str, ...]:
    """Close what the copy does not need, as far as this kernel lets us; tells which protections are in force.

    Everything that C libraries and programs could reach, whom no hook of Python's sees. Must run before user code
    and before any thread.

    Landlock for files is no use here: it can only list what is allowed, and user code may write its logs and caches
    wherever it does in production.
    """
    rules = guard.rules
    assert rules.copy_url is not None
    sockets = guard.of_copy().isolation.sockets(rules.copy_url)
    paths = [place for place in sockets if isinstance(place, str)]
    if guard.copy is not None and guard.copy.server[0] == "file":
        paths += guard.of_copy().isolation.paths(guard.copy)
    ports = {place[1] for place in sockets if isinstance(place, tuple)}
    hosts = [entry for entry in rules.allow if not entry.startswith("/")]
    network = not ports and not hosts and not any(path.startswith("@") for path in paths)
    done = namespaces.enter(network=network, hidden=_hidden(guard, paths))
    if namespaces.NETWORK not in done and _limit_ports(ports, hosts):
        return (*done, LANDLOCK)
    return done


def _hidden(guard: "Guard", paths: Collection[str]) -> tuple[str, ...]:
    """Every listening socket but the copy's and the allowed ones, and wherever the source may be."""
    rules = guard.rules
    kept = [*paths, *rules.allow]
    hidden = list(namespaces.listening_sockets(kept))
    if rules.source is not None:
        isolation = guard.of_copy().isolation
        hidden += [path for path in isolation.paths(rules.source) if not _is_one_of(path, kept)]
    hidden += [path for path in map(str, rules.source_files) if not _is_one_of(path, kept)]
    return tuple(dict.fromkeys(hidden))


def _is_one_of(path: str, others: Collection[str]) -> bool:
    from os.path import realpath

    return realpath(path) in {realpath(other) for other in others}


def _limit_ports(ports: Collection[int], hosts: Collection[str]) -> bool:
    """Through Landlock, unless a host is allowed on any port."""
    allowed = [host.rpartition(":")[2] for host in hosts]
    if not all(port.isdigit() for port in allowed):
        return False
    return sandbox.restrict_tcp(sorted({*ports, *map(int, allowed)}))
