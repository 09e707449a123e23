"""server.json: what is written beside a private server's data, so that a later run knows what it found."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbadmin.dialects import processes

RECORD = "server.json"


@dataclass(frozen=True)
class Record:
    """Who started a server, when, for how long, and with what.

    `made`: its directory was made for it, and may be removed with it. `durable`: its data are to stay.
    `kept`: it outlives its owner because the user asked for that. Version and binaries are None until it ran.
    `product` is "mariadb" where the dialect's name is that of MySQL.
    """

    host: str
    owner_pid: int
    owner_identity: str | None
    started_at: str
    socket_directory: str
    durable: bool
    made: bool
    kept: bool = False
    version: str | None = None
    binaries: str | None = None
    origin: str | None = None
    product: str | None = None

    @classmethod
    def of_this_process(cls, *, durable: bool, made: bool, socket_directory: str) -> "Record":
        """The record of a server that this process starts now."""
        return cls(
            host=socket.gethostname(),
            owner_pid=os.getpid(),
            owner_identity=processes.identity(os.getpid()),
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            socket_directory=socket_directory,
            durable=durable,
            made=made,
        )

    @classmethod
    def read(cls, directory: Path) -> "Record | None":
        """The record in `directory`; None where there is none of ours.

        Code that runs inside the server may replace files of its directory, so only a file that belongs to us
        is believed.
        """
        try:
            descriptor = os.open(directory / RECORD, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, encoding="utf-8") as file:
            if os.fstat(descriptor).st_uid != os.geteuid():
                return None
            try:
                values: Any = json.load(file)
            except ValueError:
                return None
        names = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping):
            return None
        try:
            return cls(**{name: value for name, value in values.items() if name in names})
        except TypeError:
            return None

    def write(self, directory: Path) -> None:
        """Write it as a whole or not at all, readable for us alone."""
        target, temporary = directory / RECORD, directory / f".{RECORD}.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self.to_dict(), file, indent=1)
        temporary.replace(target)

    def owner_alive(self) -> bool | None:
        """Whether the process that started the server lives; None where that was on another host."""
        if self.host != socket.gethostname():
            return None
        return processes.is_alive(self.owner_pid, self.owner_identity)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it is written down."""
        return asdict(self)
