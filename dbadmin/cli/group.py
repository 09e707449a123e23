"""The group of commands: each in a module of its own, imported only when it is called."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from dbadmin.cli.options import GLOBAL_NAMES, check_outputs, global_options
from dbadmin.cli.state import Options
from dbadmin.errors import ConfigError, UnknownName

COMMANDS: dict[str, str] = {
    "demo": "Make a small application to try dbadmin on.",
    "init": "Find the application and write [tool.dbadmin].",
    "doctor": "Check every thing that dbadmin needs.",
    "status": "Where the database stands against its migrations.",
    "review": "What is risky in migration scripts before they run.",
    "verify-rollback": "Rehearse the rollback on a copy, and compare.",
    "inspect": "Whether the database is well, and what mends it.",
    "backup": "Back up the database, checked.",
    "restore": "Restore a backup into an empty database.",
    "copies": "Disposable copies that exist on this machine.",
    "models": "Models, their tables and relationships.",
    "tables": "Tables with rows and sizes.",
    "describe": "Columns, keys, indexes and relations of a table.",
    "diagram": "Models and their relations, drawn.",
    "count": "Row counts.",
    "recent": "The newest rows of a table.",
    "group": "Rows of a table counted by something.",
    "join": "Rows of several tables along their foreign keys.",
    "sql": "Run SQL with bound parameters.",
    "shell": "An IPython session with models and helpers.",
    "notebook": "Notebooks on the application's data, in JupyterLab.",
}
"""Command → what it answers, in the order of the help; the module has the command's name."""

WIDEST_HELP = 100
SET_UP = ("demo", "init", "doctor")
"""Commands that must work where the configuration does not."""
STAY_SETTINGS = GLOBAL_NAMES - {"format", "output", "debug"}
"""Options that dbadmin.app reads itself, so that it knows where each value came from."""


class DbadminCommand(click.Command):
    """A command with the global options, told apart in its help."""

    def __init__(self, *args: Any, drawn: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        for param in self.params:
            if isinstance(param.type, click.IntRange | click.FloatRange):
                param.metavar = param.metavar or "N"
        self.params += global_options(drawn=drawn)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it once it is clear that what it makes can be written."""
        check_outputs(ctx.find_root().ensure_object(Options), str(ctx.info_name))
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Own options first."""
        write_options(self, ctx, formatter)


class LazyGroup(click.Group):
    """`dbadmin`: knows its commands by name only."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += global_options()

    def make_context(self, info_name: str | None, args: list[str], *others: Any, **extra: Any) -> click.Context:
        """A context that knows how wide help may be: click would import what it asks that from."""
        extra.setdefault("terminal_width", help_width())
        return super().make_context(info_name, args, *others, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the help."""
        return list(COMMANDS)

    def prepare(self, name: str, ctx: click.Context) -> None:
        """Let the command's module begin with what it needs in any case, while the configuration is read."""
        prepare = getattr(import_module(_module(name)), "prepare", None)
        if prepare is not None:
            ctx.with_resource(prepare())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(_module(cmd_name)).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command with its configured defaults; an unknown one names its neighbours."""
        name = args[0]
        if ctx.resilient_parsing:  # Tab was pressed: nothing is read, started or refused
            return name, self.get_command(ctx, name), args[1:]
        if name.startswith("-") or name not in COMMANDS:
            raise UnknownName("command", name, COMMANDS, hint="dbadmin --help lists the commands")
        command = self.get_command(ctx, name)
        assert command is not None
        given = ctx.find_root().ensure_object(Options)
        given.command = name
        if not {"--help", "--version"} & set(args):
            self.prepare(name, ctx)
            ctx.default_map = {name: defaults(name, command, given)}
        return name, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands; nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands first: they are what one looks for."""
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)


def help_width() -> int:
    """The columns that help may take: as click would have it, which leaves two free and takes a hundred at most."""
    try:
        columns = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 0
        except (AttributeError, ValueError, OSError):
            columns = 0
    return max(min(columns or 80, WIDEST_HELP) - 2, 50)


def _module(name: str) -> str:
    return f"dbadmin.cli.commands.{name.replace('-', '_')}"


def write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Own options, then those that every command has."""
    own: list[tuple[str, str]] = []
    shared: list[tuple[str, str]] = []
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is not None:
            (shared if param.name in GLOBAL_NAMES or param.name == "help" else own).append(record)
    for title, records in (("Options", own), ("Global options (before or after the command)", shared)):
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def subcommand(name: str, **more: Any) -> Callable[[Callable[..., int]], click.Command]:
    """A command of this group; its first help line is the one in COMMANDS."""
    return click.command(name, cls=DbadminCommand, short_help=COMMANDS[name], **more)


def defaults(name: str, command: click.Command, given: Options) -> dict[str, Any]:
    """Values from [tool.dbadmin.<command>] and DBADMIN_<COMMAND>_<OPTION> for options that were not typed."""
    from dbadmin.app.config import command_defaults, load_settings

    known = {setting_name(param): param for param in command.params}
    try:
        settings = load_settings({"app": given.app, "config": given.config, "env_file": given.env_file})
        found = command_defaults(settings, name, known)
    except ConfigError:
        if name in SET_UP:
            return {}
        raise
    values: dict[str, Any] = {}
    for key, setting in found.items():
        of_application = key in STAY_SETTINGS and settings.values.get(key) is setting
        if key in known and not of_application:
            values[str(known[key].name)] = as_typed(known[key], setting.value)
            given.origins[str(known[key].name)] = setting.origin
    return values


def setting_name(param: click.Parameter) -> str:
    """What a parameter is called in a file or a variable: as its long option, with underscores.

    >>> setting_name(click.Option(["--write-revision", "directory"])), setting_name(click.Option(["-c", "code"]))
    ('write_revision', 'code')
    """
    long = [word for word in param.opts if word.startswith("--")]
    return long[0].removeprefix("--").replace("-", "_") if long else str(param.name)


def as_typed(param: click.Parameter, value: Any) -> Any:
    """A configured value as if it had been typed: one text stands for a list of one."""
    if isinstance(param, click.Argument):
        return None  # what a command is about is never a default
    if getattr(param, "multiple", False):
        return list(value) if isinstance(value, list | tuple) else [value]
    return value
