"""A copy that a command of the user's makes: a thin clone, a branch of a cloud database, a restored snapshot.

    DBADMIN_COPY_NAME   given to both commands: a name that no other run has, for the copy to be called by
    DBADMIN_COPY_URL    given to the drop command: the URL that the copy command printed last

The commands run in a shell, in sessions of their own, so that Ctrl-C reaches dbadmin alone, which then ends the copy
command and still runs the drop command.
"""

import os
import secrets as random
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from dbadmin.dialects import Progress, urls
from dbadmin.errors import DbadminError, NotFinished
from dbadmin.interrupts import held_back
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

NAME, URL_OF_COPY = "DBADMIN_COPY_NAME", "DBADMIN_COPY_URL"
_GRACE = 10.0  # seconds that an interrupted copy command has to tidy up
_LOOK_EVERY = 0.1


@contextmanager
def outside_copy(
    command: str, drop: str | None, *, environment: Mapping[str, str], progress: Progress
) -> Iterator["URL"]:
    """Run the copy command and give the URL on the last line of its stdout; run the drop command in the end.

    `environment` resolves `env:NAME` and is what the commands have. The drop command runs after success, failure
    and Ctrl-C; where the copy command printed no URL, only one that does not ask for it (DBADMIN_COPY_URL is empty
    then, and to many programs an empty URL means some default database). Raises NotFinished where a command fails.
    """
    variables = {**environment, NAME: f"dbadmin_{random.token_hex(6)}"}
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        yield from _copied(Command(command, stdout, stderr), drop, variables, progress)


def _copied(run: "Command", drop: str | None, variables: Mapping[str, str], progress: Progress) -> Iterator["URL"]:
    try:
        text = run.wait(variables, progress)
        yield _url(text, variables)
    except BaseException as error:
        trouble = _drop(drop, run.printed(), variables)
        if trouble is not None:
            _tell_also(error, trouble)
        raise
    trouble = _drop(drop, run.printed(), variables)
    if trouble is not None:
        raise trouble


class Command:
    """The copy command while it runs, and what it printed."""

    def __init__(self, command: str, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._command, self._stdout, self._stderr = command, stdout, stderr

    def wait(self, variables: Mapping[str, str], progress: Progress) -> str:
        """Run it to its end; gives the last line that it printed. Interrupted, it is asked to end, and waited for."""
        began = time.monotonic()
        process: subprocess.Popen[bytes] | None = None
        try:
            with held_back():
                process = subprocess.Popen(
                    self._command, shell=True, env=dict(variables), stdin=subprocess.DEVNULL, stdout=self._stdout,
                    stderr=self._stderr, start_new_session=True,
                )  # fmt: skip
            while process.poll() is None:
                progress("copy command", time.monotonic() - began, None)
                time.sleep(_LOOK_EVERY)
        finally:
            if process is not None:  # pragma: no branch  without an error there is a process
                with held_back():
                    _end(process)
        if process.returncode:
            raise NotFinished(
                f"the copy command ended with exit code {process.returncode}: {self._said()}",
                hint="try the command by itself; it has to print the URL of the copy, or env:NAME, as its last line",
            )
        return self.printed()

    def printed(self) -> str:
        """The last line on its stdout, empty where there is none."""
        self._stdout.seek(0)
        lines = [line.strip() for line in self._stdout.read().decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "")

    def _said(self) -> str:
        self._stderr.seek(0)
        lines = [line.strip() for line in self._stderr.read().decode(errors="replace").splitlines() if line.strip()]
        return mask(" / ".join(lines[-3:])) or "it said nothing"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGINT, time to tidy up, then SIGKILL, to the whole process group."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _text_of(printed: str, environment: Mapping[str, str]) -> str:
    """The URL that a last line means, as it was written; empty where it means none."""
    if printed.startswith("env:"):
        return environment.get(printed.removeprefix("env:"), "")
    return printed if "://" in printed else ""


def _url(printed: str, environment: Mapping[str, str]) -> "URL":
    """The URL that a last line means, which may be `env:NAME`."""
    text = _text_of(printed, environment)
    if not text:
        said = f"says {printed}, but that is not set" if printed.startswith("env:") else "printed no URL last"
        raise NotFinished(
            f"the copy command {said}", hint="its last line has to be the URL of the copy, or env:NAME of a variable"
        )
    return urls.with_installed_driver(urls.parse(text, "the copy command's last line"))


def _drop(drop: str | None, printed: str, variables: Mapping[str, str]) -> NotFinished | None:
    """Run the drop command, if there is one, to its end; what went wrong, as the copy is there still."""
    if drop is None:
        return None
    url = _text_of(printed, variables)
    if not url and URL_OF_COPY in drop:
        return NotFinished(
            f"the copy command gave no URL, so the drop command was not run: {mask(drop)}",
            hint=f"look whether it left a copy called {variables[NAME]}; a drop command may go by {NAME}",
        )
    trouble = None
    try:
        with held_back():
            went = _run(drop, {**variables, URL_OF_COPY: url})
            if went is not None:
                hint = f"the copy may be there still ({mask(url) or variables[NAME]}): drop it yourself"
                trouble = NotFinished(f"the drop command {went}", hint=hint)
    except BaseException as interrupted:
        if trouble is not None:
            _tell_also(interrupted, trouble)
        raise
    return trouble


def _run(drop: str, variables: Mapping[str, str]) -> str | None:
    """Why it did not go well, None where it did."""
    try:
        done = subprocess.run(
            drop, shell=True, env=dict(variables), stdin=subprocess.DEVNULL, capture_output=True,
            start_new_session=True, check=False,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return f"could not be started: {error}"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    return f"ended with exit code {done.returncode}: {mask(' / '.join(lines[-3:])) or 'it said nothing'}"


def _tell_also(error: BaseException, trouble: NotFinished) -> None:
    """Add to an error that is on its way what went wrong in the end, too."""
    if isinstance(error, DbadminError):
        error.message = f"{error.message}; {trouble.message}"
        error.args = (error.message,)
        error.hint = f"{error.hint}; {trouble.hint}" if error.hint else trouble.hint
    else:
        error.add_note(f"{trouble.message} ({trouble.hint})")
