"""docs/reference/drift.md: every kind of object in which a database may drift, with an example of each."""

import re
from pathlib import Path

from dbadmin import dialects
from dbadmin.drift.compare import DECLARED, ELSEWHERE
from pages.writing import table

HEAD = """# Kinds of drift

`dbadmin status --drift` tells each difference with its kind, the object, what differs, and what mends it
([how it is measured](../status.md#drift)). `against` says what the object was compared with: `revision`, what the
database's own revision makes on an empty database, or `models`, what `create_all()` makes there.

"""
AGAINST = (
    ("against", "there, and not made", "made, and not there", "different"),
    (
        "`revision`",
        "somebody made it by hand: write a revision that makes it, or drop it by the statement in `remedy`",
        "somebody dropped it, or the database was stamped: run `remedy`",
        "somebody changed it: run `remedy`, or write a revision that changes it for all",
    ),
    (
        "`models`",
        "`alembic revision --autogenerate` would drop it: declare it if it is used",
        "a revision is missing: autogenerate writes it, or the statement in `remedy` goes into one",
        "a revision, or the models, are wrong: compare both definitions",
    ),
)
"""What each kind of difference usually comes from, and what to do."""
EXAMPLES: dict[str, tuple[str, str]] = {
    "table": ("CREATE TABLE posts_backup AS SELECT * FROM posts, by hand", "move what is needed, then drop it"),
    "column": ("a server default that was set by hand; NOT NULL in the models alone", "the statement in `remedy`"),
    "constraint": (
        "a CHECK or a foreign key that was dropped to load data, and never came back",
        "`remedy` adds it again",
    ),
    "index": (
        "an index that was added in production, CONCURRENTLY",
        "a revision with op.create_index(…, if_not_exists=True)",
    ),
    "enum": (
        "ALTER TYPE … ADD VALUE by hand; labels in another order",
        "a revision with the same statement; for another order, one that makes the type anew",
    ),
    "sequence": ("another increment or owner", "ALTER SEQUENCE, as `remedy` says where it can be told"),
    "model": (
        "a model in a module that env.py does not import",
        "import the module in env.py before target_metadata is used",
    ),
    "view": ("a view that was replaced by hand", "a revision that replaces it for all"),
    "materialized-view": ("likewise", "a revision that makes it anew"),
    "trigger": ("a trigger that batch mode or a restore dropped", "a revision, or `remedy`"),
    "function": ("a function that was replaced by hand", "a revision with CREATE OR REPLACE FUNCTION"),
    "procedure": ("likewise", "a revision with CREATE OR REPLACE PROCEDURE"),
    "aggregate": ("likewise", "a revision that makes it anew"),
    "rule": ("CREATE RULE by hand", "a revision, or DROP RULE"),
    "policy": ("a policy that was switched off for an import", "a revision with CREATE POLICY"),
    "domain": ("ALTER DOMAIN … DROP CONSTRAINT by hand", "a revision with ALTER DOMAIN"),
    "composite-type": ("an attribute that was added by hand", "a revision with ALTER TYPE"),
    "range": ("a range type that no revision makes", "a revision with CREATE TYPE … AS RANGE"),
    "statistics": ("CREATE STATISTICS by hand", "a revision with the same statement"),
    "schema": ("a schema that was made by hand", "a revision with CREATE SCHEMA"),
    "collation": ("a collation that no revision makes", "a revision with CREATE COLLATION"),
    "extension": (
        "CREATE EXTENSION by a superuser, outside the migrations",
        "op.execute('CREATE EXTENSION IF NOT EXISTS …') in a revision",
    ),
    "event-trigger": ("an event trigger of a monitoring tool", "leave it, or make it in a revision"),
    "event": ("an event of MariaDB that was switched off by hand", "a revision with CREATE OR REPLACE EVENT"),
    "package": ("a package of MariaDB's Oracle mode that was replaced", "a revision with CREATE OR REPLACE PACKAGE"),
    "comment": ("COMMENT ON INDEX … by hand", "a revision with the same statement"),
}
"""Kind → an example, and what to do about it."""
OTHERS = """
Rarer objects of PostgreSQL are told by the name that the server gives their kind (operator, cast, text search
configuration, foreign-data wrapper, server …): that they came or went is seen, not their inside.

"""


def page() -> str:
    """The page."""
    declared = {True: "yes", False: "no"}
    rows = [(f"`{kind}`", declared[kind in DECLARED | {"model"}], *EXAMPLES[kind]) for kind in EXAMPLES]
    untold = ", ".join(f"`{kind}`" for kind in sorted(ELSEWHERE))
    kinds_of_object = table(("kind", "models declare it", "for example", "what to do"), rows)
    return (
        f"{HEAD}{table(AGAINST[0], AGAINST[1:])}\n{kinds_of_object}{OTHERS}"
        f"Not told, as any two databases differ in them or no migration answers for them: grants, and {untold}.\n"
    )


def kinds() -> set[str]:
    """Every kind that the dialects' catalog queries name, but for those that are never told."""
    named = re.compile(r"SELECT '([a-z-]+)', ARRAY|ObjectKey\(\"([a-z-]+)\"")
    found = {"model"}
    for file in Path(dialects.__file__).parent.rglob("*.py"):
        found |= {one or two for one, two in named.findall(file.read_text(encoding="utf-8"))}
    return {kind for kind in found if kind not in ELSEWHERE and not kind.endswith("grant")}
