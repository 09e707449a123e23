"""A command line that cannot be read is answered in one tone: which word is wrong, and what to type instead."""

import shlex
from pathlib import Path

import click
import pytest

from dbadmin.cli import as_dbadmin_error, dbadmin
from dbadmin.cli.group import COMMANDS
from dbadmin.cli.state import Options
from dbadmin.cli.wording import wanted

SAID = {
    "count --estimat": ("no option '--estimat'; did you mean '--estimate'?", "dbadmin count --help"),
    "recent": ("recent needs TABLE", "dbadmin recent TABLE; dbadmin recent --help tells the options"),
    "group posts": ("group needs TABLE and --by PATH", "dbadmin group TABLE --by PATH; dbadmin group --help …"),
    "recent a b": ("recent does not take so many words: b is too much", "dbadmin recent TABLE; …"),
    "recent a --days soon": ("--days takes a number above 0, not 'soon'", "such as --days 7"),
    "recent a --days 0": ("--days takes a number above 0, not '0.0'", "such as --days 7"),
    "recent a --offset -1": ("--offset takes a whole number, 0 or more, not '-1'", "such as --offset 20"),
    "recent a --limit": ("--limit needs a value: a whole number, 1 or more", "such as --limit 10"),
    "recent a --where": ("--where needs a value", "--where FILTER; dbadmin recent --help"),
    "join a b --outer=yes": ("--outer is a switch and takes no value", "write --outer alone"),
    "count --lock-timeout soon": (
        "--lock-timeout takes seconds, or 500ms, 2s, 5m, 1h, off, not 'soon'", "such as --lock-timeout 30s",
    ),
    "verify-rollback --max-copy big": (
        "--max-copy takes bytes, or 500MB, 20GB, 4GiB, not 'big'", "such as --max-copy 20GB",
    ),
    "inspect --fail-on eror": ("--fail-on takes one of …, not 'eror'", "such as --fail-on error"),
    "--format jso count": ("--format takes one of table, json, …, not 'jso'", "such as --format json"),
    "shell nowhere.py": ("FILE: File 'nowhere.py' does not exist", "dbadmin shell; …"),
}  # fmt: skip


def fits(said: str, wanted: str) -> bool:
    """Whether a line is the one that is wanted; … stands for anything."""
    first, *others = wanted.split("…")
    return said.startswith(first) and all(part in said for part in others) and (bool(others) or said == wanted)


@pytest.mark.parametrize("line", SAID)
def test_a_wrong_word_is_told_with_what_to_type(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dbadmin.toml").touch()
    given = Options()
    with pytest.raises(click.ClickException) as caught:
        dbadmin.main(shlex.split(line), prog_name="dbadmin", standalone_mode=False, obj=given)
    told = as_dbadmin_error(caught.value, given)
    message, hint = SAID[line]
    assert told.exit_code == 2
    assert fits(told.message, message), told.message
    assert fits(str(told.hint), hint), told.hint


TEXTS = ("Items", "ReportFile", "RevisionName", "TableName", "TableNames", "UnprocessedParamType")
"""Types that take any text."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_that_takes_numbers_or_chosen_words_says_which(name: str) -> None:
    command = dbadmin.get_command(click.Context(dbadmin), name)  # type: ignore[attr-defined]
    assert command is not None
    for param in command.params:
        typed = not isinstance(param.type, click.types.StringParamType | click.types.BoolParamType | click.Path)
        if typed and type(param.type).__name__ not in TEXTS:
            assert wanted(param) is not None, (name, param.name)
