"""A password and values of rows that can be told in any text, and somebody who looks for them while a command runs."""

import os
import stat
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dbadmin.dialects import processes

HEAD, TAIL = "Vbn7k", "Qwx9m"
PASSWORD = f"{HEAD}%4@'\"ß:/& +{TAIL}"
"""What URLs, configuration files, Python, JSON and HTML each spell otherwise; its ends stay the same everywhere."""
ROW = "Mfk3jRow"
"""Stands in every text of every row."""
TOKEN = "Gzs8wTok"
"""Stands in every text of a column that is named like a credential."""


def secrets_in(text: str | bytes) -> list[str]:
    """Which parts of the password a text holds, in whatever spelling."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    encoded = [b64encode(PASSWORD.encode()[at:])[:8] for at in range(3)]
    parts = [HEAD.encode(), TAIL.encode(), *encoded]
    return [part.decode() for part in parts if part in data]


def row_in(text: str) -> bool:
    """Whether a value of a row stands in it."""
    return ROW in text or TOKEN in text


@dataclass
class Seen:
    """What was found, each as a line that says where."""

    places: list[str] = field(default_factory=list)
    looks: int = 0

    def add(self, place: str) -> None:
        if place not in self.places:
            self.places.append(place)


@contextmanager
def watching(temporary: Path) -> Iterator[Seen]:
    """Look again and again at every process's arguments, and at the files that dbadmin makes in `temporary`."""
    seen, over = Seen(), threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.looks += 1
            _look_at_processes(seen)
            _look_at_files(seen, temporary)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _look_at_processes(seen: Seen) -> None:
    for entry in processes.PROC.glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        arguments = "\0".join(processes.arguments(int(entry.name)))
        if secrets_in(arguments):
            seen.add(f"arguments of a process: {arguments[:200]!r}")


def _look_at_files(seen: Seen, temporary: Path) -> None:
    for top in temporary.glob("dbadmin-*"):
        with suppress(OSError):
            if top.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IXGRP & ~stat.S_IXOTH:
                seen.add(f"mode {stat.filemode(top.lstat().st_mode)} of {top.name}")
            for path in top.iterdir():
                if path.is_file() and path.lstat().st_mode & 0o077 and secrets_in(path.read_bytes()):
                    seen.add(f"mode {stat.filemode(path.lstat().st_mode)} of {path.name}, which holds the password")


def files_with_secrets(*directories: Path, known: frozenset[str]) -> list[str]:
    """Files below that hold the password, but for those whose names are known to; a test's servers are left out."""
    found = []
    for directory in directories:
        for path in _files(directory):
            if path.name not in known:
                with suppress(OSError):
                    if secrets_in(path.read_bytes()):
                        found.append(str(path))
    return found


def _files(directory: Path) -> Iterator[Path]:
    for top in directory.iterdir():
        if top.is_dir() and not top.is_symlink() and not top.name.endswith("Server"):
            yield from (path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
        elif top.is_file():
            yield top


def open_to_others(*paths: Path) -> list[str]:
    """Files that others than their owner may read or write."""
    return [f"{stat.filemode(p.stat().st_mode)} {p.name}" for p in paths if p.stat().st_mode & 0o077]
