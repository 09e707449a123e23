"""Keeps user code on the copy: the source is led there, and anything else is refused by name.

Runs in the child, before anything of the user's is imported. It stops accidents, not attackers: audit hooks
are no sandbox, and code that sets out to reach a database will. What it refuses it also tells the parent, so
that code which swallows the refusal still fails the walk. See `raw.py` for drivers outside SQLAlchemy and
`hooks.py` for files, sockets and programs.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import PACKAGES, Address, Dialect, Identity, every, named
from dbadmin.migrations.statements import ELSEWHERE
from dbadmin.secrets import mask

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_CHECKED = "dbadmin_identity_checked"
_LED = "dbadmin_led"
WHOLE_SERVER = "the whole server"
"""What a refusal names where a statement would change more than the copy."""


class Refused(BaseException):
    """User code was kept from reaching something. Not an Exception, so that `except Exception` does not hide
    it.
    """

    def __init__(self, target: str, message: str) -> None:
        super().__init__(message)
        self.target = target
        self.message = message


@dataclass(frozen=True)
class Rules:
    """What may be reached: the copy (None: nothing), in the source's stead, and what `--allow-connect` names.

    `original` holds environment variables as they were before they were made to deny.
    """

    copy_url: "URL | None" = field(default=None, repr=False)
    copy_identity: Identity | None = None
    source: Address | None = None
    source_files: tuple[Path, ...] = ()
    allow: tuple[str, ...] = ()
    original: Mapping[str, str] = field(default_factory=dict, repr=False)


class Guard:
    """The rules, in force once `install()` has run. `report` is told every redirection and refusal."""

    def __init__(self, rules: Rules, report: Callable[..., None]) -> None:
        self.rules = rules
        self.report = report
        self.refusals: list[str] = []
        self._reading = threading.RLock()
        self._checking: set[int] = set()
        # Before another file may be put in their place (`confine.restrict`).
        self.source_inodes = inodes(rules.source_files)
        self.copy: Address | None = None
        if rules.copy_url is not None:
            self.copy = self.of_copy().address.of_url(rules.copy_url)

    def of_copy(self) -> Dialect:
        """The copy's dialect."""
        assert self.rules.copy_url is not None
        return named(self.rules.copy_url.get_backend_name())

    def install(self) -> None:
        """Put every layer in place. There is no way back in this process."""
        from dbadmin.dialects.wrapping import judge_statements
        from dbadmin.migrations.hooks import Hooks
        from dbadmin.migrations.raw import wrap_drivers

        for dialect in every():
            dialect.observe.install()
            dialect.isolation.install(self.judge_attached)
        wrap_drivers(self)
        if self.shares_server:
            judge_statements(self.of_copy().isolation.senders, self.judge_statement)
        Hooks(self).install()
        self._listen()

    def _listen(self) -> None:
        from sqlalchemy import Engine, Pool, event

        event.listen(Engine, "do_connect", self._on_do_connect, insert=True)
        event.listen(Engine, "engine_connect", self._on_engine_connect, insert=True)
        event.listen(Pool, "connect", self._on_pool_connect, insert=True)
        event.listen(Pool, "checkout", self._on_checkout, insert=True)
        if self.shares_server:
            event.listen(Engine, "before_cursor_execute", self._on_execute, insert=True)

    @property
    def shares_server(self) -> bool:
        """Whether the copy is on a server that others use."""
        identity = self.rules.copy_identity
        return identity is not None and self.of_copy().session.shares_server(identity)

    def refuse(self, target: str, why: str) -> Refused:
        """The refusal to raise; it is reported first."""
        shown = mask(target)
        self.refusals.append(shown)
        self.report("refused", target=shown)
        return Refused(shown, f"{shown}: {why}")

    def lead(self, dialect: Dialect, driver: str, cargs: list[Any], cparams: dict[str, Any]) -> None:
        """Judge connect parameters: pass them, change them to the copy's, or raise Refused."""
        with self._as_before(dialect):
            address = dialect.address.of_parameters(driver, cargs, cparams)
        if not self._is_copy(address):
            if self._is_source(address):
                assert self.rules.copy_url is not None
                dialect.address.redirect(driver, cargs, cparams, self.rules.copy_url)
                self.report("redirected", target=address.shown)
            elif not self._is_harmless(address):
                if not self._may_reach(address):
                    raise self.refuse(
                        address.shown,
                        "neither the copy nor the database that it was made from; "
                        f"if this is no danger: --allow-connect {_place(address)}",
                    )
                self.report("outside", target=_place(address))
        if not self._is_harmless(address):
            dialect.isolation.admit(driver, cparams, self.rules.original)
            if self.shares_server:
                dialect.isolation.judge_cursors(driver, cparams, self.judge_statement)

    def judge_attached(self, address: Address) -> None:
        """Judge a database that is opened beside the copy: in memory, or in the copy's own directory."""
        beside = self.copy is not None and Path(address.shown).parent == Path(self.copy.shown).parent
        allowed = self._is_copy(address) or self._is_harmless(address) or self._may_reach(address)
        if self._is_source(address) or not (beside or allowed):
            raise self.refuse(address.shown, "another database may not be attached to the copy")

    def _is_copy(self, address: Address) -> bool:
        return self.copy is not None and address.same_as(self.copy)

    def _is_source(self, address: Address) -> bool:
        return self.copy is not None and self.rules.source is not None and address.same_as(self.rules.source)

    def _is_harmless(self, address: Address) -> bool:
        return address.server[0] == "memory"

    def _may_reach(self, address: Address) -> bool:
        return _place(address) in self.rules.allow or self.is_allowed(*address.server)

    def is_allowed(self, host: str, port: str | int | None = None) -> bool:
        """Whether `--allow-connect` names this host, or host and port."""
        shown = f"{host}:{port}"
        return any(entry in (host, shown, f"[{host}]:{port}") for entry in self.rules.allow)

    @contextmanager
    def _as_before(self, dialect: Dialect) -> Iterator[None]:
        """With the variables that name a service as they were: parameters may refer to it."""
        names = [name for name in dialect.isolation.reading if name in self.rules.original]
        with self._reading:
            now = {name: os.environ.get(name) for name in names}
            os.environ.update({name: self.rules.original[name] for name in names})
            try:
                yield
            finally:
                for name, value in now.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value

    def _on_do_connect(self, dialect: Any, record: Any, cargs: list[Any], cparams: dict[str, Any]) -> Any:
        if dialect.name not in PACKAGES:
            raise self.refuse(f"{dialect.name}+{dialect.driver}", "dbadmin cannot tell where this engine leads")
        self.lead(named(dialect.name), dialect.driver, cargs, cparams)
        # Connecting here keeps every other listener from changing the parameters again.
        return dialect.connect(*cargs, **cparams)

    def _on_pool_connect(self, _: Any, record: Any) -> None:
        record.info[_LED] = True

    def _on_checkout(self, _: Any, record: Any, __: Any) -> None:
        """A pool may hold connections from before (a sitecustomize.py): nobody led those."""
        if _LED not in record.info:
            raise self.refuse("a pooled connection", "it was open before the rehearsal began")

    def _on_engine_connect(self, connection: "Connection") -> None:
        if connection.info.get(_CHECKED) or id(connection.connection.dbapi_connection) in self._checking:
            return
        self.check(connection)
        connection.info[_CHECKED] = True

    def _on_execute(self, connection: "Connection", cursor: Any, statement: str, *_: Any) -> None:
        self.judge_statement(statement)

    def judge_statement(self, statement: str) -> None:
        """On a server that others use, only the copy itself may change."""
        reason = self.of_copy().session.whole_server(statement)
        if reason is not None:
            raise self.refuse(f"{WHOLE_SERVER} ({reason})", "the copy is on a server that others use")

    def is_checked(self, connection: "Connection") -> bool:
        """Whether this connection has been seen to be one that may be used."""
        return bool(connection.info.get(_CHECKED))

    def check(self, connection: "Connection") -> None:
        """Raise Refused unless this connection is on the copy, by the identity that the catalog tells."""
        identity = self.identity(connection)
        if identity.key[:1] == ("memory",):
            connection.info[ELSEWHERE] = True
            return
        expected = self.rules.copy_identity
        if expected is not None and (identity.engine, identity.key) == (expected.engine, expected.key):
            return
        address = named(connection.dialect.name).address.of_url(connection.engine.url)
        if not self._is_copy(address) and self._may_reach(address):
            connection.info[ELSEWHERE] = True
            return
        raise self.refuse(identity.shown, "a connection is open to this database, which is not the copy")

    def identity(self, connection: "Connection") -> Identity:
        """Who answers at the other end. The connection's own transaction state stays as it is."""
        from sqlalchemy import Engine, StaticPool

        raw: Any = connection.connection.dbapi_connection
        # An engine of its own, so that nothing of the user's (events, execution options) takes part.
        engine = Engine(StaticPool(lambda: raw), connection.dialect, connection.engine.url)
        self._checking.add(id(raw))
        try:
            with engine.connect() as own:
                return named(connection.dialect.name).session.identity(own)
        finally:
            self._checking.discard(id(raw))


def inodes(paths: Iterable[Path | str | bytes]) -> set[tuple[int, int]]:
    """Device and inode of the files that exist."""
    found = set()
    for path in paths:
        with suppress(OSError, ValueError):
            status = Path(os.fsdecode(path)).stat()
            found.add((status.st_dev, status.st_ino))
    return found


def _place(address: Address) -> str:
    """How `--allow-connect` names an address: host and port, or a file's path."""
    host, port = address.server
    return address.shown if host == "file" else f"{host}:{port}" if port else host
