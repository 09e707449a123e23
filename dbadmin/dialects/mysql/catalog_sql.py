"""Catalog queries on tables of the connected database, for MariaDB 10.2 and MySQL 8 and later.

Names are compared again by the caller: information_schema compares them without regard to case and accents.
"""

_OURS = "table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')"
"""Without views and MariaDB's sequences."""

TABLES = f"""
    SELECT
        table_name AS name,
        table_rows AS estimate,
        data_length AS bytes,
        index_length AS index_bytes,
        table_comment AS comment
    FROM information_schema.tables
    WHERE {_OURS}
"""
"""One row per table. Sizes and rows are the engine's estimates; InnoDB counts the primary key to the data."""

ONE_TABLE = f"{TABLES} AND table_name = :name"

TABLE_NAMES = f"SELECT table_name AS name FROM information_schema.tables WHERE {_OURS}"

NUMBERS_OF_COLUMNS = """
    SELECT table_name AS name, count(*) AS number
    FROM information_schema.columns
    WHERE table_schema = DATABASE()
    GROUP BY table_name COLLATE utf8mb3_bin
"""

NUMBERS_OF_INDEXES = """
    SELECT table_name AS name, count(*) AS number
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND seq_in_index = 1
    GROUP BY table_name COLLATE utf8mb3_bin
"""

COLUMNS = """
    SELECT
        table_name,
        column_name AS name,
        column_type AS type,
        is_nullable = 'YES' AS nullable,
        column_default AS expression,
        column_key = 'PRI' AS primary_key,
        extra,
        generation_expression AS generation,
        column_comment AS comment
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = :name
    ORDER BY ordinal_position
"""

INDEXES = """
    SELECT
        table_name,
        index_name AS name,
        non_unique = 0 AS is_unique,
        column_name AS column_name,
        {expression} AS expression,
        sub_part AS prefix,
        collation = 'D' AS is_descending,
        index_type AS type
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = :name
    ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index
"""
"""One row per index and key part. Only MySQL has expressions as key parts (`{expression}`)."""

CHECKS_OF_MARIADB = """
    SELECT table_name, constraint_name AS name, check_clause AS clause
    FROM information_schema.check_constraints
    WHERE constraint_schema = DATABASE() AND table_name = :name
    ORDER BY constraint_name
"""

CHECKS_OF_MYSQL = """
    SELECT t.table_name, c.constraint_name AS name, c.check_clause AS clause
    FROM information_schema.table_constraints AS t
    JOIN information_schema.check_constraints AS c
        ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name
    WHERE t.table_schema = DATABASE() AND t.table_name = :name AND t.constraint_type = 'CHECK'
    ORDER BY c.constraint_name
"""

FOREIGN_KEYS = """
    SELECT
        k.table_name,
        k.constraint_name AS name,
        k.column_name,
        nullif(k.referenced_table_schema, DATABASE()) AS referred_schema,
        k.referenced_table_name AS referred,
        k.referenced_column_name AS referred_column,
        r.delete_rule,
        r.update_rule
    FROM information_schema.key_column_usage AS k
    JOIN information_schema.referential_constraints AS r
        ON r.constraint_schema = k.constraint_schema
        AND r.constraint_name = k.constraint_name
        AND r.table_name = k.table_name
    WHERE k.table_schema = DATABASE()
        AND k.referenced_table_name IS NOT NULL
        AND (k.table_name = :name OR k.referenced_table_name = :name)
    ORDER BY k.table_name, k.constraint_name, k.ordinal_position
"""
"""One row per column of every foreign key from or to a table, from tables of this database."""

REFERENCES = """
    SELECT
        k.table_name AS table_name,
        k.constraint_name AS name,
        k.column_name AS column_name,
        nullif(k.referenced_table_schema, DATABASE()) AS referred_schema,
        k.referenced_table_name AS referred,
        k.referenced_column_name AS referred_column
    FROM information_schema.key_column_usage AS k
    WHERE k.table_schema = DATABASE()
        AND k.referenced_table_name IS NOT NULL
    ORDER BY k.table_name, k.constraint_name, k.ordinal_position
"""
"""One row per column of every foreign key of this database's tables."""
