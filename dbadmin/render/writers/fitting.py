"""Text in terminal columns: how wide it is, how it is cut and wrapped, and how columns share a line."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

ELLIPSIS = "…"
GAP = 2
NARROWEST = 8
"""Below this many places per column a table is not readable any more."""


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
    """The line in pieces of at most `limit` columns, broken at spaces where there are any.

    >>> wrap("drop the column users.nickname", 12)
    ['drop the', 'column', 'users.nickna', 'me']
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
            pieces.append(rest[:count])
            rest = rest[count:]
    return [*pieces, rest]


def share(natural: Sequence[int], shrinkable: Sequence[bool], available: int) -> list[int] | None:
    """Widths for columns that would like `natural` widths, or None where a readable table does not fit.

    Narrow columns keep their width; the wide ones share evenly what is left.

    >>> share([4, 30, 50], [True, True, True], 49)
    [4, 21, 20]
    >>> share([4, 30, 50], [True, True, True], 10)
    """
    left = available - GAP * (len(natural) - 1)
    if sum(natural) <= left:
        return list(natural)
    level = max(natural)
    fixed = sum(n for n, shrinks in zip(natural, shrinkable, strict=True) if not shrinks)
    sizes = sorted(n for n, shrinks in zip(natural, shrinkable, strict=True) if shrinks)
    if not sizes:
        return None
    left -= fixed
    before = [0, *accumulate(sizes)]
    for index in range(len(sizes)):  # the columns from `index` on are cut to one level
        level = (left - before[index]) // (len(sizes) - index)
        if level < sizes[index]:
            break
    if level < NARROWEST:
        return None
    widths = [min(n, level) if shrinks else n for n, shrinks in zip(natural, shrinkable, strict=True)]
    spare = left - sum(w for w, shrinks in zip(widths, shrinkable, strict=True) if shrinks)
    for index, (want, shrinks) in enumerate(zip(natural, shrinkable, strict=True)):
        if spare > 0 and shrinks and widths[index] < want:
            widths[index] += 1
            spare -= 1
    return widths
