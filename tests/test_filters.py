"""FILTER, AGG and values: what is typed, and what it means for a column of a type."""

import enum
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from servers import TestDatabase

from dbadmin.errors import UnknownName, UsageError
from dbadmin.queries import count
from dbadmin.queries.aggregates import FUNCTIONS, Aggregate, parse_aggregate, parse_named
from dbadmin.queries.filters import Filter, Value, parse_filter
from dbadmin.queries.paths import Path, parse_path
from dbadmin.queries.values import by_look, parse_parameters, typed

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)))


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


METADATA = sa.MetaData()
THINGS = sa.Table(
    "things",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50)),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("is_sold", sa.Boolean),
    sa.Column("made_on", sa.Date),
    sa.Column("made_at", sa.DateTime),
    sa.Column("seen_at", sa.DateTime(timezone=True)),
    sa.Column("colour", sa.Enum(Colour)),
    sa.Column("key", sa.Uuid),
    sa.Column("first name", sa.String(50)),
    sa.Column("select", sa.Integer),
)
KEY = UUID("12345678-1234-5678-1234-567812345678")
ROWS = [
    {
        "id": 1, "name": "Red, round", "price": Decimal("9.99"), "is_sold": True, "made_on": date(2025, 1, 31),
        "made_at": datetime(2025, 1, 31, 12), "seen_at": datetime(2025, 1, 31, 12, tzinfo=UTC),
        "colour": Colour.RED, "key": KEY, "first name": "it's", "select": 5,
    },
    {
        "id": 2, "name": "50% off", "price": Decimal("10.00"), "is_sold": False, "made_on": date(2025, 2, 1),
        "made_at": datetime(2025, 2, 1), "seen_at": datetime(2025, 2, 1, tzinfo=UTC),
        "colour": Colour.BLUE, "key": None, "first name": "null", "select": 6,
    },
    {"id": 3, "name": ""},
]  # fmt: skip


