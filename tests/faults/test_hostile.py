"""Names, values and messages that would steer a terminal, a page, a spreadsheet or a reader of XML."""

import csv
import html.parser
import io
import json
import os
import re
import sys
import tarfile
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pexpect
import pytest
from apps import Rev
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rehearsing import BASE, PEOPLE, build
from results_samples import SAMPLES
from servers import TestDatabase
from shells import Terminal

import dbadmin
from dbadmin.copies.backups import open_backup
from dbadmin.errors import UsageError
from dbadmin.render import FORMATS, notebook_html, render
from dbadmin.render.layouts import document
from dbadmin.render.writers.csv import FORMULA
from dbadmin.results import Result, RollbackReport

CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
OURS = {"verdict", "state", "phase", "kind", "severity", "code", "status", "direction", "type", "blocks"}
"""Fields whose words are dbadmin's own, and sql types, which lead a column to the right side."""
SIGNS = "\x1b\x07\x00\x9b\r\n\t|`*_~<>&\"'\\$[](){}#=+-@!,;:\u202e\u2028\ufeff\ufffe\uffff\ud800"
NASTY = [
    "\x1b]0;owned\x07", "\x1b[2J", "=cmd|' /C calc'!A0", "@SUM(A1)", "</td><script>alert(1)</script>", "]]>", "-->",
    "<!--", "a|b", "```", "\n\n# x", "![x](http://x.example/y)", "<img src=x onerror=y>", "&lt;", "'\"", "~~x~~",
    "__x__", "\\|", "--- |", "1. x", "javascript:x", "$x$", "<?xml?>", "\ufffe", "\uffff",
]  # fmt: skip
HOSTILE = st.one_of(
    st.sampled_from(NASTY), st.text(st.one_of(st.sampled_from(SIGNS), st.characters()), min_size=1, max_size=25)
)


def everywhere(thing: Any, text: str, name: str = "") -> Any:
    """The same result with `text` in front of every text of somebody else's in it."""
    if isinstance(thing, str):
        return thing if name in OURS else text + thing
    if isinstance(thing, tuple):
        return tuple(everywhere(one, text, name) for one in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(
            thing, **{f.name: everywhere(getattr(thing, f.name), text, f.name) for f in fields(thing) if f.init}
        )
    return thing


class Tags(html.parser.HTMLParser):
    """The tags of a page, with the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, sorted({name for name, _ in attrs} - {"class"})))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")


def marks(written: str) -> list[str]:
    """What a reader of markdown sees beside text."""
    found = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(written):
        found.append(token.type)
        found += [child.type for child in token.children or () if not child.type.startswith("text")]
    return found


@settings(max_examples=120)
@given(st.sampled_from(sorted(SAMPLES)), HOSTILE)
def test_any_text_in_any_layout_is_read_back_and_steers_nothing(name: str, text: str) -> None:
    plain, hostile = everywhere(SAMPLES[name], "x"), everywhere(SAMPLES[name], text)
    for form in FORMATS:
        if form != "csv":  # holds data as it is stored
            assert CONTROL.findall(render(hostile, form, width=100)) == [], form
    assert json.loads(render(hostile, "json")).keys() == json.loads(render(plain, "json")).keys()
    for draw in (lambda result: render(result, "html"), notebook_html):
        assert Tags(draw(hostile)).found == Tags(draw(plain)).found
    assert marks(render(hostile, "markdown")) == marks(render(plain, "markdown"))
    spreadsheet(hostile)
    if isinstance(hostile, RollbackReport):
        written = render(hostile, "junit")
        assert CONTROL.findall(written) == []
        tags = [
            [e.tag for e in ElementTree.fromstring(one.encode()).iter()] for one in (written, render(plain, "junit"))
        ]
        assert tags[0] == tags[1]


def spreadsheet(result: Result) -> None:
    """CSV is read back row by row, and no cell of text begins a formula."""
    main = document(result).main
    read = list(csv.reader(io.StringIO(render(result, "csv"), newline="")))
    if main is not None:
        assert [len(row) for row in read] == [len(main.columns)] * (len(main.rows) + 1)
    cells = [cell for row in read for cell in row]
    assert [cell for cell in cells if cell.startswith(FORMULA) and not re.fullmatch(r"-?[\d.]+|-Infinity", cell)] == []


@settings(max_examples=200)
@given(st.text(st.characters(), max_size=30))
def test_any_text_is_legal_in_xml(text: str) -> None:
    report = everywhere(SAMPLES["rollback_broken"], text)
    ElementTree.fromstring(render(report, "junit").encode())


# --- at a terminal -----------------------------------------------------------------------------------------------

ESCAPE = "\x1b]0;owned\x07\x9b2J"
RUN = "import json, sys; from dbadmin.cli import run; print([run(line) for line in json.loads(sys.argv[1])])"


def seen_at_a_terminal(directory: Path, *lines: list[str]) -> str:
    """What a terminal gets from these command lines, in one process."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": os.environ["TMPDIR"], "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(Path(dbadmin.__file__).parent.parent), "NO_COLOR": "1", "TERM": "xterm",
    }  # fmt: skip
    process: Any = pexpect.spawn(
        sys.executable, ["-c", RUN, json.dumps(lines)], cwd=str(directory), env=environment, encoding="utf-8",
        timeout=90, dimensions=(50, 200),
    )  # fmt: skip
    process.expect(pexpect.EOF)
    process.close()
    return str(process.before)


