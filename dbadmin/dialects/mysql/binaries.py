"""MariaDB's (or MySQL's) server programs on this machine, and the tools that belong to them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from dbadmin.errors import NoScratchServer, NotSupported

Family = Literal["mariadb", "mysql"]

INSTALLED = (
    "/usr/sbin",  # Debian, Ubuntu
    "/usr/libexec",  # Red Hat, Fedora
    "/usr/local/sbin",
    "/usr/bin",
    "/usr/local/mysql/bin",
    "/usr/local/mariadb/bin",
    "/opt/homebrew/opt/mariadb*/bin",
    "/usr/local/opt/mariadb*/bin",
    "/opt/homebrew/opt/mysql*/bin",
    "/usr/local/opt/mysql*/bin",
)
WAYS_ON = "make the copy yourself: --copy-command CMD, or --in-place"
_PRODUCTS = {"mariadb": "MariaDB", "mysql": "MySQL"}
_OLDER_NAMES = {
    "mariadb-install-db": "mysql_install_db",
    "mariadb-dump": "mysqldump",
    "mariadb": "mysql",
    "mariadb-backup": "mariabackup",
}


@dataclass(frozen=True)
class Binaries:
    """One server program: whose it is, and which version ("10.11.19")."""

    server: Path
    family: Family
    version: str

    @property
    def product(self) -> str:
        """The name that people know it by."""
        return _PRODUCTS[self.family]

    @property
    def series(self) -> tuple[int, ...]:
        """The release series: data moves to the same or a later one.

        >>> Binaries(Path("/usr/sbin/mariadbd"), "mariadb", "10.11.19").series
        (10, 11)
        """
        return series_of(self.version)

    def tool(self, name: str) -> Path:
        """The path of a program, such as mariadb-dump, beside the server or on PATH; NotSupported without it."""
        older = _OLDER_NAMES.get(name, name)
        names = (older,) if self.family == "mysql" else (name, older)
        places = [self.server.parent, self.server.parent.parent / "bin", Path("/usr/bin")]
        for wanted in names:
            for place in places:
                if os.access(place / wanted, os.X_OK):
                    return place / wanted
            on_path = shutil.which(wanted)
            if on_path:
                return Path(on_path)
        raise NotSupported(
            f"{self.product} {self.version} in {self.server.parent} has no {names[0]}",
            hint=f"install {self.product}'s client programs",
        )


def series_of(version: str) -> tuple[int, ...]:
    """The first two numbers of a version.

    >>> series_of("10.11.19-MariaDB-0+deb12u1")
    (10, 11)
    """
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def find(family: Family | None = None, at_least: tuple[int, ...] = ()) -> tuple[Binaries, ...]:
    """Server programs here, the nearest series not older than `at_least` first; without it the newest."""
    found = [b for b in _on_machine() if family in (None, b.family) and b.series >= at_least]
    return tuple(sorted(found, key=lambda b: b.series, reverse=not at_least))


def require(family: Family = "mariadb", at_least: tuple[int, ...] = ()) -> Binaries:
    """The best one; NoScratchServer says what was found instead, and the ways on."""
    suitable = find(family, at_least)
    if suitable:
        return suitable[0]
    wanted = _PRODUCTS[family] + (f" {'.'.join(map(str, at_least))} or later" if at_least else "")
    others = ", ".join(f"{b.product} {b.version} in {b.server.parent}" for b in find())
    raise NoScratchServer(
        f"no {wanted} on this machine to start a private server from" + (f" (found {others})" if others else ""),
        hint=f"install {_PRODUCTS[family]}'s server package (it need not run), or {WAYS_ON}",
    )


def client_tools(family: Family, at_least: tuple[int, ...]) -> Binaries:
    """Programs to dump with: a server's own of this series, else the client programs on PATH; NotSupported without."""
    servers = find(family, at_least)
    if servers:
        return servers[0]
    for name in ("mariadb-dump", "mysqldump"):
        found = shutil.which(name)
        read = _read(Path(found).resolve()) if found else None
        if read is not None and read.family == family and read.series >= at_least:
            return read
    wanted = f"{_PRODUCTS[family]} {'.'.join(map(str, at_least))}"
    raise NotSupported(f"no mariadb-dump of {wanted} or later on this machine", hint="install its client programs")


def _on_machine() -> Iterator[Binaries]:
    places = [place for pattern in INSTALLED for place in sorted(Path("/").glob(pattern.lstrip("/")))]
    programs = [place / name for place in places for name in ("mariadbd", "mysqld")]
    programs += [Path(found) for name in ("mariadbd", "mysqld") if (found := shutil.which(name))]
    seen: set[Path] = set()
    for program in programs:
        resolved = program.resolve()
        if resolved in seen or not os.access(resolved, os.X_OK):
            continue
        seen.add(resolved)
        binaries = _read(resolved)
        if binaries:
            yield binaries


@cache
def _read(program: Path) -> Binaries | None:
    try:
        done = subprocess.run(
            [program, "--no-defaults", "--version"], capture_output=True, text=True, check=False, cwd="/"
        )
    except OSError:
        return None
    match = re.search(r"(?:\bDistrib|\bfrom|\bVer) (\d+\.\d+\.\d+)", done.stdout)
    if done.returncode != 0 or match is None:
        return None
    return Binaries(program, "mariadb" if "MariaDB" in done.stdout else "mysql", match[1])
