"""Collections of cases for the checks of indexes and foreign keys: what must be found, and what must not.

Every case has tables of its own in one database; `{a}` … in its statements are their names. `found` holds what
the check must say of them, `object` with the tables' names left open in the same way.
"""

from dataclasses import dataclass, field
from zlib import crc32


@dataclass(frozen=True)
class Case:
    """Statements, and the objects of the findings that they must lead to: none by default."""

    name: str
    sql: tuple[str, ...]
    found: frozenset[str] = field(default_factory=frozenset)

    def spelled(self, text: str) -> str:
        """A statement or an object with the names of this case's tables."""
        short = f"c{crc32(self.name.encode())}"
        return text.replace("{p}", f"{short}_parent").replace("{c}", f"{short}_child").replace("{s}", f"{short}_schema")


def case(name: str, *sql: str, found: str = "") -> Case:
    return Case(name, sql, frozenset(found.split()))


PARENT = "CREATE TABLE {p} (id integer PRIMARY KEY)"
CHILD = "CREATE TABLE {c} (id integer PRIMARY KEY, a integer REFERENCES {p} (id), b integer)"
PAIR = "CREATE TABLE {p} (x integer, y integer, PRIMARY KEY (x, y))"
PAIRED = "CREATE TABLE {c} (id integer PRIMARY KEY, a integer, b integer, FOREIGN KEY (a, b) REFERENCES {p} (x, y))"

KEYS_ANYWHERE = (
    case("no index at all", PARENT, CHILD, found="{c}.a"),
    case("an index on the column", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a)"),
    case("a longer index that begins with it", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a, b)"),
    case("the column second in an index", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (b, a)", found="{c}.a"),
    case("a unique index", PARENT, CHILD, "CREATE UNIQUE INDEX {c}_i ON {c} (a)"),
    case("descending", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a DESC)"),
    case("the primary key is the foreign key", PARENT, "CREATE TABLE {c} (id integer PRIMARY KEY REFERENCES {p} (id))"),
    case(
        "a unique constraint",
        PARENT, "CREATE TABLE {c} (id integer PRIMARY KEY, a integer UNIQUE REFERENCES {p} (id))",
    ),
    case(
        "first in a composite primary key",
        PARENT,
        "CREATE TABLE {c} (a integer REFERENCES {p} (id), b integer, PRIMARY KEY (a, b))",
    ),
    case(
        "second in a composite primary key",
        PARENT,
        "CREATE TABLE {c} (a integer REFERENCES {p} (id), b integer, PRIMARY KEY (b, a))",
        found="{c}.a",
    ),
    case("composite in order", PAIR, PAIRED, "CREATE INDEX {c}_i ON {c} (a, b)"),
    case("composite in another order", PAIR, PAIRED, "CREATE INDEX {c}_i ON {c} (b, a)"),
    case("composite, longer index, another order", PAIR, PAIRED, "CREATE INDEX {c}_i ON {c} (b, a, id)"),
    case("composite, only its first column", PAIR, PAIRED, "CREATE INDEX {c}_i ON {c} (a)", found="{c}.a,b"),
    case("composite, another between", PAIR, PAIRED, "CREATE INDEX {c}_i ON {c} (a, id, b)", found="{c}.a,b"),
    case(
        "two foreign keys, one index",
        PARENT,
        "CREATE TABLE {c} (id integer PRIMARY KEY, a integer REFERENCES {p} (id), b integer REFERENCES {p} (id))",
        "CREATE INDEX {c}_i ON {c} (a)",
        found="{c}.b",
    ),
    case(
        "the table refers to itself",
        "CREATE TABLE {c} (id integer PRIMARY KEY, a integer REFERENCES {c} (id))",
        found="{c}.a",
    ),
    case("partial where not null", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a) WHERE a IS NOT NULL"),
    case("partial by its own value", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a) WHERE a > 10", found="{c}.a"),
    case("partial by another column", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a) WHERE b > 0", found="{c}.a"),
    case(
        "partial where another is not null",
        PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a) WHERE b IS NOT NULL", found="{c}.a",
    ),
    case(
        "partial where not null and more",
        PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a) WHERE a IS NOT NULL AND b > 0", found="{c}.a",
    ),
    case(
        "partial where both are not null",
        PAIR, PAIRED, "CREATE INDEX {c}_i ON {c} (a, b) WHERE a IS NOT NULL AND b IS NOT NULL",
    ),
    case("an expression over it", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} ((a + 1))", found="{c}.a"),
    case("an expression after it", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a, (b + 1))"),
    case(
        "a name that needs quotes", PARENT,
        'CREATE TABLE "{c} x" (id integer PRIMARY KEY, "A b" integer REFERENCES {p} (id))',
        'CREATE INDEX "{c} i" ON "{c} x" ("A b")',
    ),
)  # fmt: skip
"""On PostgreSQL and SQLite alike; InnoDB makes an index for each foreign key itself."""

