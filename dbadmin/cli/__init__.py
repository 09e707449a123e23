"""The command line: the only place that prints and exits.

Exit codes: 0 good answer, 1 bad news, 2 usage or configuration, 3 no connection, 4 not possible here, 5 begun
but not finished or not proven, 70 a fault in dbadmin, 130 interrupted, 143 terminated.
"""

import errno
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import click

from dbadmin.cli.group import COMMANDS, WIDEST_HELP, LazyGroup
from dbadmin.cli.state import Options
from dbadmin.core_files import leave_no_core_file
from dbadmin.errors import DbadminError, InternalError, NotFinished
from dbadmin.interrupts import SPARED, answer, is_repeated, lose_none

INTERRUPTED, TERMINATED = 130, 143
AT_A_PROMPT = ("shell", "notebook")
FAULT = "this is a fault in dbadmin: please report it, with what --debug shows"


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived; unwinds like Ctrl-C, so that everything is cleaned up."""


@click.group(
    "dbadmin",
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST_HELP},
)
@click.pass_context
def dbadmin(ctx: click.Context) -> int:
    """The admin toolkit for applications on SQLAlchemy and Alembic.

    Run it in the application's directory: settings are found as Alembic finds them.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    return 0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line (default: the process's arguments) and exit."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command line and give its exit code; every error is told here."""
    given = Options()
    listen_for_termination()
    listen_for_interrupts(given)
    leave_no_core_file()
    try:
        warn_of_passwords(arguments)
        code = dbadmin.main(arguments, prog_name="dbadmin", standalone_mode=False, obj=given)
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, click.Abort) as stopped:
        tell("; ".join(["interrupted", *getattr(stopped, "__notes__", ())]), None)
        return INTERRUPTED
    except Terminated:
        tell("terminated", None)
        return TERMINATED
    except BrokenPipeError:
        from dbadmin.cli.output import close_stdout

        close_stdout()
        return 0
    except Exception as error:
        return fail(error, given, arguments)


def listen_for_termination() -> None:
    """Let SIGTERM and SIGHUP unwind the work; a second one does not cut the cleaning up short."""

    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        for one in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        raise Terminated

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
                signal.signal(number, terminate)


def listen_for_interrupts(given: Options) -> None:
    """Let the first Ctrl-C unwind the work, and the second one not cut the cleaning up short; the third one does.

    At a prompt each Ctrl-C is for what runs there.
    """
    came = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if is_repeated():
            raise KeyboardInterrupt
        came = 0 if given.command in AT_A_PROMPT else came + 1
        answer(came)
        if came != SPARED:
            raise KeyboardInterrupt
        with suppress(OSError):
            os.write(2, b"dbadmin: still cleaning up; Ctrl-C once more leaves things as they are\n")

    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler  # ignored in the background, it stays so
    ):
        signal.signal(signal.SIGINT, interrupt)
        lose_none()


def fail(error: Exception, given: Options, arguments: list[str]) -> int:
    """Tell an error on stderr, as JSON on stdout too where that was asked for, and give its exit code."""
    import traceback

    from dbadmin.secrets import mask, without_values

    known = as_dbadmin_error(error, given)
    message, hint = mask(known.message), mask(known.hint) if known.hint else None
    if known.exit_code == InternalError.exit_code:
        hint = f"{hint}; {FAULT}" if hint else FAULT
    if given.debug or "--debug" in arguments:
        from dbadmin.render.values import visible_lines

        sys.stderr.write(visible_lines(without_values(mask("".join(traceback.format_exception(error))))))
    tell(message, hint)
    if wants_json(given, arguments):
        from dbadmin.cli.output import say
        from dbadmin.render.writers.json import write_error

        with suppress(DbadminError):  # where stdout cannot be written, stderr has told the error
            say(write_error(command_name(given, arguments), known, message, hint), "json")
    return known.exit_code


def as_dbadmin_error(error: Exception, given: Options) -> DbadminError:
    """Any exception as one that has a code and a hint."""
    if isinstance(error, DbadminError):
        return error
    if isinstance(error, click.ClickException):
        from dbadmin.cli.wording import in_our_words

        return in_our_words(error, dbadmin, given)
    if isinstance(error, OSError) and error.errno is not None:
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return NotFinished(f"no space left on the device{where}", hint="make room, and run it again")
        return NotFinished(
            f"the system refused: {error.strerror}{where}",
            hint="when that is mended, run it again; --debug shows where",
        )
    if is_of_a_driver(error):
        from dbadmin.secrets import without_values

        told = without_values(str(getattr(error, "orig", None) or error)).strip().partition("\n")[0]
        return NotFinished(
            f"the database failed: {told}", hint="run it again; dbadmin doctor shows what can be reached"
        )
    return InternalError(f"{type(error).__name__}: {error}")


def is_of_a_driver(error: Exception) -> bool:
    """Whether the database, or the way to it, failed: what drivers raise (PEP 249), and SQLAlchemy about them."""
    names = {base.__name__ for base in type(error).__mro__}
    return "DBAPIError" in names or {"DatabaseError", "Error"} <= names or {"InterfaceError", "Error"} <= names


def tell(message: str, hint: str | None) -> None:
    """The two lines of an error."""
    from dbadmin.cli import output

    output.tell(message, hint)


def wants_json(given: Options, arguments: list[str]) -> bool:
    """Whether JSON was asked for, even where the command line could not be read to its end."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=False)  # none of none
    return given.format == "json" or any(
        one == "--format=json" or (one, two) == ("--format", "json") for one, two in pairs
    )


def command_name(given: Options, arguments: list[str]) -> str:
    """The command that was meant, else dbadmin."""
    return given.command or next((word for word in arguments if word in COMMANDS), "dbadmin")


def warn_of_passwords(arguments: list[str]) -> None:
    """One warning where a password stands in the arguments: every user of the machine can read those."""
    urls = {i: word for i, word in enumerate(arguments) if "://" in word}
    if not urls:
        return
    import re
    from urllib.parse import unquote, urlsplit

    from dbadmin.secrets import mask, remember

    exposed = {i: word for i, word in urls.items() if mask(word) != word}
    if not exposed:
        return

    for word in exposed.values():
        try:
            password = urlsplit(word.partition("=")[2] if word.startswith("--") else word).password
        except ValueError:
            continue
        remember(unquote(password) if password else None)
    before = ["", *arguments]  # before[i] stands before arguments[i]
    whole = {i: word for i, word in exposed.items() if re.match(r"(--[\w-]+=)?[A-Za-z][\w+.-]*://", word)}
    options = [word.partition("=")[0] if word.startswith("--") else before[i] for i, word in whole.items()]
    instead = " and ".join(f"{option} env:NAME" for option in options if option.startswith("--")) or "env:NAME"
    hint = f"use {instead} instead" if whole else "leave it out, or let the text come from a file"
    tell("a password in the arguments can be read by every user of this machine", hint)
