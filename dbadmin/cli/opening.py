"""The Admin that a command asks, opened as the global options say."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbadmin.cli.state import options
from dbadmin.errors import UsageError

if TYPE_CHECKING:
    from dbadmin.admin import Admin
    from dbadmin.app import Settings
    from dbadmin.app.load import Loader


def settings() -> "Settings":
    """What the options, the environment and the files say; nothing is connected to."""
    from dbadmin.app import load_settings

    given = options()
    names = ("url", "app", "config", "env_file", "x", "echo", "statement_timeout", "lock_timeout")
    return load_settings({name: getattr(given, name) for name in names})


@contextmanager
def opened(
    *,
    write: bool = False,
    sandbox: bool = False,
    sandbox_limit: float | None = None,
    confirm: str | None = None,
    import_models: bool = True,
    remember: bool = False,
    loader: "Loader | None" = None,
) -> "Iterator[Admin]":
    """An Admin for the database that the options name, closed afterwards.

    `confirm` is what `--confirm` says: the name of a protected database that is to be written to. A `loader` of the
    same options has begun already.
    """
    from dbadmin.admin import open_admin

    if confirm is not None and not (write or sandbox):
        raise UsageError("--confirm goes with --write", hint="give both, or neither")
    given = options()
    admin = open_admin(
        url=given.url,
        app=given.app,
        config=given.config,
        env_file=given.env_file,
        x=given.x,
        echo=given.echo,
        statement_timeout=given.statement_timeout,
        lock_timeout=given.lock_timeout,
        write=write,
        sandbox=sandbox,
        sandbox_limit=sandbox_limit,
        confirm=confirm,
        import_models=import_models,
        remember=remember,
        loader=loader,
    )
    try:
        yield admin
    finally:
        admin.close()
