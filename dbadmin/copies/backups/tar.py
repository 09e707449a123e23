"""tar archives, looked through before a tool meets them: a cut one keeps pg_restore busy for ever."""

import os
import tarfile
from collections import Counter
from pathlib import Path, PurePosixPath

from dbadmin.copies.backups import refused
from dbadmin.errors import DamagedBackup, UsageError

_BLOCK = 512
_END = 2 * _BLOCK  # zeros, by which a tar archive ends
_AGAIN = "make the backup again"


def check(path: Path, given: Path) -> Path | None:
    """Raise unless it is a whole archive of plain files with a table of contents by pg_dump.

    Gives the folder inside it where somebody packed a directory archive with tar, None where pg_dump wrote it.
    Raises DamagedBackup where it is cut short, UsageError where it is something else or would leave its place.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
            ends = archive.offset
    except tarfile.TarError as error:
        raise DamagedBackup(f"{given} is damaged: {error}", hint=_AGAIN) from error
    for member in members:
        _refuse_dangerous(member, given)
    _refuse_twice(members, given)
    _refuse_cut(path, given, ends)
    names = {PurePosixPath(member.name) for member in members if member.isfile()}
    if PurePosixPath("toc.dat") in names:
        return None
    refusal = refused.by_names(given, {name.name for name in names})
    if refusal:
        raise refusal
    folders = {name.parent for name in names if name.name == "toc.dat"}
    if len(folders) == 1:
        return Path(folders.pop())
    raise UsageError(
        f"{given} is a tar archive, but none that pg_dump wrote", hint="unpack it, and give the dump in it"
    )


def extract(path: Path, target: Path) -> None:
    """Unpack an archive that was checked into `target`; its files are ours alone."""
    with tarfile.open(path, "r:") as archive:
        for member in archive.getmembers():
            place = target.joinpath(*PurePosixPath(member.name).parts)
            if member.isdir():
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                continue
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            source = archive.extractfile(member)
            assert source is not None
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                while piece := source.read(1 << 20):
                    out.write(piece)


def _refuse_dangerous(member: tarfile.TarInfo, given: Path) -> None:
    name = PurePosixPath(member.name)
    what = None
    if not (member.isreg() or member.isdir()) or member.issparse():  # a sparse one says its size without having it
        what = "no plain file"
    elif name.is_absolute() or ".." in name.parts:
        what = "a file outside of it"
    if what:
        raise UsageError(
            f"{given} holds {member.name!r}, which is {what}",
            hint="pg_dump writes plain files only: look where the archive comes from",
        )


def _refuse_twice(members: list[tarfile.TarInfo], given: Path) -> None:
    """Two members of one name: which one counts depends on who reads, and so would what was looked at."""
    files = [PurePosixPath(member.name) for member in members if member.isfile()]
    twice = sorted(str(name) for name, count in Counter(files).items() if count > 1)
    if twice:
        raise UsageError(
            f"{given} holds {twice[0]!r} twice",
            hint="pg_dump writes each file once: look where the archive comes from",
        )


def _refuse_cut(path: Path, given: Path, ends: int) -> None:
    """Python's reader takes a file that ends anywhere between two members for a whole one."""
    with path.open("rb") as file:
        file.seek(ends - ends % _BLOCK)
        rest = file.read(_END)
    if len(rest) < _END or rest.strip(b"\x00"):
        raise DamagedBackup(f"{given} is cut short", hint=_AGAIN)
