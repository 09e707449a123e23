"""Writing a revision script: by the project's own template and file names, as `alembic revision` would."""

from pathlib import Path
from typing import Any

from dbadmin.errors import ConfigError, UserCodeError
from dbadmin.migrations.project import quietly, reading
from dbadmin.migrations.scripts import Scripts


def write_revision(
    scripts: Scripts, message: str, upgrades: str, downgrades: str, *, directory: Path | None = None
) -> Path:
    """Write a revision that follows the head, and give its path; nothing is imported or run.

    `upgrades` and `downgrades` are the bodies of the functions. `directory` is where it goes instead of beside the
    head. Raises ConfigError where there are several heads or no template, UserCodeError where the template fails.
    """
    from alembic.script import ScriptDirectory
    from alembic.util import format_as_comma, rev_id

    if len(scripts.heads) > 1:
        raise ConfigError(f"{len(scripts.heads)} heads: {', '.join(scripts.heads)}", hint="alembic merge heads")
    with reading(scripts.project.ini), quietly():
        of_project = ScriptDirectory.from_config(scripts.project.config())
        made_at = of_project._generate_create_date()
    head = scripts.heads[0] if scripts.heads else None
    where = directory or (Path(scripts.get(head).file).parent if head else scripts.project.version_locations[0])
    if not where.is_dir():
        raise ConfigError(f"there is no directory {where}", hint="make it, or leave it out")
    revision = rev_id()
    path = Path(of_project._rev_path(where, revision, message, made_at))  # a str before Alembic 1.16
    values: dict[str, Any] = {
        "up_revision": revision, "down_revision": head, "branch_labels": None, "depends_on": None,
        "create_date": made_at, "comma": format_as_comma, "message": message, "imports": "",
        "upgrades": upgrades, "downgrades": downgrades,
    }  # fmt: skip
    text = rendered(scripts.path / "script.py.mako", values)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding=of_project.output_encoding) as file:
        file.write(text)
    return path


def rendered(template: Path, values: dict[str, Any]) -> str:
    """The script that a Mako template makes."""
    from mako.template import Template

    if not template.is_file():
        raise ConfigError(f"there is no template {template}", hint="alembic init makes one")
    try:
        text: str = Template(filename=str(template)).render_unicode(**values)
    except Exception as error:
        raise UserCodeError(f"{template}: {type(error).__name__}: {error}", hint="correct the template") from error
    return text