KEYS_ON_POSTGRESQL = (
    case("only in INCLUDE", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (b) INCLUDE (a)", found="{c}.a"),
    case("with INCLUDE", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} (a) INCLUDE (b)"),
    case("a hash index", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} USING hash (a)"),
    case("a BRIN index", PARENT, CHILD, "CREATE INDEX {c}_i ON {c} USING brin (a)", found="{c}.a"),
    case(
        "another operator class",
        "CREATE TABLE {p} (id text PRIMARY KEY)",
        "CREATE TABLE {c} (id integer PRIMARY KEY, a text REFERENCES {p} (id))",
        "CREATE INDEX {c}_i ON {c} (a text_pattern_ops)",
    ),
    case(
        "another collation",
        "CREATE TABLE {p} (id text PRIMARY KEY)",
        "CREATE TABLE {c} (id integer PRIMARY KEY, a text REFERENCES {p} (id))",
        'CREATE INDEX {c}_i ON {c} (a COLLATE "POSIX")',
        found="{c}.a",
    ),
    case(
        "an invalid index",
        PARENT,
        CHILD,
        "CREATE INDEX {c}_i ON {c} (a)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{c}_i'::regclass",
        found="{c}.a",
    ),
    case(
        "a partitioned table with an index",
        PARENT,
        "CREATE TABLE {c} (id integer, a integer REFERENCES {p} (id), PRIMARY KEY (id)) PARTITION BY RANGE (id)",
        "CREATE TABLE {c}_1 PARTITION OF {c} FOR VALUES FROM (0) TO (10)",
        "CREATE INDEX {c}_i ON {c} (a)",
    ),
    case(
        "a partitioned table without one is told of once",
        PARENT,
        "CREATE TABLE {c} (id integer, a integer REFERENCES {p} (id), PRIMARY KEY (id)) PARTITION BY RANGE (id)",
        "CREATE TABLE {c}_1 PARTITION OF {c} FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE {c}_2 PARTITION OF {c} FOR VALUES FROM (10) TO (20)",
        found="{c}.a",
    ),
    case(
        "each partition has an index of its own",
        PARENT,
        "CREATE TABLE {c} (id integer, a integer REFERENCES {p} (id), PRIMARY KEY (id)) PARTITION BY RANGE (id)",
        "CREATE TABLE {c}_1 PARTITION OF {c} FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE {c}_2 PARTITION OF {c} FOR VALUES FROM (10) TO (20)",
        "CREATE INDEX {c}_i1 ON {c}_1 (a)",
        "CREATE INDEX {c}_i2 ON {c}_2 (a)",
    ),
    case(
        "one partition lacks it",
        PARENT,
        "CREATE TABLE {c} (id integer, a integer REFERENCES {p} (id), PRIMARY KEY (id)) PARTITION BY RANGE (id)",
        "CREATE TABLE {c}_1 PARTITION OF {c} FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE {c}_2 PARTITION OF {c} FOR VALUES FROM (10) TO (20)",
        "CREATE INDEX {c}_i1 ON {c}_1 (a)",
        found="{c}.a",
    ),
    case(
        "the same table name in another schema has the index",
        PARENT,
        CHILD,
        "CREATE SCHEMA {s}",
        "CREATE TABLE {s}.{c} (id integer PRIMARY KEY, a integer REFERENCES {p} (id))",
        "CREATE INDEX {c}_i ON {s}.{c} (a)",
        found="{c}.a",
    ),
    case(
        "only the one in the other schema lacks it",
        PARENT,
        CHILD,
        "CREATE INDEX {c}_i ON {c} (a)",
        "CREATE SCHEMA {s}",
        "CREATE TABLE {s}.{c} (id integer PRIMARY KEY, a integer REFERENCES {p} (id))",
        found="{s}.{c}.a",
    ),
    case(
        "two foreign keys over one column are told of once",
        PARENT,
        CHILD,
        "CREATE TABLE {p}_2 (id integer PRIMARY KEY)",
        "ALTER TABLE {c} ADD FOREIGN KEY (a) REFERENCES {p}_2 (id)",
        found="{c}.a",
    ),
)

T = "CREATE TABLE {c} (id integer PRIMARY KEY, a integer, b integer, t text)"
DUPLICATES_ANYWHERE = (
    case("the same twice", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a)", found="{c}.{c}_j"),
    case(
        "three times", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a)",
        "CREATE INDEX {c}_k ON {c} (a)", found="{c}.{c}_j {c}.{c}_k",
    ),
    case(
        "beside a unique one", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE UNIQUE INDEX {c}_u ON {c} (a)",
        found="{c}.{c}_i",
    ),
    case(
        "beside a unique constraint",
        "CREATE TABLE {c} (id integer PRIMARY KEY, a integer, UNIQUE (a))", "CREATE INDEX {c}_i ON {c} (a)",
        found="{c}.{c}_i",
    ),
    case("beside the primary key", T, "CREATE INDEX {c}_i ON {c} (id)", found="{c}.{c}_i"),
    case("another order", T, "CREATE INDEX {c}_i ON {c} (a, b)", "CREATE INDEX {c}_j ON {c} (b, a)"),
    case("a longer one", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a, b)"),
    case("unique beside a longer one", T, "CREATE UNIQUE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a, b)"),
    case("descending", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a DESC)"),
    case(
        "the same, descending",
        T, "CREATE INDEX {c}_i ON {c} (a DESC)", "CREATE INDEX {c}_j ON {c} (a DESC)", found="{c}.{c}_j",
    ),
    case(
        "on two tables", T, "CREATE TABLE {c}_2 (a integer)", "CREATE INDEX {c}_i ON {c} (a)",
        "CREATE INDEX {c}_j ON {c}_2 (a)",
    ),
)  # fmt: skip
DUPLICATES_WITH_CONDITIONS = (
    case("partial and whole", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a) WHERE a > 0"),
    case(
        "two conditions", T, "CREATE INDEX {c}_i ON {c} (a) WHERE a > 1", "CREATE INDEX {c}_j ON {c} (a) WHERE a > 0"
    ),
    case(
        "the same condition",
        T, "CREATE INDEX {c}_i ON {c} (a) WHERE a > 0", "CREATE INDEX {c}_j ON {c} (a) WHERE a > 0", found="{c}.{c}_j",
    ),
    case("two expressions", T, "CREATE INDEX {c}_i ON {c} ((a + 1))", "CREATE INDEX {c}_j ON {c} ((a + 2))"),
    case(
        "the same expression",
        T, "CREATE INDEX {c}_i ON {c} (lower(t))", "CREATE INDEX {c}_j ON {c} (lower(t))", found="{c}.{c}_j",
    ),
    case("an expression and the column", T, "CREATE INDEX {c}_i ON {c} (t)", "CREATE INDEX {c}_j ON {c} (lower(t))"),
)  # fmt: skip
DUPLICATES_ON_SQLITE = (
    case("another collation", T, "CREATE INDEX {c}_i ON {c} (t)", "CREATE INDEX {c}_j ON {c} (t COLLATE NOCASE)"),
)
DUPLICATES_ON_MARIADB = (
    case("a prefix", T, "CREATE INDEX {c}_i ON {c} (t(10))", "CREATE INDEX {c}_j ON {c} (t(20))"),
    case(
        "the same prefix",
        T, "CREATE INDEX {c}_i ON {c} (t(9))", "CREATE INDEX {c}_j ON {c} (t(9))", found="{c}.{c}_j",
    ),
    case("full text", T, "CREATE INDEX {c}_i ON {c} (t(9))", "CREATE FULLTEXT INDEX {c}_j ON {c} (t)"),
    case(
        "an ignored one", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a)",
        "ALTER TABLE {c} ALTER INDEX {c}_j IGNORED",
    ),
)  # fmt: skip
DUPLICATES_ON_POSTGRESQL = (
    case("another collation", T, "CREATE INDEX {c}_i ON {c} (t)", 'CREATE INDEX {c}_j ON {c} (t COLLATE "POSIX")'),
    case(
        "another operator class",
        T, "CREATE INDEX {c}_i ON {c} (t)", "CREATE INDEX {c}_j ON {c} (t text_pattern_ops)",
    ),
    case("another method", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} USING hash (a)"),
    case("included columns", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a) INCLUDE (t)"),
    case(
        "other included columns",
        T, "CREATE INDEX {c}_i ON {c} (a) INCLUDE (b)", "CREATE INDEX {c}_j ON {c} (a) INCLUDE (t)",
    ),
    case(
        "the same included in another order",
        T, "CREATE INDEX {c}_i ON {c} (a) INCLUDE (b, t)", "CREATE INDEX {c}_j ON {c} (a) INCLUDE (t, b)",
        found="{c}.{c}_j",
    ),
    case("nulls first", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a NULLS FIRST)"),
    case(
        "nulls not distinct",
        T, "CREATE UNIQUE INDEX {c}_i ON {c} (a)", "CREATE UNIQUE INDEX {c}_j ON {c} (a) NULLS NOT DISTINCT",
    ),
    case(
        "a constraint beside the primary key",
        "CREATE TABLE {c} (id integer PRIMARY KEY)", "ALTER TABLE {c} ADD CONSTRAINT {c}_u UNIQUE (id)",
        found="{c}.{c}_u",
    ),
    case(
        "two unique ones, one of which a foreign key refers to",
        "CREATE TABLE {c} (id integer PRIMARY KEY, a integer)",
        "CREATE UNIQUE INDEX {c}_i ON {c} (a)",
        "CREATE TABLE {p} (a integer REFERENCES {c} (a))",
        "CREATE UNIQUE INDEX {c}_a ON {c} (a)",
        found="{c}.{c}_a",
    ),
    case(
        "the replica identity stays",
        "CREATE TABLE {c} (a integer NOT NULL)",
        "CREATE UNIQUE INDEX {c}_j ON {c} (a)",
        "ALTER TABLE {c} REPLICA IDENTITY USING INDEX {c}_j",
        "CREATE UNIQUE INDEX {c}_i ON {c} (a)",
        found="{c}.{c}_i",
    ),
    case(
        "an invalid one is no twin",
        T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{c}_j'::regclass",
    ),
    case(
        "on a partitioned table, told of once",
        "CREATE TABLE {c} (a integer) PARTITION BY RANGE (a)",
        "CREATE TABLE {c}_1 PARTITION OF {c} FOR VALUES FROM (0) TO (10)",
        "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a)", found="{c}.{c}_j",
    ),
    case(
        "a partition's own beside the inherited one",
        "CREATE TABLE {c} (a integer) PARTITION BY RANGE (a)",
        "CREATE TABLE {c}_1 PARTITION OF {c} FOR VALUES FROM (0) TO (10)",
        "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_own ON {c}_1 (a)", found="{c}_1.{c}_own",
    ),
    case(
        "the same names in another schema",
        T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE SCHEMA {s}", "CREATE TABLE {s}.{c} (a integer)",
        "CREATE INDEX {c}_i ON {s}.{c} (a)",
    ),
    case(
        "an exclusion constraint",
        "CREATE TABLE {c} (r int4range, EXCLUDE USING gist (r WITH &&))", "CREATE INDEX {c}_i ON {c} USING gist (r)",
    ),
)  # fmt: skip

