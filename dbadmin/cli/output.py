"""Results to stdout and to files; the only place that knows the terminal."""

import os
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from dbadmin.cli.state import options
from dbadmin.errors import NotFinished
from dbadmin.render import FILE_FORMATS, asides, render, working_directory
from dbadmin.render.values import plural, visible_lines
from dbadmin.render.writers.json import ascii_only
from dbadmin.results import Result
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from dbadmin.admin import Admin

SIGNS = {**str.maketrans("─…–→✅❌⚠", "-~->+!!", "\ufe0f"), **str.maketrans("●○│┼┴┬┤├╯╰╮╭", "*o|+++++''..")}
"""Our own signs on a terminal that has only ASCII."""


def deliver(result: Result, *, kind: str | None = None, detail: bool = False, default: str = "table") -> int:
    """Write a result as the options say, and give the exit code.

    stdout gets `--format`, every `--output` its own format, stderr the remarks. `kind` is the command's name, `default`
    the form where none is asked for. What
    cannot be written keeps nothing else from being written; it is told on stderr alone, as stdout has its answer.
    """
    given = options()
    name = kind or given.command or result.kind
    form = given.format or default
    limit, colour = terminal() if form == "table" else (None, False)
    failures: list[NotFinished] = []
    try:
        here = working_directory() if limit else None
        say(render(result, form, width=limit, colour=colour, kind=name, detail=detail, here=here), form)
    except NotFinished as error:
        failures.append(error)
    for remark in asides(result):
        note(remark)
    if form == "csv" and getattr(result, "truncated", False):  # a table says so itself
        from dbadmin.render.layouts.rows import how_many
        from dbadmin.results import Rows

        if isinstance(result, Rows):
            note(how_many(result))
    for path in given.output:
        if path.suffix.lower() == ".parquet":  # written before, by `save_rows`
            continue
        try:
            write_file(path, render(result, FILE_FORMATS[path.suffix.lower()], kind=name, detail=detail))
        except OSError as error:
            failures.append(
                NotFinished(f"cannot write {path}: {error.strerror or error}", hint="the answer stands above")
            )
        except NotFinished as error:  # it is written, and something beside it could not be removed
            failures.append(error)
    for failure in failures:
        tell(failure.message, failure.hint)
    return failures[0].exit_code if failures else exit_code(result)


def tell(message: str, hint: str | None) -> None:
    """The two lines of an error."""
    note(f"dbadmin: {message}")
    if hint:
        note(f"hint: {hint}")


def save_rows(admin: "Admin", make: "Callable[[int | None], Any]", params: "Mapping[str, Any] | None" = None) -> None:
    """Write what a command asks into each Parquet file of --output: every row, unless --limit was typed or configured.

    `make` gives the statement for a limit; SQL text is cut while it is read.
    """
    paths = [path for path in options().output if path.suffix.lower() == ".parquet"]
    if not paths:
        return
    from dbadmin.cli.progress import TerminalProgress

    context = click.get_current_context()
    typed = context.get_parameter_source("limit") is not ParameterSource.DEFAULT
    limit = context.params.get("limit") if typed else None
    for path in paths:
        with TerminalProgress() as progress:
            rows = admin.export(make(limit), path, params, limit=limit, progress=progress)
        note(f"{path}: {plural(rows, 'row')}")


def exit_code(result: Result) -> int:
    """0 for good news; a result may know a code of its own."""
    code = getattr(result, "exit_code", None)
    return code if isinstance(code, int) else 0 if result.ok else 1


def terminal() -> tuple[int | None, bool]:
    """The width of the terminal, None where stdout is none, and whether colour is wanted (NO_COLOR)."""
    is_terminal = sys.stdout.isatty()
    limit = shutil.get_terminal_size().columns if is_terminal else None
    wanted = bool(os.environ.get("FORCE_COLOR")) or (is_terminal and os.environ.get("TERM") != "dumb")
    return limit, wanted and not os.environ.get("NO_COLOR")


def say(text: str, form: str = "table") -> None:
    """Write to stdout in what its encoding has; a reader that went away is no error."""
    if form == "csv" and sys.stdout.isatty():
        text = visible_lines(text)
    try:
        sys.stdout.write(encodable(text, sys.stdout.encoding or "utf-8", form))
        sys.stdout.flush()
    except BrokenPipeError:
        close_stdout()
    except OSError as error:
        close_stdout()
        raise NotFinished(f"cannot write to stdout: {error.strerror or error}", hint="is the disk full?") from error


def encodable(text: str, encoding: str, form: str) -> str:
    """The text in characters that a stream has.

    >>> encodable("a → b é", "ascii", "table"), encodable('"é"', "ascii", "json")
    ('a > b \\\\xe9', '"\\\\u00e9"')
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        if form == "json":
            return ascii_only(text)
        errors = "xmlcharrefreplace" if form in ("html", "svg") else "backslashreplace"
        return text.translate(SIGNS).encode(encoding, errors).decode(encoding)
    return text


def close_stdout() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, so that the interpreter ends quietly."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def note(line: str) -> None:
    """One line of talk on stderr."""
    with suppress(OSError, ValueError):
        text = visible_lines(mask("\n".join(line.splitlines())))
        sys.stderr.write(encodable(text, sys.stderr.encoding or "utf-8", "talk") + "\n")
        sys.stderr.flush()


def write_file(path: Path, text: str) -> None:
    """A report, readable by its owner only and there only when complete. Raises OSError."""
    data = text.encode("utf-8", "backslashreplace")
    if path.exists() and not stat.S_ISREG(path.lstat().st_mode):  # a pipe, a device, a link: not to be replaced
        with path.open("wb") as special:
            special.write(data)
        return
    from dbadmin.dialects import private

    with private.written(path) as part:
        part.write_bytes(data)
