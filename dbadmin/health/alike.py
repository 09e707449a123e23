"""Which of a table's indexes do the same, and which one goes on where another ends: pure comparing."""

from collections.abc import Iterable, Iterator

from dbadmin.dialects.facts import Index


def identity(index: Index) -> tuple[object, ...]:
    """What two indexes have in common that do the same, beside their key parts."""
    return (index.method, index.predicate, index.nulls_alike, index.exclusion)


def keys_of(index: Index) -> tuple[tuple[str, str], ...]:
    """Key parts with collation, operator class and direction."""
    return tuple((part.text, part.rest) for part in index.parts)


def worth(index: Index) -> tuple[object, ...]:
    """Of two that do the same, the one that sorts last is kept."""
    return (
        index.primary,
        index.replica_identity,
        index.referenced,
        index.clustered,
        bool(index.constraint),
        index.constraint is not None,
        index.unique,
        index.inherited,
        len(index.included),
        [*(-ord(c) for c in index.name), 1],
    )


def may_go(index: Index) -> bool:
    """Whether nothing but a like index speaks for this one."""
    return not (index.primary or index.replica_identity or index.referenced or index.inherited or index.exclusion)


def same(one: Index, other: Index) -> bool:
    """Whether two indexes hold the same entries in the same order, so that either does for both."""
    alike = identity(one) == identity(other) and keys_of(one) == keys_of(other)
    return alike and set(one.included) == set(other.included)


def begins(short: Index, long: Index) -> bool:
    """Whether `long` answers all that `short` does, because it begins with the same key parts."""
    own = keys_of(short)
    held = {*long.included, *(part.column for part in long.parts)}
    return (
        short.method == "btree"
        and not short.unique
        and identity(short) == identity(long)
        and len(own) < len(long.parts)
        and keys_of(long)[: len(own)] == own
        and set(short.included) <= held
    )


def usable(indexes: Iterable[Index]) -> list[Index]:
    """Those that serve; broken ones have a check of their own."""
    return [index for index in indexes if index.valid and not index.hidden and index.parts]


def duplicates(indexes: Iterable[Index]) -> Iterator[tuple[Index, Index]]:
    """Each index of one table that may go because another does the same, with that other one."""
    best: list[Index] = []
    for index in sorted(usable(indexes), key=worth, reverse=True):
        kept = next((keeper for keeper in best if same(index, keeper)), None)
        if kept is None or (index.unique and not kept.unique):
            best.append(index)
        elif may_go(index):
            yield index, kept


def overlaps(indexes: Iterable[Index]) -> Iterator[tuple[Index, Index]]:
    """Each index of one table that may go because a longer one begins with it, with the longest such one."""
    every = usable(indexes)
    twice = [index for index, _ in duplicates(every)]
    found = [index for index in every if index not in twice]
    for index in found:
        longer = [other for other in found if begins(index, other)]
        if longer and may_go(index) and index.constraint is None:
            yield index, max(longer, key=lambda other: (len(other.parts), worth(other)))