OVERLAPS_ANYWHERE = (
    case("a longer one", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a, b)", found="{c}.{c}_i"),
    case("unique beside a longer one", T, "CREATE UNIQUE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a, b)"),
    case("not the first", T, "CREATE INDEX {c}_i ON {c} (b)", "CREATE INDEX {c}_j ON {c} (a, b)"),
    case("descending", T, "CREATE INDEX {c}_i ON {c} (a DESC)", "CREATE INDEX {c}_j ON {c} (a, b)"),
    case("the same is a duplicate", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a)"),
    case(
        "a ladder", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a, b)",
        "CREATE INDEX {c}_k ON {c} (a, b, id)", found="{c}.{c}_i {c}.{c}_j",
    ),
    case(
        "a unique constraint that goes on",
        "CREATE TABLE {c} (id integer PRIMARY KEY, a integer, b integer, UNIQUE (a, b))",
        "CREATE INDEX {c}_i ON {c} (a)", found="{c}.{c}_i",
    ),
)  # fmt: skip
OVERLAPS_ON_POSTGRESQL = (
    case(
        "its included column is in the longer one",
        T, "CREATE INDEX {c}_i ON {c} (a) INCLUDE (b)", "CREATE INDEX {c}_j ON {c} (a, b)", found="{c}.{c}_i",
    ),
    case(
        "its included column is not in the longer one",
        T, "CREATE INDEX {c}_i ON {c} (a) INCLUDE (t)", "CREATE INDEX {c}_j ON {c} (a, b)",
    ),
    case("another condition", T, "CREATE INDEX {c}_i ON {c} (a)", "CREATE INDEX {c}_j ON {c} (a, b) WHERE b > 0"),
    case(
        "a GIN index", "CREATE TABLE {c} (a tsvector, b tsvector)",
        "CREATE INDEX {c}_i ON {c} USING gin (a)", "CREATE INDEX {c}_j ON {c} USING gin (a, b)",
    ),
)  # fmt: skip

