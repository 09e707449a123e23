"""Queries on information_schema behind the schema map, for one database each.

From the manuals of MariaDB ("Information Schema Tables") and MySQL 8 ("INFORMATION_SCHEMA Tables"); tried on MariaDB
10.11, where no query joins two of these tables, whose rows are made anew for every look. Names stand in `{braces}`:
the database as a string, and what the two servers call otherwise.
"""

from collections.abc import Mapping

# The database itself: what tables without a character set of their own get.
DATABASE = "SELECT * FROM information_schema.schemata WHERE schema_name = {database}"

# Tables, system-versioned ones and sequences; `auto_increment` is the next number to give out.
TABLES = """
    SELECT table_name, table_type, engine, row_format, table_collation, create_options, table_comment, auto_increment
      FROM information_schema.tables
     WHERE table_schema = {database} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')
     ORDER BY table_name
"""

# Columns in their order; those of views are left out by whoever knows the tables.
COLUMNS = """
    SELECT table_name, column_name, column_type, collation_name, is_nullable, column_default, extra,
           generation_expression, column_comment, {srid} AS srid
      FROM information_schema.columns
     WHERE table_schema = {database}
     ORDER BY table_name, ordinal_position
"""

# Reference systems of geometry columns, which MariaDB keeps apart.
GEOMETRIES = """
    SELECT f_table_name AS table_name, g_geometry_column AS column_name, srid
      FROM information_schema.geometry_columns
     WHERE f_table_schema = {database}
"""

# Indexes, those of keys included, one row for each of their columns; `expression` for parts that are none.
INDEXES = """
    SELECT table_name, index_name, non_unique, column_name, sub_part, collation, index_type, index_comment,
           {hidden} AS hidden, {expression} AS expression
      FROM information_schema.statistics
     WHERE table_schema = {database}
     ORDER BY table_name, index_name, seq_in_index
"""

# Checks of tables and of single columns (MariaDB).
CHECKS_MARIADB = """
    SELECT table_name, constraint_name, level, check_clause, 'YES' AS enforced
      FROM information_schema.check_constraints
     WHERE constraint_schema = {database}
     ORDER BY table_name, constraint_name
"""

# Checks (MySQL, where their names are unique in a database, and tables stand with the other constraints).
CHECKS_MYSQL = """
    SELECT t.table_name, c.constraint_name, 'Table' AS level, c.check_clause, t.enforced
      FROM information_schema.check_constraints AS c
      JOIN information_schema.table_constraints AS t
        ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
     WHERE c.constraint_schema = {database} AND t.constraint_type = 'CHECK'
     ORDER BY t.table_name, c.constraint_name
"""

# Columns of foreign keys.
FOREIGN_COLUMNS = """
    SELECT table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name,
           referenced_column_name
      FROM information_schema.key_column_usage
     WHERE table_schema = {database} AND referenced_table_name IS NOT NULL
     ORDER BY table_name, constraint_name, ordinal_position
"""

# Rules of foreign keys.
FOREIGN_KEYS = """
    SELECT table_name, constraint_name, update_rule, delete_rule
      FROM information_schema.referential_constraints
     WHERE constraint_schema = {database}
"""

PARTITIONS = """
    SELECT table_name, partition_name, subpartition_name, partition_method, subpartition_method,
           partition_expression, subpartition_expression, partition_description, partition_comment
      FROM information_schema.partitions
     WHERE table_schema = {database} AND partition_name IS NOT NULL
     ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position
"""

VIEWS = """
    SELECT table_name, view_definition, check_option, definer, security_type, {algorithm} AS algorithm
      FROM information_schema.views
     WHERE table_schema = {database}
"""

TRIGGERS = """
    SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_order, action_statement,
           sql_mode, definer
      FROM information_schema.triggers
     WHERE trigger_schema = {database}
"""

# Functions, procedures and (MariaDB) packages.
ROUTINES = """
    SELECT routine_name, routine_type, dtd_identifier, collation_name, routine_definition, is_deterministic,
           sql_data_access, security_type, sql_mode, routine_comment, definer
      FROM information_schema.routines
     WHERE routine_schema = {database}
"""

PARAMETERS = """
    SELECT specific_name, routine_type, parameter_mode, parameter_name, dtd_identifier, collation_name
      FROM information_schema.parameters
     WHERE specific_schema = {database} AND ordinal_position > 0
     ORDER BY routine_type, specific_name, ordinal_position
"""

# Events; `starts_by_default`: no start was asked for, so that it is the moment of creation.
EVENTS = """
    SELECT event_name, event_definition, event_type, execute_at, interval_value, interval_field, starts, ends, status,
           on_completion, event_comment, definer, sql_mode, time_zone,
           convert_tz(starts, time_zone, '+00:00') = convert_tz(created, 'SYSTEM', '+00:00')
           OR convert_tz(starts, time_zone, '+00:00') = created AS starts_by_default
      FROM information_schema.events
     WHERE event_schema = {database}
"""

# One sequence as it stands; `next_not_cached_value` is the number after those that are given out or kept ready.
SEQUENCE = """
    SELECT {number} AS number, next_not_cached_value, start_value, minimum_value, maximum_value, increment,
           cache_size, cycle_option
      FROM {sequence}
"""

# Privileges on the database and on what is in it; a name of a database may be a pattern.
GRANTS: Mapping[str, str] = {
    "database-grant": """
        SELECT NULL AS part, NULL AS inner_part, grantee, privilege_type, is_grantable
          FROM information_schema.schema_privileges
         WHERE {database} LIKE table_schema
         ORDER BY grantee, privilege_type""",
    "grant": """
        SELECT table_name AS part, NULL AS inner_part, grantee, privilege_type, is_grantable
          FROM information_schema.table_privileges
         WHERE table_schema = {database}
         ORDER BY grantee, privilege_type""",
    "column-grant": """
        SELECT table_name AS part, column_name AS inner_part, grantee, privilege_type, is_grantable
          FROM information_schema.column_privileges
         WHERE table_schema = {database}
         ORDER BY grantee, privilege_type""",
    "user": """
        SELECT NULL AS part, NULL AS inner_part, grantee, privilege_type, is_grantable
          FROM information_schema.user_privileges
         WHERE grantee NOT LIKE '''dbadmin\\_%'
         ORDER BY grantee, privilege_type""",
}

# Privileges on routines stand in a table that not everybody may read.
ROUTINE_GRANTS = """
    SELECT routine_name AS part, NULL AS inner_part, concat('''', user, '''@''', host, '''') AS grantee,
           proc_priv AS privilege_type, 'NO' AS is_grantable
      FROM mysql.procs_priv
     WHERE db = {database}
     ORDER BY 3, 1
"""

MARIADB: Mapping[str, str] = {
    "srid": "NULL",
    "hidden": "CASE ignored WHEN 'YES' THEN 'IGNORED' END",
    "expression": "NULL",
    "algorithm": "algorithm",
}
MYSQL: Mapping[str, str] = {
    "srid": "srs_id",
    "hidden": "CASE is_visible WHEN 'NO' THEN 'INVISIBLE' END",
    "expression": "expression",
    "algorithm": "NULL",
}
