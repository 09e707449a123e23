"""Options that every command has, and the types of values that options take."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from dbadmin.cli.state import Options
from dbadmin.errors import UsageError

FORMATS = ("table", "json", "csv", "markdown", "html")
DRAWN = ("mermaid", "dot", "svg")
"""What `diagram` has besides."""
FINDINGS = ("review", "inspect")
"""Commands whose findings can be told as SARIF."""
FORMAT_HELP = "Of stdout: table, json, csv, markdown or html."
OUTPUT_HELP = "Also write .json .csv .md .html .xml or .parquet; repeatable."
DRAWN_FORMAT_HELP = "Of stdout: mermaid, dot, svg, table, json, csv, markdown or html."
DRAWN_OUTPUT_HELP = "Also write .svg .mmd .dot .json .csv .md or .html; repeatable."
DRAWN_SUFFIXES = (".svg", ".mmd", ".dot")
SUFFIXES = (".json", ".csv", ".md", ".html", ".xml", ".sarif", ".parquet", *DRAWN_SUFFIXES)
ROWS = ("recent", "group", "join", "sql")
"""Commands whose rows a Parquet file can hold."""
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    FloatType = click.ParamType[float]
    SizeType = click.ParamType[int]
    PathType = click.ParamType[Path]
    AnyType = click.ParamType[Any]
else:  # before click 8.4 the class takes no arguments
    FloatType = SizeType = PathType = AnyType = click.ParamType

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | click.Command)


class Duration(FloatType):
    """Seconds, or a number with a unit; off, none and 0 are no limit."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds as a float.

        >>> [Duration().convert(text, None, None) for text in ("500ms", "2s", "5m", "1.5", "off")]
        [0.5, 2.0, 300.0, 1.5, 0.0]
        """
        written = str(value).strip().lower()
        if written in ("off", "none"):
            return 0.0
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", written)
        if found is None:
            self.fail(f"{value!r} is no duration (seconds, or 500ms, 2s, 5m, 1h)", param, ctx)
        return float(found[1]) * UNITS[found[2]]


class Size(SizeType):
    """Bytes, or a number with a unit: kB, MB, GB, TB in thousands, KiB, MiB, GiB, TiB in steps of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes.

        >>> [Size().convert(text, None, None) for text in ("20GB", "1.5 GiB", "512", "1kb")]
        [20000000000, 1610612736, 512, 1000]
        """
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?", str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is no size (bytes, or 500MB, 20GB, 4GiB)", param, ctx)
        base = 1024 if found[3] else 1000
        return int(float(found[1]) * base ** (" kmgt".index(found[2]) if found[2] else 0))


class ReportFile(PathType):
    """A file whose suffix says which format it takes."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Path":
        """The path; refused at once where nothing could be written later."""
        from pathlib import Path

        path = Path(value)
        if path.suffix.lower() not in SUFFIXES:
            self.fail(f"{value}: the suffix decides the format, one of {' '.join(SUFFIXES)}", param, ctx)
        if path.is_dir():
            self.fail(f"{value} is a directory", param, ctx)
        if not path.absolute().parent.is_dir():
            self.fail(f"{value}: there is no directory {path.parent}", param, ctx)
        return path

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Tab: a file."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


class Items(AnyType):
    """A list: repeated or comma-separated. Tables of a configuration file pass as they are."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A tuple of texts; `flat` joins those of a repeated option."""
        if isinstance(value, Mapping | tuple):
            return value
        return tuple(part.strip() for part in str(value).split(",") if part.strip())


