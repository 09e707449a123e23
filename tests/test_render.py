"""Results as text: exact output in tests/golden, and what holds for every result in every format."""

import csv
import html.parser
import io
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.lib.pretty import pretty
from results_samples import (
    ACCEPTED,
    BRANCHED,
    BROKEN,
    DIAGRAM,
    HOSTILE_DIAGRAM,
    HOSTILE_REPORT,
    HOSTILE_ROWS,
    LOSSY,
    ROWS,
    SAFE,
    SAMPLES,
    TYPES,
    UP_TO_DATE,
)

import dbadmin
from dbadmin.errors import UsageError
from dbadmin.render import DRAWN, FORMATS, asides, notebook_html, render
from dbadmin.render.document import Column as document_column
from dbadmin.render.document import Document, Table, value_of
from dbadmin.render.layouts import document
from dbadmin.render.values import text, visible
from dbadmin.render.writers.fitting import width
from dbadmin.render.writers.table import write as write_table
from dbadmin.results import Candidate, Column, Result, Rows

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {
    "table": "txt",
    "json": "json",
    "csv": "csv",
    "markdown": "md",
    "html": "html",
    "junit": "xml",
    "sarif": "sarif",
}
ANSI = re.compile(r"\x1b\[\d*m")


@pytest.fixture(autouse=True)
def fixed_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbadmin, "__version__", "0.0.0")


