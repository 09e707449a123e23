"""Rollbacks that end well, in the schema that there was, and with other rows."""

from collection import Defect, Due, batch, sql

PG, MARIA, SQLITE = ("postgresql",), ("mariadb",), ("sqlite",)
SERVERS = ("postgresql", "mariadb")

LOST: Due = {"verdict": "lossy", "code": "values-lost"}
CHANGED: Due = {"verdict": "lossy", "code": "values-changed"}
ROWS_LOST: Due = {"verdict": "lossy", "code": "rows-lost"}

VALUES = [
    Defect("a column with values is dropped and comes back empty", "AudiusProject/apps#2355",
           'op.drop_column("roles", "level")', 'op.add_column("roles", sa.Column("level", sa.Integer))',
           object="roles.level", **LOST),
    Defect("a column comes back with its default", "buildbot/buildbot 066 (PyPI)", 'op.drop_column("roles", "level")',
           'op.add_column("roles", sa.Column("level", sa.Integer, server_default="0"))',
           object="roles.level", **LOST),
    Defect("a table with rows is dropped and comes back empty", "IBM/mcp-context-forge#4429", 'op.drop_table("roles")',
           'op.create_table("roles", sa.Column("name", sa.String(30), primary_key=True), '
           'sa.Column("level", sa.Integer))', object="roles", **ROWS_LOST),
    Defect("rows are purged", "onyx-dot-app/onyx#5541", sql("DELETE FROM roles WHERE level < 5"), "print('gone')",
           object="roles", **ROWS_LOST),
    Defect("a table is truncated", "mozilla-services/socorro#1632", sql("TRUNCATE TABLE roles"), "print('gone')",
           engines=SERVERS, object="roles", **ROWS_LOST),
    Defect("duplicates are deleted to make room for UNIQUE", "eduMFA/eduMFA#1206",
           sql("DELETE FROM books WHERE id = 4") + 'op.create_index("uq_title", "books", ["title"], unique=True)',
           'op.drop_index("uq_title", table_name="books")', object="books", **ROWS_LOST),
    Defect("batch mode deletes the children", "sqlitebrowser/sqlitebrowser#1481",
           sql("PRAGMA foreign_keys = ON")
           + batch("authors", 'alter_column("score", existing_type=sa.Integer, type_=sa.BigInteger)'),
           batch("authors", 'alter_column("score", existing_type=sa.BigInteger, type_=sa.Integer)'), engines=SQLITE,
           object="books", env="no_begin", **ROWS_LOST),
    Defect("a cascade deletes the children", "ArroyoSystems/arroyo#635", sql("DELETE FROM authors WHERE id = 2"),
           sql("INSERT INTO authors (id, email, name, country, phone, balance, note, joined) VALUES "
               "(2, 'grete@example.org', 'Grete Hermann', 'DE', '0170-1', 20000000.25, 'seven', "
               "'2026-07-02 03:04:05')"),
           engines=SERVERS, object="books", **ROWS_LOST),
    Defect("backfilled rows stay", "IBM/mcp-context-forge#4429",
           sql("INSERT INTO roles (name, level) SELECT 'granted', 5 WHERE NOT EXISTS "
               "(SELECT 1 FROM roles WHERE name = 'granted')"), "print('cannot be told apart')", verdict="residue",
           code="rows-added", object="roles"),
    Defect("two spellings become one", "tracim/tracim#1349",
           sql("UPDATE books SET status = 'draft' WHERE status = 'archived'"), "print('both are valid')",
           object="books.status", **CHANGED),
    Defect("the case of letters is lost", "dockstore/dockstore#2094", sql("UPDATE authors SET email = lower(email)"),
           "print('lower is fine')", object="authors.email", **CHANGED),
    Defect("leading zeros are lost", "cubrid-lab/sqlalchemy-cubrid#306",
           'op.add_column("authors", sa.Column("number", sa.BigInteger))\n'
           + sql("UPDATE authors SET number = 7 WHERE phone = '007'",
                 "UPDATE authors SET phone = NULL WHERE phone = '007'"),
           sql("UPDATE authors SET phone = '7' WHERE number = 7") + 'op.drop_column("authors", "number")',
           object="authors.phone", **CHANGED),
    Defect("a name is put together and taken apart wrongly", "dod-ccpo/atat#490",
           'op.add_column("authors", sa.Column("last", sa.String(50)))\n'
           'for key, name in op.get_bind().execute(sa.text("SELECT id, name FROM authors")).all():\n'
           '    first, last = name.split(" ")[0], name.split(" ")[-1]\n'
           '    op.get_bind().execute(sa.text("UPDATE authors SET name = :f, last = :l WHERE id = :i"), '
           '{"f": first, "l": last, "i": key})',
           'for key, name, last in op.get_bind().execute(sa.text("SELECT id, name, last FROM authors")).all():\n'
           '    op.get_bind().execute(sa.text("UPDATE authors SET name = :n WHERE id = :i"), '
           '{"n": f"{name} {last}", "i": key})\n'
           'op.drop_column("authors", "last")', object="authors.name", **CHANGED),
    Defect("a status becomes a flag", "polarsource/polar#14615",
           'op.add_column("books", sa.Column("public", sa.Boolean))\n'
           + sql("UPDATE books SET public = (status = 'published')", "UPDATE books SET status = ''"),
           sql("UPDATE books SET status = CASE WHEN public THEN 'published' ELSE 'draft' END")
           + 'op.drop_column("books", "public")', object="books.status", **CHANGED),
    Defect("rows that fail are skipped", "IBM/mcp-context-forge#4429",
           'for key, note in op.get_bind().execute(sa.text("SELECT id, note FROM authors")).all():\n'
           '    try:\n        new = str(int(note) * 2)\n    except (TypeError, ValueError):\n        new = None\n'
           '    op.get_bind().execute(sa.text("UPDATE authors SET note = :n WHERE id = :i"), {"n": new, "i": key})',
           'for key, note in op.get_bind().execute(sa.text("SELECT id, note FROM authors WHERE note IS NOT NULL")'
           ').all():\n'
           '    op.get_bind().execute(sa.text("UPDATE authors SET note = :n WHERE id = :i"), '
           '{"n": str(int(note) // 2), "i": key})', object="authors.note", **LOST),
    Defect("digits are lost", "Agenta-AI/agenta#2054",
           'op.alter_column("books", "price", existing_type=sa.Numeric(8, 3), type_=sa.Numeric(8, 2))',
           'op.alter_column("books", "price", existing_type=sa.Numeric(8, 2), type_=sa.Numeric(8, 3))',
           engines=SERVERS, object="books.price", **CHANGED),
    Defect("a decimal goes through a float", "optuna/optuna v3.0.0.d (PyPI)",
           'op.alter_column("authors", "balance", existing_type=sa.Numeric(20, 10), type_=sa.Float(24))',
           'op.alter_column("authors", "balance", existing_type=sa.Float(24), type_=sa.Numeric(20, 10))',
           engines=SERVERS, object="authors.balance", **CHANGED),
    Defect("a time comes back in another zone", "apache/superset#696",
           sql("SET LOCAL timezone = 'UTC'", "ALTER TABLE authors ALTER joined TYPE timestamptz"),
           sql("SET LOCAL timezone = 'Europe/Amsterdam'", "ALTER TABLE authors ALTER joined TYPE timestamp"),
           engines=PG,
           object="authors.joined", **CHANGED),
    Defect("fractions of a second are lost", "MasoniteFramework/orm#944",
           sql("ALTER TABLE moments MODIFY at datetime"), sql("ALTER TABLE moments MODIFY at datetime(6)"),
           engines=MARIA,
           base=sql("CREATE TABLE moments (id integer PRIMARY KEY, at datetime(6))"),
           rows=("INSERT INTO moments VALUES (1, '2026-01-02 03:04:05.678901'), (2, NULL)",), object="moments.at",
           **CHANGED),
    Defect("json loses the order of its keys", "olirice/alembic_utils#5",
           sql("ALTER TABLE papers ALTER body TYPE jsonb"), sql("ALTER TABLE papers ALTER body TYPE json"), engines=PG,
           base=sql("CREATE TABLE papers (id integer PRIMARY KEY, body json)"),
           rows=("INSERT INTO papers VALUES (1, '{\"b\": 1, \"a\": 1, \"b\": 2}')",), object="papers.body", **CHANGED),
    Defect("a long text is cut on the way down", "cubrid-lab/sqlalchemy-cubrid#306",
           'op.get_bind().execute(sa.text("UPDATE books SET title = :t WHERE id = 2"), '
           '{"t": "Volume two of Notes II"})',
           'op.get_bind().execute(sa.text("UPDATE books SET title = substr(title, 1, 12)"))', object="books.title",
           **CHANGED),
    Defect("two rows exchange a value", "apache/superset#29799",
           sql("UPDATE authors SET score = CASE id WHEN 1 THEN 9 WHEN 3 THEN 3 ELSE score END"), "print('as good')",
           object="authors.score", **CHANGED),
    Defect("an empty text becomes no value", "fedora-infra/koschei#34",
           sql("UPDATE drafts SET body = NULL WHERE body = ''"),
           "print('the same thing')", rows=("INSERT INTO drafts (id, body) VALUES (1, ''), (2, 'x')",),
           object="drafts.body", **LOST),
    Defect("no value becomes an empty text", "fedora-infra/koschei#34",
           sql("UPDATE drafts SET body = '' WHERE body IS NULL"),
           "print('the same thing')", rows=("INSERT INTO drafts (id, body) VALUES (1, NULL), (2, 'x')",),
           object="drafts.body", **CHANGED),
    Defect("a backfill overwrites what is there", "hypothesis/h#8541", sql("UPDATE authors SET score = 7"),
           sql("UPDATE authors SET score = NULL"), object="authors.score", **LOST),
    Defect("rows of a table without a key are doubled", "IBM/mcp-context-forge#4429",
           sql("INSERT INTO events SELECT * FROM events"), "print('harmless')",
           base='op.create_table("events", sa.Column("what", sa.String(10)))',
           rows=("INSERT INTO events VALUES ('a'), ('a'), ('b')",), verdict="residue", code="rows-added",
           object="events"),
    Defect("one of two equal rows is deleted", "OCA/contract#171",
           'op.execute("CREATE TABLE other AS SELECT DISTINCT what FROM events")\nop.execute("DELETE FROM events")\n'
           'op.execute("INSERT INTO events SELECT what FROM other")\nop.execute("DROP TABLE other")',
           "print('harmless')",
           base='op.create_table("events", sa.Column("what", sa.String(10)))',
           rows=("INSERT INTO events VALUES ('a'), ('a'), ('b')",), object="events", **ROWS_LOST),
    Defect("an earlier revision loses what a later one hides", "freedomofpress/securedrop-client#1500",
           sql("UPDATE authors SET note = NULL"), "print('gone')", object="authors.note",
           more=[('op.add_column("authors", sa.Column("note2", sa.Text))', 'op.drop_column("authors", "note2")')],
           **LOST),
    Defect("a later revision loses it", "freedomofpress/securedrop-client#1500",
           'op.add_column("authors", sa.Column("note2", sa.Text))', 'op.drop_column("authors", "note2")',
           object="authors.note", more=[(sql("UPDATE authors SET note = NULL"), "print('gone')")], revision="c3",
           **LOST),
]  # fmt: skip
