"""The command line as a process: help, options, formats, exit codes, errors, signals."""

import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from forking import run_module
from test_render import same_as_golden

from dbadmin.cli import dbadmin as group
from dbadmin.cli.group import COMMANDS

HERE = Path(__file__).parent
FAKE = str(HERE / "cli_with_fake_admin.py")
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "100",
}
Ask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """`ask(*arguments, env=…)`: the real command line in front of an Admin that answers with samples."""

    def ask(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return run_module("cli_with_fake_admin", [*arguments], tmp_path, ENVIRONMENT | {"HOME": str(tmp_path)} | env)

    return ask


def asked_for(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the Admin was asked, from a run with --format json."""
    return dict(json.loads(finished.stdout)["rows"])


# -- help ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_as_the_golden_file_says(run: Callable[..., Any], command: str | None) -> None:
    finished = run(*([command] if command else []), "--help")
    assert (finished.code, finished.stderr) == (0, "")
    same_as_golden(f"help/{command or 'dbadmin'}.txt", finished.stdout)


def test_help_of_the_group_imports_nothing_heavy(run: Callable[..., Any]) -> None:
    finished = run("--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()}
    assert "click" in imported
    heavy = {name for name in imported if name.partition(".")[0] in HEAVY | ONLY_FOR_WORK}
    assert heavy == set()


ONLY_FOR_WORK = {"dataclasses", "pathlib", "json", "traceback", "difflib", "urllib", "shutil", "html"}
"""What the standard library has besides, and click does without: together as much as half of click."""
HEAVY = {
    "sqlalchemy",
    "alembic",
    "pandas",
    "numpy",
    "IPython",
    "tabulate",
    "tqdm",
    "dotenv",
    "psycopg",
    "asyncio",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_no_database_library(run: Callable[..., Any], command: str) -> None:
    finished = run(command, "--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in finished.stderr.splitlines()}
    assert imported & {"sqlalchemy", "alembic", "pandas", "IPython"} == set()


def test_without_arguments_the_help_is_shown(run: Callable[..., Any]) -> None:
    assert run().stdout == run("--help").stdout
    assert run().code == 0


def test_version_stands_before_or_after_the_command(run: Callable[..., Any]) -> None:
    assert run("--version").stdout == run("count", "--version").stdout
    assert run("--version").stdout.startswith("dbadmin 0.")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_documents_its_options(name: str) -> None:
    command = group.get_command(click.Context(group), name)  # type: ignore[attr-defined]
    assert command is not None and command.help
    undocumented = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert undocumented == []


# -- usage errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["cuont"], "no command 'cuont'; did you mean 'count'?"),
        (["count", "--estimat"], "no option '--estimat'; did you mean '--estimate'?"),
        (["recent"], "recent needs TABLE"),
        (["recent", "posts", "--limit", "many"], "--limit takes a whole number, 1 or more, not 'many'"),
        (["--format", "yaml", "count"], "mermaid, dot, svg, not 'yaml'"),
        (["count", "--lock-timeout", "soon"], "--lock-timeout takes seconds, or 500ms, 2s, 5m, 1h, off, not 'soon'"),
        (["count", "--output", "report.txt"], "the suffix decides the format"),
        (["count", "--output", "nowhere/report.json"], "there is no directory nowhere"),
        (["count", "--output", "report.xml"], "count has no .xml report"),
        (["count", "--format", "svg"], "count has no svg form"),
        (["--output", "count.svg", "count"], "count has no .svg report"),
        (["verify-rollback", "--output", "report.sarif"], "verify-rollback has no .sarif report"),
        (["count", "--format", "sarif"], "count has no sarif form"),
        (["verify-rollback", "--to", "base", "--steps", "1"], "give --to or --steps, not both"),
        (["join", "posts"], "a join needs at least two tables"),
        (["group", "posts", "--by", "author", "--agg", "count"], "not NAME=AGG"),
        (["sql"], "give one statement, or --file"),
        (["sql", "--file", "missing.sql"], "cannot read missing.sql: No such file"),
        (["sql", "select :a", "-p", "3"], "not name=value"),
        (["shell", "-c", "1", "x.py"], "x.py"),
    ],
)
def test_wrong_words_exit_with_2_in_two_lines(ask: Ask, arguments: list[str], message: str) -> None:
    finished = ask(*arguments)
    assert finished.returncode == 2
    assert finished.stdout == ""
    first, *rest = [line for line in finished.stderr.splitlines() if line != "closed"]
    assert first.startswith("dbadmin: ") and message in first
    assert len(rest) == 1 and rest[0].startswith("hint: ")


def test_a_usage_error_is_json_where_json_was_asked_for(ask: Ask) -> None:
    for arguments in (["count", "--nope", "--format", "json"], ["--format=json", "count", "--nope"]):
        finished = ask(*arguments)
        answer = json.loads(finished.stdout)
        assert (answer["kind"], answer["ok"], answer["exit_code"]) == ("count", False, 2)
        assert set(answer["error"]) == {"code", "message", "hint"}
        assert finished.stderr.startswith("dbadmin: ")


# -- exit codes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error, code",
    [
        ("UnknownName", 2),
        ("ConfigError", 2),
        ("EmptyPlan", 2),
        ("ConnectionFailed", 3),
        ("NotSupported", 4),
        ("MissingExtra", 4),
        ("StatementFailed", 5),
        ("WriteRefused", 5),
        ("OSError", 5),
        ("InternalError", 70),
        ("TypeError", 70),
    ],
)
def test_each_error_has_its_exit_code_one_message_and_no_traceback(ask: Ask, error: str, code: int) -> None:
    finished = ask("sql", f"raise {error}", "--format", "json")
    assert finished.returncode == code
    answer = json.loads(finished.stdout)
    assert (answer["ok"], answer["exit_code"], answer["kind"]) == (False, code, "sql")
    assert "Traceback" not in finished.stderr
    assert finished.stderr.startswith("closed\ndbadmin: ")
    assert "hunter2" not in finished.stdout + finished.stderr
    assert ("this is a fault in dbadmin" in finished.stderr) == (code == 70)


def test_debug_shows_the_traceback_without_its_secrets(ask: Ask) -> None:
    for arguments in (["--debug", "sql", "raise TypeError"], ["sql", "raise TypeError", "--debug"]):
        finished = ask(*arguments)
        assert finished.returncode == 70
        assert "Traceback" in finished.stderr and "hunter2" not in finished.stderr


def test_bad_news_exits_with_1(ask: Ask) -> None:
    assert ask("status").returncode == 0
    assert ask("status", "--check").returncode == 1
    assert ask("models").returncode == 1
    assert ask("verify-rollback").returncode == 1
    assert ask("verify-rollback", "--keep").returncode == 0
    assert ask("shell", "-c", "1").returncode == 7


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_unwinds_everything_and_says_so(tmp_path: Path, number: int, code: int) -> None:
    arguments = [sys.executable, FAKE, "sql", "sleep"]
    with subprocess.Popen(
        arguments, env=ENVIRONMENT, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "asleep\n"
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(20) == code
    assert "cleaned up\nclosed\n" in said
    assert "Traceback" not in said
    assert said.strip().endswith("dbadmin: interrupted" if code == 130 else "dbadmin: terminated")


@pytest.mark.parametrize("again, cleaned", [(1, True), (2, False)])
def test_a_second_ctrl_c_waits_for_the_cleaning_up_and_a_third_one_does_not(
    tmp_path: Path, again: int, cleaned: bool
) -> None:
    arguments = [sys.executable, FAKE, "sql", "tidy"]
    with subprocess.Popen(
        arguments, env=ENVIRONMENT, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "asleep\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "tidying\n"
        for number in range(again):
            process.send_signal(signal.SIGINT)
            if number == 0:
                assert "Ctrl-C once more" in process.stderr.readline()
        said = process.stderr.read()
        assert process.wait(20) == 130
    assert ("cleaned up\n" in said) == cleaned
    assert "Traceback" not in said and said.strip().endswith("dbadmin: interrupted")


# -- output --------------------------------------------------------------------------------------------------


def test_global_options_stand_before_or_after_the_command(ask: Ask) -> None:
    options = ["--url", "sqlite:///a.db", "--lock-timeout", "500ms", "--statement-timeout", "2m", "--echo"]
    before = asked_for(ask(*options, "--format", "json", "tables"))
    after = asked_for(ask("tables", *options, "--format", "json"))
    assert before == after
    assert before["url"] == "sqlite:///a.db"
    assert (before["lock_timeout"], before["statement_timeout"]) == (0.5, 120.0)
    assert (before["echo"], before["write"], before["app"]) == (True, False, None)
    assert asked_for(ask("--url", "a", "tables", "--url", "b", "--format", "json"))["url"] == "b"


def test_lists_are_repeated_or_comma_separated(ask: Ask) -> None:
    given = asked_for(ask("recent", "posts", "--columns", "id,title", "--columns", "body", "--format", "json"))
    assert given["columns"] == ["id", "title", "body"]
    assert given["limit"] == 20
    options = ["--exclude", "a,b", "--accept", "values-lost:users.*", "--timeout", "5m"]
    given = asked_for(ask("verify-rollback", "--no-data", *options, "--format", "json"))
    assert (given["exclude"], given["accept"]) == (["a", "b"], ["values-lost:users.*"])
    assert (given["timeout"], given["lock_budget"]) == (300.0, 2.0)


def test_a_lock_budget_is_a_duration_or_none(ask: Ask) -> None:
    for written, seconds in (("500ms", 0.5), ("off", None)):
        given = asked_for(ask("verify-rollback", "--no-data", "--lock-budget", written, "--format", "json"))
        assert given["lock_budget"] == seconds


def test_parameters_are_read_by_their_look(ask: Ask) -> None:
    given = asked_for(ask("sql", "select 1", "-p", "a=3", "-p", "b='3'", "-p", "c=null", "--format", "json"))
    assert given["params"] == {"a": 3, "b": "3", "c": None}
    assert (given["write"], given["all_rows"], given["limit"]) == (False, False, 1000)


def test_one_run_writes_several_private_reports(ask: Ask, tmp_path: Path) -> None:
    names = ["a.json", "b.csv", "c.md", "d.html", "e.xml"]
    reports = [word for name in names for word in ("--output", name)]
    finished = ask(*reports[:2], "verify-rollback", *reports[2:])
    assert finished.returncode == 1
    assert finished.stdout.startswith("LOSSY  ")
    starts = {name: (tmp_path / name).read_text(encoding="utf-8").split("\n")[0] for name in names}
    assert starts == {
        "a.json": "{",
        "b.csv": "severity,finding,phase,revision,object,rows,detail,remedy,file",
        "c.md": "### Rollback of blog: LOSSY",
        "d.html": "<!DOCTYPE html>",
        "e.xml": '<?xml version="1.0" encoding="utf-8"?>',
    }
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names} == {0o600}
    assert json.loads((tmp_path / "a.json").read_text())["kind"] == "verify-rollback"
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_report_that_cannot_be_written_keeps_the_answer_and_exits_with_5(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "full.json").symlink_to("/dev/full")
    finished = ask("count", "--output", "full.json", "--output", "also.csv")
    assert finished.returncode == 5
    assert "blog_posts" in finished.stdout
    assert "dbadmin: cannot write full.json: No space left on device" in finished.stderr
    assert (tmp_path / "also.csv").is_file()
    finished = ask("count", "--format", "json", "--output", "full.json")
    assert json.loads(finished.stdout)["kind"] == "count"  # one object, and no second one for the error


def test_data_goes_to_stdout_and_remarks_to_stderr(ask: Ask) -> None:
    finished = ask("sql", "rows", "--format", "csv")
    assert finished.stdout.splitlines()[0] == "id,title,price,seen"
    assert "2 rows have no time" in finished.stderr
    assert "3 of >3 rows" in finished.stderr
    assert "3 of >3 rows" in ask("sql", "rows").stdout


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} {FAKE} sql many --format csv | head -1; echo ${{PIPESTATUS[0]}}"
    finished = subprocess.run(
        ["bash", "-c", command],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert finished.stdout.split() == ["n", "0"]
    assert finished.stderr.splitlines() == ["closed"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        finished = subprocess.run(
            [sys.executable, FAKE, "count", "--output", "kept.json"],
            env=ENVIRONMENT,
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
        )
    assert finished.returncode == 5
    assert "dbadmin: cannot write to stdout: No space left on device" in finished.stderr
    assert (tmp_path / "kept.json").is_file()


def test_a_stream_without_our_signs_gets_others(ask: Ask) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    assert "Gr\\xfc\\xdfe" in ask("sql", "rows", **ascii_only).stdout
    assert json.loads(ask("sql", "rows", "--format", "json", **ascii_only).stdout)["rows"][0][1].startswith("Grüße")


def test_a_password_in_the_arguments_draws_one_warning_and_is_hidden(ask: Ask) -> None:
    url = "postgresql://app:s3cretpw@db/prod"
    finished = ask("count", "--url", url)
    assert finished.stderr.count("can be read by every user of this machine") == 1
    assert "s3cretpw" not in finished.stdout + finished.stderr
    assert "password" not in ask("count", "--url", "env:DATABASE_URL").stderr


def on_terminal(columns: int, tmp_path: Path, *arguments: str, **env: str) -> str:
    """What a terminal of this width shows."""
    parent, child = pty.openpty()
    variables = ENVIRONMENT | {"COLUMNS": str(columns), "TERM": "xterm", **env}
    process = subprocess.Popen(
        [sys.executable, FAKE, *arguments],
        env=variables,
        cwd=tmp_path,
        stdout=child,
        stderr=subprocess.DEVNULL,
    )
    os.close(child)
    shown = b""
    while True:
        try:
            read = os.read(parent, 65536)
        except OSError:  # Linux says EIO once the other end is closed
            break
        if not read:
            break
        shown += read
    os.close(parent)
    process.wait(20)
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_its_width_and_colour(tmp_path: Path) -> None:
    shown = on_terminal(60, tmp_path, "verify-rollback")
    assert shown.startswith("\x1b[31mLOSSY\x1b[0m")
    plain = on_terminal(60, tmp_path, "verify-rollback", NO_COLOR="1")
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 60
    assert "\x1b" not in on_terminal(60, tmp_path, "verify-rollback", TERM="dumb")


def test_output_that_is_no_terminal_is_neither_cut_nor_coloured(ask: Ask) -> None:
    finished = ask("sql", "rows", COLUMNS="30")
    assert "a" * 60 in finished.stdout
    assert "\x1b" not in finished.stdout
    assert "\x1b[31mLOSSY" in ask("verify-rollback", FORCE_COLOR="1").stdout


# -- configuration -------------------------------------------------------------------------------------------


def test_options_may_stand_in_the_configuration_or_in_variables(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "dbadmin.toml").write_text('[recent]\nlimit = 5\ncolumns = ["id", "title"]\nformat = "json"\n')
    given = asked_for(ask("recent", "posts"))
    assert (given["limit"], given["columns"]) == (5, ["id", "title"])
    assert asked_for(ask("recent", "posts", DBADMIN_RECENT_LIMIT="7"))["limit"] == 7
    assert asked_for(ask("recent", "posts", "--limit", "9", DBADMIN_RECENT_LIMIT="7"))["limit"] == 9
    assert "what" in ask("recent", "posts", "--format", "csv").stdout
    wrong = ask("recent", "posts", DBADMIN_RECENT_LIMIT="many")
    assert wrong.returncode == 2
    assert "DBADMIN_RECENT_LIMIT (environment): --limit takes a whole number, 1 or more, not 'many'" in wrong.stderr


def test_settings_of_the_application_are_left_to_it(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "dbadmin.toml").write_text('url = "sqlite:///a.db"\nformat = "json"\n[tables]\nexact = true\n')
    given = asked_for(ask("tables"))
    assert (given["url"], given["echo"]) == (None, None)
    of_command = asked_for(ask("tables", DBADMIN_TABLES_URL="sqlite:///b.db"))
    assert of_command["url"] == "sqlite:///b.db"


def test_dangerous_options_come_from_the_command_line_only(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "dbadmin.toml").write_text("[sql]\nwrite = true\n")
    finished = ask("sql", "select 1")
    assert finished.returncode == 2
    assert "command line only" in finished.stderr


def test_an_unknown_key_of_a_command_names_its_neighbours(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "dbadmin.toml").write_text("[recent]\nlimits = 5\n")
    finished = ask("recent", "posts")
    assert finished.returncode == 2
    assert "did you mean 'limit'" in finished.stderr


# -- real commands, from the real entry point ---------------------------------------------------------------


def test_demo_makes_an_application_and_refuses_to_do_it_twice(run: Callable[..., Any], tmp_path: Path) -> None:
    first = run("demo", "shop", "--users", "3", "--posts", "5", "--format", "json")
    answer = first.json()
    assert first.code == 0
    assert (answer["kind"], answer["ok"], answer["users"], len(answer["pending"])) == ("demo", True, 3, 1)
    assert (tmp_path / "shop" / "alembic.ini").is_file()
    again = run("demo", "shop", "--format", "json")
    assert again.code == 2
    assert again.json()["error"]["code"] == "usage"
    assert "is not empty" in again.stderr


def test_init_and_doctor_answer_in_an_empty_directory(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = run("init", "--dry-run", "--format", "json", cwd=tmp_path / "empty")
    assert (found.code, found.json()["kind"], found.json()["ok"]) == (1, "init", False)
    checked = run("doctor", "--format", "json", cwd=tmp_path / "empty")
    assert checked.code == 1
    assert "failed" in {check["state"] for check in checked.json()["checks"]}


def test_demo_on_postgresql_runs_a_server_until_it_is_stopped(
    run: Callable[..., Any], temporary_directory: Path, pytestconfig: pytest.Config
) -> None:
    directory = temporary_directory / "shop"
    made = run("demo", directory, "--engine", "postgresql", "--users", "3", "--posts", "5", "--format", "json")
    if made.code == 4 and not pytestconfig.getoption("--require-servers"):
        pytest.skip(made.stderr)
    try:
        assert made.code == 0
        assert made.json()["database"].startswith("postgresql+psycopg://")
        assert {"alembic.ini", "app", "postgresql"} <= {path.name for path in directory.iterdir()}
        checked = run("doctor", "--format", "json", cwd=directory).json()
        assert {c["state"] for c in checked["checks"] if c["name"] == "connection"} == {"ok"}
    finally:
        stopped = run("demo", directory, "--stop", "--format", "json")
    assert (stopped.code, stopped.json()["stopped"]) == (0, True)
    assert run("demo", directory, "--stop").code == 2
    assert run("doctor", cwd=directory).code == 1
