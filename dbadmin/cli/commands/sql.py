"""`dbadmin sql`."""

import re
import sys
from pathlib import Path
from typing import Any

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.options import confirm_option
from dbadmin.cli.output import deliver, save_rows
from dbadmin.errors import UsageError

WORDS = {"true": True, "false": False, "null": None}


def parameter(written: str) -> tuple[str, Any]:
    """`name=value`; numbers, true, false and null by their look, quotes force text.

    >>> [parameter(p)[1] for p in ("a=3", "a=2.5", "a=TRUE", "a=null", "a='3'", "a=x=y", "a=007", "a=")]
    [3, 2.5, True, None, '3', 'x=y', '007', '']
    """
    name, equals, value = written.partition("=")
    if not equals or not re.fullmatch(r"[^\W\d]\w*", name):
        raise UsageError(f"-p {written}: not name=value", hint="for example -p id=3")
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return name, value[1:-1]
    if value.lower() in WORDS:
        return name, WORDS[value.lower()]
    if re.fullmatch(r"-?(?:0|[1-9]\d*)", value):
        return name, int(value)
    if re.fullmatch(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", value):
        return name, float(value)
    return name, value


def text_of(statement: str | None, file: str | None) -> str:
    """The SQL: typed, or from a file (- is stdin)."""
    if (statement is None) == (file is None):
        raise UsageError("give one statement, or --file", hint='dbadmin sql "SELECT ..."')
    if file is None:
        return statement or ""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageError(f"cannot read {file}: {reason}", hint="give a file of SQL, or - for stdin") from error


@subcommand("sql")
@click.argument("statement", required=False)
@click.option("-p", "--param", metavar="NAME=VALUE", multiple=True, help="Value of a :name in the statement.")
@click.option("--file", metavar="FILE", help="Read the SQL from a file; - is stdin.")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="At most so many rows.")
@click.option("--write", is_flag=True, help="Allow a write, and commit it.")
@confirm_option()
@click.option("--all-rows", is_flag=True, help="Allow UPDATE or DELETE without WHERE.")
def command(
    statement: str | None, param: tuple[str, ...], file: str | None, limit: int, write: bool, confirm: str | None,
    all_rows: bool,
) -> int:  # fmt: skip
    """Run SQL with bound parameters; read-only unless --write.

    For example: dbadmin sql "SELECT * FROM users WHERE id = :id" -p id=3
    """
    text = text_of(statement, file)
    parameters = dict(parameter(one) for one in param)
    with opened(write=write, confirm=confirm) as admin:
        save_rows(admin, lambda _: text, parameters)
        return deliver(admin.answers.sql(text, params=parameters, limit=limit, write=write, all_rows=all_rows))
