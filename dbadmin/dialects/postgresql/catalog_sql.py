"""Catalog queries on tables, for PostgreSQL 12 and later. `{oid}` is filled with a number.

A schema is NULL where it is the one that unqualified names mean.
"""

_OURS = r"""
    n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND n.nspname !~ '^pg_(toast_)?temp_'
"""

_NEVER_ANALYSED = """
    part.reltuples < 0
    OR (part.reltuples = 0 AND part.relpages = 0 AND current_setting('server_version_num')::int < 140000)
"""
"""-1 since PostgreSQL 14; before it 0 rows in 0 pages, which may also be an empty table."""

_WHO = """
        c.oid,
        nullif(n.nspname, current_schema()) AS schema,
        n.nspname AS real_schema,
        c.relname AS name,
        c.relkind = 'p' AS partitioned,
        has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
            AND NOT row_security_active(c.oid) AS countable
"""

_ESTIMATE = f"""
            CASE WHEN NOT coalesce(bool_or({_NEVER_ANALYSED}), false)
                THEN coalesce(sum(part.reltuples), 0)::bigint END
"""

_PARTS = """
        FROM (
            SELECT c.oid AS relid WHERE c.relkind = 'r'
            UNION ALL
            SELECT tree.relid FROM pg_partition_tree(c.oid) AS tree WHERE c.relkind = 'p' AND tree.isleaf
        ) AS leaf
        JOIN pg_catalog.pg_class AS part ON part.oid = leaf.relid AND part.relkind = 'r'
"""

_ABOUT = f"""
    SELECT
        {_WHO},
        obj_description(c.oid, 'pg_class') AS comment,
        size.estimate,
        size.bytes,
        size.index_bytes,
        (
            SELECT count(*) FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        ) AS columns,
        (SELECT count(*) FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid) AS indexes
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT
            {_ESTIMATE} AS estimate,
            coalesce(sum(pg_table_size(part.oid)), 0)::bigint AS bytes,
            coalesce(sum(pg_indexes_size(part.oid)), 0)::bigint AS index_bytes
        {_PARTS}
    ) AS size
    WHERE {_OURS}
"""
"""One row per table. Estimate and sizes are summed over partitions."""

TABLES = f"""
    {_ABOUT}
    AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""

_ESTIMATED = f"""
    SELECT {_WHO}, (SELECT {_ESTIMATE} {_PARTS}) AS estimate
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE {_OURS} AND c.relkind IN ('r', 'p')
"""

ESTIMATES = f"{_ESTIMATED} AND NOT c.relispartition"
"""The tables of TABLES without their sizes, which wait for whoever locks a table."""

_NAMED = "c.relname = :name AND n.nspname = coalesce(:schema, current_schema())"

ONE_ESTIMATE = f"{_ESTIMATED} AND {_NAMED}"

ONE_TABLE = f"""
    {_ABOUT}
    AND c.relkind IN ('r', 'p')
    AND {_NAMED}
"""

TABLE_NAMES = f"""
    SELECT nullif(n.nspname, current_schema()), c.relname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND {_OURS}
"""
"""Schema and name of every table that holds rows of its own."""

COLUMNS = """
    SELECT
        a.attname AS name,
        format_type(a.atttypid, a.atttypmod) AS type,
        NOT a.attnotnull AS nullable,
        a.attidentity::text AS identity,
        a.attgenerated::text AS generated,
        pg_get_expr(d.adbin, d.adrelid) AS expression,
        EXISTS (
            SELECT FROM pg_catalog.pg_index AS i
            WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey)
        ) AS primary_key,
        col_description(a.attrelid, a.attnum) AS comment
    FROM pg_catalog.pg_attribute AS a
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = {oid} AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""

INDEXES = """
    SELECT
        c.relname AS name,
        i.indisunique AS is_unique,
        ARRAY(
            SELECT pg_get_indexdef(i.indexrelid, k, true)
            FROM generate_series(1, i.indnkeyatts) AS k ORDER BY k
        ) AS columns,
        pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = {oid}
    ORDER BY NOT i.indisprimary, c.relname
"""
"""Key columns only, expressions as text; the primary key's index first."""

CONSTRAINTS = """
    SELECT conname AS name, contype::text AS kind, pg_get_constraintdef(oid) AS definition
    FROM pg_catalog.pg_constraint
    WHERE conrelid = {oid} AND contype IN ('p', 'u', 'c', 'f', 'x')
    ORDER BY position(contype::text IN 'pufcx'), conname
"""

_ENDS = """        ARRAY(
            SELECT a.attname::text
            FROM unnest(k.conkey) WITH ORDINALITY AS key (number, place)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = key.number
            ORDER BY key.place
        ) AS columns,
        ARRAY(
            SELECT a.attname::text
            FROM unnest(k.confkey) WITH ORDINALITY AS key (number, place)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = key.number
            ORDER BY key.place
        ) AS referred_columns,
"""
"""The columns at both ends of a foreign key k, in its order."""

RELATIONS = (
    """
    SELECT
        way.direction,
        nullif(n.nspname, current_schema()) AS schema,
        other.relname AS table_name,
"""
    + _ENDS
    + """        k.conname AS name,
        k.confdeltype::text AS on_delete
    FROM pg_catalog.pg_constraint AS k
    CROSS JOIN LATERAL (
        SELECT 'out' AS direction, k.confrelid AS other WHERE k.conrelid = {oid}
        UNION ALL
        SELECT 'in', k.conrelid WHERE k.confrelid = {oid}
    ) AS way
    JOIN pg_catalog.pg_class AS other ON other.oid = way.other
    JOIN pg_catalog.pg_namespace AS n ON n.oid = other.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0
    ORDER BY way.direction DESC, other.relname, k.conname
"""
)
"""Foreign keys from this table ("out") and to it ("in"); those that partitions inherit are left out."""

REFERENCES = (
    """
    SELECT
        t.relname AS table_name,
        nullif(n.nspname, current_schema()) AS referred_schema,
        other.relname AS referred,
"""
    + _ENDS
    + """        k.conname AS name
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS t ON t.oid = k.conrelid
    JOIN pg_catalog.pg_class AS other ON other.oid = k.confrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = other.relnamespace
    WHERE k.contype = 'f'
        AND t.relnamespace = (
            SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = coalesce(:schema, current_schema())
        )
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_constraint AS p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid
        )
    ORDER BY t.relname, k.conname
"""
)
"""Foreign keys of every table of a schema, one row each; not those to the partitions of what one refers to."""
