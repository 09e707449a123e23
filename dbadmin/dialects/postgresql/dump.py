"""pg_dump and pg_restore: called without a secret in sight, watched, and believed only when they say success."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.dialects.postgresql import binaries as installed
from dbadmin.dialects.postgresql.binaries import Binaries
from dbadmin.dialects.postgresql.server import Server
from dbadmin.dialects.values import Progress
from dbadmin.errors import ConnectionFailed, NotFinished
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL

_LOOK_EVERY = 0.05  # seconds between looks at how far a tool has come
_LOCK_WAIT = 10_000  # ms that pg_dump waits for a table that someone holds locked
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


def dump(tool: Binaries, source: "URL", archive: Path, *, bytes_expected: int | None, progress: Progress) -> None:
    """Dump `source` in directory format, on as many cores as there are; reads in one snapshot.

    Without subscriptions: in a copy they would take over the slot that feeds the original's subscriber.
    """
    with _service_file(source, archive.parent) as environment:
        command = [
            str(tool.tool("pg_dump")),
            "--format=directory",
            f"--jobs={os.cpu_count() or 1}",
            f"--file={archive}",
            "--compress=0",
            "--no-subscriptions",
            "--no-publications",
            "--no-sync",
            "--no-password",
            f"--lock-wait-timeout={_LOCK_WAIT}",
            "service=dbadmin",
        ]
        _run(
            command,
            environment,
            "dumping",
            lambda: progress("dump", _tree_size(archive), bytes_expected),
            archive.parent,
        )


def restore(binaries: Binaries, server: Server, database: str, archive: Path, *, progress: Progress) -> None:
    """Restore a directory archive into an empty database of a private server, all or nothing."""
    total = _tree_size(archive)
    environment = _bare_environment() | {"PGHOST": str(server.socket_dir), "PGUSER": "dbadmin"}
    command = [
        str(binaries.tool("pg_restore")),
        f"--dbname={_conninfo_value(database)}",
        f"--jobs={os.cpu_count() or 1}",
        "--exit-on-error",
        "--no-password",
        str(archive),
    ]
    _run(command, environment, "restoring", lambda: progress("restore", total, None), archive.parent)


def _conninfo_value(database: str) -> str:
    # --dbname is read as a connection string if it looks like one; quoted as a value it never does.
    return "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def _service_file(source: "URL", directory: Path) -> Iterator[Mapping[str, str]]:
    """An environment in which `service=dbadmin` leads to the source; the file is 0600 and gone afterwards."""
    from dbadmin.dialects import of_url

    libpq = of_url(source).address.with_driver(source, "psycopg")
    values = {_KEYWORDS[k]: str(v) for k, v in libpq.translate_connect_args().items()} | {
        k: v if isinstance(v, str) else v[-1] for k, v in libpq.query.items()
    }
    path = directory / "service.conf"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("[dbadmin]\n" + "".join(f"{k}={v}\n" for k, v in values.items() if k not in _NOT_IN_FILE))
        # The dump may take longer than the application's statements may.
        own = values.get("options", os.environ.get("PGOPTIONS", ""))
        options = f"{own} -c statement_timeout=0 -c default_transaction_read_only=on"
        given = {"PGSERVICEFILE": str(path), "PGOPTIONS": options.strip(), "PGAPPNAME": "dbadmin"}
        if "password" in values:
            given["PGPASSWORD"] = values["password"]
        yield os.environ | given
    finally:
        path.unlink(missing_ok=True)


def _bare_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")}


def _run(
    command: list[str],
    environment: Mapping[str, str],
    doing: str,
    look: Callable[[], None],
    directory: Path,
) -> None:
    """Run a tool in a process group of its own; Ctrl-C ends it; its last words explain a failure."""
    said = directory / "tool.log"
    with said.open("wb") as log:
        said.chmod(0o600)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(environment), umask=0o077,
            start_new_session=True,
        )  # fmt: skip
        try:
            while process.poll() is None:
                look()
                time.sleep(_LOOK_EVERY)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    words = said.read_text(errors="replace")
    said.unlink(missing_ok=True)
    if process.returncode != 0:
        raise _failure(Path(command[0]).name, doing, words)


def _failure(tool: str, doing: str, words: str) -> Exception:
    lines = [line for line in mask(words).splitlines() if line.strip() and "warning:" not in line]
    told = "; ".join(line.strip() for line in lines[:3]) or "it said nothing"
    if "connection to server" in words and "failed" in words:
        return ConnectionFailed(f"{tool} cannot connect to the source: {told}", hint="dbadmin doctor")
    hint = None
    if "LOCK TABLE" in words and "timeout" in words:
        told = f"another session held a lock on a table for {_LOCK_WAIT / 1000:g} s: {told}"
        hint = "try again when nobody alters tables, or use --backup"
    elif "permission denied" in words:
        hint = "the role must be able to read every table: GRANT pg_read_all_data, or use --backup"
    elif "row-level security" in words:
        hint = "row-level security hides rows from this role: use one with BYPASSRLS, or --backup"
    return NotFinished(f"{doing} the copy failed: {told}", hint=hint)


def _tree_size(directory: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(directory))
    except OSError:
        return 0
