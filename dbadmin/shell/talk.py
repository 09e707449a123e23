"""What the session says beside the answers: on stderr, without passwords, steering no terminal."""

import re
import sys

from dbadmin.errors import DbadminError
from dbadmin.render.values import visible_lines
from dbadmin.secrets import mask, without_values

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def tell(text: str | None) -> None:
    """Talk, on stderr."""
    if text:
        sys.stdout.flush()
        sys.stderr.write(visible_lines(mask(f"dbadmin: {text}\n")))
        sys.stderr.flush()


def answer(text: str) -> None:
    """What a command was asked for: talk at a terminal, an output in a notebook, where talk shows in red."""
    from IPython import get_ipython

    if hasattr(get_ipython(), "kernel"):
        print(visible_lines(mask(text)))  # noqa: T201
    else:
        tell(text)


def tell_error(error: DbadminError) -> None:
    """An error and what to type next."""
    tell("\n".join(lines(error)))


def lines(error: DbadminError) -> list[str]:
    """An error's message, and what to type next.

    >>> from dbadmin.errors import UsageError
    >>> lines(UsageError("no such mode", hint="%mode write NAME"))
    ['no such mode', 'hint: %mode write NAME']
    """
    return [error.message, *([f"hint: {error.hint}"] if error.hint else [])]


def harmless(text: str) -> str:
    """A part of a traceback without passwords and with no control but colour; a password costs it its colours too.

    >>> harmless("\\x1b[31mpostgresql://\\x1b[32mu:pw@h\\x1b[0m"), harmless("\\x1b[31mx\\x1b[2J")
    ('postgresql://u:***@h', '\\x1b[31mx\\\\x1b[2J')
    """
    plain = _COLOUR.sub("", text)
    shown = without_values(mask(plain))
    if shown != plain:
        return visible_lines(shown)
    return "".join(part if _COLOUR.fullmatch(part) else visible_lines(part) for part in _COLOUR.split(text))