def same_as_golden(name: str, written: str) -> None:
    """Compare with tests/golden; DBADMIN_UPDATE_GOLDEN=1 writes the file instead."""
    path = GOLDEN / name
    data = written.encode("utf-8", "surrogatepass")
    if os.environ.get("DBADMIN_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert path.exists(), f"{path} is missing; DBADMIN_UPDATE_GOLDEN=1 writes it"
    assert data.decode("utf-8", "surrogatepass") == path.read_bytes().decode("utf-8", "surrogatepass")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_each_result_is_drawn_in_each_format_as_the_golden_file_says(name: str, format: str) -> None:
    written = render(SAMPLES[name], format, width=100)
    if name != "rollback_lossy":  # one page is enough to see a change of style
        written = re.sub(r"(?s)<style>.*?</style>", "<style>...</style>", written)
    same_as_golden(f"{name}.{SUFFIXES[format]}", written)


@pytest.mark.parametrize("limit", [40, 80])
@pytest.mark.parametrize("name", ["rollback_lossy", "rollback_hostile", "describe", "rows", "doctor", "review"])
def test_a_narrow_terminal_gets_a_layout_of_its_own(name: str, limit: int) -> None:
    same_as_golden(f"{name}.{limit}.txt", render(SAMPLES[name], "table", width=limit))


@pytest.mark.parametrize("name", ["rollback_lossy", "status_behind"])
def test_colour_marks_what_is_good_and_what_is_bad(name: str) -> None:
    same_as_golden(f"{name}.colour.txt", render(SAMPLES[name], "table", width=100, colour=True))


def test_findings_of_scripts_are_sarif_with_their_reasons() -> None:
    same_as_golden("review.sarif", render(SAMPLES["review"], "sarif"))


@pytest.mark.parametrize("name", ["rollback_lossy", "rollback_accepted", "rollback_broken", "rollback_hostile"])
def test_a_rollback_report_is_a_junit_report_too(name: str) -> None:
    same_as_golden(f"{name}.xml", render(SAMPLES[name], "junit"))


def test_findings_are_a_sarif_report_too() -> None:
    written = render(SAMPLES["inspect"], "sarif")
    same_as_golden("inspect.sarif", written)
    results = json.loads(written)["runs"][0]["results"]
    assert [result["level"] for result in results] == ["warning", "note", "warning"]
    assert [bool(result.get("suppressions")) for result in results] == [False, False, True]
    with pytest.raises(UsageError, match="no sarif form"):
        render(SAMPLES["status_behind"], "sarif")


def test_the_history_is_shown_on_request_only() -> None:
    assert "backfill excerpts" not in render(UP_TO_DATE, "table")
    same_as_golden("status_history.txt", render(UP_TO_DATE, "table", width=100, detail=True))
    same_as_golden("status_branches.txt", render(BRANCHED, "table", width=80, detail=True))


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("limit", [20, 33, 40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(name: str, limit: int) -> None:
    drawn = render(SAMPLES[name], "table", width=limit)
    assert [line for line in drawn.splitlines() if width(line) > limit] == []


def test_an_identifier_stays_whole_where_other_columns_give_way() -> None:
    columns = (document_column("revision", whole=True), document_column("message", wrap=True), document_column("by"))
    table = Table(columns, [("a27f60c4b9e8", "Keep two subscription states: active and canceled", "somebody else")])
    drawn = write_table(Document("", (table,)), limit=34)
    assert "a27f60c4b9e8" in drawn
    assert max(map(width, drawn.splitlines())) <= 34


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("limit", [40, 100, None])
def test_colour_changes_nothing_but_colour(name: str, limit: int | None) -> None:
    coloured = render(SAMPLES[name], "table", width=limit, colour=True)
    assert ANSI.sub("", coloured).split() == render(SAMPLES[name], "table", width=limit).split()


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_shows_the_same_cells(name: str) -> None:
    result = SAMPLES[name]
    made = document(result)
    tables = [block for block in made.blocks if isinstance(block, Table) and block.rows]
    cells = [text(value_of(cell)) for table in tables for row in table.rows for cell in row]
    terminal = render(result, "table")  # without a width nothing is cut or wrapped
    page = Page(render(result, "html"))
    shown = set(page.cells) | {text(None)}  # what is absent is left out below a row
    assert page.cells[-len(cells) :] == [visible(c) for c in cells] or set(map(visible, cells)) <= shown
    assert [c for c in cells if visible(c).strip() not in terminal] == []
    if made.main is not None:
        read = list(csv.reader(io.StringIO(render(result, "csv"), newline="")))
        assert [len(row) for row in read] == [len(made.main.columns)] * (len(made.main.rows) + 1)
        given_cells = [[value_of(cell) for cell in row] for row in made.main.rows]
        assert [[unquoted(cell) for cell in row] for row in read[1:]] == [
            ["" if value is None else unquoted(text(value)) for value in row] for row in given_cells
        ]


def unquoted(cell: str) -> str:
    """A CSV cell without the apostrophe that keeps spreadsheets from computing it."""
    return cell.removeprefix("'")


class Page(html.parser.HTMLParser):
    """The cells and the tags of a page; what stands below a row is a cell, too, and its label none of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self._inside = self._label = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._label = tag == "span"
        if tag == "td" or (tag == "p" and self._inside):
            self._inside = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "td"
        self._label = False

    def handle_data(self, data: str) -> None:
        if self._inside and not self._label:
            self.cells[-1] += data


@pytest.mark.parametrize("result", SAMPLES.values(), ids=SAMPLES)
def test_a_result_draws_itself_at_an_ipython_prompt(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert pretty(result) == render(result, "table", width=100).rstrip("\n")


@pytest.mark.parametrize("result", [HOSTILE_ROWS, HOSTILE_REPORT, HOSTILE_DIAGRAM], ids=["rows", "report", "diagram"])
@pytest.mark.parametrize("format", [*FORMATS, "notebook"])
def test_data_cannot_steer_a_terminal_or_a_page(result: Result, format: str) -> None:
    written = notebook_html(result) if format == "notebook" else render(result, format, width=100)
    if format != "csv":  # CSV gives data as it is stored, quoted
        assert re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", written) == []
    if format in ("html", "notebook"):
        assert "script" not in Page(written).tags
    if format == "markdown":
        assert "<script" not in re.sub(r"(?s)^```.*?^```$", "", written, flags=re.MULTILINE)
        lines = [line for line in written.splitlines() if line.startswith("|")]
        assert all(len(re.findall(r"(?<!\\)\|", line)) in (3, 6, 8, 10) for line in lines)


@pytest.mark.parametrize("format", DRAWN)
def test_a_diagram_is_drawn_as_the_golden_file_says(format: str) -> None:
    same_as_golden(f"diagram.{ {'mermaid': 'mmd'}.get(format, format) }", render(DIAGRAM, format))


def test_only_a_diagram_is_drawn() -> None:
    with pytest.raises(UsageError, match="status has no svg form"):
        render(UP_TO_DATE, "svg")


def test_a_spreadsheet_takes_no_cell_for_a_formula() -> None:
    read = list(csv.reader(io.StringIO(render(ROWS, "csv"))))
    assert [row[1] for row in read[1:]][1] == "'=HYPERLINK(1)"
    assert [row[0] for row in read[1:]] == ["1", str(2**60), "-3"]
    assert [row[2] for row in read[1:]] == ["12.50", "", "-1"]
    hostile = [row[1] for row in csv.reader(io.StringIO(render(HOSTILE_ROWS, "csv"), newline=""))]
    assert hostile[2:4] == ["'@SUM(A1)", "'\tx"]


def test_json_keeps_what_numbers_cannot_hold() -> None:
    rows = json.loads(render(ROWS, "json", kind="sql"))
    assert list(rows)[:3] == ["dbadmin", "kind", "ok"]
    assert (rows["kind"], rows["ok"]) == ("sql", True)
    assert rows["rows"][1][:2] == [str(2**60), "=HYPERLINK(1)"]
    assert rows["rows"][0][2:] == ["12.50", "2026-03-04T09:30:00"]
    assert rows["rows"][2][3] == "2026-03-04T09:30:00+00:00"
    types = json.loads(render(TYPES, "json"), parse_constant=pytest.fail)
    assert types["rows"][0][:4] == ["AP8=", "NaN", "2026-01-02", 3601.5]
    assert types["rows"][1][1] == "-Infinity"
    hostile = json.loads(render(HOSTILE_ROWS, "json"))
    assert hostile["rows"] == [list(row) for row in HOSTILE_ROWS.rows]


def test_json_of_a_report_says_ok_and_gives_seconds() -> None:
    report = json.loads(render(LOSSY, "json"))
    assert (report["kind"], report["verdict"], report["ok"]) == ("verify-rollback", "lossy", False)
    assert report["steps"][0]["seconds"] == 0.212
    assert report["started_at"] == "2026-03-04T09:30:00+00:00"
    assert report["findings"][0]["sample"] == [3, 17, 42, 77, 91, 120]
    assert json.loads(render(ACCEPTED, "json"))["ok"] is True


def test_the_head_plan_says_which_step_was_chosen() -> None:
    assert "1 step: d4e1 → c3a9 (default), and up again" in render(SAFE, "table")
    assert "never connected to" in render(SAFE, "table")
    assert "unchanged: proven" in render(LOSSY, "table")
    assert "CHANGED during the rehearsal" in render(replace(LOSSY, source_unchanged=False), "table")


def test_what_is_offered_to_accept_is_all_that_decides() -> None:
    lost = next(f for f in LOSSY.findings if f.blocks_verdict)
    codes = ("rows-lost", "residue", "rows-added", "schema-changed")
    many = [replace(lost, code=code) for code in codes]
    two = render(replace(LOSSY, findings=(lost, many[0], many[0])), "table")
    assert "accept them with --accept c3a9:values-lost,c3a9:rows-lost\n" in two
    four = render(replace(LOSSY, findings=(lost, *many)), "table")
    assert "accept each finding with --accept REVISION:FINDING\n" in four


def test_junit_tells_failed_accepted_and_unproven_apart() -> None:
    def counted(result: Result) -> tuple[str | None, ...]:
        suite = ElementTree.fromstring(render(result, "junit").encode())
        return tuple(suite.get(name) for name in ("tests", "failures", "errors", "skipped"))

    unproven = replace(LOSSY, verdict="unproven", findings=())
    assert counted(LOSSY) == ("7", "1", "0", "0")
    assert counted(ACCEPTED) == ("7", "0", "0", "1")
    assert counted(BROKEN) == ("5", "1", "0", "1")
    assert counted(unproven) == ("7", "0", "1", "0")
    assert counted(SAFE) == ("3", "0", "0", "0")


def test_only_a_rollback_report_has_a_junit_form() -> None:
    with pytest.raises(UsageError, match="status has no junit form"):
        render(UP_TO_DATE, "junit")


def test_what_was_left_out_is_said_beside_the_answer() -> None:
    said = asides(ROWS)
    assert any("2 rows have no time" in line for line in said)
    assert any("hashed_password" in line for line in said)
    assert "hashed_password" not in render(ROWS, "table")
    assert "hashed_password" in notebook_html(ROWS)


def test_a_page_loads_nothing_from_elsewhere() -> None:
    page = render(LOSSY, "html")
    assert re.findall(r"(?:src|href)=|@import|url\(", page) == []
    assert "prefers-color-scheme: dark" in page


@settings(max_examples=150)
@given(
    st.lists(st.lists(st.text(max_size=60), min_size=1, max_size=7), min_size=0, max_size=4),
    st.integers(min_value=20, max_value=140),
)
def test_any_rows_fit_any_terminal(cells: list[list[str]], limit: int) -> None:
    columns = max(map(len, cells), default=1)
    rows = tuple((*row, *[None] * (columns - len(row))) for row in cells)
    result = Rows(tuple(Column(f"c{i}", None) for i in range(columns)), rows, None, False, None)
    drawn = render(result, "table", width=limit)
    assert [line for line in drawn.split("\n") if width(line) > limit] == []
    json_rows = json.loads(render(result, "json"))["rows"]
    assert json_rows == [list(row) for row in rows]
    assert len(list(csv.reader(io.StringIO(render(result, "csv"), newline="")))) == len(rows) + 1


def test_a_narrow_table_cuts_texts_before_points_in_time() -> None:
    moment = datetime(2026, 11, 30, 8, 56, 2)
    columns = (Column("title", "TEXT"), Column("body", "TEXT"), Column("created_at", "TIMESTAMP"))
    shown = render(Rows(columns, (("a" * 40, "b" * 40, moment),), 10, False, None), "table", width=50)
    assert "2026-11-30 08:56:02" in shown and "a…" in shown and "b…" in shown


def test_the_next_step_of_a_status_is_one_that_alembic_takes() -> None:
    several = replace(SAMPLES["status_behind"], heads=("a1", "b2"))
    assert "alembic upgrade heads applies all" in render(several, "table", width=200)
    first = replace(UP_TO_DATE, state="empty", heads=(), applied=0, total=0, history=())
    assert "alembic revision --autogenerate" in render(first, "table", width=200)
    unmanaged = replace(UP_TO_DATE, state="unmanaged", current=(), applied=0)
    assert "dbadmin status --drift finds the nearest" in render(unmanaged, "table", width=200)
    found = replace(unmanaged, likely=(Candidate("d05b8e7713ca", 0), Candidate("6e94f1ab35d2", 2)))
    assert "next: alembic stamp d05b8e7713ca" in render(found, "table", width=200)
    unknown = replace(SAMPLES["status_unknown"], likely=())
    assert "alembic stamp --purge REVISION, one that exists; dbadmin status" in render(unknown, "table", width=200)
