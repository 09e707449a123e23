"""Backups asked for: which database is meant, and which ones are not written to by mistake."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.app import Settings, load_application
from dbadmin.app.load import Application
from dbadmin.copies.make import plain_url
from dbadmin.copies.restoring import opened, restore_backup
from dbadmin.dialects import PACKAGES, Progress, of_url, urls
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


def _configured(url: "URL", settings: Settings) -> str | None:
    """Why a URL leads to the application's own database, or may do so; None where it does not."""
    try:
        application: Application | None = load_application(settings, models=False)
    except ConfigError:
        application = None  # none is configured
    except DbadminError as error:
        return f"may be the configured database, as the application cannot be asked ({error.message})"
    found = list(configured_urls(settings, application.url if application else None))
    if application is not None and application.captured is not None and application.captured.url is not None:
        found.append(application.captured.url)
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
