"""Columns over psycopg: COPY (…) TO STDOUT (FORMAT binary) on the guarded connection, taken apart in bulk.

COPY has no parameters of its own; psycopg writes them as literals, as it does for any COPY.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from itertools import islice, takewhile
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from sqlalchemy import Executable, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from dbadmin.dialects.columns import NotColumnar, Portion, Reading, announced, driver_errors
from dbadmin.dialects.postgresql.binary import KNOWN, TEXTS, WIDTHS, Binary
from dbadmin.dialects.postgresql.results import column_types
from dbadmin.dialects.postgresql.statements import refused
from dbadmin.dialects.slices import PADDING, Slices, packed

if TYPE_CHECKING:
    from sqlalchemy import Connection

BEFORE, AFTER = "SELECT * FROM (", "\n) AS dbadmin LIMIT 0"
"""A newline, because what is inside may end in a comment."""
FULL = 2 * 2**20
"""Bytes after which a batch is handed on, however few rows it has: what a processor's cache holds is decoded faster."""
FETCHES = 32
"""How often libpq takes what the server has sent, while one batch is decoded: each time what a socket holds."""
SHORTEST = 2
"""Bytes of the row that ends a COPY; no row of a result is as short."""
TRAILER = (SHORTEST, b"\xff\xff")
"""What libpq gives of it. Where no whole row has arrived, it gives no bytes."""
DATA = itemgetter(1)
USER_TYPES = """
    SELECT oid::bigint, typtype::text
    FROM pg_catalog.pg_type
    WHERE oid = ANY(:oids)
"""
"""One row for each type: e is an enumeration, which is sent as its label."""


class Probe(Executable, ClauseElement):
    """A query that is planned and described, and whose rows are not computed."""

    inherit_cache = False

    def __init__(self, inner: Any) -> None:
        self.inner = inner


@compiles(Probe)
def _compile(element: Probe, compiler: SQLCompiler, **options: Any) -> str:
    return BEFORE + compiler.process(element.inner, **options) + AFTER


@contextmanager
def read(connection: "Connection", executable: Executable, params: Mapping[str, Any], size: int) -> Iterator[Reading]:
    """See `dialects.columns.reading`."""
    driver = _driver(connection)
    with connection.execute(Probe(executable), dict(params)) as probe:
        names = tuple(map(str, probe.keys()))
        description = list(probe.cursor.description)
        context: Any = probe.context
    codes: tuple[Any, ...] = tuple(column[1] for column in description)
    if not codes:
        raise NotColumnar("rows without a column are told apart from a COPY's trailer by nothing but their number")
    enums = _check_types(connection, driver, names, codes)
    inner = context.statement.removeprefix(BEFORE).removesuffix(AFTER)
    given = context.parameters[0]
    statement = f"COPY ({inner if given else inner.replace('%%', '%')}\n) TO STDOUT (FORMAT binary)"
    if refused(statement) is not None:  # its plain SELECT is judged when it is read by rows
        raise NotColumnar("a word of the statement would be refused in a COPY")
    try:
        with driver.cursor() as cursor, announced(connection, cursor, inner, given, context):
            loaders = [_loader(cursor, code) for code in codes]

            def batch(data: bytes, starts: "np.ndarray[Any, Any]") -> tuple[int, Sequence[Binary]]:
                columns = zip(codes, split(data, starts, codes), loaders, strict=True)
                return len(starts), [
                    Binary(code, slices, load, code in enums, rows.receive) for code, slices, load in columns
                ]

            with driver_errors(connection, cursor, inner), cursor.copy(statement, given or None) as copy:
                rows = Rows(driver.pgconn, copy)
                found = (batch(*received) for received in rows.batches(size))
                try:
                    yield Reading(names, codes, tuple(column_types(description)), found)
                finally:
                    copy.finish(Abandoned())
    finally:
        if _is_busy(driver):  # Ctrl-C before the first row: psycopg stops the statement and leaves its COPY open
            connection.invalidate(sys.exception())


def _is_busy(driver: Any) -> bool:
    from psycopg.pq import TransactionStatus

    return bool(driver.pgconn.transaction_status == TransactionStatus.ACTIVE)


class Abandoned(Exception):
    """Tells psycopg to stop a COPY that was not read to its end; nothing happens to one that was."""


def _driver(connection: "Connection") -> Any:
    """The psycopg connection. Raises NotColumnar for other drivers and encodings."""
    driver: Any = connection.connection.driver_connection
    kind = type(driver)
    if kind.__module__.partition(".")[0] != "psycopg" or connection.dialect.is_async:
        raise NotColumnar(f"the driver {connection.dialect.driver} gives rows only; psycopg gives columns")
    encoding = driver.info.encoding
    if encoding != "utf-8":
        raise NotColumnar(f"the connection's encoding is {encoding}")
    return driver


