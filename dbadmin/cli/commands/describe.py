"""`dbadmin describe`."""

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.offering import TableName
from dbadmin.cli.opening import opened
from dbadmin.cli.output import deliver


@subcommand("describe")
@click.argument("table", type=TableName())
def command(table: str) -> int:
    """Columns, keys, indexes, constraints and relations of a table or model.

    For example: dbadmin describe BlogPost

    TABLE is a model's or a table's name, schema.table where needed; relations are told from both ends.
    """
    with opened() as admin:
        return deliver(admin.answers.describe(table))
