"""mariadb-dump into mariadb: without a secret in sight, watched, believed only when both say success."""

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import processes
from dbadmin.dialects.mysql.binaries import Binaries
from dbadmin.dialects.mysql.options import client_options, option_file
from dbadmin.dialects.mysql.surroundings import Surroundings
from dbadmin.dialects.values import Progress
from dbadmin.errors import ConnectionFailed, DamagedBackup, DbadminError, NotFinished
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

TRAILER = b"-- Dump completed"
"""How a dump ends that is whole; one cut between two statements loads without an error."""
DUMPED = (
    "--single-transaction", "--quick", "--skip-lock-tables", "--triggers", "--hex-blob",
    "--default-character-set=utf8mb4", "--tz-utc", "--no-tablespaces", "--max-allowed-packet=1G", "--skip-dump-date",
)  # fmt: skip
LOADED = ("--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--local-infile=0")
_ONLY_ROWS = ("--no-create-info", "--skip-triggers", "--hex-blob", "--default-character-set=utf8mb4")
_PIECE = 1 << 20
_WAIT = 10.0
"""Seconds without a byte after which we look whether the dump waits for somebody's lock."""
_WAITING = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%%'"


def copy(
    tools: Binaries, source: "URL", target: "URL", facts: Surroundings, directory: Path, *, progress: Progress
) -> None:
    """Dump the source in one snapshot, straight into the empty database at `target`.

    `directory` is private, for the option files. Raises ConnectionFailed or NotFinished; the target is then half
    full, and the caller's to drop.
    """
    with (
        option_file(client_options(source), directory / "source.cnf") as from_file,
        option_file(client_options(target), directory / "target.cnf") as to_file,
    ):
        dumping = reading(tools, from_file, facts)
        writing: list[str | Path] = [
            tools.tool("mariadb"),
            f"--defaults-file={to_file}",
            *LOADED,
            f"--database={target.database}",
        ]
        with _running(dumping, stdout=subprocess.PIPE) as dump, _running(writing, stdin=subprocess.PIPE) as load:
            ending = _pump(dump.process, load.process, source, lambda done: progress("copy", done, facts.bytes))
            _judge(dump, load, ending)


@contextmanager
def script(
    tools: Binaries, source: "URL", facts: Surroundings, directory: Path, *, progress: Progress
) -> Iterator[Callable[[int], bytes]]:
    """Dump the source in one snapshot; gives a function that reads the dump, which has to be read to its end.

    Raises ConnectionFailed or NotFinished at the end, where the dump is not whole.
    """
    ending, done = b"", 0
    with (
        option_file(client_options(source), directory / "source.cnf") as file,
        _running(reading(tools, file, facts), stdout=subprocess.PIPE) as dump,
    ):
        assert dump.process.stdout is not None
        stream: Any = dump.process.stdout
        with _watching(dump.process, source) as alive:

            def read(wanted: int) -> bytes:
                nonlocal ending, done
                piece: bytes = stream.read1(wanted)
                alive()
                ending, done = (ending + piece)[-200:], done + len(piece)
                progress("copy", done, facts.bytes)
                return piece

            try:
                yield read
            except DamagedBackup as error:  # cut short: the tool's own words are the reason
                if dump.process.wait() != 0:
                    raise _dump_failure(dump) from error
                raise
            dump.process.wait()
        _judge_dump(dump, ending)


def reading(tools: Binaries, file: Path, facts: Surroundings) -> list[str | Path]:
    """The command that dumps this source in one snapshot, as far as this program can; `file` says how to connect."""
    command: list[str | Path] = [tools.tool("mariadb-dump"), f"--defaults-file={file}", *DUMPED]
    return [*command, *_chosen(tools, facts), "--", facts.name]


def rows_of(tools: Binaries, url: "URL", tables: Sequence[str], file: Path) -> None:
    """Write the rows of some tables of a private server to a file, as statements."""
    with option_file(client_options(url), file.with_suffix(".cnf")) as options, file.open("wb") as out:
        command: list[str | Path] = [tools.tool("mariadb-dump"), f"--defaults-file={options}", *_ONLY_ROWS]
        command += ["--", str(url.database), *tables]
        _simple(command, stdout=out)


def load(tools: Binaries, url: "URL", file: Path) -> None:
    """Run the statements of a file of ours."""
    with option_file(client_options(url), file.with_suffix(".cnf")) as options, file.open("rb") as statements:
        command: list[str | Path] = [
            tools.tool("mariadb"),
            f"--defaults-file={options}",
            *LOADED,
            f"--database={url.database}",
        ]
        _simple(command, stdin=statements)


class _Tool:
    """A running program, and what it says."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: Any) -> None:
        self.process, self._said = process, said
        self.name = Path(str(process.args[0])).name  # type: ignore[index]

    @property
    def words(self) -> str:
        self._said.seek(0)
        return mask(self._said.read().decode(errors="replace")).strip()


def _chosen(tools: Binaries, facts: Surroundings) -> list[str]:
    chosen = [f"--ignore-table={facts.name}.{name}" for name in facts.left_out]
    chosen += [f"--{kind}" for kind in ("events", "routines") if kind not in facts.unseen]
    if facts.versioned and tools.series >= (10, 11):
        chosen.append("--dump-history")
    if tools.family == "mysql":
        chosen += ["--set-gtid-purged=OFF", "--column-statistics=0"]
    return chosen


@contextmanager
def _running(command: Sequence[str | Path], **streams: Any) -> Iterator[_Tool]:
    """A program in a process group of its own, without anything that MYSQL_* variables say; ended afterwards."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams}
    with (
        TemporaryFile() as said,
        processes.running(command, stderr=said, env=bare_environment(), umask=0o077, **given) as process,
    ):
        yield _Tool(process, said)


