"""Backups asked for: which database is meant, and which ones are not written to by mistake."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.app import Settings, load_application
from dbadmin.copies.make import plain_url
from dbadmin.copies.restoring import opened, restore_backup
from dbadmin.database import Database
from dbadmin.dialects import PACKAGES, Progress, of_url, urls
from dbadmin.dialects.connecting import has_creator
from dbadmin.errors import ConfigError, DbadminError
from dbadmin.protected import protecting, refuse_write
from dbadmin.results import RestoreReport
from dbadmin.rollback.ask import configured_urls
from dbadmin.rollback.origin import configured_as

if TYPE_CHECKING:
    from sqlalchemy import URL


def restore(
    path: "str | os.PathLike[str]",
    *,
    to: "str | URL",
    settings: Settings,
    confirm: str | None = None,
    progress: Progress,
) -> RestoreReport:
    """Restore a backup into the database at `to` (a URL, or env:NAME); see `restore_backup`.

    Refused where that database is protected or the configured one, unless `confirm` is its name, typed at a
    terminal where it is protected.
    """
    url = plain_url(urls.with_installed_driver(settings.read_url(str(to), "--to") if isinstance(to, str) else to))
    patterns = settings.get("protected", ())
    if confirm is not None:
        refuse_write(url, patterns, confirmed=confirm)

    def refusal(url: "URL") -> str | None:
        return protecting(url, patterns) or _configured(url, settings)

    return restore_backup(Path(path).expanduser(), url, confirm=confirm, refusal=refusal, progress=progress)


def _urls_of(settings: Settings) -> "Iterator[URL]":
    """Where the application's engine leads, and its env.py; nothing where none is configured."""
    try:
        application = load_application(settings, models=False)
    except ConfigError:
        return
    captured = application.captured
    if captured is not None and captured.url is not None and not captured.by_function:
        yield captured.url
    if not has_creator(application.engine):
        yield application.url
        return
    database = Database(application.engine)
    try:
        yield database.whole_url
    finally:
        database.close()


def _configured(url: "URL", settings: Settings) -> str | None:
    """Why a URL leads to the application's own database, or may do so; None where it does not."""
    try:
        found = [*_urls_of(settings), *configured_urls(settings, None)]
    except DbadminError as error:
        return f"may be the configured database, as the application cannot be asked ({error.message})"
    address = of_url(url).address
    for other in found:
        known = other.get_backend_name() in PACKAGES and of_url(other).name == of_url(url).name
        if known and address.of_url(other).same_as(address.of_url(url)):
            return "is the configured database"
    if address.of_url(url).server[0] == "file":
        return None  # files are told apart by what they are, not by who answers
    database = opened(url)
    try:
        return configured_as(database, found)
    finally:
        database.close()
