"""Catalog queries on health, for SQLite 3.24 and later: PRAGMA functions joined to sqlite_master, one query each."""

_TABLES = """
    SELECT m.name, m.sql FROM sqlite_master AS m
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.sql NOT LIKE 'CREATE VIRTUAL%'
"""
"""Ordinary tables; the shadow tables of virtual ones too, which are told apart by their names afterwards."""

TABLES = f"""
    SELECT t.name, (SELECT max(c.pk) FROM pragma_table_info(t.name) AS c) > 0 AS has_key
    FROM ({_TABLES}) AS t
    ORDER BY t.name
"""

VIRTUAL = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL%'"

INDEXES = f"""
    SELECT
        t.name AS table_name,
        l.name,
        l."unique" AS is_unique,
        l.origin,
        l.partial,
        x.name AS column_name,
        x.coll,
        x."desc" AS is_descending,
        i.sql AS definition
    FROM ({_TABLES}) AS t
    JOIN pragma_index_list(t.name) AS l
    JOIN pragma_index_xinfo(l.name) AS x
    LEFT JOIN sqlite_master AS i ON i.type = 'index' AND i.name = l.name
    WHERE x.key
    ORDER BY t.name, l.name, x.seqno
"""
"""One row per index and key part; an expression has no column name, an index of a constraint no definition."""

COLUMNS = f"""
    SELECT t.name AS table_name, c.name, c.type, c."notnull" AS is_not_null, c.pk, t.sql
    FROM ({_TABLES}) AS t
    JOIN pragma_table_xinfo(t.name) AS c
    WHERE c.hidden <> 1
    ORDER BY t.name, c.cid
"""

FOREIGN_KEYS = f"""
    SELECT t.name AS table_name, f.id, f."table" AS to_name, f."from" AS column_name, f."to" AS to_column
    FROM ({_TABLES}) AS t
    JOIN pragma_foreign_key_list(t.name) AS f
    ORDER BY t.name, f.id, f.seq
"""
"""One row per column of every foreign key; no `to_column` where the parent's primary key is meant."""

ESTIMATES = "SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl"

HAS = "SELECT count(*) FROM sqlite_master WHERE name = '{name}'"

ORPHANS = """
    SELECT "table" AS table_name, parent, fkid, count(*) AS number
    FROM pragma_foreign_key_check
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
"""


def affinity(declared: str) -> str:
    """A column's affinity, by the five rules of https://www.sqlite.org/datatype3.html#determination_of_column_affinity.

    >>> [affinity(t) for t in ("VARCHAR(20)", "bigint", "", "double precision", "DATETIME")]
    ['TEXT', 'INTEGER', 'BLOB', 'REAL', 'NUMERIC']
    """
    upper = declared.upper()
    for words, name in ((("INT",), "INTEGER"), (("CHAR", "CLOB", "TEXT"), "TEXT")):
        if any(word in upper for word in words):
            return name
    if not upper or "BLOB" in upper:
        return "BLOB"
    return "REAL" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"
