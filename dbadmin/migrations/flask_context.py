"""Flask-Migrate's env.py asks `current_app`: it gets the application as `flask db` would give it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbadmin.migrations.project import Project


@contextmanager
def flask_context(project: "Project") -> Iterator[None]:
    """The context of the application that `flask` finds here: FLASK_APP, also from .flaskenv and .env, which never win
    over a variable that is set; else wsgi.py or app.py.

    Nothing happens where env.py does not ask for it, or Flask is missing (env.py's own import says so).
    """
    if "current_app" not in project.env_py.read_text(encoding="utf-8", errors="replace"):
        yield
        return
    try:
        from flask.cli import ScriptInfo, load_dotenv
        from flask.helpers import get_load_dotenv
    except ImportError:
        yield
        return
    if get_load_dotenv(True):
        load_dotenv()
    with ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app().app_context():
        yield
