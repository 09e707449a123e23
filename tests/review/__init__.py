"""Revisions for each rule of `dbadmin review`: some that must be found, some that must not.

`python -m tests.review` runs them all and prints how many are found, and the false alarms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbadmin.dialects import named
from dbadmin.migrations.project import Project
from dbadmin.migrations.review import RULES, Around, choose, review
from dbadmin.migrations.scripts import open_scripts
from dbadmin.results import Review

HEADER = '''"""{name}"""
import sqlalchemy as sa
from alembic import op
{top}
revision = "{name}"
down_revision = {down}
branch_labels = None
depends_on = None


def upgrade():
{upgrade}

{downgrade}
'''
BASE = """op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(50)), sa.Column("email", sa.String(200), nullable=False),
    sa.Column("age", sa.Integer()))
op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("title", sa.String(200)),
    sa.Column("author_id", sa.Integer(), sa.ForeignKey("users.id", name="fk_posts_author"), index=True),
    sa.Column("state", sa.Enum("draft", "live", name="post_state"), nullable=False))"""
"""Tables that are there before every case, in use."""
TOP, DOWN, BRANCH = "top| ", "down| ", "branch| "
"""How a line begins that stands in front of upgrade(), in downgrade(), or in a revision on another branch."""
NO_DOWNGRADE, NO_BODY = "nodown|", "pass"


@dataclass(frozen=True)
class Case:
    """One revision on one engine, and whether the rule `code` is to find something in it."""

    code: str
    engine: str
    script: str
    found: bool
    number: int

    @property
    def name(self) -> str:
        """Short, for test ids."""
        return f"{self.code}-{'found' if self.found else 'clean'}-{self.number}"

    def review(self, directory: Path) -> Review:
        """Write the scripts into an empty directory and review the case's revision, without a database."""
        project = Project(None, "alembic", directory, directory)
        versions = directory / "versions"
        versions.mkdir()
        (directory / "shop").mkdir()
        (directory / "shop" / "__init__.py").touch()
        (versions / "a_before.py").write_text(script("before1", None, BASE, "raise NotImplementedError"))
        (versions / "c_case.py").write_text(self.source())
        branch = part(self.script, BRANCH)
        if branch:
            (versions / "b_branch.py").write_text(script("branch1", "before1", branch, "raise NotImplementedError"))
        scripts = open_scripts(project)
        choice = choose(scripts, "case1", pending=False, every=False, current=None)
        return review(scripts, choice, Around(named(self.engine)), progress=silent)

    def source(self) -> str:
        """The case's script."""
        lines = self.script.strip("\n").splitlines()
        marks = (TOP, DOWN, BRANCH)
        upgrade = "\n".join(line for line in lines if not line.startswith(marks) and line != NO_DOWNGRADE)
        down = None if NO_DOWNGRADE in lines else part(self.script, DOWN) or "raise NotImplementedError"
        return script("case1", "before1", upgrade or NO_BODY, down, part(self.script, TOP))

    def wrong(self, directory: Path) -> str | None:
        """What is wrong with the answer; None where it is right."""
        found = [finding for finding in self.review(directory).findings if finding.code == self.code]
        if self.found and not found:
            return "not found"
        return f"false alarm: {found[0].detail}" if found and not self.found else None


def part(script: str, mark: str) -> str:
    """The lines with a mark."""
    return "\n".join(line.removeprefix(mark) for line in script.strip("\n").splitlines() if line.startswith(mark))


def script(name: str, down: str | None, upgrade: str, downgrade: str | None, top: str = "") -> str:
    """A whole revision script."""
    indented = ["\n".join(f"    {line}" for line in (text or "").splitlines()) for text in (upgrade, downgrade)]
    below = f"\ndef downgrade():\n{indented[1]}" if downgrade is not None else ""
    return HEADER.format(name=name, down=repr(down), top=top, upgrade=indented[0], downgrade=below)


def silent(what: str, done: float, total: float | None) -> None:
    """Progress that nobody is told of."""


def cases() -> Iterator[Case]:
    """Every case of every rule, from `cases/CODE.txt`: each begins with `=== found` or `=== clean`, `on ENGINE`."""
    for code, rule in RULES.items():
        default = "postgresql" if "postgresql" in rule.engines else rule.engines[0]
        path = Path(__file__).parent / "cases" / f"{code}.txt"
        counted: dict[bool, int] = {True: 0, False: 0}
        for text in path.read_text(encoding="utf-8").split("=== ")[1:]:
            head, _, body = text.partition("\n")
            word, _, engine = head.partition(" on ")
            found = {"found": True, "clean": False}[word]
            counted[found] += 1
            yield Case(code, engine or default, body, found, counted[found])


__all__ = ["Case", "cases"]