def _simple(command: Sequence[str | Path], **streams: Any) -> None:
    with _running(command, **streams) as tool:
        if tool.process.wait() != 0:
            raise NotFinished(
                f"{tool.name} failed: {_first_lines(tool.words)}", hint="run it again; --debug shows more"
            )


def _pump(dump: "subprocess.Popen[bytes]", load: "subprocess.Popen[bytes]", source: "URL", told: Any) -> bytes:
    """Carry the dump over piece by piece; its last bytes. A loader that has ended ends it."""
    assert dump.stdout is not None and load.stdin is not None
    done, ending = 0, b""
    with _watching(dump, source) as alive:
        while piece := dump.stdout.read1(_PIECE):  # type: ignore[attr-defined]
            alive()
            try:
                load.stdin.write(piece)
            except BrokenPipeError:
                dump.kill()
                break
            ending = (ending + piece)[-200:]
            done += len(piece)
            told(done)
    with suppress(BrokenPipeError):
        load.stdin.close()
    dump.wait()
    load.wait()
    return ending


@contextmanager
def _watching(dump: "subprocess.Popen[bytes]", source: "URL") -> Iterator[Any]:
    """End a dump that waits for a table which another session holds locked; call what is given at each piece.

    Looked at only when nothing has come for a while: the tool itself would wait for a day.
    """
    came, over = threading.Event(), threading.Event()

    def watch() -> None:
        quiet = 0.0
        while not over.wait(0.5):
            quiet = 0.0 if came.is_set() else quiet + 0.5
            came.clear()
            if quiet >= _WAIT and waits(source):
                dump.terminate()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield came.set
    finally:
        over.set()
        watcher.join()


def waits(source: "URL") -> bool:
    """Whether a session of this account waits for a table; read-only, and in doubt no."""
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_engine(source, poolclass=NullPool).connect() as connection:
            return bool(connection.exec_driver_sql(_WAITING).scalar())
    except SQLAlchemyError:
        return False


def _judge(dump: _Tool, load: _Tool, ending: bytes) -> None:
    """Success is: both tools say so, and the dump has its last line."""
    # A loader that failed broke the pipe under the dump: its words are the reason.
    if load.process.returncode != 0:
        # The client shows the whole statement before its error, and a statement holds rows.
        told = "\n".join(line for line in load.words.splitlines() if line.startswith("ERROR")) or "it said nothing"
        raise NotFinished(f"loading the copy failed: {_without_values(told)}", hint=_hint_for_loading(load.words))
    _judge_dump(dump, ending)


def _judge_dump(dump: _Tool, ending: bytes) -> None:
    if dump.process.returncode != 0:
        raise _dump_failure(dump)
    if TRAILER not in ending:
        raise NotFinished(
            f"{dump.name} ended before the dump was complete: {_first_lines(dump.words)}",
            hint="run it again; --debug shows more",
        )


def _dump_failure(dump: _Tool) -> DbadminError:
    if dump.process.returncode == -15:
        told = f"another session held a lock on a table for {_WAIT:g} s"
        return NotFinished(f"dumping the copy failed: {told}", hint="try again when nobody alters tables")
    return failure(dump.name, dump.words)


def failure(name: str, words: str, *, doing: str = "dumping the copy") -> DbadminError:
    """What a program that failed said, and what to do about it."""
    told = mask(_first_lines(words)) or "it said nothing"
    if "when trying to connect" in words or "Can't connect" in words:
        return ConnectionFailed(f"{name} cannot connect to the source: {told}", hint="dbadmin doctor")
    hint = None
    if "denied" in words or "nsufficient privileges" in words:
        hint = (
            "the account must be able to read everything: GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, or use one that is"
        )
    return NotFinished(f"{doing} failed: {told}", hint=hint)


def _without_values(told: str) -> str:
    """An error of the server without what it quotes of a row.

    >>> _without_values("ERROR 1062 (23000) at line 7: Duplicate entry 'ada@example.com' for key 'email'")
    "ERROR 1062 (23000) at line 7: Duplicate entry … for key 'email'"
    """
    return re.sub(r"(entry|value:?) '.*?'(?= for | in |$)", r"\1 …", _first_lines(told))


def _hint_for_loading(words: str) -> str | None:
    if "collation" in words:
        return "the private server does not know this collation: install the source's own version, or --scratch URL"
    return None


def _first_lines(words: str, most: int = 3) -> str:
    return "; ".join(line.strip() for line in words.splitlines()[:most] if line.strip())


def bare_environment() -> Mapping[str, str]:
    """Without anything that MYSQL_* variables say."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("MYSQL_", "MARIADB_"))}
