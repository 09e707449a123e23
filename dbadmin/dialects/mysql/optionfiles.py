"""MySQL's option files (my.cnf), as far as they say where a client connects."""

import configparser
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

DEFAULT_FILES = ("/etc/my.cnf", "/etc/mysql/my.cnf", "~/.my.cnf")
OPTIONS = {"host": "host", "port": "port", "socket": "socket", "database": "database"}
DEEPEST = 10


def read(
    files: Sequence[str],
    groups: Sequence[str],
    *,
    with_defaults: bool = False,
    options: Mapping[str, str] = OPTIONS,
) -> dict[str, str]:
    """host, port, socket and database of the groups (default `client`), or other `options`; later files win.

    Without `files`, and `with_defaults`, the files that the C library reads by itself; it adds `client` to the
    groups, too.
    """
    if with_defaults:
        groups = ("client", *groups)
        files = files or (*DEFAULT_FILES[:2], *_of_home(), DEFAULT_FILES[2])
    found: dict[str, str] = {}
    for file in files or ("/etc/my.cnf",):
        parser = _parsed(Path(file).expanduser())
        for group in groups or ("client",):
            if parser.has_section(group):
                for name, value in parser.items(group):
                    known = options.get(name.replace("-", "_"))
                    if known and value:
                        found[known] = value.strip().strip("'\"")
    return found


def _of_home() -> tuple[str, ...]:
    homes = (os.environ.get("MARIADB_HOME"), os.environ.get("MYSQL_HOME"))
    return tuple(f"{home}/my.cnf" for home in homes if home)


def _parsed(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, comment_prefixes=("#", ";"))
    try:
        parser.read_string("\n".join(_lines(path, DEEPEST)), source=str(path))
    except configparser.Error:
        return configparser.RawConfigParser()  # the driver itself will report it
    return parser


def _lines(path: Path, deepest: int) -> list[str]:
    """The lines of a file and of those that it includes; what cannot be read has none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[str] = []
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word in ("!include", "!includedir"):
            target = Path(rest.strip())
            files = sorted(target.glob("*.cnf")) if word == "!includedir" else [target]
            found += [inner for file in files if deepest for inner in _lines(file, deepest - 1)]
        else:
            found.append(line)
    return found
