"""Queries on SQLite's catalog behind the schema map, whatever the number of tables."""

# Every object, internal indexes (no text) and tables left out.
OBJECTS = """
    SELECT type, name, tbl_name, sql
      FROM main.sqlite_master
     WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
     ORDER BY name
"""

# Columns of ordinary tables, generated ones included (hidden: 2 virtual, 3 stored).
COLUMNS = """
    SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
      FROM main.sqlite_master AS t, pragma_table_xinfo(t.name, 'main') AS c
     WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
     ORDER BY t.name, c.cid
"""

# Foreign keys, to check the reading of the text against.
FOREIGN_KEYS = """
    SELECT t.name, count(DISTINCT f.id)
      FROM main.sqlite_master AS t, pragma_foreign_key_list(t.name, 'main') AS f
     WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%'
     GROUP BY t.name
"""

# Columns of the indexes that the engine made for UNIQUE (u) and PRIMARY KEY (pk), for the same check.
INTERNAL_INDEXES = """
    SELECT t.name, i.origin, i.name, x.name
      FROM main.sqlite_master AS t, pragma_index_list(t.name, 'main') AS i, pragma_index_info(i.name, 'main') AS x
     WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%' AND i.origin IN ('u', 'pk')
     ORDER BY t.name, i.name, x.seqno
"""

# Two numbers in the file's header that are the application's own.
NUMBERS = """
    SELECT 'user_version', user_version FROM pragma_user_version
     UNION ALL
    SELECT 'application_id', application_id FROM pragma_application_id
"""
