"""Every answer on terminals from 40 to 200 columns, with long names and wide letters: nothing is wider than the
terminal, and what people copy is there whole."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from results_samples import BEHIND, SAMPLES

from dbadmin.render import render
from dbadmin.render.document import Block, Callout, Code, Drawing, Heading, KeyValues, Table, Text, value_of
from dbadmin.render.layouts import document
from dbadmin.render.values import ABSENT, text, visible
from dbadmin.render.writers.fitting import width
from dbadmin.results import Result

WIDTHS = (40, 60, 80, 200)
NAMES: dict[str, dict[str, str]] = {
    "plain": {},
    "long": {
        "6e94f1ab35d2": "20261128_0931_index_published",
        "d05b8e7713ca": "20250917_1420_backfill_excerpt",
        "91e6b3fa2d58": "20250121_0800_blog",
        "c3a9": "c3a9f0d17b62",
        "d4e1": "d4e10c77aa05",
        "blog_posts": "customer_subscription_billing_period_adjustment_entries_archive",
        "users": "customer_accounts_of_resellers",
        "nickname": "preferred_form_of_address",
        "BlogPost": "CustomerSubscriptionBillingPeriodAdjustment",
        "published": "published_and_reviewed_by_someone_else",
    },
    "wide": {
        "blog_posts": "記事と下書きの一覧表",
        "users": "利用者🧑‍🚀",
        "nickname": "呼び名",
        "BlogPost": "مقالة_المدونة",
        "index published posts": "公開済みの記事に索引を付ける 🚀🚀 וגם תאריכים",
        "rename nickname to handle": "إعادة تسمية الاسم المستعار",
        "6e94f1ab35d2": "索引_2026年",
    },
}


def renamed(value: Any, names: dict[str, str]) -> Any:
    """A result with other names in every text of it."""
    if isinstance(value, str):
        for old, new in names.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, tuple | list):
        return type(value)(renamed(item, names) for item in value)
    if isinstance(value, dict):
        return {key: renamed(item, names) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: renamed(getattr(value, field.name), names) for field in fields(value)})
    return value


def words(block: Block) -> Iterator[str]:
    """What must stand whole: every word but the values of rows, which are data and may be cut."""
    match block:
        case Heading() | Text():
            yield from cell_words(block.text)
        case Code():
            yield from (word for line in block.text.splitlines() for word in cell_words(line.strip()))
        case Callout():
            yield from (*cell_words(block.word), *cell_words(block.detail))
        case KeyValues():
            for label, value in block.pairs:
                yield from (*label.split(), *cell_words(value))
        case Table():
            for i, column in enumerate(block.columns):
                if column.whole or column.wrap or column.below or column.align == "right":
                    yield from (word for row in block.rows for word in cell_words(row[i]))
        case Drawing():
            pass


def cell_words(cell: Any) -> list[str]:
    """The words of a cell; what is absent may be left out."""
    return visible(text(value_of(cell))).replace(ABSENT, "").split(" ")


@pytest.mark.parametrize("limit", WIDTHS)
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_wider_than_the_terminal_and_no_word_that_fits_is_torn(
    name: str, names: dict[str, str], limit: int
) -> None:
    result: Result = renamed(SAMPLES[name], names)
    for detail in (False, True):
        lines = render(result, "table", width=limit, detail=detail).splitlines()
        assert [line for line in lines if width(line) > limit] == []
        spaced = [f" {line} " for line in lines]
        wanted = {word for block in document(result, detail=detail).blocks for word in words(block)}
        torn = [word for word in wanted if width(word) <= limit - 2 and not any(f" {word}" in s for s in spaced)]
        assert torn == []


@pytest.mark.parametrize("limit", WIDTHS)
def test_a_graph_goes_on_beside_lines_that_are_wrapped(limit: int) -> None:
    drawn = render(BEHIND, "table", width=limit, detail=True)
    history = drawn[drawn.index("History\n") :].split("\n\n")[0].splitlines()[3:]
    at = [number for number, line in enumerate(history) if line[0] in "●○"]
    assert len(at) == len(BEHIND.history)
    assert all(line[0] in "●○│" for line in history[: at[-1]])


def test_a_file_is_told_from_the_directory_one_is_in() -> None:
    scripts = str(Path("/srv/shop/alembic/versions/6e94f1ab35d2_x.py"))
    result = replace(BEHIND, pending=(replace(BEHIND.pending[0], file=scripts),))
    assert scripts in render(result, "table", width=120)
    assert " alembic/versions/6e94f1ab35d2_x.py" in render(result, "table", width=120, here="/srv/shop")
    assert scripts in render(result, "table", width=120, here="/srv/sho")
    assert scripts in render(result, "json")