def steering(seen: str) -> list[str]:
    """Control characters that a terminal would obey, but line ends and the progress bar's own way back."""
    return CONTROL.findall(re.sub(r"\x1b\[A|\x1b\[\?25[lh]|\r", "", seen))


def test_hostile_names_never_reach_a_terminal(sqlite: TestDatabase, tmp_path: Path) -> None:
    table = f"t{ESCAPE}"
    with sqlite.connect() as connection:
        connection.exec_driver_sql(f'CREATE TABLE "{table}" (id integer PRIMARY KEY, "c{ESCAPE}" text)')
        connection.exec_driver_sql(f'INSERT INTO "{table}" VALUES (1, ?)', (f"v{ESCAPE}",))
    url = ["--url", f"sqlite:///{sqlite.url.database}"]
    rows = ["sql", f'SELECT * FROM "{table}"']
    seen = seen_at_a_terminal(
        tmp_path,
        *([*rows, *url, "--format", form] for form in FORMATS),
        *([command, *url] for command in ("tables", "count", "doctor", "models")),
        ["describe", table, *url], ["recent", table, *url], ["count", table, "--by", f"c{ESCAPE}", *url],
        ["sql", f'SELECT * FROM "u{ESCAPE}"', *url, "--debug"],
        ["sql", f'SELECT "c{ESCAPE}" FROM "{table}"', *url, "--echo"],
        ["count", f"u{ESCAPE}", *url], ["recent", table, "--columns", f"d{ESCAPE}", *url], [f"x{ESCAPE}"],
        [*rows, *url, "--output", f"{tmp_path}/no{ESCAPE}/x.json"],
    )  # fmt: skip
    assert seen.count("owned") > 30, seen
    assert seen.rstrip().endswith("[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 2, 2, 2]"), seen
    assert steering(seen) == []


@pytest.mark.rehearsal
def test_hostile_revisions_never_reach_a_terminal(sqlite: TestDatabase, tmp_path: Path) -> None:
    code = f"print({ESCAPE!r})\nop.execute('CREATE TABLE \"t{ESCAPE}\" (id integer)')\nraise ValueError({ESCAPE!r})"
    revisions = {
        "a1": BASE,
        "b2": Rev("a1", code.replace("\x1b", "\\x1b").replace("\x07", "\\x07"), "pass", message=f"m{ESCAPE!r}"),
    }
    home = tmp_path / f"home{ESCAPE}"
    home.mkdir()
    app = build(home, sqlite.url, revisions, at="a1", fill=PEOPLE)
    walked = ["verify-rollback", "--debug", "--format"]
    seen = seen_at_a_terminal(app.directory, *([*walked, form] for form in FORMATS), ["status", "--history"])
    assert "owned" in seen
    assert seen.rstrip().endswith("[1, 1, 1, 1, 1, 0]"), seen
    assert steering(seen) == []


def test_hostile_values_never_steer_the_shell(sqlite: TestDatabase, tmp_path: Path) -> None:
    sqlite.execute("CREATE TABLE t (id integer PRIMARY KEY, name text)")
    with sqlite.connect() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1, ?)", (ESCAPE,))
    shell = Terminal(tmp_path, "--url", f"sqlite:///{sqlite.url.database}")
    try:
        for line in ("db.sql('select * from t')", "db.sql('select * from t').name", "db.count('t')",
                     "db.sql('select * from \"' + db.sql('select name from t').name[0] + '\"')",
                     "raise ValueError(db.sql('select name from t').name[0])"):  # fmt: skip
            shell.process.sendline(line)
            shell.wait()
            said = str(shell.process.before).partition("\n")[2]
            assert "owned" in said or "count" in line, said
            assert re.findall("\x1b\\]|\x07|\x9b", said) == [], said
    finally:
        shell.close()


def member(kind: str) -> tarfile.TarInfo:
    """What pg_dump would not put into an archive."""
    made = tarfile.TarInfo("x.dat")
    if kind == "absolute":
        made.name = "/etc/cron.d/x"
    elif kind == "upward":
        made.name = "dump/../../x"
    elif kind in ("symbolic link", "hard link"):
        made.type = tarfile.SYMTYPE if kind == "symbolic link" else tarfile.LNKTYPE
        made.linkname = "/etc/passwd"
    elif kind in ("character device", "block device", "FIFO"):
        types = {"character device": tarfile.CHRTYPE, "block device": tarfile.BLKTYPE, "FIFO": tarfile.FIFOTYPE}
        made.type, made.devmajor, made.devminor = types[kind], 1, 5
    elif kind == "twice":
        made.name = "toc.dat"
    return made


KINDS = ["absolute", "upward", "symbolic link", "hard link", "character device", "block device", "FIFO", "twice"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.rehearsal
def test_an_archive_unpacks_nothing_but_files_of_its_own(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "prod.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("toc.dat"))
        archive.addfile(member(kind))
    with pytest.raises(UsageError, match="holds '") as refused, open_backup(path, progress=lambda *_: None):
        pass
    assert refused.value.exit_code == 2 and refused.value.hint
    assert member(kind).name in refused.value.message


def test_a_sparse_member_of_an_archive_is_no_plain_file(tmp_path: Path) -> None:
    """Its header says any size, and unpacking writes as many zeros."""
    made = tarfile.TarInfo("x.dat")
    made.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 50)}
    path = tmp_path / "prod.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("toc.dat"))
        archive.addfile(made)
    with pytest.raises(UsageError, match="no plain file"), open_backup(path, progress=lambda *_: None):
        pass
