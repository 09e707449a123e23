"""`dbadmin notebook`: what it copies, and JupyterLab on it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Run
from servers import TestDatabase
from shells import TABLES, application

import dbadmin
from dbadmin.shell import notebook

WITHOUT_LAB = "import sys; sys.modules['jupyterlab'] = None; from dbadmin.cli import main; main()"


@pytest.fixture
def app(tmp_path: Path, sqlite: TestDatabase) -> Path:
    sqlite.execute(*TABLES)
    return application(tmp_path / "small", sqlite.url)


def test_notebooks_are_copied_and_those_that_are_there_are_kept(app: Path, run: Run) -> None:
    names = [path.name for path in notebook.packaged()]
    assert names
    first = json.loads(run("notebook", "mine", "--no-lab", "--format", "json", cwd=app).stdout)
    assert (first["copied"], first["kept"]) == (names, [])
    changed = app / "mine" / names[0]
    changed.write_text("changed")
    again = json.loads(run("notebook", "mine", "--no-lab", "--format", "json", cwd=app).stdout)
    assert (again["copied"], again["kept"]) == ([], names)
    assert changed.read_text() == "changed"
    (app / "file").touch()
    refused = run("notebook", "file", "--no-lab", cwd=app)
    assert (refused.code, "is a file" in refused.stderr) == (2, True)


def test_without_jupyterlab_the_files_are_there_and_the_extra_is_named(app: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LAB, "notebook"], cwd=app, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(dbadmin.__file__).parent.parent)},
    )  # fmt: skip
    assert done.returncode == 4
    assert "dbadmin-toolkit[notebook]" in done.stderr
    assert list((app / "notebooks").glob("*.ipynb"))


def test_kernels_are_told_what_the_options_said_and_no_argument_list_is(tmp_path: Path) -> None:
    from dbadmin.app import load_settings

    (tmp_path / "x.toml").touch()
    url = "postgresql+psycopg://me:hunter22@host/shop"
    found = notebook.variables(load_settings({"url": url, "app": str(tmp_path), "config": None}))
    assert found == {"DBADMIN_APP": str(tmp_path), "DBADMIN_URL": url}


@pytest.mark.slow
def test_jupyterlab_serves_the_notebooks(app: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--", "--allow-root", f"--port={port}", "--IdentityProvider.token=", "--ServerApp.port_retries=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dbadmin", "notebook", "--no-browser", *options], cwd=app,
        env={**os.environ, "PYTHONPATH": str(Path(dbadmin.__file__).parent.parent), "HOME": str(app)},
    )  # fmt: skip
    try:
        listed = None
        for _ in range(300):
            with suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents") as answer:
                    listed = json.load(answer)
                break
            time.sleep(0.2)
        assert listed is not None
        assert {"exploring.ipynb"} <= {entry["name"] for entry in listed["content"]}
    finally:
        process.terminate()
        process.wait(timeout=30)
