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
        ("dbadmin status --format m", ["plain,markdown"]),
        ("dbadmin diagram --format m", ["plain,markdown", "plain,mermaid"]),
        ("dbadmin inspect --format s", ["plain,sarif"]),
        ("dbadmin --format s", ["plain,sarif", "plain,svg"]),
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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An application whose code must not run: its models, its env.py and one revision write a file."""
    runs = f"from pathlib import Path; Path({str(tmp_path / 'ran')!r}).touch()\n"
    files = {
        "alembic.ini": "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = postgresql://nowhere/db\n",
        "migrations/env.py": runs,
        "migrations/script.py.mako": "",
        "migrations/versions/a1.py": '"""First of all"""\nrevision = "a1"\ndown_revision = None\n',
        "migrations/versions/b2.py": f'"""Second"""\n{runs}revision = "b2"\ndown_revision = "a1"\n',
        "migrations/versions/c3.py": f'"""Third"""\n{runs}revision = "c" + str(3)\ndown_revision = "b2"\n',
        "shop/models.py": f"{runs}class Order(Base):\n    __tablename__ = 'orders'\n"
        "class Item(SQLModel, table=True):\n    pass\n"
        "class Person(db.Model):\n    __tablename__: str = 'people'\n"
        "audit = Table('audit_log', metadata)\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


TABLES = ["Item", "Order", "Person", "audit_log", "orders", "people"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("dbadmin describe ", TABLES),
        ("dbadmin recent o", ["orders"]),
        ("dbadmin group Pe", ["Person"]),
        ("dbadmin count orders au", ["audit_log"]),
        ("dbadmin join orders ", TABLES),
        ("dbadmin diagram --around p", ["people"]),
        ("dbadmin verify-rollback --exclude orders,a", ["orders,audit_log"]),
        ("dbadmin review ", ["a1", "b2", "head", "heads", "base"]),
        ("dbadmin review a1:b", ["a1:b2", "a1:base"]),
        ("dbadmin verify-rollback --to b", ["b2", "base"]),
        ("dbadmin verify-rollback --upgrade-to a", ["a1"]),
    ],
)
def test_tab_offers_tables_and_revisions_and_runs_none_of_the_application(
    project: Path, words: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # what was kept offers the same
        assert completed(words, monkeypatch, capsys) == [f"plain,{name}" for name in offered]
    assert not (project / "ran").exists()


def test_tab_sees_a_table_that_was_added_just_now(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = project / "shop" / "models.py"
    os.utime(models, (1_000_000, 1_000_000))
    assert completed("dbadmin describe ord", monkeypatch, capsys) == ["plain,orders"]
    models.write_text(models.read_text() + "orders_2 = Table('orders_2', metadata)\n")
    assert completed("dbadmin describe ord", monkeypatch, capsys) == ["plain,orders", "plain,orders_2"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dbadmin.toml", "no toml at all"),
        ("alembic.ini", "[alembic]\nscript_location = %(nowhere)s\n"),
        ("migrations/versions/b2.py", "def ("),
        ("shop/models.py", "class ("),
    ],
)
def test_tab_is_silent_where_files_cannot_be_read(
    project: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / name).write_text(text)
    completed("dbadmin describe ", monkeypatch, capsys)
    completed("dbadmin review ", monkeypatch, capsys)


def test_tab_imports_neither_sqlalchemy_nor_alembic(project: Path) -> None:
    settings = {
        **os.environ,
        "_DBADMIN_COMPLETE": "bash_complete",
        "COMP_WORDS": "dbadmin describe ",
        "COMP_CWORD": "2",
    }
    code = "import atexit, sys; atexit.register(lambda: print(sorted({'sqlalchemy', 'alembic'} & sys.modules.keys())))"
    code += "\nfrom dbadmin.cli import run\nrun([])"
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [*(f"plain,{name}" for name in TABLES), "[]"]


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
