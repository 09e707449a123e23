"""Drivers that SQLAlchemy connects by, and engines for the databases of tests."""

from importlib import import_module
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TestDatabase
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dbadmin.dialects import named

SYNC = ["pysqlite", "psycopg", "psycopg2", "pg8000", "pymysql", "mysqlconnector", "mysqldb", "mariadbconnector"]


ASYNC = ["aiosqlite", "asyncpg", "psycopg_async", "aiomysql", "asyncmy"]


MODULES = {"mysqldb": "MySQLdb", "mariadbconnector": "mariadb", "mysqlconnector": "mysql.connector"}
"""Drivers that need a C library to be built with, and may be missing."""


def url_for(database: TestDatabase, driver: str) -> sa.URL:
    return named(database.kind).address.with_driver(database.url, driver)


def needs(driver: str) -> str:
    if "my" in driver or "maria" in driver:
        pytest.importorskip(MODULES.get(driver, driver), exc_type=ImportError)
        return "mariadb"
    return "sqlite" if "sqlite" in driver else "postgresql"


def make_engine(made: TestDatabase, driver: str, **options: Any) -> sa.Engine | AsyncEngine:
    url = url_for(made, driver)
    return create_async_engine(url, **options) if driver in ASYNC else sa.create_engine(url, **options)


def engine_by_function(made: TestDatabase, driver: str, cargs: Any, cparams: Any) -> sa.Engine | AsyncEngine:
    """An engine that connects by a function of its own, with these arguments of the driver; its URL tells nothing."""
    dialect: Any = make_engine(made, driver).dialect
    name = f"{dialect.name}+{driver}://"
    if driver not in ASYNC:
        return sa.create_engine(name, creator=lambda: dialect.loaded_dbapi.connect(*cargs, **cparams))

    async def connect() -> Any:
        return await import_module(driver).connect(*cargs, **cparams)

    return create_async_engine(name, async_creator=connect)


def dispose(engine: sa.Engine | AsyncEngine) -> None:
    if isinstance(engine, sa.Engine):  # an AsyncEngine was disposed of on its own loop
        engine.dispose()
