"""pg_dump and pg_restore: called without a secret in sight, watched, and believed only when they say success."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects import processes
from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.values import Progress
from dbadmin.errors import ConnectionFailed, DbadminError, NotFinished
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

_LOOK_EVERY = 0.05  # seconds between looks at how far a tool has come
_PARALLEL_FROM = 16 << 20
"""Bytes. Dump and restore with one job and with two, on two cores: 7 MiB 0.21 and 0.21 s, 25 MiB 0.61 and 0.41,
215 MiB 3.9 and 3.0."""
_FINISHED = re.compile(r"finished item (\d+) TABLE DATA")
_LOCK_WAIT = 10_000  # ms that pg_dump waits for a table that someone holds locked
WAITING = ("--no-password", f"--lock-wait-timeout={_LOCK_WAIT}")
"""pg_dump asks nobody for a password, and does not wait for ever."""
# A service file's values lose white space at their ends, and a password may have some.
_NOT_IN_FILE = ("options", "password")
_KEYWORDS = {"username": "user", "database": "dbname", "host": "host", "port": "port", "password": "password"}


def tool_for(source_major: int, fallback: Binaries) -> Binaries:
    """Whose pg_dump to use: the source's own major where it is here, else a later one.

    A later pg_dump may write what an older server never said (PostgreSQL 18's of a patched 15 writes column
    options that 18 itself refuses to restore).
    """
    with_dump = [b for b in installed.find(source_major) if (b.bindir / "pg_dump").exists()]
    return next((b for b in with_dump if b.major == source_major), with_dump[0] if with_dump else fallback)


def jobs_for(size: int | None) -> int:
    """How many tables to dump or restore at once: one where starting more takes longer than it saves.

    >>> jobs_for(1_000_000), jobs_for(None) == jobs_for(10**12) == (os.cpu_count() or 1)
    (1, True)
    """
    return 1 if size is not None and size < _PARALLEL_FROM else os.cpu_count() or 1


def dump(tool: Binaries, source: "URL", archive: Path, *, bytes_expected: int | None, progress: Progress) -> None:
    """Dump `source` in directory format, a large one on as many cores as there are; reads in one snapshot.

    Without subscriptions: in a copy they would take over the slot that feeds the original's subscriber.
    """
    with service_file(source, archive.parent) as environment:
        command = [
            str(tool.tool("pg_dump")),
            "--format=directory",
            f"--jobs={jobs_for(bytes_expected)}",
            f"--file={archive}",
            "--compress=0",
            "--no-subscriptions",
            "--no-publications",
            "--no-sync",
            *WAITING,
            "service=dbadmin",
        ]
        run(
            command,
            environment,
            "dumping the copy",
            lambda log: progress("dump", tree_size(archive), bytes_expected),
            archive.parent,
        )


def restore(
    binaries: Binaries, target: "URL", archive: Path, *, owners: bool = True, progress: Progress
) -> None:  # fmt: skip
    """Restore a directory archive into an empty database of ours, all or nothing.

    Without `owners`, everything belongs to the role that restores, and nothing is granted to others.
    """
    sizes = {path.stem: path.stat().st_size for path in archive.glob("*.dat")}
    total = sum(sizes.values())
    command = [
        str(binaries.tool("pg_restore")),
        f"--dbname=service=dbadmin {_conninfo_value(target)}",
        f"--jobs={jobs_for(total)}",
        "--exit-on-error",
        "--verbose",
        "--no-password",
        *([] if owners else ["--no-owner", "--no-privileges"]),
        str(archive),
    ]
    with service_file(target, archive.parent, read_only=False) as environment:
        run(
            command,
            environment,
            "restoring the copy",
            lambda log: progress("restore", _restored(log, sizes), total or None),
            archive.parent,
        )


def _restored(log: Path, sizes: Mapping[str, int]) -> int:
    """Bytes of the tables that pg_restore says it has finished (it names them by number when it uses several jobs)."""
    told = log.read_text(errors="replace")
    return sum(sizes.get(number, 0) for number in _FINISHED.findall(told))


def _conninfo_value(target: "URL") -> str:
    # Quoted, whatever the database is called: a service file's values lose blanks at their ends.
    return "dbname='" + (target.database or "").replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def service_file(url: "URL", directory: Path, *, read_only: bool = True) -> Iterator[Mapping[str, str]]:
    """An environment in which `service=dbadmin` leads to `url`; the file is 0600 and gone afterwards."""
    from dbadmin.dialects import of_url

    libpq = of_url(url).address.with_driver(url, "psycopg")
    values = {_KEYWORDS[k]: str(v) for k, v in libpq.translate_connect_args().items()} | {
        k: v if isinstance(v, str) else v[-1] for k, v in libpq.query.items()
    }
    path = directory / "service.conf"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("[dbadmin]\n" + "".join(f"{k}={v}\n" for k, v in values.items() if k not in _NOT_IN_FILE))
        # The dump may take longer than the application's statements may.
        own = values.get("options", os.environ.get("PGOPTIONS", "") if read_only else "")
        options = f"{own} -c statement_timeout=0 -c default_transaction_read_only={'on' if read_only else 'off'}"
        given = {"PGSERVICEFILE": str(path), "PGOPTIONS": options.strip(), "PGAPPNAME": "dbadmin", "LC_ALL": "C"}
        if "password" in values:
            given["PGPASSWORD"] = values["password"]
        # What a service file does not say, variables would: a copy's place is said in full.
        inherited = os.environ if read_only else _without_places(os.environ)
        yield {**inherited, **given}
    finally:
        path.unlink(missing_ok=True)


def _without_places(environment: Mapping[str, str]) -> dict[str, str]:
    kept = ("PGPASSWORD", "PGPASSFILE", "PGSSLROOTCERT", "PGSSLMODE", "PGSSLCERT", "PGSSLKEY")
    return {k: v for k, v in environment.items() if not k.startswith("PG") or k in kept}


def run(
    command: list[str],
    environment: Mapping[str, str],
    doing: str,
    look: Callable[[Path], None],
    directory: Path,
) -> None:
    """Run a tool in a process group of its own; Ctrl-C ends it; its last words explain a failure."""
    said = directory / "tool.log"
    with said.open("wb") as log:
        said.chmod(0o600)
        with processes.running(
            command, ask=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(environment), umask=0o077
        ) as process:
            while process.poll() is None:
                look(said)
                time.sleep(_LOOK_EVERY)
    words = said.read_text(errors="replace")
    said.unlink(missing_ok=True)
    if process.returncode != 0:
        raise failure(Path(command[0]).name, doing, words)


def failure(tool: str, doing: str, words: str) -> DbadminError:
    """What a tool that failed said, and what to do about it."""
    lines = [line for line in mask(words).splitlines() if line.strip() and "warning:" not in line]
    errors = [number for number, line in enumerate(lines) if "error:" in line]
    lines = lines[errors[0] :] if errors else lines  # what --verbose said before is of no use
    told = "; ".join(line.strip() for line in lines[:3]) or "it said nothing"
    if "connection to server" in words and "failed" in words:
        return ConnectionFailed(f"{tool} cannot connect to the source: {told}", hint="dbadmin doctor")
    hint = None
    if "LOCK TABLE" in words and "timeout" in words:
        told = f"another session held a lock on a table for {_LOCK_WAIT / 1000:g} s: {told}"
        hint = "try again when nobody alters tables, or rehearse a backup (verify-rollback --backup)"
    elif "permission denied" in words:
        hint = "the role must be able to read every table: GRANT pg_read_all_data, or use a role that may"
    elif "conflict with recovery" in words:
        hint = (
            "the standby cancelled the dump to catch up: set hot_standby_feedback, or raise max_standby_streaming_delay"
        )
    elif "row-level security" in words:
        hint = "row-level security hides rows from this role: use one with BYPASSRLS, or --backup"
    return NotFinished(f"{doing} failed: {told}", hint=hint)


def tree_size(directory: Path) -> int:
    """Bytes of a file, or of the files in a directory; 0 while there is none."""
    try:
        if not directory.is_dir():
            return directory.stat().st_size
        return sum(entry.stat().st_size for entry in os.scandir(directory))
    except OSError:
        return 0
