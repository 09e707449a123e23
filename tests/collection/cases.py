"""All cases; each name stands once."""

from collection import Change
from collection.clean import CLEAN
from collection.failing import FAILING
from collection.structure import STRUCTURE
from collection.values import VALUES

DEFECTS = [*FAILING, *STRUCTURE, *VALUES]
CASES: list[Change] = [*DEFECTS, *CLEAN]

assert len({case.name for case in CASES}) == len(CASES)
