"""Reads one table in one way, in a process of its own, and prints seconds and memory as JSON.

    python -m tests.benchmarks.reading WAY URL STATEMENT

Time and memory are counted after the connection and a reading of the table "small", which has the same columns: what
Python and libraries load at first use is not compared.
"""

import json
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa


def wire(url: sa.URL, statement: str) -> Callable[[], Any]:
    """What the driver can receive at most: nothing is made of it."""
    connection: Any = sa.create_engine(url).connect()
    driver = connection.connection.driver_connection
    kind = url.get_backend_name()

    def copy() -> int:
        count, get = 0, driver.pgconn.get_copy_data
        with driver.cursor() as cursor, cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT binary)") as running:
            while True:
                size, _ = get(1)
                size = len(running.read()) if size == 0 else size
                if size <= 2:
                    running.read()
                    return count
                count += 1

    def packets() -> int:
        from pymysql.cursors import SSCursor

        cursor = driver.cursor(SSCursor)
        cursor.execute(statement)
        tail, count = b"", 0
        while not (tail[-9:-6] == b"\x05\x00\x00" and tail[-5:-4] == b"\xfe"):  # the packet that ends a result
            arrived = driver._rfile.read1(2**20)
            count += len(arrived)
            tail = (tail + arrived)[-9:]
        cursor._result.unbuffered_active = False  # or it would wait for that packet when it is collected
        return count

    def rows() -> int:
        cursor = driver.cursor()
        deque(cursor.execute(statement), maxlen=0)
        return 1

    return {"postgresql": copy, "mysql": packets, "mariadb": packets, "sqlite": rows}[kind]


def dbadmin(url: sa.URL, statement: str, **options: Any) -> Callable[[], Any]:
    """`frame` over a read-only Database."""
    import pandas  # noqa: F401  imported before the clock runs, as everybody's libraries are
    import pyarrow.compute  # noqa: F401

    from dbadmin.database import Database
    from dbadmin.frames import frame

    database = Database(sa.create_engine(url))
    database.run(lambda connection: connection.exec_driver_sql("SELECT 1"))
    table = sa.Table(statement.split()[-1], sa.MetaData())
    database.run(lambda connection: sa.inspect(connection).reflect_table(table, None))
    query = table.select() if "*" in statement else sa.select(*(table.c[name] for name in _names(statement)))

    def read() -> Any:
        found = frame(database, query, **options)
        assert found.attrs["reader"] == "arrow", found.attrs
        return found

    return read


def _names(statement: str) -> list[str]:
    return [name.strip(" ,") for name in statement.split()[1:-2]]


def dbadmin_arrow(url: sa.URL, statement: str) -> Callable[[], Any]:
    """The same with Arrow dtypes."""
    return dbadmin(url, statement, dtype_backend="pyarrow")


def dbadmin_float(url: sa.URL, statement: str) -> Callable[[], Any]:
    """The same with numerics as floats, which is what the other libraries give."""
    return dbadmin(url, statement, numeric="float")


def pandas_read_sql(url: sa.URL, statement: str) -> Callable[[], Any]:
    """pandas over SQLAlchemy."""
    import pandas as pd

    connection = sa.create_engine(url).connect()
    connection.exec_driver_sql("SELECT 1")
    return lambda: pd.read_sql(sa.text(statement), connection)


def connectorx(url: sa.URL, statement: str) -> Callable[[], Any]:
    """connectorx to pandas, over a connection of its own."""
    import connectorx as cx

    return lambda: cx.read_sql(_plain(url), statement)


def polars(url: sa.URL, statement: str) -> Callable[[], Any]:
    """polars over connectorx."""
    import polars as pl

    return lambda: pl.read_database_uri(statement, _plain(url))


def adbc(url: sa.URL, statement: str) -> Callable[[], Any]:
    """ADBC's driver to pandas, over a connection of its own."""
    if url.get_backend_name() == "postgresql":
        import adbc_driver_postgresql.dbapi as driver

        connection: Any = driver.connect(_plain(url))
    else:
        import adbc_driver_sqlite.dbapi as driver

        connection = driver.connect(str(url.database))

    def read() -> Any:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetch_arrow_table().to_pandas()

    return read


def _plain(url: sa.URL) -> str:
    """A URL as libraries beside SQLAlchemy read it; a socket's directory stands where the host would."""

    if url.get_backend_name() == "sqlite":
        return f"sqlite://{url.database}"
    if url.get_backend_name() == "postgresql":
        host = quote(str(url.query.get("host") or url.host or ""), safe="")
        user = quote(url.username or "") + (f":{quote(url.password)}" if url.password else "")
        return f"postgresql://{user}@{host}:{url.port or url.query.get('port') or 5432}/{url.database}"
    plain = url.set(drivername="mysql", host=url.host or "localhost", query={})
    socket = url.query.get("unix_socket")
    return plain.render_as_string(hide_password=False) + (f"?socket={quote(str(socket), safe='')}" if socket else "")


WAYS: dict[str, Callable[[sa.URL, str], Callable[[], Any]]] = {
    "wire": wire, "dbadmin": dbadmin, "dbadmin-arrow": dbadmin_arrow, "dbadmin-float": dbadmin_float,
    "pandas.read_sql": pandas_read_sql, "connectorx": connectorx, "polars": polars, "adbc": adbc,
}  # fmt: skip


def main() -> None:
    """Read once, and tell."""
    way, url, statement = sys.argv[1:4]
    WAYS[way](sa.make_url(url), statement.replace("FROM wide", "FROM small"))()  # what is imported at first use
    read = WAYS[way](sa.make_url(url), statement)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    found = read()
    seconds = time.perf_counter() - began
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "held": _held(found)}), flush=True)
    os._exit(0)  # what a library does at its end is not measured


def _held(found: Any) -> int:
    """Bytes of a pandas frame with all its objects."""
    usage = getattr(found, "memory_usage", None)
    return int(usage(deep=True).sum()) if usage is not None else 0


if __name__ == "__main__":
    main()
