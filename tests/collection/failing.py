"""Rollbacks that stop half-way, or cannot be repeated: the upgrade, the downgrade or the second upgrade fails."""

from collection import Defect, batch, sql

PG, MARIA, SQLITE = ("postgresql",), ("mariadb",), ("sqlite",)
SERVERS = ("postgresql", "mariadb")

FAILING = [
    Defect("an enum type stays behind", "sqlalchemy/alembic#886",
           'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), '
           'sa.Column("kind", sa.Enum("a", "b", name="kind")))',
           'op.drop_table("t")', engines=PG, code="reupgrade-failed"),
    Defect("an enum type is created twice on the way down", "lablup/backend.ai#12886",
           'op.drop_table("legacy")\nsa.Enum(name="scope").drop(op.get_bind())',
           'scope = sa.Enum("a", "b", name="scope")\nscope.create(op.get_bind())\n'
           'op.execute("CREATE TYPE scope AS ENUM (\'a\', \'b\')")\n'
           'op.create_table("legacy", sa.Column("id", sa.Integer, primary_key=True), sa.Column("scope", scope))',
           engines=PG, base='op.create_table("legacy", sa.Column("id", sa.Integer, primary_key=True), '
           'sa.Column("scope", sa.Enum("a", "b", name="scope")))'),
    Defect("enum values are added and cannot be added again", "FlexMeasures/flexmeasures#1150",
           sql("ALTER TYPE kind ADD VALUE 'warning'"), "pass  # values cannot be removed",
           engines=PG, base='op.execute("CREATE TYPE kind AS ENUM (\'alert\', \'feedback\')")',
           code="reupgrade-failed"),
    Defect("a new enum value is used before it is committed", "gpustack/gpustack#5676",
           sql("ALTER TYPE kind ADD VALUE 'system'"), "print('stays')", engines=PG,
           base='op.execute("CREATE TYPE kind AS ENUM (\'user\')")\n'
           'op.execute("CREATE TABLE principals (id integer PRIMARY KEY, kind kind)")',
           rows=("INSERT INTO principals VALUES (1, 'user')",),
           more=[(sql("UPDATE principals SET kind = 'system'"), sql("UPDATE principals SET kind = 'user'"))],
           code="upgrade-failed", revision="c3"),
    Defect("a foreign key without a name is dropped by None", "sqlalchemy/alembic#588",
           'op.add_column("books", sa.Column("editor_id", sa.Integer))\n'
           'op.create_foreign_key(None, "books", "authors", ["editor_id"], ["id"])',
           'op.drop_constraint(None, "books", type_="foreignkey")\nop.drop_column("books", "editor_id")',
           engines=SERVERS),
    Defect("a unique constraint without a name is dropped by None", "Agenta-AI/agenta#2054",
           'op.create_unique_constraint(None, "books", ["author_id", "title", "id"])',
           'op.drop_constraint(None, "books", type_="unique")', engines=SERVERS),
    Defect("a constraint has another name than the engine gave it", "KSP-SpaceDock/SpaceDock#290",
           'op.add_column("books", sa.Column("editor_id", sa.Integer))\n'
           'op.create_foreign_key("fk_editor", "books", "authors", ["editor_id"], ["id"])',
           'op.drop_constraint("books_editor_id_fkey", "books", type_="foreignkey")\n'
           'op.drop_column("books", "editor_id")', engines=SERVERS),
    Defect("NOT NULL comes back onto rows without a value", "metabase/metabase#44784",
           batch("books", 'alter_column("status", existing_type=sa.String(20), nullable=True, server_default=None)')
           + sql("UPDATE books SET status = NULL WHERE status = 'draft'"),
           batch("books", 'alter_column("status", existing_type=sa.String(20), nullable=False, '
                 'server_default="draft")')),
    Defect("a column comes back NOT NULL without a default", "apache/airflow#57422", 'op.drop_column("roles", "level")',
           'op.add_column("roles", sa.Column("level", sa.Integer, nullable=False))', engines=("sqlite", "postgresql")),
    Defect("UNIQUE comes back onto duplicates", "fedspendingtransparency/data-act-broker-backend#793",
           batch("authors", 'drop_constraint("uq_authors_email", type_="unique")')
           + sql("UPDATE authors SET email = 'info@example.org'"),
           batch("authors", 'create_unique_constraint("uq_authors_email", ["email"])')),
    Defect("CHECK comes back onto rows that break it", "eduMFA/eduMFA#1206",
           'op.drop_constraint("ck_books_pages", "books", type_="check")\n'
           + sql("UPDATE books SET pages = 0 WHERE pages IS NULL"),
           'op.create_check_constraint("ck_books_pages", "books", "pages > 0")', engines=SERVERS),
    Defect("an index is dropped that a foreign key needs", "apache/superset#29799",
           'op.create_index("ix_books_author_title", "books", ["author_id", "title"])\n'
           'op.drop_index("ix_books_author", table_name="books")',
           'op.drop_index("ix_books_author_title", table_name="books")\n'
           'op.create_index("ix_books_author", "books", ["author_id"])', engines=MARIA),
    Defect("tables are dropped in the wrong order", "buildbot/buildbot 067 (PyPI)",
           'op.create_table("shelves", sa.Column("id", sa.Integer, primary_key=True))\n'
           'op.create_table("places", sa.Column("id", sa.Integer, primary_key=True), '
           'sa.Column("shelf_id", sa.Integer, sa.ForeignKey("shelves.id")))',
           'op.drop_table("shelves")\nop.drop_table("places")', engines=SERVERS),
    Defect("the downgrade misspells its column", "buildbot/buildbot 060 (PyPI)",
           'op.add_column("books", sa.Column("projectid", sa.Integer))', 'op.drop_column("books", "project")'),
    Defect("a downgrade names a class that is gone", "optuna/optuna v3.0.0.c (PyPI)",
           'op.add_column("books", sa.Column("extra", sa.Integer))',
           'FloatTypeEnum.drop(op.get_bind())\nop.drop_column("books", "extra")'),
    Defect("a migration reads an attribute that the model lost", "hypothesis/h#8541",
           'class Token:\n    user_id = 1\nprint(Token().userid)', "pass", code="upgrade-failed"),
    Defect("a migration selects a column that a later revision adds", "lablup/backend.ai#12537",
           'op.get_bind().execute(sa.text("SELECT auto_assign FROM roles"))', "pass",
           more=[('op.add_column("roles", sa.Column("auto_assign", sa.Boolean))',
                  'op.drop_column("roles", "auto_assign")')], code="upgrade-failed"),
    Defect("settings are read that are not there", "IBM/mcp-context-forge#4429",
           'import os\nkey = os.environ["MCPGATEWAY_SECRET"]', "pass", code="upgrade-failed"),
    Defect("nothing happens on the way down", "tracim/tracim#1349",
           'op.add_column("books", sa.Column("extra", sa.Integer))', "pass", code="downgrade-empty"),
    Defect("an object is dropped with its check for existence the wrong way round", "OWASP/OpenCRE#1006",
           'op.add_column("books", sa.Column("extra", sa.Integer))',
           'columns = [c["name"] for c in sa.inspect(op.get_bind()).get_columns("books")]\n'
           'if "extra" not in columns:\n    op.drop_column("books", "extra")', code="reupgrade-failed"),
    Defect("errors are swallowed on the way down", "IBM/mcp-context-forge#4429",
           'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))',
           'try:\n    raise RuntimeError("no such service")\n    op.drop_table("t")\nexcept Exception:\n    pass',
           code="reupgrade-failed"),
    Defect("a unique constraint does not come back", "sqlalchemy/alembic#145",
           batch("authors", 'drop_constraint("uq_authors_email", type_="unique")'), "print('nothing')",
           code="schema-missing", object="uq_authors_email"),
    Defect("a foreign key does not come back", "pingcap/autoflow#380",
           batch("books", 'drop_constraint("fk_books_author", type_="foreignkey")'), "print('nothing')",
           code="schema-missing", object="fk_books_author"),
    Defect("an index does not come back", "optuna/optuna v3.2.0.a (PyPI)",
           'op.drop_index("ix_books_title", table_name="books")', "print('nothing')",
           code="schema-missing", object="ix_books_title"),
    Defect("a view stands in the way of the downgrade", "sqlalchemy/alembic#1207",
           'op.add_column("authors", sa.Column("x", sa.Integer))\n'
           + sql("CREATE VIEW my_authors AS SELECT x FROM authors"),
           'op.drop_column("authors", "x")\n' + sql("DROP VIEW my_authors"), engines=("sqlite", "postgresql")),
    Defect("half of it is committed when it fails", "sqlalchemy/alembic#1254",
           'op.add_column("books", sa.Column("extra", sa.Integer))\n' + sql("CREATE TABLE roles (id integer)"),
           'op.drop_column("books", "extra")', code="upgrade-failed"),
    Defect("a commit in the middle loses the version", "AudiusProject/apps#2355",
           'op.add_column("books", sa.Column("extra", sa.Integer))\nop.get_bind().commit()',
           'op.drop_column("books", "extra")', code="upgrade-failed", engines=PG,
           more=[('op.add_column("books", sa.Column("more", sa.Integer))', 'op.drop_column("books", "more")')],
           revision="c3"),
    Defect("the downgrade refuses", "onyx-dot-app/onyx#5541", sql("DELETE FROM drafts"),
           'raise NotImplementedError("restoring needs a backup")', verdict="irreversible", code="not-implemented"),
    Defect("there is no downgrade", "AudiusProject/apps#2355",
           'op.add_column("books", sa.Column("extra", sa.Integer))', None, verdict="irreversible",
           code="not-implemented"),
]  # fmt: skip
