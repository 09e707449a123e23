"""The environment of the process that runs env.py: what leads to a database is denied or led to the copy."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import PACKAGES, named
from dbadmin.dialects.isolation import each

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.dialects import Address

_PASSWORD = r"(?:[^\s:/?#@\"'`<>]*:(?:(?!://)[^\n\"'`<>@])*@)?"  # of which blanks may be a part
_URL = re.compile(rf"\b[A-Za-z][A-Za-z0-9]*(?:\+[A-Za-z0-9]+)?://{_PASSWORD}[^\s\"'`<>]*[^\s\"'`<>,;]")


def child_environment(
    base: Mapping[str, str], *, copy: "URL | None" = None, source: "Address | None" = None
) -> tuple[dict[str, str], dict[str, str]]:
    """The environment for the child, and the values of variables that it hides.

    Every URL of the source, in whatever variable, becomes the copy's; every engine's drivers are denied by
    default and let through one connection at a time (`Isolation.admit`).
    """
    environment = dict(base)
    if copy is not None and source is not None:
        for name, value in base.items():
            if "://" in value:
                environment[name] = _URL.sub(lambda found: lead(found.group(), source, copy), value)
    hidden: dict[str, str] = {}
    for isolation in each().values():
        for name, denied in isolation.environment().items():
            if name in environment:
                hidden[name] = environment.pop(name)
            if denied is not None:
                environment[name] = denied
    here = str(Path(__file__).parent.parent.parent)
    path = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    if here not in path:
        environment["PYTHONPATH"] = os.pathsep.join([*path, here])
    return environment, hidden


def same_for_all(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that must be equal: all but URLs, which are led to the copy, and a flag that a fork can set."""
    return {n: value for n, value in without_urls(environment).items() if n != "PYTHONDONTWRITEBYTECODE"}


def without_urls(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold no URL; those of Python and the loader in any case."""
    return {n: value for n, value in environment.items() if "://" not in value or n.startswith(("PYTHON", "LD_"))}


def anywhere(environment: Mapping[str, str]) -> bool:
    """Whether Python finds its modules from any directory: no path is relative to the current one."""
    return all(Path(part).is_absolute() for part in environment.get("PYTHONPATH", "/").split(os.pathsep))


def lead(text: str, source: "Address", copy: "URL") -> str:
    """The text of a URL, led to the copy where it names the source; else as it is."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    plain = re.sub(r"^postgres(?=://|\+)", "postgresql", text)
    try:
        url = make_url(plain)
        if url.get_backend_name() not in PACKAGES:
            return text
        if not named(url.get_backend_name()).address.of_url(url).same_as(source):
            return text
        return like(url, copy).render_as_string(hide_password=False)
    except (SQLAlchemyError, ValueError, ImportError):
        return text


def like(url: "URL", copy: "URL") -> "URL":
    """The copy's URL in the manner of `url`: its driver, and those of its options that are about the session.

    >>> from sqlalchemy import make_url
    >>> str(like(make_url("sqlite+aiosqlite:////srv/app.db?timeout=5"), make_url("sqlite:////tmp/copy.db")))
    'sqlite+aiosqlite:////tmp/copy.db?timeout=5'
    """
    dialect = named(copy.get_backend_name())
    if url.get_backend_name() != copy.get_backend_name():
        return copy
    driver = url.drivername.partition("+")[2]
    led = dialect.address.with_driver(copy, driver or url.get_driver_name())
    if not driver:
        led = led.set(drivername=url.drivername)
    kept = {k: v for k, v in url.query.items() if k not in dialect.isolation.url_keys and k not in led.query}
    return led.update_query_dict(kept)
