"""For each check of inspect, statements or a state of affairs in which it finds something."""

EXAMPLES = {
    "long-query": "SELECT count(*) FROM events CROSS JOIN events AS again;  -- since five minutes",
    "idle-in-transaction": "BEGIN;\nUPDATE users SET plan_id = 2;\n-- and then the worker waits for a web service",
    "blocking": "LOCK TABLE users;  -- and everybody who reads users waits behind it",
    "connections": "-- max_connections is 100; 20 workers with a pool of 5 are starting",
    "fk-without-index": "CREATE TABLE posts (id integer PRIMARY KEY, author_id integer REFERENCES users (id));\n"
    "-- and no index that begins with author_id",
    "duplicate-index": "CREATE INDEX ix_posts_slug ON posts (slug);\nCREATE INDEX posts_by_slug ON posts (slug);",
    "overlapping-index": "CREATE INDEX ix_posts_author ON posts (author_id);\n"
    "CREATE INDEX ix_posts_author_at ON posts (author_id, created_at);",
    "unused-index": "CREATE INDEX ix_users_fax ON users (fax);\n-- not read once since the counters began, 40 days ago",
    "invalid-index": "CREATE UNIQUE INDEX CONCURRENTLY ix_users_email ON users (email);\n-- failed on equal rows",
    "no-primary-key": "CREATE TABLE audit_log (at timestamp, what text);",
    "fk-type-mismatch": "CREATE TABLE posts (id integer PRIMARY KEY, author_id integer REFERENCES users (id));\n"
    "-- users.id is a bigint",
    "model-table": "-- class Invoice(Base): __tablename__ = 'invoices'\n-- and the database has no such table",
    "model-column": "-- class User(Base): nickname: Mapped[str]\n-- and the table has no such column",
    "model-not-null": "-- class User(Base): email: Mapped[str]  (nullable=False)\n"
    "CREATE TABLE users (id integer PRIMARY KEY, email text);",
    "model-unique": "-- class User(Base): email = mapped_column(unique=True)\n"
    "CREATE TABLE users (id integer PRIMARY KEY, email text);",
    "model-foreign-key": "-- class Post(Base): author_id = mapped_column(ForeignKey('users.id'))\n"
    "CREATE TABLE posts (id integer PRIMARY KEY, author_id integer);",
    "model-index": "-- class Post(Base): slug = mapped_column(index=True)\nDROP INDEX ix_posts_slug;",
    "model-type": "-- class Post(Base): title = mapped_column(String(200))\n"
    "CREATE TABLE posts (id integer PRIMARY KEY, title varchar(80));",
    "model-default": "-- class Post(Base): created_at = mapped_column(server_default=func.now())\n"
    "ALTER TABLE posts ALTER COLUMN created_at DROP DEFAULT;",
    "plain-text-credential": "INSERT INTO users (username, password) VALUES ('ada', 'difference-engine');",
    "orphaned-rows": "PRAGMA foreign_keys = OFF;\nDELETE FROM users WHERE id = 1;  -- whose posts stay",
    "integrity": "PRAGMA integrity_check;  -- row 17 missing from index ix_posts_slug",
    "not-validated": "ALTER TABLE posts ADD FOREIGN KEY (author_id) REFERENCES users (id) NOT VALID;",
    "large-table": "SELECT pg_size_pretty(pg_total_relation_size('events'));  -- 48 GB",
    "dead-rows": "ALTER TABLE sessions SET (autovacuum_enabled = false);\n-- a third of its rows are dead",
    "bloat": "DELETE FROM events WHERE at < '2025-01-01';  -- and the file is as large as before",
    "stale-statistics": "INSERT INTO events SELECT * FROM imported;  -- ten times what was there at the last ANALYZE",
    "wraparound": "SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database();  -- 1700000000",
    "sequence-exhaustion": "CREATE TABLE events (id serial PRIMARY KEY);  -- the last id was 1900000000 of 2147483647",
    "cache-hits": "-- shared_buffers is 128 MB, and what is read each minute 4 GB",
    "seq-scans": "SELECT * FROM events WHERE user_id = 7;  -- a million rows, read whole, 5000 times a day",
    "slow-statements": "SELECT * FROM events ORDER BY payload ->> 'at' LIMIT 20;  -- 1.8 s on average",
    "settings": "ALTER SYSTEM SET fsync = off;\n-- PRAGMA foreign_keys = OFF in the application's connections",
}
"""Check → an example."""
