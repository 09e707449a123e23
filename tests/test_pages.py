"""docs/reference is what the code says, and complete; the site builds without a network, and no link is broken."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from pages import about_checks, about_findings, commands, configuration, drift, json_keys
from pages.every import DOCS, PAGES, text

from dbadmin import results
from dbadmin.app.values import KEYS
from dbadmin.cli import dbadmin
from dbadmin.cli.group import COMMANDS
from dbadmin.health import checks
from dbadmin.results import Result
from dbadmin.rollback.verdict import CODES

ROOT = DOCS.parent


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    stale = f"docs/{name} is stale: python -m tests.pages writes it"
    assert (DOCS / name).read_text(encoding="utf-8") == text(name), stale


def test_every_finding_check_key_and_kind_of_drift_is_told_of() -> None:
    assert set(about_findings.ABOUT) == set(CODES)
    assert set(about_checks.EXAMPLES) == {check.name for check in checks().checks}
    assert set(configuration.ABOUT) == set(KEYS)
    assert drift.kinds() <= set(drift.EXAMPLES)


def test_every_result_of_a_command_is_told_of() -> None:
    told = {name for names in json_keys.COMMANDS.values() for name in names}
    every = {name for name in results.__all__ if is_result(getattr(results, name))}
    assert told == every - {"Result"}


def is_result(each: Any) -> bool:
    return isinstance(each, type) and issubclass(each, Result)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_on_the_page_and_the_help_has_an_example_that_can_be_typed(name: str) -> None:
    context = click.Context(dbadmin, info_name="dbadmin")
    command = dbadmin.get_command(context, name)
    assert command is not None
    section = commands.section(name, command, context)
    own = {word for param in command.params if param.name not in commands.GLOBAL_NAMES for word in param.opts}
    assert {word for word in own if word.startswith("-")} <= set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", section))
    for line in commands.examples(command):
        words = shlex.split(line)
        assert words[:2] == ["dbadmin", name]
        command.make_context(name, words[2:], parent=context).close()


def test_an_option_is_called_in_a_file_as_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "dbadmin.toml").write_text("[inspect]\nlist = true\n")
    done = subprocess.run(
        [sys.executable, "-m", "dbadmin", "inspect"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, "fk-without-index" in done.stdout) == (0, True), done.stderr


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "search" / "search_index.json").exists()
    loaded = re.compile(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")
    for page in tmp_path.rglob("*.html"):
        if page.parent.name != "examples":
            found = [url for url in loaded.findall(page.read_text(encoding="utf-8")) if "canonical" not in url]
            assert found == [], page.name
