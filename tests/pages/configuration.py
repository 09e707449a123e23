"""docs/reference/configuration.md: every key of [tool.dbadmin], where it may stand, and what wins."""

from collections.abc import Iterator

import click

from dbadmin.app.values import DURATIONS, KEYS, LISTS, NEVER_FROM_A_FILE, SWITCHES
from dbadmin.cli import dbadmin
from dbadmin.cli.group import COMMANDS, setting_name
from dbadmin.cli.options import GLOBAL_NAMES
from pages.writing import table

HEAD = """# Configuration

A project whose Alembic works needs to write nothing. `dbadmin doctor` says what was found and where each value came
from; `dbadmin init` writes what it finds.

## Order

The first that has a value wins:

1. an option
2. a variable `DBADMIN_…`
3. `[tool.dbadmin]` of pyproject.toml, or the same keys in dbadmin.toml
4. `[tool.alembic]` or alembic.ini: metadata and URL, taken from env.py without connecting
5. `DATABASE_URL`

Variables are those of the environment, then those of the .env. Files are looked for here, upward, then one level down
(backend, src, app, server); where several are found they are listed, and the command exits with 2.

## Keys of `[tool.dbadmin]`

"""
ABOUT: dict[str, tuple[str, str]] = {
    "session": (
        '`"app.db:SessionLocal"`',
        """The application's sessions: sessionmaker, async_sessionmaker, scoped_session, Engine, AsyncEngine, or a
        `get_db` generator. dbadmin connects through it, with its driver, connect_args and events.""",
    ),
    "models": ('`["app.*.models"]`', "Modules (globs allowed), a Base or a MetaData whose tables are the models."),
    "alembic": ('`"alembic.ini"`', "Alembic's configuration, where it is not found by itself."),
    "url": ('`"env:DATABASE_URL"`', "The database; never needed where `session` is given. Best as `env:NAME`."),
    "protected": ('`["prod"]`', "Databases that take no write without `--confirm` ([protected](../protected.md))."),
    "sensitive": (
        '`["password", "iban"]`',
        """Words in names of columns that are left out of whole rows and samples; instead of password, passwd,
        secret, token, api_key, hash.""",
    ),
    "x": ('`["tenant=acme"]`', "What env.py reads by `context.get_x_argument()`, as `alembic -x` hands it over."),
    "timezone": ('`"Europe/Berlin"`', "What columns without a time zone mean, for `recent --days`; UTC unless given."),
    "env_file": ('`".env.local"`', "Variables for the application, instead of .env."),
    "format": ('`"json"`', "What stdout gets, as `--format`."),
    "statement_timeout": ('`"30s"`', "How long a statement may take; seconds, or 500ms, 2s, 5m, off."),
    "lock_timeout": ('`"2s"`', "How long to wait for a lock."),
    "echo": ("`true`", "Show SQL with its time on stderr."),
    "debug": ("`true`", "Show tracebacks."),
}
"""Key → an example, and what it is."""
COMMANDS_HEAD = """
## Options of commands

Each option of a command is a key of `[tool.dbadmin.COMMAND]`, with underscores, and a variable
`DBADMIN_COMMAND_OPTION`:

```toml
[tool.dbadmin.inspect]
fail_on = "warning"
ignore = [{key = "no-primary-key:audit_log", reason = "only ever appended to"}]

[tool.dbadmin.verify-rollback]
lock_budget = "500ms"
accept = [{revision = "a27f60c4b9e8", code = "values-changed", object = "users.*", reason = "states merged on purpose"}]
```

```sh
DBADMIN_RECENT_LIMIT=50 DBADMIN_VERIFY_ROLLBACK_MAX_COPY=20GB dbadmin recent blog_posts
```

"""


def page() -> str:
    """The page."""
    parts = [HEAD, table(("key", "type", "example", "meaning"), keys()), COMMANDS_HEAD]
    parts.append(table(("table", "keys"), tables()))
    typed = ", ".join(f"`--{name.replace('_', '-')}`" for name in NEVER_FROM_A_FILE)
    parts.append(f"\nNever from a file or a variable, typed only: {typed}.\n")
    return "".join(parts)


def keys() -> Iterator[tuple[str, ...]]:
    for name in KEYS:
        example, meaning = ABOUT[name]
        yield f"`{name}`", type_of(name), example, meaning


def type_of(name: str) -> str:
    """The type of a key in words."""
    for names, word in ((LISTS, "list of texts"), (DURATIONS, "time"), (SWITCHES, "true or false")):
        if name in names:
            return word
    return "text"


def tables() -> Iterator[tuple[str, str]]:
    context = click.Context(dbadmin)
    for name in COMMANDS:
        command = dbadmin.get_command(context, name)
        assert command is not None
        own = [
            f"`{setting_name(param)}`"
            for param in command.params
            if isinstance(param, click.Option) and param.name not in (*GLOBAL_NAMES, *NEVER_FROM_A_FILE)
        ]
        if own:
            yield f"`{name}`", " ".join(own)
