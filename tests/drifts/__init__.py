"""What migrations make and what somebody then does by hand, for each engine: one drift of each kind of thing.

A line of ENGINE.txt is `statement of the revision => statements by hand => kind and object of the drift`; any part
may be empty.
"""

from dataclasses import dataclass
from pathlib import Path

ENGINES = ("sqlite", "postgresql", "mariadb")


@dataclass(frozen=True)
class Drifts:
    """The lines of a file, column by column."""

    made: tuple[str, ...]
    by_hand: tuple[str, ...]
    found: frozenset[tuple[str, str]]


def drifts(engine: str) -> Drifts:
    """Those of an engine."""
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    for line in (Path(__file__).parent / f"{engine}.txt").read_text(encoding="utf-8").splitlines():
        for column, part in zip(columns, line.split("=>"), strict=False):
            column.extend([part.strip()] if part.strip() else [])
    found = [part.partition(" ") for part in columns[2]]
    return Drifts(tuple(columns[0]), tuple(columns[1]), frozenset((kind, name) for kind, _, name in found))
