"""Imports the application's session and writes down how its engine would connect.

For the first `status`, while another process asks env.py: the process of the command itself then needs neither
SQLAlchemy nor the application. Whatever is not ordinary is no answer, and is found out there as ever.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from dbadmin.app import sessions
from dbadmin.dialects import bare
from dbadmin.dialects.connecting import has_creator
from dbadmin.migrations.looked_at import LookedAt
from dbadmin.migrations.question import question
from dbadmin.secrets import mask


class Recorded(BaseException):
    """The arguments are known, and nothing is connected to."""


def main() -> None:
    """Read the question, import the session, answer, and end at once."""
    asked, answer_to = question()
    sys.argv = asked["argv"]
    try:
        answer = _answer(asked)
    except BaseException:
        answer = {}
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with os.fdopen(answer_to, "w", encoding="utf-8") as out:
        out.write(json.dumps(answer) + "\n")
    os._exit(0)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    _show(asked["environment"])
    looked_at, before, directory = LookedAt(), dict(os.environ), Path(asked["directory"])
    with looked_at:
        bound = sessions.through(asked["name"], asked["name"], asked["path"], directory, asked["exported"])
    if bound.engine is None:
        return {}
    sessions.make_absolute(bound.engine, directory)
    engine: Any = getattr(bound.engine, "sync_engine", bound.engine)
    driver, cargs, cparams = bare.plain(engine.dialect.driver, *_arguments(engine))
    changed = sorted(name for name, _ in os.environ.items() ^ before.items())
    return {
        "driver": driver, "cargs": cargs, "cparams": cparams,
        "shown": mask(engine.url.render_as_string(hide_password=True)),
        "seen": {**looked_at.to_dict(), "changed": changed},
    }  # fmt: skip


def _show(variables: dict[str, str]) -> None:
    """Let Python see these variables as they are; what drivers in C read stays denied."""
    environment: Any = os.environ
    environment._data.clear()
    environment._data.update((os.fsencode(name), os.fsencode(value)) for name, value in variables.items())


def _arguments(engine: Any) -> tuple[Any, Any]:
    """What this engine would connect with; NotAsBefore where more than SQLAlchemy would take part."""
    from sqlalchemy import event

    if sessions.has_more(engine) or has_creator(engine):
        raise bare.NotAsBefore("others have a say in how this engine connects")
    found: list[tuple[Any, Any]] = []

    def connecting(dialect: Any, record: Any, cargs: Any, cparams: Any) -> None:
        found.append((cargs, cparams))
        raise Recorded

    event.listen(engine, "do_connect", connecting)
    try:
        engine.raw_connection()
    except Recorded:
        return found[0]
    raise bare.NotAsBefore("it connects in another way")


if __name__ == "__main__":
    main()
