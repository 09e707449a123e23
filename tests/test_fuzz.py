"""Whatever is typed, stored or found in a file: an answer, or an error of dbadmin's own that says what to do."""

import gzip
import string
from pathlib import Path

import pytest
from apps import Rev, make_app
from fuzz import targets
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_scripts import by_alembic

from dbadmin.copies.backups import open_backup
from dbadmin.errors import DbadminError
from dbadmin.migrations.scripts import open_scripts

ANY = st.text(max_size=200) | st.text(alphabet="ab_.'\"()=<>~!%:, \n0123456789", max_size=80)
HEADS = (
    b"PGDMP\x01\x10\x00\x04\x08\x01\x01", b"SQLite format 3\x00", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd",
    b"-- PostgreSQL database dump\n", b"-- MariaDB dump 10.19\n", b"-- MySQL dump 10.13\n", b"/*M!999999\\- */\n",
    b"toc.dat" + b"\0" * 250 + b"ustar\x0000", b"",
)  # fmt: skip


@given(ANY)
@example("a" * 4000 + " in " + "'" * 4000)
@example("(" * 3000)
@example("x is " + "not " * 3000)
def test_any_text_is_a_filter_or_a_mistake(text: str) -> None:
    targets.read_filter(text.encode("utf-8", "surrogatepass"))


@given(ANY)
@example("count" + "(" * 3000)
@example("a." * 3000 + "b")
def test_any_text_is_an_aggregate_a_path_or_a_mistake(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    targets.read_aggregates(data)
    targets.read_path(data)


@given(ANY | st.builds("{}://{}:{}@{}/{}?{}".format, *[st.text(max_size=12)] * 6))
@example("postgresql://u:p@h:notaport/d")
@example("mysql://u:p@[::1/d")
def test_any_text_is_a_url_or_a_mistake(text: str) -> None:
    targets.read_url(text.encode("utf-8", "surrogatepass"))


@given(st.text(min_size=8, max_size=40) | st.text(alphabet=string.printable, min_size=8, max_size=40))
@example("p%40ssw0rd%%")
@example('it\'s "quoted"')
@example("ends with @")
def test_a_password_of_a_url_is_masked_however_it_is_spelled(password: str) -> None:
    targets.mask_password(password.encode("utf-8", "replace"))


@given(st.sampled_from(HEADS), st.binary(max_size=600))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_file_is_a_backup_or_refused(head: bytes, rest: bytes) -> None:
    targets.sniff_backup(head + rest)
    targets.sniff_backup(gzip.compress(head + rest))


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
@example(b"revision = 'a'\ndown_revision = (" + b"(" * 300)
@example(b"revision = " + b"-" * 3000 + b"1")
@example(b"# coding: nonsense\nrevision = 'a'")
def test_any_file_is_a_script_or_refused(data: bytes) -> None:
    targets.parse_script(data)


def plain_dump() -> bytes:
    """What pg_dump writes of a small table, as text."""
    return (
        b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 18.1\n"
        b"-- Dumped by pg_dump version 18.1\n\nSET statement_timeout = 0;\n\n"
        b"CREATE TABLE public.t (id integer, name text);\n\n"
        b"COPY public.t (id, name) FROM stdin;\n1\tAda\n2\tGrete\n\\.\n\n"
        b"ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);\n\n"
        b"--\n-- PostgreSQL database dump complete\n--\n"
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_a_plain_dump_that_is_cut_anywhere_is_never_taken_for_whole(tmp_path: Path, compressed: bool) -> None:
    whole = plain_dump()
    data = gzip.compress(whole) if compressed else whole
    path = tmp_path / "dump.sql"
    # Behind the last line that counts, only line ends and a comment's frame are missing.
    end = len(data) if compressed else whole.index(b"dump complete") + len(b"dump complete")
    for length in range(end):
        path.write_bytes(data[:length])
        with pytest.raises(DbadminError), open_backup(path, progress=lambda what, done, total: None):
            pass
    path.write_bytes(data)
    with open_backup(path, progress=lambda what, done, total: None) as backup:
        assert backup.incomplete is None


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Rev]:
    """Revisions with branches, merges, several bases, labels and dependencies; never a cycle."""
    made: dict[str, Rev] = {}
    for number in range(draw(st.integers(1, 9))):
        names = sorted(made)
        parents = draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []
        parents = [one for one in parents if not any(_above(made, other, one) for other in parents if other != one)]
        others = [name for name in names if name not in parents]
        depends = draw(st.lists(st.sampled_from(others), max_size=1)) if others and draw(st.booleans()) else []
        down = None if not parents else parents[0] if len(parents) == 1 else tuple(parents)
        labels = (f"label{number}",) if down is None and draw(st.booleans()) else ()
        made[f"r{number}{draw(st.sampled_from('abc'))}"] = Rev(down, labels=labels, depends_on=tuple(depends))
    return made


def _above(made: dict[str, Rev], name: str, wanted: str) -> bool:
    """Whether `wanted` is among the ancestors of `name`."""
    down = made[name].down
    parents = () if down is None else (down,) if isinstance(down, str) else down
    return any(parent == wanted or _above(made, parent, wanted) for parent in parents)


@given(graphs())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_graph_is_read_as_alembic_reads_it(tmp_path_factory: pytest.TempPathFactory, graph: dict[str, Rev]) -> None:
    app = make_app(tmp_path_factory.mktemp("graph"), revisions=graph, url="sqlite:///app.db")
    ours, theirs = open_scripts(app.project), by_alembic(app)
    walked = list(theirs.walk_revisions())
    assert [r.revision for r in ours.revisions] == [s.revision for s in walked]
    assert [set(r.down_revisions) for r in ours.revisions] == [set(s._versioned_down_revisions) for s in walked]
    assert sorted(ours.heads) == sorted(theirs.get_heads())
    up = ours.plan("upgrade", "heads", ())
    assert set(up.revisions) == set(graph)
    assert set(up.end) == set(theirs.get_heads()) - {
        dependency for revision in graph.values() for dependency in revision.depends_on
    }
    down = ours.plan("downgrade", "base", up.end)
    assert (set(down.revisions), down.end) == (set(graph), ())
