"""Where an open MySQL connection leads, as a URL: told by the drivers written in Python, password and TLS included."""

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL


def url_of(dbapi_connection: Any) -> "URL | None":
    """See `Addressing.url_of_connection`; the drivers in C remember neither port nor password."""
    from sqlalchemy import URL

    known = getattr(getattr(dbapi_connection, "driver_connection", dbapi_connection), "__dict__", {})
    if not {"unix_socket", "_unix_socket"} & known.keys():
        return None
    told = {name: _first(known, name, f"_{name}") for name in ("user", "password", "host", "port", "unix_socket")}
    query = {"unix_socket": told["unix_socket"]} if told["unix_socket"] else _tls(known)
    if query is None:
        return None
    return URL.create(
        "mysql+pymysql",
        username=told["user"],
        password=told["password"] or None,
        host=None if told["unix_socket"] else told["host"],
        port=None if told["unix_socket"] or not told["port"] else int(told["port"]),
        database=_first(known, "db", "_db", "_database") or None,
        query=query,
    )


def _first(known: Mapping[str, Any], *names: str) -> str:
    value = next((known[name] for name in names if known.get(name)), "")
    return value.decode() if isinstance(value, bytes) else str(value)


def _tls(known: Mapping[str, Any]) -> dict[str, str] | None:
    """What a URL says of encryption; None where certificates are checked: whose, nobody can ask a context."""
    options = known.get("_ssl")  # MySQL's own connector
    if isinstance(options, dict) and (options.get("verify_cert") or options.get("verify_identity")):
        return None
    socket = known.get("_sock") or getattr(known.get("_socket"), "sock", None)
    context = known.get("_ssl_context") or getattr(socket, "context", None)
    if not isinstance(context, ssl.SSLContext):
        return {}
    return {"ssl_verify_cert": "false"} if context.verify_mode == ssl.CERT_NONE else None
