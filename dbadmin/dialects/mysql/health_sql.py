"""Catalog queries on health of the connected database, for MariaDB 10.3 and MySQL 8 and later.

Without joins between views of information_schema, which open every table of the server for each.
"""

TABLES = """
    SELECT
        table_name AS name,
        table_rows AS estimate,
        data_length AS bytes,
        index_length AS index_bytes,
        data_free AS free_bytes,
        create_options AS options
    FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
"""
"""One row per table; rows and sizes are the engine's estimates."""

KEYED = """
    SELECT table_name AS name FROM information_schema.table_constraints
    WHERE table_schema = DATABASE() AND constraint_type = 'PRIMARY KEY'
"""

INDEXES = """
    SELECT
        table_name,
        index_name AS name,
        non_unique = 0 AS is_unique,
        column_name,
        {expression} AS expression,
        sub_part AS prefix,
        collation = 'D' AS is_descending,
        nullable = 'YES' AS nullable,
        index_type AS type,
        {hidden} AS hidden
    FROM information_schema.statistics
    WHERE table_schema = DATABASE()
    ORDER BY table_name, index_name, seq_in_index
"""
"""One row per index and key part. `{expression}` is MySQL's alone; `{hidden}`: IGNORED there, invisible here."""

FOREIGN_KEYS = """
    SELECT
        table_name,
        constraint_name AS name,
        column_name,
        nullif(referenced_table_schema, DATABASE()) AS to_schema,
        referenced_table_name AS to_name,
        referenced_column_name AS to_column
    FROM information_schema.key_column_usage
    WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
    ORDER BY table_name, constraint_name, ordinal_position
"""
"""One row per column of every foreign key."""

COLUMNS = """
    SELECT
        table_name,
        column_name AS name,
        column_type AS type,
        data_type,
        character_set_name AS characters,
        column_comment AS comment,
        extra
    FROM information_schema.columns
    WHERE table_schema = DATABASE()
    ORDER BY table_name, ordinal_position
"""

COUNTING = """
    SELECT table_name, column_name AS name FROM information_schema.columns
    WHERE table_schema = DATABASE() AND locate('auto_increment', extra) > 0
"""

USES = """
    SELECT object_name AS table_name, index_name AS name, count_star AS uses
    FROM performance_schema.table_io_waits_summary_by_index_usage
    WHERE object_schema = DATABASE() AND index_name IS NOT NULL
"""

USES_BY_USERSTAT = """
    SELECT table_name, index_name AS name, rows_read AS uses
    FROM information_schema.index_statistics
    WHERE table_schema = DATABASE()
"""
"""MariaDB's own counters, of those indexes that were used at all."""

SEQUENCES = """
    SELECT table_name AS name
      FROM information_schema.tables
     WHERE table_schema = DATABASE() AND table_type = 'SEQUENCE'
     ORDER BY table_name
"""

AUTO_INCREMENT = """
    SELECT table_name AS name, auto_increment AS next_one
    FROM information_schema.tables
    WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL
"""

TRANSACTIONS = """
    SELECT trx_mysql_thread_id AS id, timestampdiff(MICROSECOND, trx_started, now(6)) / 1e6 AS seconds
    FROM information_schema.innodb_trx
"""
"""Needs PROCESS."""

SESSIONS = """
    SELECT id, user, host, command, time AS seconds, info AS query
    FROM information_schema.processlist
    WHERE db = DATABASE() AND id <> connection_id()
    ORDER BY id
"""

WAITS_OF_MARIADB = """
    SELECT r.trx_mysql_thread_id AS waiting, b.trx_mysql_thread_id AS blocking
    FROM information_schema.innodb_lock_waits AS w
    JOIN information_schema.innodb_trx AS r ON r.trx_id = w.requesting_trx_id
    JOIN information_schema.innodb_trx AS b ON b.trx_id = w.blocking_trx_id
"""

WAITS_OF_MYSQL = """
    SELECT r.trx_mysql_thread_id AS waiting, b.trx_mysql_thread_id AS blocking
    FROM performance_schema.data_lock_waits AS w
    JOIN information_schema.innodb_trx AS r ON r.trx_id = w.requesting_engine_transaction_id
    JOIN information_schema.innodb_trx AS b ON b.trx_id = w.blocking_engine_transaction_id
"""

STATEMENTS = """
    SELECT
        digest_text AS query,
        count_star AS calls,
        sum_timer_wait AS total,
        avg_timer_wait AS mean,
        sum_rows_sent AS sent
    FROM performance_schema.events_statements_summary_by_digest
    WHERE schema_name = DATABASE() AND digest_text IS NOT NULL
        AND substring_index(digest_text, ' ', 1) IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'WITH')
        AND locate('information_schema', digest_text) = 0 AND locate('performance_schema', digest_text) = 0
    ORDER BY sum_timer_wait DESC
    LIMIT 50
"""
"""Digests hold ? in place of values; without the questions that tools ask of the catalog. Times in picoseconds."""
