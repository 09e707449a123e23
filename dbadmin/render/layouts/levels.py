"""How the level of a finding is drawn, and how many there are of each."""

from collections.abc import Iterable, Mapping

from dbadmin.render.document import Cell, Tone
from dbadmin.render.values import plural
from dbadmin.results import LEVELS, Finding

TONES: dict[str, Tone] = {"error": "bad", "warning": "warn", "note": "dim"}


def tone_of(level: str) -> Tone:
    """A level that is unknown is drawn as a warning."""
    return TONES.get(level, "warn")


def level_cell(level: str) -> Cell:
    """The level in its tone."""
    return Cell(level, tone_of(level))


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each level, worst first; levels without any are left out."""
    levels = [finding.severity for finding in findings]
    return {level: levels.count(level) for level in LEVELS if level in levels}


def in_words(counts: Mapping[str, int]) -> str:
    """Counts of levels as one says them.

    >>> in_words({"error": 1, "note": 2})
    '1 error, 2 notes'
    """
    return ", ".join(plural(count, level) for level, count in counts.items())