def _check_types(connection: "Connection", driver: Any, names: Sequence[str], codes: Sequence[int]) -> frozenset[int]:
    """The enumerations among types of the user's own. Raises NotColumnar where a type is only read as text."""
    own = [code for code in dict.fromkeys(codes) if code not in KNOWN]
    found: Any = connection.execute(text(USER_TYPES), {"oids": own}).all() if own else []
    enums = frozenset(oid for oid, kind in found if kind == "e")
    for name, code in zip(names, codes, strict=True):
        if code not in KNOWN and code not in enums:
            raise NotColumnar(f"{name} is of a type that is only read as text")
        if _has_own_reader(driver, code):
            raise NotColumnar(f"the application reads the type of {name} in its own way")
    return enums


def _has_own_reader(driver: Any, code: int) -> bool:
    """Whether the connection reads a type's text otherwise than psycopg does, and its binary form not likewise."""
    import psycopg
    from psycopg.pq import Format

    def own(format: Any, code: int) -> bool:
        return driver.adapters.get_loader(code, format) is not psycopg.adapters.get_loader(code, format)

    return own(Format.TEXT, code) and (code in TEXTS or not own(Format.BINARY, code))


def _loader(cursor: Any, code: int) -> Any:
    from psycopg.adapt import Transformer
    from psycopg.pq import Format

    return Transformer.from_context(cursor).get_loader(code, Format.BINARY).load


class Rows:
    """The rows of a COPY that psycopg has begun, up to its end."""

    def __init__(self, pgconn: Any, copy: Any) -> None:
        self.pgconn = pgconn
        self.copy = copy
        self.fetches = 0
        """Times that libpq may still fetch while columns are decoded."""
        self._arrived = iter(partial(pgconn.get_copy_data, 1), TRAILER)
        self._held, self._lengths = BytesIO(), list[int]()
        self._dry = False

    def batches(self, size: int) -> Iterator[tuple[bytes, "np.ndarray[Any, Any]"]]:
        """Rows as libpq received them, one after the other in a buffer, and where each begins."""
        portion = Portion(size)
        first = _without_header(bytes(self.copy.read()))
        ended = bool(first) and self._note(first)
        while True:
            lengths = self._lengths
            if lengths and (ended or len(lengths) == portion.room or self._held.tell() >= FULL):
                portion.took(len(lengths))
                self.fetches, self._dry = FETCHES if self._dry and not ended else 0, False
                sizes = np.array(lengths, dtype=np.int64)
                self._held.write(PADDING)
                yield self._held.getvalue(), np.cumsum(sizes) - sizes
                self._held, self._lengths = BytesIO(), []
            if ended:
                break
            ended = self._take(portion.room - len(self._lengths))
        while self.copy.read():
            pass

    def _take(self, room: int) -> bool:
        """Take the rows that have arrived, or the next one after a wait for it; whether that was the end."""
        from psycopg import OperationalError

        write, before = self._held.write, len(self._lengths)
        try:
            self._lengths += map(write, map(DATA, takewhile(DATA, islice(self._arrived, room))))
            if len(self._lengths) > before:
                return False
            if next(self._arrived, None) is None:  # the trailer has come
                return True
        except OperationalError:  # libpq says once that a COPY has ended, and is asked no more after a trailer
            _raise_error(self.pgconn)
        self._dry = True
        return self._note(self.copy.read())

    def _note(self, row: bytes) -> bool:
        """Take one row; whether it is the one that ends the COPY."""
        if len(row) > SHORTEST:
            self._lengths.append(self._held.write(row))
        return len(row) <= SHORTEST

    def receive(self) -> None:
        """Let libpq take what the server has sent while columns were decoded, so that it has room to send on.

        Only after a batch for which it had to wait: it would hoard where the server is the faster of the two.
        """
        if self.fetches:
            self.fetches -= 1
            self.pgconn.consume_input()


def _without_header(row: bytes) -> bytes:
    """Without the signature, flags and extension with which the first row begins."""
    return row[19 + int.from_bytes(row[15:19], "big") :]


def _raise_error(pgconn: Any) -> NoReturn:
    """The error that ended a COPY."""
    from psycopg import errors
    from psycopg.pq import ExecStatus

    failed = None
    while (result := pgconn.get_result()) is not None:
        failed = result if result.status == ExecStatus.FATAL_ERROR else failed
    if failed is None:
        raise errors.OperationalError("the connection was lost while rows were read")
    raise errors.error_from_result(failed)


def split(data: bytes, starts: "np.ndarray[Any, Any]", codes: Sequence[int]) -> list[Slices]:
    """The columns of rows: a number of fields in two bytes, then for each its length in four, and its bytes."""
    everywhere: Any = np.ndarray((len(data) - 3,), ">i4", data, strides=(1,))
    at = starts + 2
    columns: list[Slices] = []
    while len(columns) < len(codes):
        known = (WIDTHS.get(code) for code in codes[len(columns) :])
        widths = [width for width in takewhile(bool, known) if width]
        run = packed(data, at, widths, 4) if widths else []
        columns += run
        at = at + sum(4 + width for width in widths[: len(run)])
        if len(columns) < len(codes):
            lengths = everywhere[at].astype(np.int64)
            columns.append(Slices(data, at + 4, lengths))
            at = at + 4 + np.maximum(lengths, 0)
    return columns
