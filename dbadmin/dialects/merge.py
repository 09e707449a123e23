"""Merging two sorted streams of rows, and counting what differs: the part that no engine changes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from dbadmin.dialects.values import RowDifferences

R = TypeVar("R", bound=tuple[Any, ...])
SAMPLE = 5  # keys shown under each heading
MOST_KEYS = 10_000  # of lost rows, and of differing ones for each column, that are remembered


def merged(before: Iterable[R], after: Iterable[R]) -> Iterator[tuple[R | None, R | None]]:
    """Pair rows of two streams sorted by their first item; None where one side lacks the key.

    >>> list(merged([(1, "a"), (2, "b")], [(2, "b"), (3, "c")]))
    [((1, 'a'), None), ((2, 'b'), (2, 'b')), (None, (3, 'c'))]
    """
    old_rows, new_rows = iter(before), iter(after)
    old, new = next(old_rows, None), next(new_rows, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            yield old, None
            old = next(old_rows, None)
        elif old is None or new[0] < old[0]:
            yield None, new
            new = next(new_rows, None)
        else:
            yield old, new
            old, new = next(old_rows, None), next(new_rows, None)


Keyed = tuple[tuple[Any, ...], tuple[Any, ...]]
"""A row as `by_key` takes it: its key, and what stands for the values of its other columns."""


def by_key(columns: Sequence[str], before: Iterable[Keyed], after: Iterable[Keyed]) -> RowDifferences:
    """Compare two streams sorted by key; `columns` are those that are not in it.

    >>> by_key(["a"], [((1,), ("x",)), ((2,), ("y",))], [((1,), ("z",))])
    RowDifferences(lost=1, added=0, values_lost={}, values_changed={'a': 1}, sample={'a': (1,), 'lost': (2,)}, \
keys={'a': {1: False}}, lost_keys=frozenset({2}))
    """
    comparison = RowComparison(columns)
    for was, is_now in merged(before, after):
        key = (was or is_now or ((),))[0]
        comparison.add(_shown(key), was and was[1], is_now and is_now[1])
    return comparison.result()


def by_count(before: Iterable[tuple[Any, int]], after: Iterable[tuple[Any, int]]) -> RowDifferences:
    """Compare two sorted streams of whole rows, or what stands for them, with how often each is there.

    >>> found = by_count([("x", 2), ("y", 1)], [("x", 1), ("z", 3)])
    >>> found.lost, found.added
    (2, 3)
    """
    lost = added = 0
    for was, is_now in merged(before, after):
        difference = (was[1] if was else 0) - (is_now[1] if is_now else 0)
        lost, added = lost + max(difference, 0), added + max(-difference, 0)
    return RowDifferences(lost, added, {}, {}, {})


def _shown(key: tuple[Any, ...]) -> Any:
    plain = tuple(v.decode(errors="replace") if isinstance(v, bytes) else v for v in key)
    return plain if len(plain) > 1 else plain[0]


class RowComparison:
    """Counts differences as rows come by; `columns` are the ones compared."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = columns
        self.lost = self.added = 0
        self.emptied: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.sample: dict[str, list[Any]] = defaultdict(list)
        self.keys: dict[str, dict[Any, bool]] = defaultdict(dict)
        self.lost_keys: set[Any] = set()

    def add(self, key: Any, old: Sequence[Any] | None, new: Sequence[Any] | None) -> None:
        """One key with its values before and after, None where there is no such row; values compare exactly."""
        if old == new:
            return
        if old is None:
            self.added += 1
            self._keep("added", key)
        elif new is None:
            self.lost += 1
            self._keep("lost", key)
            if len(self.lost_keys) <= MOST_KEYS:
                self.lost_keys.add(key)
        else:
            for column, was, is_now in zip(self.columns, old, new, strict=True):
                if was != is_now:
                    (self.emptied if is_now is None else self.changed)[column] += 1
                    self._keep(column, key)
                    if len(self.keys[column]) <= MOST_KEYS:
                        self.keys[column][key] = is_now is None

    def _keep(self, heading: str, key: Any) -> None:
        if len(self.sample[heading]) < SAMPLE:
            self.sample[heading].append(key)

    def result(self) -> RowDifferences:
        """What was counted."""
        return RowDifferences(
            lost=self.lost,
            added=self.added,
            values_lost=dict(self.emptied),
            values_changed=dict(self.changed),
            sample={heading: tuple(keys) for heading, keys in self.sample.items()},
            keys={column: keys for column, keys in self.keys.items() if len(keys) <= MOST_KEYS},
            lost_keys=frozenset(self.lost_keys) if len(self.lost_keys) <= MOST_KEYS else None,
        )
