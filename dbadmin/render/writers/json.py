"""JSON: one object with an envelope, for programs."""

import json
import re
from typing import Any

from dbadmin.errors import DbadminError
from dbadmin.render.values import UNSAFE, plain_value
from dbadmin.results import Result
from dbadmin.version import __version__

_NOT_ASCII = re.compile("[^\x00-\x7f]")


def write(result: Result, kind: str | None = None) -> str:
    """The result under its envelope; `kind` is the command, where it is not the result's own."""
    return dumps({**envelope(kind or result.kind, result.ok), **result.to_dict()})


def write_error(kind: str, error: DbadminError, message: str, hint: str | None) -> str:
    """The form of an error; `message` and `hint` come with their secrets hidden."""
    content = {"code": error.code, "message": message, "hint": hint}
    return dumps({**envelope(kind, False), "exit_code": error.exit_code, "error": content})


def envelope(kind: str, ok: bool) -> dict[str, Any]:
    """What every object starts with."""
    return {"dbadmin": __version__, "kind": kind, "ok": ok}


def dumps(data: dict[str, Any]) -> str:
    """Readable JSON in which every value is one that JSON has; rows stand one to a line."""
    plain = plain_value(data)
    inner = ",\n".join(f"  {json.dumps(key)}: {member(value)}" for key, value in plain.items())
    return UNSAFE.sub(unsafe, f"{{\n{inner}\n}}\n")


def member(value: Any) -> str:
    """A member of the object; a list of rows takes one line per row."""
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
        return "[\n" + ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value) + "\n  ]"
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False).replace("\n", "\n  ")


def unsafe(match: re.Match[str]) -> str:
    """A character that could steer a terminal, escaped; the line breaks between members stay."""
    return match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}"


def escape(match: re.Match[str]) -> str:
    """A character as JSON escapes it."""
    return json.dumps(match[0])[1:-1]


def ascii_only(document: str) -> str:
    """The same JSON for a stream that has no other characters.

    >>> ascii_only('{"a": "é"}')
    '{"a": "\\\\u00e9"}'
    """
    return _NOT_ASCII.sub(escape, document)
