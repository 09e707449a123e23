"""`dbadmin diagram`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.offering import TableName
from dbadmin.cli.opening import opened
from dbadmin.cli.output import deliver


@subcommand("diagram", drawn=True)
@click.option(
    "--around", type=TableName(), metavar="TABLE", help="Only this table or model, and those it has relations with."
)
def command(around: str | None) -> int:
    """Models and their relations: Mermaid unless --format says otherwise.

    For example: dbadmin diagram --around users --output users.svg

    The models are read from the application's code, and no database is asked; with --url alone, from the database.
    """
    with opened() as admin:
        return deliver(admin.diagram(around=around), default="mermaid")
