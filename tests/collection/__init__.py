"""Known defects of rollbacks, and changes that are clean, as tiny applications; each from what a project reported.

    python -m tests.collect                        # every case on every engine here, and the figures
    python -m tests.collect --engine sqlite --name trigger

A defect is caught when the rehearsal gives the verdict that is due, names the code, the object and the revision, and
blames no other revision.
A clean change is a false alarm when its verdict is anything but safe. Nothing in dbadmin knows these cases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent
from typing import TypedDict

import sqlalchemy as sa
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from apps import App, Rev, make_app
from rehearsing import execute, rehearsed
from servers import TestDatabase

from dbadmin.results import RollbackReport
from dbadmin.rollback.origin import Origin

ENGINES = ("sqlite", "postgresql", "mariadb")

BASE = """
op.create_table(
    "authors",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(100), nullable=False),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("country", sa.String(2)),
    sa.Column("phone", sa.String(20)),
    sa.Column("balance", sa.Numeric(20, 10)),
    sa.Column("note", sa.Text),
    sa.Column("joined", sa.DateTime),
    sa.Column("score", sa.Integer),
    sa.UniqueConstraint("email", name="uq_authors_email"),
)
op.create_table(
    "books",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author_id", sa.Integer, nullable=False),
    sa.Column("title", sa.String(80), nullable=False),
    sa.Column("status", sa.String(20), nullable=False, server_default="draft"),
    sa.Column("price", sa.Numeric(8, 3)),
    sa.Column("pages", sa.Integer),
    sa.ForeignKeyConstraint(["author_id"], ["authors.id"], name="fk_books_author", ondelete="CASCADE"),
    sa.CheckConstraint("pages > 0", name="ck_books_pages"),
)
op.create_index("ix_books_title", "books", ["title"])
op.create_index("ix_books_author", "books", ["author_id"])
op.create_table("roles", sa.Column("name", sa.String(30), primary_key=True), sa.Column("level", sa.Integer))
op.create_table("drafts", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text),
                sa.Column("kind", sa.String(10)))
"""
ROWS = (
    """INSERT INTO authors (id, email, name, country, phone, balance, note, joined, score) VALUES
    (1, 'Ada@example.org', 'Ada Lovelace', 'GB', '007', 0.1234567891, '12', '2026-01-02 03:04:05', 3),
    (2, 'grete@example.org', 'Grete Hermann', 'DE', '0170-1', 20000000.25, 'seven', '2026-07-02 03:04:05', NULL),
    (3, 'zoe@example.org', 'Maria del Carmen Zoë', NULL, NULL, NULL, NULL, NULL, 9)""",
    """INSERT INTO books (id, author_id, title, status, price, pages) VALUES
    (1, 1, 'Notes', 'published', 12.345, 40), (2, 1, 'Notes II', 'archived', 7.001, NULL),
    (3, 2, 'Grundlagen', 'draft', NULL, 300), (4, 3, 'Notes', 'published', 9.990, 12)""",
    "INSERT INTO roles (name, level) VALUES ('admin', 9), ('reader', 1)",
)


@dataclass(frozen=True)
class Change:
    """One or more revisions on top of BASE, pending on a database with ROWS.

    `thread` is where it was reported. `base` is code added to the first revision (by engine), `rows` are
    statements run after it. `more` are further revisions, each (upgrade, downgrade), named c3, d4, …
    """

    name: str
    thread: str
    upgrade: str
    downgrade: str | None
    engines: Sequence[str] = ENGINES
    base: str = ""
    rows: Sequence[str] = ()
    more: Sequence[tuple[str, str | None]] = ()
    top: str = ""
    env: str = "plain"

    def rehearse(self, directory: Path, database: TestDatabase, *, private: bool = False) -> RollbackReport:
        """Make the application, fill it, and rehearse what is pending.

        On PostgreSQL the copy lives on the test's own server, as starting one for each case would take most of the
        time. `private` starts one all the same, as users have it by default.
        """
        code = BASE + dedent(self.base)
        revisions = {"a1": Rev(None, code, 'raise NotImplementedError("not part of the walk")')}
        app = make_app(directory, url=database.url, revisions=revisions, env=self.env)
        apply(app, "a1", code)
        execute(database.url, *ROWS, *self.rows)
        app.add({"b2": Rev("a1", self.upgrade, self.downgrade, top=self.top)})
        before = "b2"
        for number, (upgrade, downgrade) in enumerate(self.more):
            name = f"{chr(ord('c') + number)}{number + 3}"
            app.add({name: Rev(before, upgrade, downgrade)})
            before = name
        same_server = not private and database.kind == "postgresql"
        return rehearsed(app, origin=Origin(scratch="same-server" if same_server else None))


class Due(TypedDict):
    """What many defects have in common."""

    verdict: str
    code: str


@dataclass(frozen=True)
class Defect(Change):
    """A change whose rollback goes wrong, and what has to be said of it.

    `verdict` and `code` may be given by engine where engines differ; `object` is the end of the finding's object.
    """

    verdict: str | Mapping[str, str] = "broken"
    code: str | Mapping[str, str] = "downgrade-failed"
    object: str | None = None
    revision: str | None = field(default="b2")

    def missed(self, engine: str, report: RollbackReport) -> str | None:
        """What the report lacks, None where the defect was caught."""
        verdict = self.verdict if isinstance(self.verdict, str) else self.verdict[engine]
        code = self.code if isinstance(self.code, str) else self.code[engine]
        found = [f"{f.code} {f.object} {f.revision} {f.rows}" for f in report.findings]
        if report.verdict != verdict:
            return f"verdict {report.verdict}, due {verdict}; {found} {failures(report)}"
        others = {f.revision for f in report.findings if f.blocks_verdict} - {self.revision, None}
        if others:
            return f"{verdict}, but {', '.join(sorted(map(str, others)))} is blamed besides {self.revision}; {found}"
        for finding in report.findings:
            if finding.code == code and finding.revision == self.revision and self._named(finding.object):
                return None
        return f"{verdict}, but no {code} {self.object or ''} in {self.revision}; {found} {failures(report)}"

    def _named(self, found: str) -> bool:
        return self.object is None or found == self.object or found.endswith("." + self.object)


def apply(app: App, revision: str, code: str) -> None:
    """Run a revision's code on the application's database and stamp it, without a process of Alembic's own."""
    engine = sa.create_engine(app.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            exec(code, {"op": op, "sa": sa})
        context.stamp(ScriptDirectory(str(app.directory / "migrations")), revision)
    engine.dispose()


def false_alarm(report: RollbackReport) -> str | None:
    """What is wrongly held against a clean change, None where it is called safe."""
    if report.verdict == "safe":
        return None
    found = [f"{f.code} {f.object} {f.revision} {f.rows} {f.detail}" for f in report.findings if f.severity != "note"]
    return f"verdict {report.verdict}: {found} {failures(report)}"


def failures(report: RollbackReport) -> list[str]:
    """The errors of failed steps."""
    return [f"{step.phase} {step.revision}: {step.error}" for step in report.steps if step.state == "failed"]


def batch(table: str, *lines: str, **options: str) -> str:
    """A `with op.batch_alter_table(…)` block: on SQLite the table is rebuilt, elsewhere it is plain ALTER."""
    given = "".join(f", {key}={value}" for key, value in options.items())
    body = indent("\n".join(f"batch.{line}" for line in lines), "    ")
    return f'with op.batch_alter_table("{table}"{given}) as batch:\n{body}\n'


def sql(*statements: str) -> str:
    """Code that executes statements."""
    return "".join(f"op.execute({statement!r})\n" for statement in statements)
