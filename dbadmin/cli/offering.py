"""Types of arguments whose values Tab offers: tables and revisions of the application in this directory.

Whatever goes wrong offers nothing: a shell that waits for names is no place for messages.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from dbadmin.cli.options import Items
from dbadmin.cli.state import Options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dbadmin.app.config import Settings

    TextType = click.ParamType[str]
else:  # before click 8.4 the class takes no arguments
    TextType = click.ParamType

ENDS = (("head", ""), ("heads", "all of them"), ("base", "before the first"))
"""What Alembic calls the ends of its history."""


class TableName(TextType):
    """A model or a table."""

    name = "table"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Tab: the application's models and tables."""
        return offered(ctx, _tables, incomplete)


class TableNames(Items):
    """Several tables, repeated or comma-separated."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Tab: another table behind the last comma."""
        before, comma, last = incomplete.rpartition(",")
        return offered(ctx, _tables, last, before + comma)


class RevisionName(TextType):
    """A revision, or what Alembic takes for one."""

    name = "revision"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Tab: revisions with their messages; behind a colon the end of a range."""
        before, colon, last = incomplete.rpartition(":")
        return offered(ctx, _revisions, last, before + colon)


def offered(
    ctx: click.Context,
    names: "Callable[[Settings], Iterable[tuple[str, str]]]",
    incomplete: str,
    before: str = "",
) -> "list[CompletionItem]":
    """The names that begin so, as completions; none where the application's files cannot be read."""
    from click.shell_completion import CompletionItem

    try:
        from dbadmin.app.config import load_settings

        given = ctx.find_root().ensure_object(Options)
        settings = load_settings({"app": given.app, "config": given.config, "env_file": given.env_file})
        found = [(name, told) for name, told in names(settings) if name.startswith(incomplete)]
    except Exception:
        return []
    return [CompletionItem(before + name, help=told or None) for name, told in found]


def _tables(settings: "Settings") -> Iterable[tuple[str, str]]:
    from dbadmin.app.offered import table_names

    return ((name, "") for name in table_names(settings))


def _revisions(settings: "Settings") -> Iterable[tuple[str, str]]:
    from dbadmin.app.offered import revisions

    return (*revisions(settings), *ENDS)
