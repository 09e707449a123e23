"""docs/reference/checks.md: every check of inspect, with an example of what it finds."""

from dbadmin.health import checks
from dbadmin.results import CheckInfo
from pages.about_checks import EXAMPLES
from pages.writing import code

HEAD = """# Checks of inspect

`dbadmin inspect` runs every check that the engine can answer, `dbadmin inspect NAME…` some; `--ignore KEY` leaves
findings out, `--threshold CHECK=NUMBER` sets another number ([more](../inspect.md)). Each finding has the statement
that mends it and the one that takes that back, with the names of your database.

"""


def page() -> str:
    """The page."""
    return HEAD + "\n".join(section(check) for check in checks().checks)


def section(check: CheckInfo) -> str:
    """One check."""
    live = " · live" if check.live else ""
    threshold = f"Threshold: {check.threshold}.  \n" if check.threshold else ""
    return (
        f"### {check.name}\n\n`{check.level}` · {', '.join(check.engines)}{live}. Reads {check.reads}.\n\n"
        f"{code(EXAMPLES[check.name], 'sql')}\nWhy: {check.why}.  \n{threshold}What to do: {check.mend}.\n"
    )
