"""docs/review.md's table of real applications is what `python -m tests.review --histories` prints."""

from pathlib import Path

import pytest
from realapps.environments import NotAvailable
from review import histories, page

PAGE = page.FILE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(900)  # the first run waits for pip
def test_the_table_is_what_a_review_of_the_histories_finds(pytestconfig: pytest.Config) -> None:
    try:
        found = list(histories.histories(histories.CACHE))
    except NotAvailable as error:
        if pytestconfig.getoption("--require-servers"):
            pytest.fail(f"{error} (--require-servers)", pytrace=False)
        pytest.skip(str(error))
    assert histories.table(found) in PAGE
    told = {(h.name, f["revision"], f["code"]) for h in found for f in h.findings}
    assert set(histories.FALSE) <= told  # what is no longer found is no longer false


def test_the_table_names_every_application_and_the_command_that_makes_it() -> None:
    assert "python -m tests.review --histories" in PAGE
    for name, application in histories.APPLICATIONS.items():
        assert f"| {name} {application.requirements[0].partition('==')[2]} |" in PAGE
    assert Path(histories.__file__).name == "histories.py"
