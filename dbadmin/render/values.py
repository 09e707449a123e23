"""How values are written: as text in cells, and as plain values in JSON."""

import base64
import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

ABSENT = "–"
LARGEST_EXACT = 2**53
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
"""What steers a terminal, turns a line around, or is no character of XML 1.0."""
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def text(value: Any) -> str:
    """A cell's text, the same in every format; absent is –.

    >>> [text(v) for v in (None, True, 3, Decimal("1.50"), b"\\x00\\xff", "a")]
    ['–', 'true', '3', '1.50', '\\\\x00ff', 'a']
    """
    if value is None:
        return ABSENT
    if isinstance(value, str) and not isinstance(value, Enum):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, timedelta):
        return str(value)
    plain = plain_value(value)
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False)


def plain_value(value: Any) -> Any:
    """A value as JSON carries it (CONTRACT: exact numbers and bytes as strings, durations in seconds).

    >>> plain_value([2**53 + 1, Decimal("1.10"), float("nan"), b"\\x00", timedelta(seconds=90)])
    ['9007199254740993', '1.10', 'NaN', 'AA==', 90.0]
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value) if abs(value) <= LARGEST_EXACT else str(int(value))
    if isinstance(value, float):
        return plain_float(value)
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(item) for item in value]
    return str(value)


def plain_float(value: float) -> float | str:
    """A float, or the name of what JSON has no number for."""
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def plain_decimal(value: Decimal) -> str:
    """A Decimal with all its digits, without an exponent where that stays readable.

    >>> plain_decimal(Decimal("1E+3")), plain_decimal(Decimal("1.00"))
    ('1000', '1.00')
    """
    exponent = value.as_tuple().exponent
    return format(value, "f") if isinstance(exponent, int) and abs(exponent) < 100 else str(value)


def visible(written: str) -> str:
    r"""Text that cannot steer a terminal or turn a line around: control characters are spelled out.

    >>> visible("\x1b[31mred\n")
    '\\x1b[31mred\\n'
    """
    return UNSAFE.sub(_spell, written)


def visible_lines(written: str) -> str:
    r"""The same for a text of several lines, which stay.

    >>> visible_lines("a\tb\n\x1b[2J")
    'a       b\n\\x1b[2J'
    """
    return "\n".join(visible(line.expandtabs()) for line in written.split("\n"))


def _spell(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def duration(seconds: float | None) -> str | None:
    """Seconds for people; None stays None.

    >>> [duration(s) for s in (0.0004, 0.0132, 0.25, 1.24, 75, 7322)]
    ['0.4 ms', '13 ms', '250 ms', '1.2 s', '1 min 15 s', '2 h 2 min']
    """
    if seconds is None:
        return None
    if seconds < 0.9995:
        milliseconds = seconds * 1000
        return f"{milliseconds:.1f} ms" if milliseconds < 1 else f"{milliseconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int | None) -> str | None:
    """Bytes for people, in powers of 1024; None stays None.

    >>> [size(n) for n in (0, 1023, 1536, 5 * 1024**3)]
    ['0 B', '1023 B', '1.5 kB', '5.0 GB']
    """
    if count is None:
        return None
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1023.95 or unit == "TB":
            break
        amount /= 1024
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def number(count: int | None, *, exact: bool = True) -> int | str | None:
    """A count: an estimate is written ~1000, never counted stays None.

    >>> number(1000, exact=False), number(3), number(None)
    ('~1000', 3, None)
    """
    return count if exact or count is None else f"~{count}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "step"), plural(2, "step"), plural(2, "entry", "entries")
    ('1 step', '2 steps', '2 entries')
    """
    return f"{count} {one if count == 1 else many or one + 's'}"
