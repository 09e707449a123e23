"""`dbadmin inspect` on 1,000 tables beside catalog queries as people write them by hand, both as whole processes."""

import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.measure import Command, Row, compare
from tests.benchmarks.project import dbadmin
from tests.benchmarks.tables import server

TABLES = 1_000
CHECKS = ("fk-without-index", "duplicate-index", "invalid-index", "no-primary-key", "fk-type-mismatch", "not-validated")
BY_HAND = """
import sys
import sqlalchemy as sa
queries = (
    "SELECT c.conrelid::regclass, c.conname FROM pg_constraint c WHERE c.contype = 'f' AND NOT EXISTS (SELECT FROM"
    " pg_index i WHERE i.indrelid = c.conrelid AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)",
    "SELECT indrelid::regclass, array_agg(indexrelid::regclass) FROM pg_index GROUP BY indrelid, indkey::text,"
    " indclass::text, indoption::text, coalesce(indexprs::text, ''), coalesce(indpred::text, '') HAVING count(*) > 1",
    "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid",
    "SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND"
    " n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')",
    "SELECT k.conname FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]"
    " JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1] WHERE k.contype = 'f' AND"
    " a.atttypid <> b.atttypid",
    "SELECT conrelid::regclass, conname FROM pg_constraint WHERE NOT convalidated",
)
with sa.create_engine(sys.argv[1]).connect() as connection:
    for query in queries:
        print(len(connection.execute(sa.text(query.replace(":", chr(92) + ":"))).all()))
"""


def inspect_row() -> "Callable[[Path, int], Row]":
    """Six checks of the schema beside six queries that answer most of the same, of PostgreSQL with 1,000 tables."""

    def row(directory: Path, runs: int) -> Row:
        with server("postgresql", directory) as database:
            made = ["CREATE TABLE t0 (id integer PRIMARY KEY, a integer)"]
            for n in range(1, TABLES):
                made += [
                    f"CREATE TABLE t{n} (id integer PRIMARY KEY, a integer REFERENCES t{n - 1} (id), b integer)",
                    f"CREATE INDEX ix_{n} ON t{n} (a, b)",
                ]
            database.execute(*made)
            url = database.url.render_as_string(hide_password=False)
            subject = Command(dbadmin("inspect", *CHECKS, "--url", url, "--format", "json"), cwd=directory)
            against = Command([sys.executable, "-c", BY_HAND, url], cwd=directory)
            title = f"dbadmin inspect, {TABLES} tables"
            return compare(title, subject, against, of="queries by hand", aim=1.5, runs=runs)

    return row
