"""What is said of a command line that cannot be read: which word is wrong, and what to type instead."""

import re
from collections.abc import Iterator

import click
from click.core import ParameterSource

from dbadmin.cli.options import Duration, Size
from dbadmin.cli.state import Options
from dbadmin.errors import UnknownName, UsageError, nearest

EXAMPLES = {"days": "7", "limit": "10", "offset": "20", "steps": "1", "users": "50", "posts": "500"}
"""A number that an option could be given, by its name."""
_VALUE = re.compile(r"(?P<value>.*?) is (?:not|no) ", re.DOTALL)


def in_our_words(error: click.ClickException, group: click.Group, given: Options) -> UsageError:
    """What click found wrong in a command of the group, as dbadmin says it."""
    if not isinstance(error, click.UsageError):
        return UsageError(error.format_message(), hint="dbadmin --help")
    ctx = error.ctx or _context(group, given)
    helped = f"{ctx.command_path} --help"
    if isinstance(error, click.NoSuchOption):
        known = {word for param in _options(ctx) for word in (*param.opts, *param.secondary_opts)}
        return UnknownName("option", error.option_name, known, hint=helped)
    if isinstance(error, click.MissingParameter):
        needed = " and ".join(_needed(ctx))
        return UsageError(f"{ctx.info_name} needs {needed}", hint=_usage(ctx))
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _bad_value(error, error.param, ctx, given)
    if isinstance(error, click.BadOptionUsage):
        return _bad_use(error, ctx, helped)
    extra = re.search(r"unexpected extra arguments? \((.*)\)", error.message, re.DOTALL)
    if extra is not None:
        return UsageError(f"{ctx.info_name} does not take so many words: {extra[1]} is too much", hint=_usage(ctx))
    return UsageError(error.format_message(), hint=helped)


def wanted(param: click.Parameter) -> tuple[str, str] | None:
    """What a parameter takes, and an example; None where its own message says more.

    >>> wanted(click.Option(["--days"], type=click.FloatRange(min=0, min_open=True)))
    ('a number above 0', '7')
    >>> wanted(click.Option(["--lock-timeout"], type=Duration()))
    ('seconds, or 500ms, 2s, 5m, 1h, off', '30s')
    """
    kind = param.type
    if isinstance(kind, Duration):
        return "seconds, or 500ms, 2s, 5m, 1h, off", "30s"
    if isinstance(kind, Size):
        return "bytes, or 500MB, 20GB, 4GiB", "20GB"
    if isinstance(kind, click.Choice):
        names = [str(one) for one in kind.choices]
        return f"one of {', '.join(names)}", names[0]
    if isinstance(kind, click.IntRange | click.FloatRange):
        what = "a whole number" if isinstance(kind, click.IntRange) else "a number"
        least = "" if kind.min is None else f" above {kind.min}" if kind.min_open else f", {kind.min} or more"
        return what + least, EXAMPLES.get(str(param.name), "1")
    return None


def _context(group: click.Group, given: Options) -> click.Context:
    """The context of the command that was meant, which click's parser does not tell."""
    above = click.Context(group, info_name="dbadmin")
    command = group.get_command(above, given.command) if given.command else None
    return click.Context(command, parent=above, info_name=given.command) if command is not None else above


def _bad_value(error: click.BadParameter, param: click.Parameter, ctx: click.Context, given: Options) -> UsageError:
    name = _called(param)
    origin = given.origins.get(str(param.name))
    configured = ctx.get_parameter_source(str(param.name)) is ParameterSource.DEFAULT_MAP and origin
    where = f"{origin}: " if configured else ""
    takes = wanted(param)
    if takes is None:
        return UsageError(f"{where}{name}: {error.message.rstrip('.')}", hint=_usage(ctx))
    what, example = takes
    found = _VALUE.match(error.message)
    wrong = f", not {found['value'].strip(chr(39))!r}" if found else ""
    if isinstance(param.type, click.Choice) and found:
        example = next(iter(nearest(found["value"].strip("'"), map(str, param.type.choices))), example)
    return UsageError(f"{where}{name} takes {what}{wrong}", hint=f"such as {name} {example}")


def _bad_use(error: click.BadOptionUsage, ctx: click.Context, helped: str) -> UsageError:
    """An option without its value, or a switch with one."""
    name = error.option_name
    param = next((one for one in _options(ctx) if name in (*one.opts, *one.secondary_opts)), None)
    if param is None or param.is_flag:
        return UsageError(f"{name} is a switch and takes no value", hint=f"write {name} alone")
    takes = wanted(param)
    if takes is None:
        return UsageError(f"{name} needs a value", hint=f"{name} {_shown(param)}; {helped}")
    return UsageError(f"{name} needs a value: {takes[0]}", hint=f"such as {name} {takes[1]}")


def _options(ctx: click.Context) -> Iterator[click.Option]:
    return (param for param in ctx.command.get_params(ctx) if isinstance(param, click.Option) and not param.hidden)


def _called(param: click.Parameter) -> str:
    long = [word for word in param.opts if word.startswith("--")]
    return long[0] if long else str(param.metavar or param.human_readable_name)


def _needed(ctx: click.Context) -> Iterator[str]:
    """What a command cannot do without: `TABLE`, `--by PATH`."""
    for param in ctx.command.get_params(ctx):
        if param.required:
            shown = _shown(param)
            yield f"{_called(param)} {shown}" if isinstance(param, click.Option) else shown


def _shown(param: click.Parameter) -> str:
    """What stands for a parameter's value."""
    return str(param.metavar or (param.name if isinstance(param, click.Argument) else param.type.name)).upper()


def _usage(ctx: click.Context) -> str:
    """What to type, as far as it is the same every time.

    >>> command = click.Command("recent", params=[click.Argument(["table"]), click.Option(["--limit"])])
    >>> _usage(click.Context(command, info_name="recent", parent=click.Context(click.Group(), info_name="dbadmin")))
    'dbadmin recent TABLE; dbadmin recent --help tells the options'
    """
    own = [] if ctx.parent is None else [str(ctx.info_name), *_needed(ctx)]
    return f"{' '.join(['dbadmin', *own])}; {' '.join(['dbadmin', *own[:1]])} --help tells the options"
