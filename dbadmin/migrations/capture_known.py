"""env.py's answer of last time, where nothing that it was made from has changed since.

Passwords are not kept: a URL with one is kept as the place where it stands (alembic.ini, a variable), or without it.
"""

from collections.abc import Mapping
from typing import Any

from dbadmin.migrations.project import Project, read_options
from dbadmin.migrations.remembered import Remembered, state


def known_answer(project: Project, environment: Mapping[str, str], variables: Mapping[str, str]) -> Any:
    """The answer, or None. `environment` is what env.py has, `variables` are these and those of the .env file."""
    kept = _kept(project, environment, variables)
    if kept is None:
        return None
    answer = kept["answer"]
    for one in (answer, *answer["databases"]):
        one["url"], one["whole"] = _url(one["url"], project, variables)
    return answer


def known_seen(project: Project, environment: Mapping[str, str], variables: Mapping[str, str]) -> Any:
    """What the answer that is kept was made from, None where there is none that would be the same again."""
    kept = _kept(project, environment, variables)
    return None if kept is None else kept["seen"]


def _kept(project: Project, environment: Mapping[str, str], variables: Mapping[str, str]) -> Any:
    kept = _of(project).load()
    if not isinstance(kept, dict):
        return None
    now = state(kept["seen"], environment, map(variables.get, kept["used"]))
    return kept if now == kept["state"] else None


def keep_answer(
    answer: Mapping[str, Any],
    project: Project,
    environment: Mapping[str, str],
    variables: Mapping[str, str],
    since: int,
) -> None:
    """Keep an answer of the child's, which was asked `since` (ns), where it would be the same again."""
    seen = answer.get("seen")
    if seen is None or seen["others"] is not None or "error" in answer or answer["style"] == "globals":
        return
    folders = {str(project.directory), str(project.script_location), *seen["folders"]}
    files = {str(project.env_py), *([str(project.ini)] if project.ini else []), *seen["files"]}
    kept: dict[str, Any] = {name: value for name, value in answer.items() if name not in ("seen", "way")}
    kept["databases"] = [dict(one) for one in answer["databases"]]
    for one in (kept, *kept["databases"]):
        cut = one.pop("cut")
        if cut is not None:  # it has a password
            one["url"] = _place(one["url"], project, variables) or {"cut": cut}
    urls = [one["url"] for one in (kept, *kept["databases"]) if isinstance(one["url"], dict)]
    if len(kept["databases"]) > 1 and any("cut" in url for url in urls):
        return  # others are connected to by their URLs
    used = sorted({url["variable"] for url in urls if "variable" in url})
    whole = {"files": sorted(files), "folders": sorted(folders), "names": seen["names"]}
    now = state(whole, environment, map(variables.get, used), since=since)
    if now is not None:
        _of(project).save({"seen": whole, "used": used, "state": now, "answer": kept})


def _of(project: Project) -> Remembered:
    about = [str(project.ini), project.section, str(project.script_location), str(project.directory),
             dict(project.options), list(project.x)]  # fmt: skip
    return Remembered("env", project.directory, about)


def _place(text: str, project: Project, variables: Mapping[str, str]) -> dict[str, str] | None:
    """Where this URL stands: in alembic.ini or a variable, as it is or as SQLAlchemy would write it."""
    option = read_options(project.ini, project.section, project.options).get_main_option("sqlalchemy.url")
    stands = [(option, {"option": "sqlalchemy.url"})] if option else []
    stands += [(value, {"variable": name}) for name, value in variables.items() if "://" in value]
    for written in (str, _written):  # the second takes importing SQLAlchemy
        for value, place in stands:
            if written(value) == text:
                return place
    return None


def _written(text: str) -> str:
    from sqlalchemy import make_url

    try:
        return make_url(text).render_as_string(hide_password=False)
    except Exception:
        return text


def _url(kept: Any, project: Project, variables: Mapping[str, str]) -> tuple[str | None, bool]:
    """The URL, and whether it is whole."""
    if not isinstance(kept, dict):
        return kept, True
    if "variable" in kept:
        return variables.get(kept["variable"]), True
    if "option" in kept:
        return read_options(project.ini, project.section, project.options).get_main_option(kept["option"]), True
    return kept["cut"] or None, False
