"""What SQLAlchemy makes of the URLs in env.py's answer, for a process that does without SQLAlchemy."""

from contextlib import suppress
from typing import Any

from dbadmin.migrations.project import Project
from dbadmin.secrets import mask


def describe(answer: dict[str, Any], project: Project) -> None:
    """Add `cut`, what may be kept of each URL where that has a password (else None), and `way`, see `_way`."""
    for one in (answer, *answer["databases"]):
        one["cut"] = _cut(one["url"])
    answer["way"] = None
    if answer["url"] is not None and not answer.get("by_function"):
        with suppress(Exception):  # whoever needs the database is told what is wrong with its URL
            answer["way"] = _way(answer["url"], answer["url_origin"], project)


def _cut(text: str | None) -> str | None:
    from sqlalchemy import make_url

    if text is None:
        return None
    try:
        url = make_url(text)
    except Exception:
        return ""
    secret = url.password is not None or any("pass" in key.lower() or "secret" in key.lower() for key in url.query)
    return url.set(password=None, query={}).render_as_string() if secret else None


def _way(text: str, origin: str, project: Project) -> dict[str, Any] | None:
    """How the driver would connect there, password included, and the URL as it is shown; None for a placeholder."""
    from dbadmin.dialects import bare, urls

    url = urls.absolute(urls.parse(text, origin), project.directory)
    if urls.is_placeholder(url):
        return None
    url = urls.with_installed_driver(url)
    driver, cargs, cparams = bare.given(url)
    return {
        "driver": driver, "cargs": cargs, "cparams": cparams,
        "shown": mask(url.render_as_string(hide_password=True)),
    }  # fmt: skip
