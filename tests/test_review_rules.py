"""The rules of review: each is found where it should be and nowhere else, and reading does not guess."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from review import BASE, Case, cases

from dbadmin.dialects import named
from dbadmin.migrations.review import COMMENTS, RULES
from dbadmin.migrations.review.history import History
from dbadmin.migrations.review.read import read
from dbadmin.migrations.review.rule import Look
from dbadmin.migrations.review.sql import changes_of
from dbadmin.results import Revision

BY_RULE: dict[str, list[Case]] = defaultdict(list)
for one in cases():
    BY_RULE[one.code].append(one)


@pytest.mark.parametrize("made", ["CREATE TYPE mood AS ENUM ('a')", "ALTER TYPE feeling RENAME TO mood"])
def test_a_type_that_an_earlier_revision_made_by_itself_is_there(made: str) -> None:
    before = History().after(changes_of(made, 1))
    assert "mood" in before.types
    assert "mood" not in before.after(changes_of("DROP TYPE mood", 1)).types
    script = read(Path("c.py"), b"def upgrade(): op.add_column('t', sa.Column('m', sa.Enum('a', name='mood')))", None)
    look = Look(Revision("c", ("b",), "", None, "c.py"), script, before)
    assert list(RULES["enum-type-missing"].find(look)) == []
    assert list(RULES["enum-type-missing"].find(replace(look, before=History()))) != []


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
def test_advice_is_for_the_engine_of_the_review(engine: str, tmp_path: Path) -> None:
    script = 'op.alter_column("users", "age", nullable=False)\nop.create_unique_constraint("uq", "users", ["name"])\n'
    script += 'op.create_check_constraint("ck", "users", "age > 0")'
    found = Case("not-null-set", engine, script, True, 1).review(tmp_path).findings
    assert "not-null-set" in {finding.code for finding in found}
    assert not [finding for finding in found if "PostgreSQL" in (finding.remedy or "")]


@pytest.mark.parametrize("code", list(RULES))
def test_a_rule_finds_what_it_is_for_and_nothing_else(code: str, tmp_path: Path) -> None:
    assert sum(case.found for case in BY_RULE[code]) >= 3
    assert sum(not case.found for case in BY_RULE[code]) >= 3
    wrong = {}
    for case in BY_RULE[code]:
        home = tmp_path / case.name
        home.mkdir()
        wrong[case.name] = case.wrong(home)
    assert {name: reason for name, reason in wrong.items() if reason} == {}


def test_codes_are_words_and_every_rule_says_why_and_what_instead() -> None:
    for rule in RULES.values():
        assert rule.code == rule.code.lower().replace("_", "-")
        assert rule.why and rule.instead and rule.engines
        assert (rule.find.__doc__ or "").strip().endswith(".")
    assert not set(COMMENTS) & set(RULES)


def changes(source: str, engine: str = "postgresql") -> list[tuple[str, str | None, tuple[str, ...]]]:
    """What upgrade() with this body does, as kind, table and columns."""
    body = "\n".join(f"    {line}" for line in source.strip().splitlines())
    found = read(
        Path("x.py"), f"import sqlalchemy as sa\nfrom alembic import op\ndef upgrade():\n{body}\n".encode(), engine
    )
    return [(change.kind, change.table, change.names) for change in found.upgrade]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("table = 'users'\nop.drop_column(table, 'a')", [("drop_column", "users", ("a",))]),
        ("op.drop_column(name(), 'a')", [("drop_column", None, ("a",))]),
        ("for t in ('a', 'b'):\n    op.drop_table(t)", [("drop_table", "a", ()), ("drop_table", "b", ())]),
        ("for t in tables():\n    op.drop_table(t)", [("drop_table", None, ())]),
        ("def inner(t):\n    op.drop_table(t)\ninner('users')", [("drop_table", "users", ())]),
        ("try:\n    op.drop_table('a')\nexcept Exception:\n    pass", [("drop_table", "a", ())]),
        ("if op.get_bind().dialect.name != 'postgresql':\n    op.drop_table('a')", []),
        ("if op.get_context().dialect.name in ('postgresql', 'x'):\n    op.drop_table('a')", [("drop_table", "a", ())]),
        ("op.execute(f'DROP TABLE {x}')", [("drop_table", None, ())]),
        ("op.execute('DROP TABLE \"my t\"')", [("drop_table", "my t", ())]),
        ("op.execute('-- DROP TABLE a\\nSELECT 1')", [("sql", None, ())]),
        ("with op.batch_alter_table('t') as b:\n    b.drop_column('a')", [("drop_column", "t", ("a",))]),
        ("x = lambda: op.drop_table('a')", [("drop_table", "a", ())]),
    ],
)  # fmt: skip
def test_scripts_are_read_as_far_as_they_tell(source: str, found: list[object]) -> None:
    assert changes(source) == found


def test_recursion_in_a_script_ends() -> None:
    assert changes("def again():\n    op.drop_table('a')\n    again()\nagain()")[0] == ("drop_table", "a", ())


def test_a_script_is_never_run_by_reading_it(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    source = f"open({str(ran)!r}, 'w')\ndef upgrade():\n    open({str(ran)!r}, 'w')\n"
    read(Path("x.py"), source.encode(), None)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("ALTER TABLE a DROP COLUMN b, ADD CONSTRAINT c CHECK (x IN (1, 2))", ["drop_column", "add_constraint"]),
        ("alter table only a alter b set data type numeric(10, 2)", ["alter_column"]),
        ("UPDATE a SET b = 'x; DELETE FROM c'", ["update"]),
        ("INSERT INTO a SELECT * FROM b; TRUNCATE c", ["insert", "truncate"]),
        ("CREATE FUNCTION f() RETURNS void AS $$ BEGIN DELETE FROM a; END $$ LANGUAGE plpgsql", ["create_object"]),
        ("CREATE UNIQUE INDEX ON a (b)", ["create_index"]),
        ("", []),
    ],
)  # fmt: skip
def test_sql_is_told_by_its_first_words(text: str, kinds: list[str]) -> None:
    assert [change.kind for change in changes_of(text, 1)] == kinds


def test_locks_are_those_of_the_engine() -> None:
    (index,) = changes_of("CREATE INDEX i ON t (a)", 1)
    effects = {name: named(name).changes.effect(index) for name in ("sqlite", "postgresql", "mysql")}
    assert {name: effect and effect.blocks for name, effect in effects.items()} == {
        "sqlite": "writes", "postgresql": "writes", "mysql": None,
    }  # fmt: skip
    assert "users" in BASE