@pytest.fixture
def things(database: TestDatabase) -> TestDatabase:
    with database.connect() as connection:
        METADATA.create_all(connection)
        for row in ROWS:
            connection.execute(THINGS.insert().values(row))
    return database


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("id = 2", {2}),
        ("id==2", {2}),
        ("id != 2", {1, 3}),
        ("id <> 2", {1, 3}),
        ("id>=2", {2, 3}),
        ("id in 1,3", {1, 3}),
        ("id IN (1, 3)", {1, 3}),
        ("ID = 1", {1}),
        ("name ~ RED%", {1}),
        ("name ~ red", set()),
        (r"name ~ 50\%%", {2}),
        (r"name ~ %\%%", {2}),
        ("name in 'Red, round',x", {1}),
        ("name = ''", {3}),
        ("price < 10", {1}),
        ("price = 10.0", {2}),
        ("is_sold = yes", {1}),
        ("is_sold is null", {3}),
        ("is_sold is not null", {1, 2}),
        ("is_sold IS NOT NULL", {1, 2}),
        ("made_on > 2025-01-31", {2}),
        ("made_at >= 2025-01-31T12:00", {1, 2}),
        ("made_at = 2025-01-31T14:00+02:00", {1}),
        ("seen_at = 2025-01-31T12:00Z", {1}),
        ("colour = RED", {1}),
        ("colour = b", {2}),
        ("colour ~ r%", {1}),
        (f"key = {KEY}", {1}),
        ("\"first name\" = 'it''s'", {1}),
        ('"first name" = "it\'s"', {1}),
        ("\"first name\" = 'null'", {2}),
        ("select > 5", {2}),
        (["id > 1", "name is not null", "price is not null"], {2}),
        ({"id": [1, 2], "is_sold": True}, {1}),
        ({"price": None}, {3}),
        (THINGS.c.id + 1 == 3, {2}),
        (None, {1, 2, 3}),
    ],
)
def test_a_filter_selects_what_it_says_on_every_engine(things: TestDatabase, where: object, ids: set[int]) -> None:
    query = count(THINGS, where=where).with_only_columns(THINGS.c.id, maintain_column_froms=True)
    with things.connect() as connection:
        assert set(connection.scalars(query)) == ids


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("name", "is no filter"),
        ("= 3", "is no filter"),
        ("id => 3", "is no filter"),
        ("id =", "has no value"),
        ("id in ", "empty or unfinished"),
        ("id in 1,,2", "empty or unfinished"),
        ("name in 'a,b", "empty or unfinished"),
        ("id = three", "'three' is not a whole number, which id holds"),
        ("price = 1,5", "is not a number"),
        ("is_sold = maybe", "is not true or false"),
        ("made_on = 2025-02-30", "is not a date"),
        ("made_at = yesterday", "is not a time"),
        ("key = 1", "is not a UUID"),
        ("price = null", "nothing compares with null"),
        ("nane = x", "no column of things 'nane'; did you mean 'name'?"),
        ("colour = GREEN", "no value of colour 'GREEN'"),
        ("owner.name = x", "no column or relation of things 'owner'"),
    ],
)
def test_a_filter_that_cannot_be_is_one_clear_line(where: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        count(THINGS, where=where)
    assert says in caught.value.message
    assert caught.value.exit_code == 2


def test_values_of_a_filter_are_bound_and_never_written_into_the_sql() -> None:
    sql = str(count(THINGS, where="name = 'x'' or 1=1 --'").compile(compile_kwargs={"render_postcompile": True}))
    assert "1=1" not in sql


@given(NAMES, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~"]), TEXTS)
def test_any_text_in_quotes_comes_back_as_it_was(column: str, op: str, text: str) -> None:
    doubled = text.replace("'", "''")
    assert parse_filter(f"{column} {op} '{doubled}'") == Filter(column, op, (Value(text, quoted=True),))


@given(NAMES, st.lists(TEXTS, min_size=1, max_size=5))
def test_any_list_of_quoted_texts_comes_back_as_it_was(column: str, texts: list[str]) -> None:
    items = ",".join("'" + text.replace("'", "''") + "'" for text in texts)
    assert parse_filter(f"{column} in {items}").values == tuple(Value(text, quoted=True) for text in texts)


@given(TEXTS)
def test_the_filter_parser_only_ever_answers_or_says_usage_error(text: str) -> None:
    try:
        parse_filter(text)
    except UsageError as error:
        assert error.hint


@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from([None, "month", "year"]))
def test_a_path_reads_back_what_it_writes(names: list[str], part: str | None) -> None:
    path = Path(tuple(names[:-1]), names[-1], part)
    assert parse_path(str(path)) == path


@given(st.sampled_from(FUNCTIONS), NAMES)
def test_an_aggregate_reads_back_what_it_writes(function: str, column: str) -> None:
    aggregate = Aggregate(function, Path((), column))
    assert parse_aggregate(str(aggregate)) == aggregate


@given(TEXTS)
def test_the_aggregate_parser_only_ever_answers_or_says_usage_error(text: str) -> None:
    try:
        parse_aggregate(text)
    except UsageError as error:
        assert error.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("median(x)", "no aggregate 'median'"),
        ("sum", "sum needs a column"),
        ("sum(*)", "sum needs a column"),
        ("sum(x", "is no aggregate"),
        ("", "is no aggregate"),
    ],
)
def test_an_unknown_aggregate_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("(", r"\(").replace("*", r"\*")):
        parse_aggregate(text)


def test_two_aggregates_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two aggregates are called 'n'"):
        parse_named(["n=count", "n=max(x)"])


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_numbers_and_truth_are_known_by_look(value: float) -> None:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    assert by_look(text) == value


@given(TEXTS)
def test_quotes_force_a_parameter_to_be_text(text: str) -> None:
    assert parse_parameters([f"x='{text.replace(chr(39), chr(39) * 2)}'"]) == {"x": text}


@pytest.mark.parametrize("pair", ["x", "=3", "1x=3", "a b=3"])
def test_what_is_no_parameter_is_refused(pair: str) -> None:
    with pytest.raises(UsageError, match="is no parameter"):
        parse_parameters([pair])


def test_durations_are_typed_with_their_unit() -> None:
    assert typed("1.5h", sa.Interval(), "took") == timedelta(minutes=90)


def test_an_enumeration_of_texts_names_its_values() -> None:
    with pytest.raises(UnknownName, match="did you mean 'open'"):
        typed("opne", sa.Enum("open", "closed", name="state"), "state")
