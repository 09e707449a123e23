"""`dbadmin recent`."""

from typing import Any

import click

from dbadmin.cli.group import subcommand
from dbadmin.cli.offering import TableName
from dbadmin.cli.opening import opened
from dbadmin.cli.options import items_option
from dbadmin.cli.output import deliver, save_rows


@subcommand("recent")
@click.argument("table", type=TableName())
@click.option("--order-by", metavar="COLUMN", help="Default: created_at or the like, else the key.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Only rows of the last so many days.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many rows.")
@click.option("--after", metavar="KEY", help="Go on after the row with this primary key; several columns: 5,17.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Skip so many rows.")
@items_option("--columns", metavar="COLUMN,...", help="Only these columns.")
@click.option("--where", metavar="FILTER", multiple=True, help="COLUMN OP VALUE; repeated: AND.")
def command(
    table: str,
    order_by: str | None,
    days: float | None,
    limit: int,
    after: str | None,
    offset: int,
    columns: tuple[str, ...],
    where: tuple[str, ...],
) -> int:
    """The newest rows of a table or model, newest first.

    For example: dbadmin recent blog_posts --days 7 --columns title,created_at
    """
    with opened() as admin:
        asked: dict[str, Any] = {
            "order_by": order_by, "days": days, "after": after, "offset": offset, "columns": columns or None,
            "where": where,
        }  # fmt: skip
        save_rows(admin, lambda limit: admin.answers.recent_query(table, limit=limit, **asked))
        return deliver(admin.answers.recent(table, limit=limit, **asked))
