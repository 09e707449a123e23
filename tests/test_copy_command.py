"""Copies that a command of the user's makes: the commands alone, without a rehearsal."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from dumping import silent
from sqlalchemy import URL

from dbadmin.copies import command
from dbadmin.copies.command import outside_copy
from dbadmin.errors import NotFinished, UsageError

ENVIRONMENT = {"PATH": os.environ["PATH"], "CLONE": "sqlite:////srv/clone.db"}


def opened(copy: str, drop: str | None = None) -> AbstractContextManager[URL]:
    return outside_copy(copy, drop, environment=ENVIRONMENT, progress=silent)


def test_the_last_line_that_is_not_blank_is_the_url() -> None:
    with opened("echo cloning; echo sqlite:////srv/a.db; echo '  '") as url:
        assert url.database == "/srv/a.db"


def test_the_last_line_may_name_a_variable() -> None:
    with opened("echo env:CLONE") as url:
        assert url.database == "/srv/clone.db"


@pytest.mark.parametrize(
    ("copy", "said"),
    [
        ("echo env:NOWHERE", "says env:NOWHERE, but that is not set"),
        ("echo done", "printed no URL last"),
        ("true", "printed no URL last"),
        ("exit 7", "ended with exit code 7: it said nothing"),
        (
            "echo one >&2; echo mysql://u:hunter22@db/x >&2; exit 1",
            r"ended with exit code 1: one / mysql://u:\*\*\*@db/x",
        ),
    ],
)
def test_a_copy_command_that_gives_no_url_is_told(copy: str, said: str) -> None:
    with pytest.raises(NotFinished, match=f"the copy command {said}") as caught, opened(copy):
        pytest.fail("there is no copy")
    assert "env:NAME" in str(caught.value.hint)


def test_both_commands_have_the_same_name_and_the_drop_command_the_url(tmp_path: Path) -> None:
    told = tmp_path / "told"
    copy = f'echo "$DBADMIN_COPY_NAME" > {told}; echo sqlite:////srv/a.db'
    with opened(copy, f'echo "$DBADMIN_COPY_NAME $DBADMIN_COPY_URL" >> {told}'):
        name = told.read_text().strip()
    assert name.startswith("dbadmin_")
    assert told.read_text().splitlines() == [name, f"{name} sqlite:////srv/a.db"]


def test_a_drop_command_that_fails_after_success_is_the_error() -> None:
    failed = pytest.raises(NotFinished, match="the drop command ended with exit code 3: it said nothing")
    with failed as caught, opened("echo mysql://u:hunter22@db/x", "exit 3"):
        pass
    assert "the copy may be there still (mysql" in str(caught.value.hint) and "hunter22" not in str(caught.value.hint)


@pytest.mark.parametrize("hint", ["look there", None])
def test_a_drop_command_that_fails_after_an_error_is_told_beside_it(hint: str | None) -> None:
    with pytest.raises(UsageError) as caught, opened("echo env:CLONE", "echo no such clone >&2; exit 3"):
        raise UsageError("no revision x", hint=hint)
    told = "the drop command ended with exit code 3: no such clone"
    assert str(caught.value) == caught.value.message == f"no revision x; {told}"
    assert str(caught.value.hint).startswith("look there; the copy may" if hint else "the copy may")


def test_a_drop_command_that_fails_after_a_foreign_error_is_its_note() -> None:
    with pytest.raises(ZeroDivisionError) as caught, opened("echo env:CLONE", "exit 3"):
        raise ZeroDivisionError
    assert [note.partition(" (")[0] for note in caught.value.__notes__] == [
        "the drop command ended with exit code 3: it said nothing"
    ]


def test_a_drop_command_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    failed = pytest.raises(NotFinished, match=r"the drop command could not be started: .*Argument list too long")
    with failed as caught, opened("echo sqlite:////srv/a.db", f": {'x' * 200_000}"):
        pass
    assert str(caught.value.hint).startswith("the copy may be there still (sqlite:////srv/a.db)")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises, whatever a test before this one has made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("code", [0, 3])
def test_a_drop_command_is_run_to_its_end_although_somebody_interrupts(code: int, tmp_path: Path) -> None:
    told = tmp_path / "told"
    drop = f"kill -INT {os.getpid()}; sleep 0.2; echo gone > {told}; exit {code}"
    with pytest.raises(KeyboardInterrupt) as caught, opened("echo env:CLONE", drop):
        pass
    assert told.read_text() == "gone\n"
    notes = [note.partition(":")[0] for note in getattr(caught.value, "__notes__", [])]
    assert notes == (["the drop command ended with exit code 3"] if code else [])


def test_without_a_url_only_a_drop_command_that_asks_for_none_is_run(tmp_path: Path) -> None:
    told = tmp_path / "told"
    not_run = pytest.raises(NotFinished, match=r"exit code 1.*gave no URL, so the drop command was not run")
    with not_run, opened("false", f"echo $DBADMIN_COPY_URL > {told}"):
        pytest.fail("there is no copy")
    assert not told.exists()
    with pytest.raises(NotFinished, match=r"exit code 1: it said nothing$"), opened("false", f"echo by name > {told}"):
        pytest.fail("there is no copy")
    assert told.read_text() == "by name\n"


@pytest.mark.parametrize(
    ("trap", "left"), [("trap 'echo tidied > $TOLD; exit 0' INT;", "tidied\n"), ("trap '' INT;", None)]
)
def test_an_interrupted_copy_command_has_time_to_tidy_up_and_then_none(
    trap: str, left: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_GRACE", 0.5 if left is None else 30.0)
    told, started = tmp_path / "told", tmp_path / "started"

    def interrupt(what: str, done: float, total: float | None) -> None:
        if started.exists():
            raise KeyboardInterrupt

    variables: Mapping[str, str] = {**ENVIRONMENT, "TOLD": str(told)}
    waits = f"{trap} echo $$ > {started}.new; mv {started}.new {started}; while :; do sleep 0.1; done"
    with pytest.raises(KeyboardInterrupt), outside_copy(waits, None, environment=variables, progress=interrupt):
        pytest.fail("there is no copy")
    assert (told.read_text() if told.exists() else None) == left
    assert not Path(f"/proc/{started.read_text().strip()}").exists()


def test_a_copy_command_that_cannot_be_started_is_an_error_and_its_drop_command_is_run_by_name(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with (
        pytest.raises(ValueError, match="null byte"),
        outside_copy("true\0", f"echo $DBADMIN_COPY_NAME > {told}", environment=ENVIRONMENT, progress=silent),
    ):
        pytest.fail("there is no copy")
    assert told.read_text().startswith("dbadmin_")
