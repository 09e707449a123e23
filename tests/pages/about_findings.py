"""What is told about each finding of verify-rollback: what, why, what to do, and an example."""

from dataclasses import dataclass


@dataclass(frozen=True)
class About:
    """`case` names a defect of tests/collection, whose test holds what it leads to; else `example` is shown."""

    what: str
    why: str
    do: str
    case: str | None = None
    example: str = ""
    language: str = "python"


ABOUT = {
    "upgrade-failed": About(
        "The upgrade raises, on this data.",
        "what fails on a copy fails in production, there after a part of it went through.",
        "read the error, its line and statement in the report; on MariaDB and SQLite, `committed` too: what stays.",
        case="a migration reads an attribute that the model lost",
    ),
    "downgrade-failed": About(
        "The downgrade raises, on the data that the upgrade left.",
        "the moment in which it is needed is the worst one to learn that it does not run.",
        "mend the downgrade; the finding has the statement, file and line.",
        case="a foreign key without a name is dropped by None",
    ),
    "reupgrade-failed": About(
        "Up, down, and the second upgrade raises.",
        "the downgrade left something that the upgrade makes again: after a rollback the release cannot go out again.",
        "let the downgrade remove what the upgrade makes; on PostgreSQL often an enum type.",
        case="an enum type stays behind",
    ),
    "step-timeout": About(
        "A revision takes longer than `--timeout`.",
        "under load it takes longer still, with its locks held.",
        "write in batches, outside the migration where need be; or allow more with `--timeout`.",
        example="dbadmin verify-rollback --timeout 30s", language="sh",
    ),
    "rows-lost": About(
        "Rows that were there before are gone.",
        "no downgrade brings them back, and the backup is older than the incident.",
        "keep them: move them to a table of their own in the upgrade, and back in the downgrade.",
        case="a table with rows is dropped and comes back empty",
    ),
    "values-lost": About(
        "Values are NULL (or gone with their column) that were not.",
        "a column that comes back is empty, or holds its default: it looks right, and is not.",
        "save the values in the upgrade and restore them in the downgrade, or drop the column a release later.",
        case="a column with values is dropped and comes back empty",
    ),
    "values-changed": About(
        "Rows have other values than before.",
        "two spellings that became one cannot be told apart on the way back.",
        "save what they were; or accept it, with the reason.",
        case="two spellings become one",
    ),
    "not-implemented": About(
        "The downgrade refuses (NotImplementedError or the like), or there is none.",
        "that is honest, and it means: no way back but a backup.",
        "write one, or accept it and plan the release so that no way back is needed.",
        case="the downgrade refuses",
    ),
    "schema-left-behind": About(
        "The downgrade leaves an object that was not there before.",
        "the next upgrade may fail on it, and autogenerate will want to drop it.",
        "let the downgrade drop it.", case="an index stays behind",
    ),
    "schema-missing": About(
        "An object that was there before is gone.",
        "a constraint that does not come back is missed when wrong data is in already.",
        "let the downgrade make it again.", case="a unique constraint does not come back",
    ),
    "schema-changed": About(
        "An object has another definition than before.",
        "the old version meets rules and types that it was not written for.",
        "let the downgrade give it its former definition; the finding shows both.",
        case="the rule of a foreign key does not come back",
    ),
    "rows-added": About(
        "Rows are left that the upgrade added.",
        "the old version may show them, count them or fail on them; a second upgrade may add them twice.",
        "let the downgrade delete them, and nothing else.", case="backfilled rows stay",
    ),
    "downgrade-empty": About(
        "The downgrade of a revision that is to blame does nothing at all.",
        "`alembic downgrade` says that it went well, and the version table agrees.",
        "write it, or raise NotImplementedError to say that there is none.", case="nothing happens on the way down",
    ),
    "leftover": About(
        "A temporary table of batch mode is left.",
        "the next batch operation on that table fails on it.",
        "drop `_alembic_tmp_…`, and find why the batch ended early.",
        example="""
        with op.batch_alter_table("users") as batch:  # SQLite, without a transaction: fails on a row that is NULL
            batch.alter_column("email", existing_type=sa.String(100), nullable=False)
        """,
    ),
    "sequence-changed": About(
        "A sequence restarts, or has another increment, type or owner. One that is ahead of where it was is a note.",
        "numbers that were given out are given again, and inserts fail on the primary key.",
        "let the downgrade set it past the largest value in use.", case="a sequence starts again",
    ),
    "not-compared": About(
        "Something that a step touched was not compared: excluded, unreadable, or not rehearsed for lack of a right.",
        "what was not looked at cannot be called safe.",
        "take it out of `--exclude`, give the login the right, or accept this finding.",
        example="dbadmin verify-rollback --exclude audit_log", language="sh",
    ),
    "no-reference": About(
        "Nothing is pending, and the schema that the target revision makes on an empty database cannot be had.",
        "where the base makes no tables (create_all() and stamp), there is nothing to compare the downgrade with.",
        "rehearse while the revision is pending, or write a first revision that makes the tables.",
        example="""
        def upgrade() -> None:  # the first revision of a project whose tables come from create_all()
            pass
        """,
    ),
    "escaped-connection": About(
        "The application's code tried to connect to something that is not the copy, and was kept from it.",
        "a migration that writes to a queue or another database does so in a rehearsal, too.",
        "let env.py do without, or allow the address with `--allow-connect HOST:PORT`.",
        example="""
        def upgrade() -> None:
            requests.post("https://hooks.example.com/deploy", json={"revision": "b2"})
        """,
    ),
    "source-changed": About(
        "The source's catalog or version table (SQLite: the file) is not what it was at the start.",
        "somebody migrated it meanwhile, or something reached it: the rehearsal started from another state.",
        "find out who did it, and rehearse again.",
        example="alembic upgrade head  # in another terminal, during the rehearsal", language="sh",
    ),
    "order-changed": About(
        "The columns stand in another order.",
        "`SELECT *` by position and COPY without a list of columns notice; nothing else does.",
        "nothing, unless your code relies on it.",
        example="""
        def downgrade() -> None:
            op.add_column("users", sa.Column("phone", sa.String(20)))  # it was the third, and is the last
        """,
    ),
    "name-changed": About(
        "What the engine itself named has another name now; no script refers to it.",
        "a later migration that names it would not find it.",
        "give constraints names: MetaData(naming_convention=…).",
        example="""
        def downgrade() -> None:
            op.create_foreign_key(None, "books", "authors", ["author_id"], ["id"])  # books_ibfk_1 was, books_ibfk_2 is
        """,
    ),
    "not-repeatable": About(
        "The two upgrades of the rehearsal made different values.",
        "now(), random() and server defaults do; after a rollback and a second release the values are others.",
        "nothing, unless others refer to these values.",
        example="""
        def upgrade() -> None:
            op.execute("UPDATE users SET token = md5(random()::text)")
        """,
    ),
    "data-at-risk": About(
        "The downgrade drops what the new version will write there.",
        "in the rehearsal it is empty; after a week in production it is not.",
        "decide now what becomes of it; `--after-upgrade FILE` writes as the new version would, and shows the loss.",
        example="""
        def downgrade() -> None:
            op.drop_table("invoices")
        """,
    ),
    "blocked-by-new-data": About(
        "The upgrade lifts a rule that the downgrade restores: NOT NULL, UNIQUE, a check, a key, a length, labels.",
        "the new version may write rows that the old rule forbids, and then the downgrade fails.",
        "run the finding's query in production before a rollback: it counts these rows.",
        example="""
        def upgrade() -> None:
            op.alter_column("users", "email", existing_type=sa.String(100), nullable=True)

        def downgrade() -> None:
            op.alter_column("users", "email", existing_type=sa.String(100), nullable=False)
        """,
    ),
    "lock-held": About(
        "A lock that keeps others from reading or writing is held for longer than `--lock-budget` (2 s).",
        "under load everybody waits behind it, and behind whoever waits for it.",
        "build indexes CONCURRENTLY, add constraints NOT VALID and validate them later, write in batches.",
        example="""
        def upgrade() -> None:
            op.create_index("ix_events_at", "events", ["at"])  # PostgreSQL: nobody writes until it is built
        """,
    ),
    "table-rewritten": About(
        "A table of 1 MiB or more (100 MiB: a warning) is written anew.",
        "it takes as long as the table is large, with a lock, and room for a second one.",
        "add a new column, fill it in batches, and exchange the two.",
        example="""
        def upgrade() -> None:
            op.alter_column("events", "id", existing_type=sa.Integer(), type_=sa.BigInteger())
        """,
    ),
    "outside-connection": About(
        "The application's code connected to an address that `--allow-connect` lets through.",
        "what it did there was not watched.",
        "nothing; it is a record.",
        example="dbadmin verify-rollback --allow-connect vault.example.com:8200", language="sh",
    ),
    "already-exists": About(
        "The upgrade failed on an object that was there before it.",
        "the tables were made by create_all(), or a former run stopped half-way.",
        "make what is lacking and `alembic stamp` the revision, or drop the object and upgrade again.",
        example="""
        Base.metadata.create_all(engine)  # in main.py, at import; then: alembic upgrade head
        """,
    ),
    "acceptance-unused": About(
        "An acceptance matched no finding.",
        "what it accepted is gone, or is called otherwise: it would hide the next one of that name.",
        "remove it.",
        example="dbadmin verify-rollback --accept a27f60c4b9e8:values-lost", language="sh",
    ),
}  # fmt: skip
"""Finding → what is told about it."""
