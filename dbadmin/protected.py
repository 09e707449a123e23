"""Databases that the configuration protects (`protected`): what would write to one asks here first."""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import Address, of_url
from dbadmin.errors import UsageError
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL


def refuse_write(url: "URL", patterns: Iterable[str], *, confirmed: str | None = None) -> None:
    """Raise UsageError where a protected database would be written to and its name was not typed at a terminal.

    `patterns` are the configuration's `protected`, `confirmed` is what `--confirm` says. A script, a pipe and a job
    have no terminal: nobody looks there at what is about to happen.

    >>> from sqlalchemy import make_url
    >>> refuse_write(make_url("postgresql://db/shop_prod"), ["prod"])
    Traceback (most recent call last):
    dbadmin.errors.UsageError: postgresql://db/shop_prod is protected (prod): nothing is written to it
    >>> refuse_write(make_url("postgresql://db/shop"), ["prod"])
    """
    reason = protecting(url, patterns)
    if reason is None:
        return
    shown, name = mask(url.render_as_string(hide_password=True)), name_of(url)
    if confirmed is None:
        raise UsageError(
            f"{shown} {reason}: nothing is written to it", hint=f"if you mean it: --confirm {name}, at a terminal"
        )
    if confirmed != name:
        raise UsageError(
            f"--confirm says {confirmed}, and the database is called {name}",
            hint="look again which database this is",
        )
    if not sys.stdin.isatty():
        raise UsageError(
            f"{shown} {reason}, and --confirm counts only where somebody types it: stdin is no terminal",
            hint="run it at a terminal, or on a database that is not protected",
        )


def name_of(url: "URL") -> str:
    """What a database is called: by its server, or by its file."""
    address = address_of(url)
    return Path(address.database).name if address.server[0] == "file" else address.database


def address_of(url: "URL") -> Address:
    """Where a URL leads."""
    return of_url(url).address.of_url(url)


def protecting(url: "URL", patterns: Iterable[str], *, host_only: bool = False) -> str | None:
    """Why a URL is protected by the configuration's patterns, None where it is not.

    A pattern is a whole word of the host's or the database's name, `*` stands for anything.

    >>> from sqlalchemy import make_url
    >>> protecting(make_url("postgresql://db.example.com/shop_prod"), ["prod"])
    'is protected (prod)'
    >>> protecting(make_url("postgresql://db.example.com/products"), ["prod"]) is None
    True
    >>> protecting(make_url("postgresql://db1.example.com/shop"), ["db*.example.com"])
    'is protected (db*.example.com)'
    """
    address = address_of(url)
    names = [url.host or "", *_texts(url.query, "host"), address.server[0]]
    if not host_only:
        names += [url.database or "", *_texts(url.query, "dbname"), address.database]
    for pattern in patterns:
        words = ".*".join(map(re.escape, pattern.split("*")))
        if any(re.search(rf"(?<![A-Za-z0-9]){words}(?![A-Za-z0-9])", name, re.IGNORECASE) for name in names):
            return f"is protected ({pattern})"
    return None


def _texts(query: "Mapping[str, str | tuple[str, ...]]", key: str) -> tuple[str, ...]:
    value = query.get(key, ())
    return (value,) if isinstance(value, str) else value
