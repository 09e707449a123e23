"""`dbadmin models`."""

from dbadmin.cli.group import subcommand
from dbadmin.cli.opening import opened
from dbadmin.cli.output import deliver


@subcommand("models")
def command() -> int:
    """Models, their tables and relationships, and whether Alembic sees them.

    For example: dbadmin models --format markdown

    Exits with 1 where Alembic does not see a model.
    """
    with opened() as admin:
        return deliver(admin.answers.models())
