"""Tab completes commands, options and values in bash, zsh and fish, as docs/completion.md says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from dbadmin.cli import run

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "completion.md").read_text(encoding="utf-8")
HERE = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}", "TERM": "dumb"}


def line(shell: str) -> str:
    """The line that the page tells to add to a shell's own file."""
    found = re.search(rf"<!-- {shell} -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def completed(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is offered at the end of a command line."""
    monkeypatch.setenv("_DBADMIN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    with pytest.raises(SystemExit):
        run([])
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("dbadmin ver", ["plain,verify-rollback"]),
        ("dbadmin verify-rollback --ac", ["plain,--accept"]),
        ("dbadmin status --format ma", ["plain,markdown"]),
        ("dbadmin review --fail-on w", ["plain,warning"]),
        ("dbadmin status --output rep", ["file,rep"]),
        ("dbadmin --config py", ["file,py"]),
        ("dbadmin --app s", ["dir,s"]),
        ("dbadmin nothing --deb", ["plain,--debug"]),
    ],
)
def test_tab_offers_what_may_follow(
    words: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed(words, monkeypatch, capsys) == offered


def test_tab_reads_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dbadmin.toml").write_text("no toml at all")
    monkeypatch.chdir(tmp_path)
    assert completed("dbadmin status --ch", monkeypatch, capsys) == ["plain,--check"]


def in_bash() -> str:
    code = f"{line('bash')}\nCOMP_WORDS=(dbadmin verify-rollback --ac)\nCOMP_CWORD=2\n_dbadmin_completion dbadmin\n"
    return shown(["bash", "--norc", "-c", code + 'echo "${COMPREPLY[@]}"'])


def in_fish() -> str:
    return shown(["fish", "--no-config", "-c", f"{line('fish')}; complete -C 'dbadmin verify-rollback --ac'"])


def in_zsh() -> str:
    child = pexpect.spawn("zsh", ["-f"], env=HERE, encoding="utf-8", timeout=30, dimensions=(24, 200))
    child.sendline(f"autoload -Uz compinit; compinit -D; {line('zsh')}; PS1='ready> '; echo be''gin")
    child.expect("begin.*ready> ")
    child.send("dbadmin verify-rollback --ac\t")
    child.expect("--accept")
    child.close(force=True)
    return "--accept"


def shown(command: list[str]) -> str:
    """What a shell prints."""
    done = subprocess.run(command, env=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", [in_bash, in_fish, in_zsh], ids=lambda each: each.__name__)
def test_the_line_of_the_page_completes_in_the_shell_itself(shell: Callable[[], str]) -> None:
    if shutil.which(shell.__name__.removeprefix("in_")) is None:
        pytest.skip("this shell is not installed")
    assert "--accept" in shell()
