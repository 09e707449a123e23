"""What is fuzzed: each takes any bytes, and raises only where dbadmin broke a promise."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from dbadmin import secrets
from dbadmin.copies.backups import open_backup
from dbadmin.dialects import urls
from dbadmin.errors import DbadminError, InternalError
from dbadmin.migrations.parse import read_script
from dbadmin.queries.aggregates import parse_named
from dbadmin.queries.filters import parse_filter
from dbadmin.queries.paths import parse_path

Target = Callable[[bytes], object]


def text_of(data: bytes) -> str:
    """Any bytes as text; what is no UTF-8 becomes a mark."""
    return data.decode("utf-8", "replace")


def read_filter(data: bytes) -> object:
    """A FILTER is read, or refused as a mistake of the user's."""
    return _answer_or_own_error(lambda: parse_filter(text_of(data)))


def read_aggregates(data: bytes) -> object:
    """AGG texts, one a line, are read, or refused."""
    return _answer_or_own_error(lambda: parse_named(text_of(data).splitlines()))


def read_path(data: bytes) -> object:
    """A dotted path is read, or refused."""
    return _answer_or_own_error(lambda: parse_path(text_of(data)))


def read_url(data: bytes) -> object:
    """A database URL is read or refused, and no error shows its password."""
    return _answer_or_own_error(lambda: urls.parse(text_of(data), "the test"))


def mask_password(data: bytes) -> str:
    """A password that a URL held is in no text any more, however it is spelled there."""
    password = text_of(data).replace("\0", "")
    if len(password) < 8 or not password.strip("*"):
        return ""
    before = set(secrets._known)
    try:
        url = f"postgresql://app:{quote(password, safe='')}@db.example/shop"
        urls.parse(url, "the test")
        spelled = [password, quote(password, safe=""), quote_plus(password), password.replace("%", "%%")]
        shown = secrets.mask("\n".join(f"failed for {text}!" for text in (url, *spelled)))
    finally:
        secrets._known.clear()
        secrets._known.update(before)
    for text in spelled:
        # What a mark or the sentence itself spells is no secret that was let through.
        assert text not in shown or text in "failed for ***!\nfailed for postgresql://app:***@db.example/shop", shown
    return shown


def sniff_backup(data: bytes) -> object:
    """Any file is examined as a backup, or refused; nothing in it is run, and nothing else is raised."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "backup"
        path.write_bytes(data)

        def examine() -> object:
            with open_backup(path, progress=lambda what, done, total: None) as backup:
                return backup.format

        return _answer_or_own_error(examine)


def parse_script(data: bytes) -> object:
    """Any file in a versions folder is read as a revision script, or refused with its name; it is never run."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "abc.py"
        path.write_bytes(data)
        return _answer_or_own_error(lambda: read_script(path))


def _answer_or_own_error(work: Callable[[], object]) -> object:
    try:
        return work()
    except InternalError:
        raise
    except DbadminError as error:
        assert error.message.strip()
        return error


TARGETS: Mapping[str, Target] = {
    "filter": read_filter,
    "aggregates": read_aggregates,
    "path": read_path,
    "url": read_url,
    "mask": mask_password,
    "backup": sniff_backup,
    "script": parse_script,
}
