"""`dbadmin demo`."""

from pathlib import Path

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.output import deliver
from dbadmin.results import Demo
from dbadmin.secrets import mask


@subcommand("demo")
@click.argument("directory", type=click.Path(path_type=Path), default="dbadmin-demo", metavar="[DIR]")
@click.option(
    "--engine",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
    help="What it runs on.",
)
@click.option("--users", type=click.IntRange(min=1), default=200, show_default=True, help="How many users.")
@click.option("--posts", type=click.IntRange(min=0), default=2000, show_default=True, help="How many posts.")
@click.option("--stop", is_flag=True, help="Stop the PostgreSQL server of this demo.")
def command(directory: Path, engine: str, users: int, posts: int, stop: bool) -> int:
    """Make a complete small application with a filled database and one migration pending.

    For example: dbadmin demo shop --engine postgresql

    PostgreSQL: a server of its own with its data in DIR, until --stop.
    """
    if stop:
        return stop_server(directory)
    from dbadmin.example.make import make

    if engine == "postgresql":
        from dbadmin.example.server import make_on_postgresql

        made = make_on_postgresql(directory, users=users, posts=posts)
    else:
        made = make(directory, users=users, posts=posts)
    return deliver(
        Demo(
            directory=str(made.directory),
            engine=engine,
            database=mask(made.url),
            current=made.current,
            pending=made.pending,
            users=made.users,
            posts=made.posts,
        )
    )


def stop_server(directory: Path) -> int:
    """`--stop`."""
    from dbadmin.example import server

    server.stop_server(directory)
    where = str(directory.expanduser().resolve())
    return deliver(Demo(where, "postgresql", "", "", (), users=0, posts=0, stopped=True))
