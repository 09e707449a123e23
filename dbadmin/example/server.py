"""The reference application on an embedded PostgreSQL, with its data beside it."""

import shutil
from pathlib import Path

from dbadmin.dialects.postgresql import server
from dbadmin.dialects.postgresql.server import Server
from dbadmin.errors import UsageError
from dbadmin.example.make import DemoApplication, make, refuse_directory, revisions

DATA = "postgresql"
DATABASE = "demo"


def make_on_postgresql(directory: Path, *, users: int, posts: int) -> DemoApplication:
    """Start a server with its data in `directory`/postgresql and make the application on it.

    A demo whose server was stopped is started again, its data as they were. The server stays until
    `stop_server`. Raises NoScratchServer where none can be started there, else as `make`.
    """
    directory = directory.expanduser().resolve()
    if (directory / DATA / "data").is_dir() and (directory / "alembic.ini").is_file():
        return _start_again(directory)
    refuse_directory(directory)
    running = Server.start(directory / DATA, durable=True)
    try:
        _create_database(running)
        return make(directory, url=url_of(running), users=users, posts=posts, besides=(DATA,))
    except BaseException:
        running.stop()
        shutil.rmtree(directory / DATA, ignore_errors=True)
        raise


def stop_server(directory: Path) -> None:
    """Stop the server of a demo; its data stay. UsageError where none runs there."""
    directory = directory.expanduser().resolve()
    if not server.stop(directory / DATA):
        raise UsageError(
            f"no server of a demo runs in {directory}",
            hint="dbadmin demo DIR --engine postgresql starts one",
        )


def url_of(running: Server) -> str:
    """The URL of the application's database, as it stands in the demo's .env."""
    return running.url(DATABASE).render_as_string(hide_password=False)


def _start_again(directory: Path) -> DemoApplication:
    from sqlalchemy import NullPool, create_engine, text

    if server.is_running(directory / DATA):
        raise UsageError(
            f"{directory} holds a demo, and its server runs", hint=f"dbadmin demo {directory} --stop stops it"
        )
    running = Server.start(directory / DATA, durable=True)
    *_, head = revisions(directory / "alembic" / "versions")
    with create_engine(running.url(DATABASE), poolclass=NullPool).connect() as connection:
        current = connection.scalar(text("SELECT version_num FROM alembic_version"))
        users = connection.scalar(text("SELECT count(*) FROM users"))
        posts = connection.scalar(text("SELECT count(*) FROM blog_posts"))
    pending = () if current == head else (head,)
    return DemoApplication(directory, url_of(running), head, current or "", pending, users or 0, posts or 0)


def _create_database(running: Server) -> None:
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(running.url(), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {DATABASE}")
