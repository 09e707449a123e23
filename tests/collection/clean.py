"""Changes whose rollback is clean: anything but `safe` is a false alarm."""

from collection import Change, batch, sql

PG, MARIA, SQLITE = ("postgresql",), ("mariadb",), ("sqlite",)
SERVERS = ("postgresql", "mariadb")
KEY = 'create_foreign_key("fk_books_author", "authors", ["author_id"], ["id"]'

CLEAN = [
    Change("a column is added", "everyday", 'op.add_column("books", sa.Column("extra", sa.Integer))',
           'op.drop_column("books", "extra")'),
    Change("a column with a default is added", "everyday",
           'op.add_column("books", sa.Column("extra", sa.Boolean, nullable=False, server_default=sa.false()))',
           'op.drop_column("books", "extra")'),
    Change("a column is filled from another", "everyday",
           'op.add_column("books", sa.Column("shout", sa.String(80)))\n' + sql("UPDATE books SET shout = upper(title)"),
           'op.drop_column("books", "shout")'),
    Change("a column is filled at random", "everyday",
           'import random\nop.add_column("books", sa.Column("lot", sa.Float))\n'
           'op.get_bind().execute(sa.text("UPDATE books SET lot = :x"), {"x": random.random()})',
           'op.drop_column("books", "lot")'),
    Change("a column is filled with the time", "everyday",
           'op.add_column("books", sa.Column("seen_at", sa.DateTime))\n'
           + sql("UPDATE books SET seen_at = CURRENT_TIMESTAMP"), 'op.drop_column("books", "seen_at")'),
    Change("a table is added", "everyday",
           'op.create_table("shelves", sa.Column("id", sa.Integer, primary_key=True), sa.Column("book_id", sa.Integer, '
           'sa.ForeignKey("books.id")), sa.Column("at", sa.DateTime, server_default=sa.func.now()), '
           'sa.CheckConstraint("book_id > 0", name="ck_shelves"))\n'
           'op.create_index("ix_shelves", "shelves", ["book_id"])',
           'op.drop_table("shelves")'),
    Change("an index is added", "everyday", 'op.create_index(op.f("ix_books_status"), "books", ["status"])',
           'op.drop_index(op.f("ix_books_status"), table_name="books")'),
    Change("an index is dropped and comes back", "everyday", 'op.drop_index("ix_books_title", table_name="books")',
           'op.create_index("ix_books_title", "books", ["title"])'),
    Change("a unique constraint is added", "everyday",
           batch("books", 'create_unique_constraint("uq_books", ["author_id", "title"])'),
           batch("books", 'drop_constraint("uq_books", type_="unique")'), engines=("postgresql", "sqlite")),
    Change("a unique index is added", "everyday",
           'op.create_index("uq_books", "books", ["author_id", "title"], unique=True)',
           'op.drop_index("uq_books", table_name="books")'),
    Change("a column is renamed and back", "everyday",
           'op.alter_column("roles", "level", existing_type=sa.Integer, new_column_name="rank_")',
           'op.alter_column("roles", "rank_", existing_type=sa.Integer, new_column_name="level")'),
    Change("a table is renamed and back", "everyday", 'op.rename_table("roles", "parts")',
           'op.rename_table("parts", "roles")'),
    Change("a foreign key gets another rule and back", "sqlalchemy/alembic#1602 done right",
           batch("books", 'drop_constraint("fk_books_author", type_="foreignkey")', KEY + ")"),
           batch("books", 'drop_constraint("fk_books_author", type_="foreignkey")', KEY + ', ondelete="CASCADE")')),
    Change("a check is added", "everyday", batch("books", 'create_check_constraint("ck_price", "price >= 0")'),
           batch("books", 'drop_constraint("ck_price", type_="check")'), engines=SERVERS),
    Change("a text is widened and narrowed", "everyday",
           batch("books", 'alter_column("title", existing_type=sa.String(80), existing_nullable=False, '
                 'type_=sa.String(200))'),
           batch("books", 'alter_column("title", existing_type=sa.String(200), existing_nullable=False, '
                 'type_=sa.String(80))')),
    Change("an integer is widened and narrowed", "everyday",
           batch("books", 'alter_column("pages", existing_type=sa.Integer, type_=sa.BigInteger)'),
           batch("books", 'alter_column("pages", existing_type=sa.BigInteger, type_=sa.Integer)')),
    Change("NOT NULL is dropped and comes back", "everyday",
           batch("books", 'alter_column("title", existing_type=sa.String(80), nullable=True)'),
           batch("books", 'alter_column("title", existing_type=sa.String(80), nullable=False)')),
    Change("a default is changed and back", "everyday",
           batch("books", 'alter_column("status", existing_type=sa.String(20), existing_nullable=False, '
                 'server_default="new")'),
           batch("books", 'alter_column("status", existing_type=sa.String(20), existing_nullable=False, '
                 'server_default="draft")')),
    Change("rows of a lookup table are added and deleted", "everyday",
           sql("INSERT INTO roles (name, level) VALUES ('editor', 5), ('guest', 0)"),
           sql("DELETE FROM roles WHERE name IN ('editor', 'guest')")),
    Change("values are changed and changed back", "everyday", sql("UPDATE roles SET level = level * 100"),
           sql("UPDATE roles SET level = level / 100")),
    Change("a column moves to another table and back", "freedomofpress/securedrop-client#457",
           'op.create_table("levels", sa.Column("name", sa.String(30), primary_key=True), '
           'sa.Column("level", sa.Integer))\n'
           + sql("INSERT INTO levels SELECT name, level FROM roles") + 'op.drop_column("roles", "level")',
           'op.add_column("roles", sa.Column("level", sa.Integer))\n'
           + sql("UPDATE roles SET level = (SELECT level FROM levels WHERE levels.name = roles.name)")
           + 'op.drop_table("levels")'),
    Change("a column without values is dropped and comes back", "everyday", 'op.drop_column("drafts", "kind")',
           'op.add_column("drafts", sa.Column("kind", sa.String(10)))'),
    Change("a table without rows is dropped and comes back", "everyday", 'op.drop_table("drafts")',
           'op.create_table("drafts", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text), '
           'sa.Column("kind", sa.String(10)))'),
    Change("a view is added", "everyday",
           sql("CREATE VIEW seen AS SELECT id, title FROM books WHERE status <> 'draft'"),
           sql("DROP VIEW seen")),
    Change("a view is changed and back", "msupply-foundation/open-msupply#4224 done right",
           sql("DROP VIEW seen", "CREATE VIEW seen AS SELECT id FROM books"),
           sql("DROP VIEW seen", "CREATE VIEW seen AS SELECT id, title FROM books"),
           base=sql("CREATE VIEW seen AS SELECT id, title FROM books")),
    Change("a trigger is added", "everyday",
           sql("CREATE TRIGGER touched AFTER INSERT ON drafts FOR EACH ROW BEGIN "
               "UPDATE authors SET score = 1 WHERE id = new.id; END"), sql("DROP TRIGGER touched"),
           engines=("sqlite", "mariadb")),
    Change("a table is rebuilt and back", "sqlalchemy/alembic#884 done right",
           batch("books", 'add_column(sa.Column("extra", sa.Integer))', recreate='"always"'),
           batch("books", 'drop_column("extra")', recreate='"always"'), engines=SQLITE,
           base='op.drop_table("books")\nop.create_table("books", sa.Column("id", sa.Integer, primary_key=True), '
           'sa.Column("author_id", sa.Integer, sa.ForeignKey("authors.id", name="fk_a"), nullable=False), '
           'sa.Column("title", sa.String(80), nullable=False), sa.Column("status", sa.String(20), nullable=False, '
           'server_default="draft"), sa.Column("price", sa.Numeric(8, 3)), sa.Column("pages", sa.Integer))\n'
           'op.create_index("ix_books_title", "books", ["title"])'),
    Change("several revisions change one table", "everyday", 'op.add_column("books", sa.Column("c1", sa.Integer))',
           'op.drop_column("books", "c1")',
           more=[('op.add_column("books", sa.Column("c2", sa.Integer))\n' + sql("UPDATE books SET c1 = 5, c2 = 6"),
                  'op.drop_column("books", "c2")'),
                 ('op.create_index("ix_c1", "books", ["c1"])', 'op.drop_index("ix_c1", table_name="books")')]),
    Change("an enum type comes and goes with its table", "alphagov/notifications-api#4211 done right",
           'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), '
           'sa.Column("kind", sa.Enum("a", "b", name="kind")))',
           'op.drop_table("t")\nsa.Enum(name="kind").drop(op.get_bind())', engines=PG),
    Change("an enum value is added, and the type made anew on the way down",
           "FlexMeasures/flexmeasures#1150 done right",
           sql("ALTER TYPE kind ADD VALUE 'warning'"),
           sql("ALTER TYPE kind RENAME TO kind_old", "CREATE TYPE kind AS ENUM ('alert', 'feedback')",
               "ALTER TABLE notes ALTER kind TYPE kind USING kind::text::kind", "DROP TYPE kind_old"), engines=PG,
           base=sql("CREATE TYPE kind AS ENUM ('alert', 'feedback')",
                    "CREATE TABLE notes (id integer PRIMARY KEY, kind kind)"),
           rows=("INSERT INTO notes VALUES (1, 'alert'), (2, NULL)",)),
    Change("an index is made concurrently", "polarsource/polar#14615 done right",
           'with op.get_context().autocommit_block():\n'
           '    op.create_index("ix_books_status", "books", ["status"], postgresql_concurrently=True)',
           'with op.get_context().autocommit_block():\n'
           '    op.drop_index("ix_books_status", table_name="books", postgresql_concurrently=True)', engines=PG),
    Change("a generated column is added", "everyday",
           'op.add_column("books", sa.Column("twice", sa.Integer, sa.Computed("pages * 2")))',
           'op.drop_column("books", "twice")'),
    Change("a function is replaced and comes back", "mozilla-services/socorro#3565 done right",
           sql("CREATE OR REPLACE FUNCTION sunset() RETURNS integer LANGUAGE sql AS 'SELECT 2'"),
           sql("CREATE OR REPLACE FUNCTION sunset() RETURNS integer LANGUAGE sql AS 'SELECT 1'"), engines=PG,
           base=sql("CREATE FUNCTION sunset() RETURNS integer LANGUAGE sql AS 'SELECT 1'")),
    Change("a comment comes and goes", "everyday", 'op.create_table_comment("books", "All books")',
           'op.drop_table_comment("books", existing_comment="All books")', engines=SERVERS),
    Change("a policy comes and goes", "Morelitea/initiative#1045 done right",
           sql("CREATE POLICY seen ON books USING (status <> 'draft')", "ALTER TABLE books ENABLE ROW LEVEL SECURITY"),
           sql("DROP POLICY seen ON books", "ALTER TABLE books DISABLE ROW LEVEL SECURITY"), engines=PG),
    Change("a grant comes and goes", "everyday", sql("GRANT SELECT ON books TO PUBLIC"),
           sql("REVOKE SELECT ON books FROM PUBLIC"), engines=PG),
    Change("a materialised view comes and goes", "everyday",
           sql("CREATE MATERIALIZED VIEW per_author AS SELECT author_id, count(*) AS n FROM books GROUP BY author_id"),
           sql("DROP MATERIALIZED VIEW per_author"), engines=PG),
    Change("a partition comes and goes", "everyday",
           sql("CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10) TO (20)"),
           sql("DROP TABLE log_2"), engines=PG,
           base=sql("CREATE TABLE log (id integer, t text) PARTITION BY RANGE (id)",
                    "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (10)"),
           rows=("INSERT INTO log VALUES (1, 'x'), (2, NULL)",)),
    Change("a sequence comes and goes", "everyday", sql("CREATE SEQUENCE tickets START WITH 100"),
           sql("DROP SEQUENCE tickets"), engines=SERVERS),
    Change("json becomes jsonb and back, and nothing was lost", "olirice/alembic_utils#5",
           sql("ALTER TABLE papers ALTER body TYPE jsonb"), sql("ALTER TABLE papers ALTER body TYPE json"), engines=PG,
           base=sql("CREATE TABLE papers (id integer PRIMARY KEY, body json)"),
           rows=("INSERT INTO papers VALUES (1, '{\"a\": 1, \"b\": [1, 2]}'), (2, NULL)",)),
    Change("an enumeration grows and shrinks", "everyday",
           sql("ALTER TABLE moods MODIFY mood enum('good', 'bad', 'ugly')"),
           sql("ALTER TABLE moods MODIFY mood enum('good', 'bad')"), engines=MARIA,
           base=sql("CREATE TABLE moods (id integer PRIMARY KEY, mood enum('good', 'bad'))"),
           rows=("INSERT INTO moods VALUES (1, 'bad'), (2, NULL)",)),
    Change("a character set is changed and back", "everyday",
           sql("ALTER TABLE authors MODIFY note text CHARACTER SET latin1"),
           sql("ALTER TABLE authors MODIFY note text CHARACTER SET utf8mb4"), engines=MARIA),
]  # fmt: skip
