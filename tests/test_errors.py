"""Every error that dbadmin raises on purpose says what to type next."""

import ast
from collections.abc import Iterator
from pathlib import Path

import dbadmin
from dbadmin import errors

PACKAGE = Path(dbadmin.__file__).parent
TOLD_ELSEWHERE = {
    ("dialects/watched.py", "NotFinished"),  # a reader of dbadmin's own read too little: nobody meets it
    ("shell/extension.py", "UsageError"),  # IPython's, which holds both lines
}
HINT_OF_ITS_OWN = {"DbadminError", "InternalError", "UnknownName", "MissingExtra"}
KINDS = {
    name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.DbadminError)
} - HINT_OF_ITS_OWN


def without_a_hint() -> Iterator[tuple[str, str]]:
    """File and kind of errors that are made without one."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(node.func, "id", None) if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and name in KINDS and not {k.arg for k in node.keywords} & {"hint", None}:
                yield str(file.relative_to(PACKAGE)), str(name)


def test_every_error_is_made_with_a_hint_on_what_to_type_next() -> None:
    assert set(without_a_hint()) == TOLD_ELSEWHERE
