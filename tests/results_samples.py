"""Fixed results, one per layout and situation, to draw in every format."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from dbadmin.results import (
    BackupProof,
    BackupReport,
    Candidate,
    CheckInfo,
    CheckList,
    CheckRun,
    Column,
    ColumnInfo,
    Compared,
    ConstraintInfo,
    Copies,
    CopyInfo,
    Counts,
    DatabaseInfo,
    Demo,
    Diagram,
    DiagramColumn,
    DiagramRelation,
    DiagramTable,
    Doctor,
    DoctorCheck,
    Drift,
    Excluded,
    HealthFinding,
    IndexInfo,
    Init,
    Inspection,
    Lock,
    ModelInfo,
    Models,
    Notebooks,
    Plan,
    PlanStep,
    PrivateCopy,
    QueryPlan,
    Relation,
    RestoreReport,
    Result,
    Review,
    ReviewedRevision,
    ReviewFinding,
    Revision,
    RollbackFinding,
    RollbackReport,
    Rows,
    RowSets,
    RuleInfo,
    RuleList,
    Scripts,
    Source,
    Status,
    Step,
    TableCount,
    TableDescription,
    TableInfo,
    TableProof,
    Tables,
    Timings,
    UnknownRevision,
    Versions,
)

DATABASE = DatabaseInfo("postgresql+psycopg://app:***@db.example.com/blog", "postgresql", "18.1", "blog")
HOSTILE = "\x1b[31mred\x1b[0m | <script>alert(1)</script> *b* `c`\nnext\u202eline"


def revision(name: str, follows: str | None, message: str, **more: object) -> Revision:
    """A revision in a linear history."""
    day = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    downs = (follows,) if follows else ()
    return replace(Revision(name, downs, message, day, f"alembic/versions/{name}_x.py"), **more)  # type: ignore[arg-type]


HISTORY = (
    revision("6e94f1ab35d2", "d05b8e7713ca", "index published posts", is_head=True, applied=False),
    revision(
        "d05b8e7713ca",
        "91e6b3fa2d58",
        "backfill excerpts",
        applied=True,
        irreversible="raises NotImplementedError",
    ),
    revision("91e6b3fa2d58", None, "add blog", applied=True, branch_labels=("blog",)),
)
BEHIND = Status(
    database=DATABASE,
    state="behind",
    current=("d05b8e7713ca",),
    heads=("6e94f1ab35d2",),
    applied=2,
    total=3,
    pending=HISTORY[:1],
    point_of_no_return="d05b8e7713ca",
    history=HISTORY,
    unknown=(),
    drift=(
        Drift(
            "index",
            "posts.ix_posts_slug",
            "revision 91e6b3fa2d58 makes it, and the database lacks it",
            against="revision",
            remedy="CREATE INDEX ix_posts_slug ON posts USING btree (slug)",
            revision="91e6b3fa2d58",
        ),
        Drift(
            "table",
            "tags",
            "in the models, and not in the migrations",
            against="models",
            remedy="alembic revision --autogenerate",
        ),
    ),
    made_by="create_all",
)
UP_TO_DATE = replace(
    BEHIND,
    state="up-to-date",
    current=("6e94f1ab35d2",),
    applied=3,
    pending=(),
    point_of_no_return=None,
    drift=None,
    made_by=None,
)
UNKNOWN = replace(
    UP_TO_DATE,
    state="unknown-revision",
    current=("6e94f1ab35d0",),
    unknown=(UnknownRevision("6e94f1ab35d0", ("6e94f1ab35d2",), "tags:alembic/versions/6e94f1ab35d0_tags.py"),),
    applied=None,
    history=tuple(replace(revision, applied=None) for revision in HISTORY),
    likely=(Candidate("6e94f1ab35d2", 0), Candidate("d05b8e7713ca", 1)),
    drift=(),
    drift_skipped="the models cannot be made on an empty database: no type vector",
)


def branched(name: str, *downs: str, applied: bool = True, **more: object) -> Revision:
    """A revision in a history with branches."""
    return replace(revision(name, None, f"change {name}"), down_revisions=downs, applied=applied, **more)  # type: ignore[arg-type]


BRANCHED = replace(
    UP_TO_DATE,
    state="behind",
    current=("b7", "w2"),
    heads=("m9", "w2"),
    history=(
        branched("m9", "b7", "c8", applied=False, is_head=True),
        branched("c8", "b4", "x5", applied=False, irreversible="downgrade() is empty"),
        branched("x5", "a1", applied=False),
        branched("b7", "b4", "a1"),
        branched("b4", "a1"),
        branched("a1"),
        branched("w2", "w1", is_head=True, branch_labels=("warehouse",), depends_on=("b4",)),
        branched("w1"),
    ),
    point_of_no_return="c8",
    others=(replace(BEHIND, database_key="archive", drift=None),),
    database_key="main",
)

DOCTOR = Doctor(
    (
        DoctorCheck("configuration", "ok", "pyproject.toml", "found upward"),
        DoctorCheck("url", "ok", "postgresql+psycopg://app:***@db.example.com/blog", ".env, DATABASE_URL"),
        DoctorCheck("driver", "warning", "psycopg2 2.9", "url", "no longer developed", "pip install 'psycopg[binary]'"),
        DoctorCheck(
            "connection",
            "failed",
            None,
            None,
            "server refused: connection to port 5432 failed",
            "is the server running?",
        ),
        DoctorCheck("version table", "skipped", None, None, "no connection"),
    )
)
INIT = Init(
    file="pyproject.toml",
    written=True,
    values={"session": "app.db:SessionLocal", "models": ["app.models", "app.blog.models"]},
    origins={"session": "app/db.py:12", "models": "app/models.py:8"},
    already=("alembic",),
    text='[tool.dbadmin]\nsession = "app.db:SessionLocal"\nmodels = ["app.models", "app.blog.models"]\n',
)
PLAN = QueryPlan(
    "SELECT * FROM users WHERE id = :id",
    True,
    (
        PlanStep(
            "Nested Loop", rows=12, actual_rows=10, cost=14.25, seconds=0.0012,
            steps=(
                PlanStep("Index Scan users_pkey users", "index cond: (id = $1)", 1, 1, 8.17, 0.0002),
                PlanStep(
                    "Hash", steps=(PlanStep("Seq Scan blog_posts", "filter: (author_id = $1)", 12, 10, 6.0, 0.001),)
                ),
            ),
        ),
    ),
)  # fmt: skip
NOTEBOOKS = Notebooks("/srv/shop/notebooks", ("authors.ipynb", "health.ipynb"), ("exploring.ipynb",))
DEMO = Demo(
    "/tmp/my demo",
    "sqlite",
    "sqlite:////tmp/my demo/app.db",
    "d05b8e7713ca",
    ("6e94f1ab35d2",),
    users=200,
    posts=2000,
)

COPIES = Copies(
    (
        PrivateCopy(
            "dbadmin-1f2e",
            "sqlite",
            "/tmp/dbadmin-1f2e",
            "2026-03-04T09:30:00+00:00",
            4711,
            True,
            False,
            4096,
        ),
        PrivateCopy(
            "dbadmin-9c0d",
            "postgresql",
            "/tmp/dbadmin-9c0d",
            "2026-03-01T08:00:00+00:00",
            99,
            False,
            True,
            None,
        ),
    ),
    removed=("dbadmin-77aa",),
)
COUNTS = Counts(
    (
        TableCount("blog_posts", 2000, model="BlogPost"),
        TableCount("events", 1_000_000, exact=False),
        TableCount("archive", None, exact=False),
    )
)
TABLES = Tables(
    (
        TableInfo("blog_posts", 2000, True, 1_310_720, 262_144, 11, 3, "BlogPost", "what | was written"),
        TableInfo("événements_日本語", None, False, None, None, 4, 0),
    )
)
DIAGRAM = Diagram(
    (
        DiagramTable(
            "blog_posts",
            "BlogPost",
            "blog",
            (
                DiagramColumn("id", "INTEGER", False, primary_key=True),
                DiagramColumn("slug", "VARCHAR(200)", False, unique=True),
                DiagramColumn("author_id", "INTEGER", True, refers_to="users"),
            ),
            1,
        ),
        DiagramTable("users", "User", "auth", (DiagramColumn("id", "INTEGER", False, primary_key=True),), 2),
    ),
    (DiagramRelation("blog_posts", ("author_id",), "users", ("id",), True, True, ("BlogPost.author",)),),
    around="blog_posts",
    hidden=3,
)
DESCRIPTION = TableDescription(
    table="blog_posts",
    model="BlogPost",
    comment=None,
    rows=2000,
    exact=True,
    bytes=1_310_720,
    index_bytes=None,
    columns=(
        ColumnInfo("id", "integer", False, primary_key=True, generated="identity"),
        ColumnInfo("title", "character varying(200)", False),
        ColumnInfo("created_at", "timestamp without time zone", True, default="CURRENT_TIMESTAMP"),
    ),
    indexes=(
        IndexInfo(
            "ix_published",
            False,
            ("published_at",),
            "CREATE INDEX ix_published ON blog_posts USING btree (published_at) WHERE is_published",
        ),
    ),
    constraints=(ConstraintInfo(None, "primary key", "PRIMARY KEY (id)"),),
    relations=(
        Relation("out", "users", ("author_id",), ("id",), "fk_author", "CASCADE"),
        Relation("in", "comments", ("post_id",), ("id",)),
    ),
)
MODELS = Models(
    (
        ModelInfo("BlogPost", "blog_posts", "app.blog.models", 11, ("author", "category"), True),
        ModelInfo("Audit", "audit", "app.audit", 3, (), False),
    )
)

ROWS = Rows(
    (
        Column("id", "INTEGER"),
        Column("title", "VARCHAR(200)"),
        Column("price", "NUMERIC(10, 2)"),
        Column("seen", None),
    ),
    (
        (1, "Grüße aus 東京", Decimal("12.50"), datetime(2026, 3, 4, 9, 30)),
        (2**60, "=HYPERLINK(1)", None, None),
        (-3, "a" * 60, Decimal("-1"), datetime(2026, 3, 4, 9, 30, tzinfo=UTC)),
    ),
    limit=3,
    truncated=True,
    sql="SELECT id, title, price, seen FROM items LIMIT :limit",
    withheld=("hashed_password",),
    notes=("2 rows have no time and are left out",),
)
TYPES = Rows(
    tuple(Column(name, None) for name in ("bytes", "float", "date", "interval", "uuid", "json", "flag")),
    (
        (
            b"\x00\xff",
            float("nan"),
            date(2026, 1, 2),
            timedelta(hours=1, seconds=1.5),
            UUID(int=1),
            {"a": [1, None]},
            True,
        ),
        (b"", float("-inf"), None, None, None, [], False),
    ),
    limit=None,
    truncated=False,
    sql=None,
)
HOSTILE_ROWS = Rows(
    (Column("id|<b>", "INTEGER"), Column("text", "TEXT")),
    ((1, HOSTILE), (2, "@SUM(A1)"), (3, "\tx"), (4, "line\r\nline"), (5, "\ud800 lone"), (6, "  -padded")),
    limit=None,
    truncated=False,
    sql=None,
)
NO_ROWS = Rows((Column("id", "INTEGER"), Column("title", "TEXT")), (), 20, False, "SELECT id, title FROM items")
CHANGED = Rows((), (), None, False, "UPDATE items SET price = :p WHERE id = :id", rows_changed=1)
ROW_SETS = RowSets((replace(ROWS, rows=ROWS.rows[:1], truncated=False), CHANGED))


def step(phase: str, name: str, message: str, **more: object) -> Step:
    """An observed step."""
    return replace(Step(phase, name, message, f"alembic/versions/{name}.py", "ok"), **more)  # type: ignore[arg-type]


LOST = RollbackFinding(
    code="values-lost",
    severity="error",
    phase="downgrade",
    revision="c3a9",
    object="users.nickname",
    rows=312,
    by_design=False,
    accepted=False,
    blocks_verdict=True,
    detail="312 rows had a value before the upgrade and have none after the downgrade",
    sample=(3, 17, 42, 77, 91, 120),
    remedy="keep the old column until the release after, or copy its values back in downgrade()",
    file="alembic/versions/c3a9_rename_nickname.py",
    line=27,
)
NOTE = RollbackFinding(
    "order-changed",
    "note",
    "downgrade",
    "c3a9",
    "users",
    None,
    None,
    False,
    False,
    "nickname is now the last column",
)
LOSSY = RollbackReport(
    verdict="lossy",
    passed=False,
    summary="downgrade of c3a9 lost 312 values of users.nickname",
    started_at=datetime(2026, 3, 4, 9, 30, tzinfo=UTC),
    finished_at=datetime(2026, 3, 4, 9, 30, 4, tzinfo=UTC),
    database=DATABASE,
    source=Source("database", DATABASE.url, "postgresql", "18.1", "blog", "7312/16384"),
    backup=None,
    scripts=Scripts("alembic", "4b2f1c9d8e7a6b5c4d3e", True),
    versions=Versions("0.1.0", "1.20.0", "2.1.0", "18.1", "18.1"),
    copy=CopyInfo("pg_dump into a private server", 1.84, 12_582_912, False, "dbadmin-1f2e"),
    neutralised=("subscription reports",),
    not_covered=("effects outside the database", "timing under load"),
    source_unchanged=True,
    plan=Plan("pending", True, ("b2f8",), ("c3a9", "d4e1"), ("d4e1", "c3a9"), ("b2f8",), "head"),
    steps=(
        step("upgrade", "c3a9", "rename nickname to handle", seconds=0.212, rows_changed={"users": 312}),
        step("upgrade", "d4e1", "index handle", seconds=0.031, rows_changed={}, touched=("users",)),
        step("downgrade", "d4e1", "index handle", seconds=0.008, rows_changed={}, touched=()),
        step("downgrade", "c3a9", "rename nickname to handle", seconds=1.26, touched=("users",)),
        step("reupgrade", "c3a9", "rename nickname to handle", seconds=0.2, rows_changed={"users": 0}),
        step("reupgrade", "d4e1", "index handle", seconds=0.03, rows_changed={}),
    ),
    findings=(LOST, NOTE),
    compared=Compared(7, 4312, ("payments",), (Excluded("audit", "--exclude audit", True),), 3, 4),
    timings=Timings(1.84, 0.11, 0.25, 1.27, 0.23, 0.02, 4.01),
)
ACCEPTED = replace(LOSSY, passed=True, findings=(replace(LOST, accepted=True), NOTE))
SAFE = replace(
    LOSSY,
    verdict="safe",
    passed=True,
    summary="1 step: d4e1 → c3a9 (default): safe for the data in this copy (1 of 2 tables had no rows)",
    plan=Plan("head", True, ("d4e1",), ("d4e1",), ("d4e1",), ("c3a9",)),
    steps=(LOSSY.steps[2], LOSSY.steps[5]),
    findings=(),
    source=Source("backup", None, "postgresql", "17.4", "blog", None),
    backup={
        "path": "prod.dump",
        "format": "custom",
        "sha256": "ab" * 32,
        "server_version": "17.4",
        "revision": "d4e1",
    },
    source_unchanged=None,
    neutralised=(),
    copy=CopyInfo(
        "pg_restore into a private server",
        61.2,
        None,
        True,
        "dbadmin-1f2e",
        url="postgresql+psycopg://dbadmin@/blog?host=%2Ftmp%2Fdbadmin-1f2e",
    ),
)
HELD = replace(
    LOST,
    code="lock-held",
    severity="warning",
    phase="upgrade",
    object="users",
    rows=None,
    by_design=None,
    blocks_verdict=False,
    detail="nobody else could read or write users for 4.6 s (AccessExclusive lock: ALTER TABLE users ALTER id TYPE "
    "bigint)",
    sample=None,
    remedy="add a new column without a default, fill it in batches, then exchange the two; set lock_timeout",
)
REWRITTEN = replace(
    HELD, code="table-rewritten", severity="note", detail="users was written anew: 61.0 MB, 312,000 rows", remedy=None
)
COSTLY = replace(
    SAFE,
    steps=(
        step(
            "upgrade",
            "c3a9",
            "widen the key",
            seconds=4.7,
            rows_changed={},
            touched=("users",),
            locks=(
                Lock(
                    "users", "AccessExclusive", 4.61, "reads and writes", 4.609, 4.618, "ALTER TABLE users ALTER id …"
                ),
                Lock("posts", "RowExclusive", 4.3, "schema changes"),
                Lock("plans", "Share", 0.004, "writes"),
            ),
            rewrites=("users", "users_pkey"),
            bytes_before=90_000_000,
            bytes_after=103_000_000,
        ),
        step("downgrade", "c3a9", "widen the key", seconds=0.01, bytes_before=103_000_000, bytes_after=103_008_192),
    ),
    findings=(HELD, REWRITTEN),
)
BROKEN = replace(
    LOSSY,
    verdict="broken",
    summary="downgrade of d4e1 failed: no such index: ix_handle",
    steps=(
        *LOSSY.steps[:2],
        step(
            "downgrade",
            "d4e1",
            "index handle",
            state="failed",
            seconds=0.004,
            error="OperationalError: no such index: ix_handle",
            failed_statement="DROP INDEX ix_handle",
            committed=("ALTER TABLE users ADD note TEXT",),
            left_behind=("_alembic_tmp_users",),
        ),
        step("downgrade", "c3a9", "rename nickname to handle", state="skipped"),
    ),
    findings=(
        replace(
            LOST,
            code="downgrade-failed",
            revision="d4e1",
            object="ix_handle",
            rows=None,
            by_design=None,
            detail="no such index: ix_handle",
            sample=None,
            remedy=None,
        ),
    ),
)
HOSTILE_REPORT = replace(
    BROKEN,
    summary=HOSTILE,
    steps=(step("upgrade", "c3a9", HOSTILE, state="failed", error=HOSTILE, failed_statement=HOSTILE),),
    findings=(replace(LOST, object=HOSTILE, detail=HOSTILE, remedy=HOSTILE, file=HOSTILE),),
)

BACKUP = BackupReport(
    path="/srv/backups/blog.dump",
    format="pg_dump custom",
    bytes=48_123_904,
    sha256="4ff20302691de44baaba7a43fc4f056b25d19fd3732cf3369551058bcac5c7bc",
    database=DATABASE,
    seconds=12.5,
    proof=BackupProof(
        tables=6, rows=2944, objects=87, seconds=9.25,
        not_proven=(TableProof("payments", "it was written while the backup was made"),),
    ),
)  # fmt: skip
RESTORE = RestoreReport(
    path="/srv/backups/blog.dump",
    format="pg_dump custom",
    sha256=BACKUP.sha256,
    database=DATABASE,
    tables=6,
    bytes=51_380_224,
    seconds=8.0,
    emptied=True,
    not_covered=("owners and privileges, which the backup's restoring leaves out",),
)

INSPECTION = Inspection(
    DATABASE,
    (
        CheckRun("fk-without-index", "found", 1, 0.04),
        CheckRun("duplicate-index", "found", 2, 0.01),
        CheckRun("unused-index", "skipped", reason="the counters are only 2 h 0 min old", enable="wait until 7 days"),
        CheckRun("no-primary-key", "ok", 0, 0.01),
    ),
    (
        HealthFinding(
            "fk-without-index", "warning", "blog_posts.author_id", "the foreign key to users has no index (~120 rows)",
            "create the index", "app/blog.py", 12, key="fk-without-index:blog_posts.author_id", model="BlogPost",
            sql=("CREATE INDEX CONCURRENTLY ix_blog_posts_author_id ON blog_posts (author_id)",),
            undo=("DROP INDEX CONCURRENTLY ix_blog_posts_author_id",), outside=True, lasting=True,
        ),
        HealthFinding(
            "duplicate-index", "note", HOSTILE, f"does the same as {HOSTILE}", f"drop {HOSTILE}",
            key=f"duplicate-index:{HOSTILE}", sql=(f"DROP INDEX {HOSTILE}",),
        ),
        HealthFinding(
            "duplicate-index", "warning", "users.ix_a", "does the same as ix_b", "drop ix_a",
            key="duplicate-index:users.ix_a", sql=("DROP INDEX ix_a",), ignored="kept until the next release",
        ),
    ),
    statistics_seconds=7200.0,
    unmatched=("unused-index:users.*",),
    fail_on="warning",
)  # fmt: skip
CHECK_LIST = CheckList(
    (
        CheckInfo("fk-without-index", "warning", ("sqlite", "postgresql"), "the catalog", "scans", "1 row", "an index"),
        CheckInfo("long-query", "warning", ("postgresql",), "pg_stat_activity", "locks", None, "cancel it", True),
    )
)

HOSTILE_DIAGRAM = Diagram(
    (
        DiagramTable(HOSTILE, HOSTILE, HOSTILE, (DiagramColumn(HOSTILE, HOSTILE, True, refers_to=HOSTILE),), 1),
        DiagramTable('"]; %%{init}%% #quot;', None, None, (), 0),
    ),
    (DiagramRelation(HOSTILE, (HOSTILE,), HOSTILE, (HOSTILE,), names=(HOSTILE,)),),
    around=HOSTILE,
)


REVIEW = Review(
    database=DATABASE,
    engine="postgresql",
    chosen="pending",
    revisions=(
        ReviewedRevision("6e94f1ab35d2", "index published posts", "alembic/versions/6e94f1ab35d2_x.py", 4),
        ReviewedRevision("7f05a2bc46e3", "fill", "alembic/versions/7f05a2bc46e3_x.py", 1, "line 12: no"),
    ),
    findings=(
        ReviewFinding(
            "index-blocks-writes", "error", "blog_posts", "CREATE INDEX ix_blog_posts_published",
            "op.create_index(…, postgresql_concurrently=True)", "alembic/versions/6e94f1ab35d2_x.py", 26,
            revision="6e94f1ab35d2", why="CREATE INDEX keeps every writer out until the index is built",
            rows=12_000_000, bytes=4_200_000_000, lock="SHARE", blocks="writes", seconds=70.0,
        ),
        ReviewFinding(
            "column-dropped", "warning", "users.plan_id", "the column is dropped with its values",
            "first a release that no longer uses it", "alembic/versions/7f05a2bc46e3_x.py", 14,
            revision="7f05a2bc46e3", why="its values are lost", rows=3, exact=True, lock="ACCESS EXCLUSIVE",
            blocks="reads and writes", seconds=0.25, measured=True,
        ),
        ReviewFinding("downgrade-missing", "warning", HOSTILE, HOSTILE, HOSTILE, "versions/x.py", 1, why=HOSTILE),
        ReviewFinding(
            "table-dropped", "warning", "legacy", "the table is dropped with its rows", None,
            "alembic/versions/7f05a2bc46e3_x.py", 16, revision="7f05a2bc46e3", ignored="empty since 2024",
        ),
    ),
    notes=("squawk's rules were left out",),
)  # fmt: skip
RULE_LIST = RuleList(
    (RuleInfo("table-dropped", "warning", ("sqlite", "postgresql", "mariadb"), "rows are lost", "wait"),)
)
SAMPLES: dict[str, Result] = {
    "backup": replace(BACKUP, proof=None),
    "backup_not_proven": BACKUP,
    "restore": RESTORE,
    "status_behind": BEHIND,
    "status_up_to_date": UP_TO_DATE,
    "status_unknown": UNKNOWN,
    "doctor": DOCTOR,
    "init": INIT,
    "demo": DEMO,
    "notebook": NOTEBOOKS,
    "explain": PLAN,
    "copies": COPIES,
    "count": COUNTS,
    "tables": TABLES,
    "describe": DESCRIPTION,
    "diagram": DIAGRAM,
    "models": MODELS,
    "inspect": INSPECTION,
    "inspect_well": replace(INSPECTION, findings=(), unmatched=()),
    "inspect_checks": CHECK_LIST,
    "review": REVIEW,
    "review_clean": replace(REVIEW, database=None, chosen="git", findings=(), revisions=REVIEW.revisions[:1]),
    "review_none": replace(REVIEW, findings=(), revisions=(), notes=()),
    "review_rules": RULE_LIST,
    "rows": ROWS,
    "rows_types": TYPES,
    "rows_hostile": HOSTILE_ROWS,
    "rows_none": NO_ROWS,
    "rows_changed": CHANGED,
    "row_sets": ROW_SETS,
    "rollback_lossy": LOSSY,
    "rollback_accepted": ACCEPTED,
    "rollback_safe": SAFE,
    "rollback_costly": COSTLY,
    "rollback_broken": BROKEN,
    "rollback_hostile": HOSTILE_REPORT,
}
