"""Catalog queries on tables: sqlite_schema, its PRAGMA functions, sqlite_stat1 and dbstat.

`{table}` is filled with the name of a table as a literal.
"""

TABLES = """
    SELECT
        t.name,
        t.type = 'virtual' AS is_virtual,
        (SELECT count(*) FROM pragma_table_xinfo(t.name) WHERE hidden <> 1) AS columns,
        (SELECT count(*) FROM pragma_index_list(t.name)) AS indexes
    FROM pragma_table_list AS t
    WHERE t.schema = 'main' AND t.type IN ('table', 'virtual') AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY t.name
"""
"""Ordinary and virtual tables, without views and the shadow tables that virtual tables keep (SQLite 3.37)."""

OLD_TABLES = """
    SELECT
        m.name,
        m.sql LIKE 'CREATE VIRTUAL%' AS is_virtual,
        (SELECT count(*) FROM pragma_table_xinfo(m.name) WHERE hidden <> 1) AS columns,
        (SELECT count(*) FROM pragma_index_list(m.name)) AS indexes
    FROM sqlite_master AS m
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY m.name
"""
"""As TABLES; shadow tables cannot be told apart here."""

NAMES = """
    SELECT name FROM pragma_table_list
    WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""
"""The tables of TABLES."""

OLD_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
"""The tables of OLD_TABLES."""

SIZES = """
    SELECT m.tbl_name AS table_name, m.type = 'index' AS is_index, sum(s.pgsize) AS bytes
    FROM dbstat AS s
    JOIN sqlite_master AS m ON m.name = s.name
    WHERE s.aggregate = TRUE
    GROUP BY m.tbl_name, m.type = 'index'
"""
"""Bytes of each table and of its indexes together; an internal index counts as an index."""

ESTIMATES = "SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl"
"""Rows as ANALYZE found them; there is no such table before the first ANALYZE."""

COLUMNS = 'SELECT name, type, "notnull" AS is_not_null, dflt_value, pk, hidden FROM pragma_table_xinfo({table})'

INDEXES = """
    SELECT l.name, l."unique" AS is_unique, l.origin, m.sql AS definition, x.name AS column_name, x.seqno
    FROM pragma_index_list({table}) AS l
    JOIN pragma_index_xinfo(l.name) AS x
    LEFT JOIN sqlite_master AS m ON m.type = 'index' AND m.name = l.name
    WHERE x.key
    ORDER BY l.origin <> 'pk', l.name, x.seqno
"""
"""One row per index and key column; an expression has no column name."""

FOREIGN_KEYS = """
    SELECT m.name AS table_name, f.id, f."table" AS referred, f."from" AS column_name,
        f."to" AS referred_column, f.on_delete
    FROM sqlite_master AS m
    JOIN pragma_foreign_key_list(m.name) AS f
    WHERE m.type = 'table' AND (lower(m.name) = lower({table}) OR lower(f."table") = lower({table}))
    ORDER BY m.name, f.id, f.seq
"""
"""One row per column of every foreign key from or to a table; SQLite keeps no names of them."""
