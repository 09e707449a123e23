"""A URL as an option file for MariaDB's own tools, so that no password stands on a command line."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects.mysql.address import C_LIBRARY, MysqlAddressing
from dbadmin.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL

_TRUE = frozenset({"1", "true", "yes", "on"})
_FILES = {
    "ssl_ca": "ssl-ca", "ssl_capath": "ssl-capath", "ssl_cert": "ssl-cert", "ssl_key": "ssl-key",
    "ssl_cipher": "ssl-cipher",
}  # fmt: skip
_IN_FILES = {
    "user": "user", "password": "password", "host": "host", "port": "port", "socket": "socket", **_FILES,
}  # fmt: skip
"""What is taken from an option file that the URL names."""
_VERIFYING = ("ssl_check_hostname", "ssl_verify_identity", "ssl_verify_cert")


def client_options(url: "URL") -> dict[str, str]:
    """What the group [client] must say so that a tool connects as the URL's driver would.

    >>> from sqlalchemy import make_url
    >>> client_options(make_url("mysql+pymysql://app:secret@localhost/shop"))
    {'user': 'app', 'password': 'secret', 'host': 'localhost', 'protocol': 'tcp', 'loose-ssl-verify-server-cert': '0'}
    >>> client_options(make_url("mysql+pymysql://app@/shop?unix_socket=/run/my.sock"))
    {'user': 'app', 'socket': '/run/my.sock', 'protocol': 'socket'}
    """
    in_library = url.get_driver_name() in C_LIBRARY if "+" in url.drivername else False
    like_pymysql = MysqlAddressing().with_driver(url, "pymysql")
    query = {key: value if isinstance(value, str) else value[-1] for key, value in like_pymysql.query.items()}
    found = _of_file(query)
    given = {
        "user": url.username or query.get("user"),
        "password": None if url.password is None else str(url.password),
        "host": url.host or query.get("host"),
        "port": str(url.port or query.get("port") or "") or None,
        "socket": query.get("unix_socket"),
    }
    found.update({key: value for key, value in given.items() if value is not None})
    if found.get("socket"):
        found.pop("host", None)
        found.pop("port", None)
        return found | {"protocol": "socket"}
    if not in_library:
        found.setdefault("host", "localhost")
        found["protocol"] = "tcp"  # where a driver written in Python goes, also for localhost
    return found | _tls(query)


def _tls(query: Mapping[str, str]) -> dict[str, str]:
    """Encryption as far as the URL asks for it; checked against a name only where the URL says so."""
    mode = query.get("ssl_mode", "").upper()
    if query.get("ssl_disabled", "").lower() in _TRUE or mode == "DISABLED":
        return {"skip-ssl": ""}
    found = {option: query[key] for key, option in _FILES.items() if query.get(key)}
    checked = mode in ("VERIFY_CA", "VERIFY_IDENTITY") or any(query.get(key, "").lower() in _TRUE for key in _VERIFYING)
    asked = query.get("ssl", "").lower() in _TRUE or bool(query.get("ssl_verify_cert"))  # "false" asks PyMySQL for TLS
    if found or asked or mode in ("REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"):
        found["ssl"] = ""
    # From 11.4 on the tools check by themselves, which the drivers do not.
    found["loose-ssl-verify-server-cert"] = "1" if checked else "0"
    return found


def _of_file(query: Mapping[str, str]) -> dict[str, str]:
    """What an option file that the URL names says in its group."""
    from dbadmin.dialects.mysql import optionfiles

    file, group = query.get("read_default_file"), query.get("read_default_group")
    if not file and not group:
        return {}
    return optionfiles.read((file,) if file else (), (group,) if group else (), options=_IN_FILES)


@contextmanager
def option_file(options: Mapping[str, str], path: Path) -> Iterator[Path]:
    """An option file (0600) with these options in [client], gone afterwards."""
    lines = ["[client]", *(f"{name}={_quoted(value)}" if value else name for name, value in options.items())]
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        yield path
    finally:
        path.unlink(missing_ok=True)


def _quoted(value: str) -> str:
    r"""A value as option files read it: in quotes, with a backslash before what means something.

    >>> print(_quoted('a"b\\c#d'))
    "a\"b\\c#d"
    """
    if "\n" in value or "\r" in value or "\0" in value:
        raise ConfigError(
            "a connection parameter of the source has a line break", hint="remove it: MariaDB's tools take none"
        )
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
