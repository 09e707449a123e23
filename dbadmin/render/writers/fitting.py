"""Text in terminal columns: how wide it is, how it is cut and wrapped, and how columns share a line."""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

ELLIPSIS = "…"
GAP = 2
NARROWEST = 8
"""Below this many places per column a table is not readable any more."""
SEPARATORS = "/._-,:("
"""Names are broken after one of these where they must be."""


@lru_cache(maxsize=4096)
def width(line: str) -> int:
    """Terminal columns of a line without control characters; wide characters take two.

    >>> width("abc"), width("日本")
    (3, 4)
    """
    if line.isascii():
        return len(line)
    try:
        from wcwidth import wcswidth  # comes with IPython; tabulate measures with it too
    except ImportError:
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in line)
    return max(int(wcswidth(line)), 0)


def cut(line: str, limit: int) -> str:
    """The line in at most `limit` columns; what was cut is marked.

    >>> cut("abcdef", 4), cut("日本語", 5), cut("abc", 3)
    ('abc…', '日本…', 'abc')
    """
    if len(line) <= 4 * limit and width(line) <= limit:
        return line
    if limit < 1:
        return ""
    return line[: fitting(line, limit - 1)] + ELLIPSIS


def fitting(line: str, limit: int) -> int:
    """How many characters of a line fit into `limit` columns; marks that combine stay with their letter."""
    head = line[: 4 * limit + 8]
    count = min(len(head), limit) if head.isascii() else 0
    if head.isascii():
        return count
    while count < len(head) and width(head[: count + 1]) <= limit:
        count += 1
    return count


def wrap(line: str, limit: int) -> list[str]:
    """The line in pieces of at most `limit` columns, broken at spaces where there are any, else where a part of a
    name ends.

    >>> wrap("drop the column users.nickname", 12)
    ['drop the', 'column', 'users.', 'nickname']
    """
    pieces: list[str] = []
    rest = line
    while width(rest) > limit:
        count = max(fitting(rest, limit), 1)
        space = rest.rfind(" ", 1, count + 1)
        if space > 0:
            pieces.append(rest[:space])
            rest = rest[space + 1 :]
        else:
            count = part_end(rest, count)
            pieces.append(rest[:count])
            rest = rest[count:]
    return [*pieces, rest]


def part_end(word: str, count: int) -> int:
    """Where to break a word of which `count` characters fit: after a separator in the second half, else there."""
    best = max(word.rfind(sign, 0, count) for sign in SEPARATORS) + 1
    return best if 2 * best >= count else count


def longest_word(line: str) -> int:
    """The columns that the longest word takes.

    >>> longest_word("drop the column users.nickname")
    14
    """
    return max(map(width, line.split(" ")), default=0)


def torn(line: str, limit: int, room: int) -> bool:
    """Whether a word of the line has no place in `limit` columns, and would have in `room`.

    >>> torn("the column users.nickname", 12, 20), torn("the column", 12, 20)
    (True, False)
    """
    return width(line) > limit and any(limit < width(word) <= room for word in line.split(" "))


def share(natural: Sequence[int], floors: Sequence[int], available: int) -> list[int] | None:
    """Widths for columns that would like `natural` widths and need `floors`, or None where not even these fit.

    Narrow columns keep their width; the wide ones share evenly what is left.

    >>> share([4, 30, 50], [4, 8, 8], 49)
    [4, 21, 20]
    >>> share([4, 30, 50], [4, 25, 8], 49)
    [4, 25, 16]
    >>> share([4, 30, 50], [4, 8, 8], 10)
    """
    left = available - GAP * (len(natural) - 1)
    if sum(natural) <= left:
        return list(natural)
    if sum(floors) > left:
        return None

    def at(level: int) -> list[int]:
        return [min(want, max(floor, level)) for want, floor in zip(natural, floors, strict=True)]

    level = bisect_right(range(max(natural)), left, key=lambda level: sum(at(level))) - 1
    widths = at(level)
    for index, wider in enumerate(at(level + 1)):
        if wider > widths[index] and sum(widths) < left:
            widths[index] += 1
    return widths