FOREIGN_KEYS = {
    "sqlite": KEYS_ANYWHERE,
    "postgresql": (*KEYS_ANYWHERE, *KEYS_ON_POSTGRESQL),
    "mariadb": tuple(
        Case(each.name, each.sql)
        for each in KEYS_ANYWHERE
        if not any(word in each.name for word in ("partial", "expression", "quotes"))
    ),
}  # fmt: skip
DUPLICATES = {
    "sqlite": (*DUPLICATES_ANYWHERE, *DUPLICATES_WITH_CONDITIONS, *DUPLICATES_ON_SQLITE),
    "postgresql": (*DUPLICATES_ANYWHERE, *DUPLICATES_WITH_CONDITIONS, *DUPLICATES_ON_POSTGRESQL),
    "mariadb": (*DUPLICATES_ANYWHERE, *DUPLICATES_ON_MARIADB),
}
OVERLAPS = {
    "sqlite": OVERLAPS_ANYWHERE,
    "postgresql": (*OVERLAPS_ANYWHERE, *OVERLAPS_ON_POSTGRESQL),
    "mariadb": OVERLAPS_ANYWHERE,
}
COLLECTIONS = {"fk-without-index": FOREIGN_KEYS, "duplicate-index": DUPLICATES, "overlapping-index": OVERLAPS}