def flat(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The items of a repeated option in one tuple."""
    return tuple(item for value in values for item in (value if isinstance(value, tuple) else (value,)))


def items_option(*names: str, **more: Any) -> Callable[[Decorated], Decorated]:
    """A list option: repeated or comma-separated."""
    return click.option(*names, **{"type": Items(), "multiple": True, "callback": flat, **more})


def confirm_option(help: str = "The database's name, where it is protected.") -> Callable[[Decorated], Decorated]:
    """`--confirm NAME`, of every command that writes to a database: see `dbadmin.protected.refuse_write`."""
    return click.option("--confirm", metavar="NAME", help=help)


def keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Store a global option in the run's Options; what stands after the command wins."""
    given = ctx.find_root().ensure_object(Options)
    name = str(param.name)
    source = ctx.get_parameter_source(name)
    if source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
        if name in ("output", "x"):
            value = (*getattr(given, name), *value)
        setattr(given, name, value)
    elif source is ParameterSource.DEFAULT_MAP and not getattr(given, name):
        setattr(given, name, value)


def show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Print the version and end."""
    if value and not ctx.resilient_parsing:
        import dbadmin

        click.echo(f"dbadmin {dbadmin.__version__}")
        ctx.exit()


def kept(*names: str, **more: Any) -> click.Option:
    """A global option."""
    return click.Option(names, expose_value=False, callback=keep, **more)


def offered_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The formats that a command has, for Tab; before the command is typed, all."""
    name = None if ctx.parent is None else ctx.command.name
    more = ("sarif",) if name is None or name in FINDINGS else ()
    drawn = DRAWN if name is None or name == "diagram" else ()
    return [form for form in (*FORMATS, *more, *drawn) if form.startswith(incomplete)]


def global_options(*, drawn: bool = False) -> list[click.Option]:
    """Fresh global options, for the group and for each command; `drawn`: one that makes a drawing."""
    form_help, output_help = (DRAWN_FORMAT_HELP, DRAWN_OUTPUT_HELP) if drawn else (FORMAT_HELP, OUTPUT_HELP)
    choice = click.Choice((*FORMATS, "sarif", *DRAWN))
    form = kept(
        "--format", type=choice, is_eager=True, metavar="FORMAT", help=form_help, shell_complete=offered_formats
    )
    output = kept("--output", type=ReportFile(), multiple=True, metavar="FILE", help=output_help)
    return [
        form,
        output,
        kept("--url", metavar="URL", help="The database, or env:NAME."),
        kept("--app", type=click.Path(file_okay=False), metavar="DIR", help="Look for the application here."),
        kept("--config", type=click.Path(), metavar="FILE", help="pyproject.toml, dbadmin.toml or alembic.ini."),
        kept("--env-file", type=click.Path(), metavar="FILE", help="Variables for the application, instead of .env."),
        kept("-x", "x", multiple=True, metavar="NAME=VALUE", help="For env.py, as alembic -x; repeatable."),
        kept("--echo", is_flag=True, help="Show SQL with its time on stderr."),
        kept("--statement-timeout", type=Duration(), metavar="TIME", help="500ms, 2s, 5m or off."),
        kept("--lock-timeout", type=Duration(), metavar="TIME", help="How long to wait for a lock."),
        kept("--debug", is_flag=True, is_eager=True, help="Show tracebacks."),
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show_version,
            help="Show the version and exit.",
        ),
    ]  # fmt: skip


GLOBAL_NAMES = frozenset(str(option.name) for option in global_options())


def check_outputs(given: Options, command: str) -> None:
    """Refuse a form or a report that this command does not have, before any work is done."""
    if given.format in DRAWN and command != "diagram":
        raise UsageError(f"{command} has no {given.format} form", hint=f"formats: {', '.join(FORMATS)}")
    if given.format == "sarif" and command not in FINDINGS:
        raise UsageError(f"{command} has no sarif form", hint=f"{' and '.join(FINDINGS)} have")
    for path in given.output:
        suffix = path.suffix.lower()
        if suffix == ".parquet" and command not in ROWS:
            raise UsageError(f"--output {path}: {command} has no rows", hint=f"{', '.join(ROWS)} have")
        other = (suffix in DRAWN_SUFFIXES and command != "diagram") or (suffix == ".sarif" and command not in FINDINGS)
        if other or (suffix == ".xml" and command != "verify-rollback"):
            raise UsageError(f"--output {path}: {command} has no {suffix} report", hint="use .json, .csv, .md or .html")
