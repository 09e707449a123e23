"""docs/reference/commands.md: every command with its arguments and options, asked of click."""

import re
from collections.abc import Iterator

import click

from dbadmin.app.values import NEVER_FROM_A_FILE
from dbadmin.cli import dbadmin
from dbadmin.cli.group import COMMANDS
from dbadmin.cli.options import GLOBAL_NAMES
from pages.writing import cell, code, paragraphs, table

HEAD = """# Commands and options

`dbadmin --help` lists the commands, `dbadmin COMMAND --help` says what is on this page. Every option but those marked
*typed only* may also stand in `[tool.dbadmin.COMMAND]` or in `DBADMIN_COMMAND_OPTION`
([configuration](configuration.md)). Lists are repeated or comma-separated; times are seconds, or 500ms, 2s, 5m.

## Exit codes

"""
CODES = {
    "0": "a good answer",
    "1": "bad news: behind under `--check`, a rollback that is not safe, findings at `--fail-on` or worse, "
    "`doctor` found something failed",
    "2": "usage or configuration",
    "3": "cannot connect, or the connection was lost",
    "4": "this engine or machine cannot do that, or an optional package is missing: the message names the extra",
    "5": "begun, but not finished or not proven: verdict `unproven`, a damaged backup, no space, a failed statement",
    "70": "a fault in dbadmin itself",
    "130": "interrupted (Ctrl-C)",
    "143": "terminated",
}
WORDS = (
    "The result is on stdout, everything else on stderr: `dbadmin status --format json | jq .state` meets no talk.\n"
)


def page() -> str:
    """The page."""
    context = click.Context(dbadmin, info_name="dbadmin")
    shared = [param for param in dbadmin.params if param.name in GLOBAL_NAMES]
    parts = [HEAD, table(("exit code", "meaning"), CODES.items()), f"\n{WORDS}"]
    parts += ["\n## Global options\n\nBefore or after the command.\n\n", options(shared, context)]
    for name in COMMANDS:
        command = dbadmin.get_command(context, name)
        assert command is not None
        parts.append(section(name, command, context))
    return "".join(parts)


def section(name: str, command: click.Command, above: click.Context) -> str:
    """What one command answers, how it is typed, an example, and its options."""
    context = click.Context(command, info_name=name, parent=above)
    said = paragraphs(command.help)
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [f"\n## {name}\n\n", code(" ".join(usage.split()), "text"), "\n"]
    parts += [f"{plain(text)}\n\n" for text in said if not text.startswith(EXAMPLE)]
    parts += ["For example:\n\n", code("\n".join(examples(command)), "sh"), "\n"]
    own = [param for param in command.params if isinstance(param, click.Option) and param.name not in GLOBAL_NAMES]
    parts += [options(own, context)] if own else ["No options of its own.\n"]
    return "".join(parts)


EXAMPLE = "For example: "


def examples(command: click.Command) -> list[str]:
    """The command lines that the help gives."""
    found = [text.removeprefix(EXAMPLE) for text in paragraphs(command.help) if text.startswith(EXAMPLE)]
    assert found, f"the help of {command.name} gives no example"
    return found


def plain(text: str) -> str:
    """A paragraph of help as Markdown: signs that would be markup stay signs."""
    for sign, escaped in (("\\", "\\\\"), ("*", "\\*"), ("<", "&lt;"), ("[", "\\[")):
        text = text.replace(sign, escaped)
    return re.sub(r"(?<![\w-])--[a-z][a-z-]+", r"`\g<0>`", text)


def options(params: list[click.Parameter], context: click.Context) -> str:
    """A table of options."""
    return table(("option", "meaning"), rows(params, context))


def rows(params: list[click.Parameter], context: click.Context) -> Iterator[tuple[str, str]]:
    for param in params:
        assert isinstance(param, click.Option)
        record = param.get_help_record(context)
        assert record is not None, param.name
        marks = " *Typed only.*" if param.name in NEVER_FROM_A_FILE else ""
        yield f"`{cell(record[0])}`".replace("\\|", "|"), plain(record[1]) + marks
