"""Catalog queries on health, for PostgreSQL 12 and later.

A schema is NULL where it is the one that unqualified names mean. Sizes of indexes come from relpages, since
pg_relation_size waits for whoever holds the table's lock.
"""

OURS = (
    "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
    " AND NOT starts_with(n.nspname, 'pg_temp_') AND NOT starts_with(n.nspname, 'pg_toast_temp_')"
)

INDEXES = f"""
    SELECT
        nullif(n.nspname, current_schema()) AS schema,
        t.relname AS table_name,
        c.relname AS name,
        c.oid::bigint AS number,
        m.amname AS method,
        i.indisunique AS is_unique,
        i.indisprimary AS is_primary,
        i.indisexclusion AS is_exclusion,
        i.indisvalid AND i.indisready AND i.indislive AS valid,
        i.indisreplident AS replica_identity,
        i.indisclustered AS clustered,
        c.relkind = 'I' AS partitioned,
        c.relispartition AS inherited,
        c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
        {{nulls_alike}} AS nulls_alike,
        NOT i.indisvalid AND EXISTS (
            SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid OR p.relid = t.oid
        ) AS building,
        EXISTS (
            SELECT FROM pg_catalog.pg_constraint AS f WHERE f.contype = 'f' AND f.conindid = c.oid
        ) AS referenced,
        k.conname AS constraint_name,
        pg_get_expr(i.indpred, i.indrelid) AS predicate,
        part.columns,
        part.texts,
        part.rests,
        part.plain,
        part.all_not_null,
        CASE WHEN i.indnatts > i.indnkeyatts THEN ARRAY(
            SELECT a.attname::text
            FROM generate_series(i.indnkeyatts + 1, i.indnatts) AS g (at)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[g.at - 1]
            ORDER BY g.at
        ) ELSE ARRAY[]::text[] END AS included
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid AND t.relkind IN ('r', 'p', 'm')
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
    LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
    CROSS JOIN LATERAL (
        SELECT
            array_agg(a.attname::text ORDER BY g.at) AS columns,
            array_agg(coalesce(quote_ident(a.attname), pg_get_indexdef(c.oid, g.at, false)) ORDER BY g.at) AS texts,
            array_agg(
                concat_ws(' ', i.indclass[g.at - 1], i.indcollation[g.at - 1], i.indoption[g.at - 1]) ORDER BY g.at
            ) AS rests,
            array_agg(
                a.attnum IS NOT NULL AND i.indcollation[g.at - 1] IN (0, a.attcollation) ORDER BY g.at
            ) AS plain,
            bool_and(coalesce(a.attnotnull, false)) AS all_not_null
        FROM generate_series(1, i.indnkeyatts) AS g (at)
        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[g.at - 1]
    ) AS part
    WHERE {OURS}
    ORDER BY 1 NULLS FIRST, 2, 3
"""
"""One row per index with arrays over its key parts. `{{nulls_alike}}`: indnullsnotdistinct since 15."""

DEFINITIONS = """
    SELECT
        i.indexrelid::bigint AS number,
        pg_get_indexdef(i.indexrelid) AS definition,
        pg_get_constraintdef(k.oid) AS constraint_definition
    FROM pg_catalog.pg_index AS i
    LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
    WHERE i.indexrelid IN ({numbers})
"""
"""The statements of some indexes: of all of them they would take four times as long as all else about them."""

INDEX_USES = f"""
    SELECT
        nullif(n.nspname, current_schema()) AS schema,
        t.relname AS table_name,
        c.relname AS name,
        CASE
            WHEN c.relkind = 'I' THEN (
                SELECT coalesce(sum(pg_stat_get_numscans(tree.relid)), 0) FROM pg_partition_tree(c.oid) AS tree
            )
            ELSE pg_stat_get_numscans(c.oid)
        END::bigint AS scans
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    WHERE {OURS}
"""
"""Scans of each index; of a partitioned one, those of its partitions together."""

FOREIGN_KEYS = f"""
    SELECT
        nullif(n.nspname, current_schema()) AS schema,
        t.relname AS table_name,
        k.conname AS name,
        nullif(fn.nspname, current_schema()) AS to_schema,
        f.relname AS to_name,
        k.conparentid <> 0 AS inherited,
        part.columns,
        part.types,
        part.to_columns,
        part.to_types
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS t ON t.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_catalog.pg_class AS f ON f.oid = k.confrelid
    JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.relnamespace
    CROSS JOIN LATERAL (
        SELECT
            array_agg(a.attname::text ORDER BY key.place) AS columns,
            array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY key.place) AS types,
            array_agg(b.attname::text ORDER BY key.place) AS to_columns,
            array_agg(format_type(b.atttypid, b.atttypmod) ORDER BY key.place) AS to_types
        FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS key (own, other, place)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = key.own
        JOIN pg_catalog.pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = key.other
    ) AS part
    WHERE k.contype = 'f' AND {OURS}
    ORDER BY 1 NULLS FIRST, 2, 3
"""

COLUMNS_IN_VIEWS = f"""
    SELECT
        nullif(n.nspname, current_schema()) AS schema,
        c.relname AS table_name,
        a.attname AS column_name,
        array_agg(DISTINCT r.ev_class::regclass::text ORDER BY r.ev_class::regclass::text) AS views
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid AND r.ev_class <> d.refobjid
    JOIN pg_catalog.pg_class AS c ON c.oid = d.refobjid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND {OURS}
    GROUP BY 1, 2, 3
"""

TABLES = f"""
    SELECT
        nullif(n.nspname, current_schema()) AS schema,
        c.relname AS name,
        c.relkind = 'p' AS partitioned,
        nullif(pn.nspname, current_schema()) AS parent_schema,
        p.relname AS parent_name,
        EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p') AS has_key,
        CASE
            WHEN c.reltuples > 0 OR (c.reltuples = 0 AND c.relpages > 0) THEN c.reltuples::bigint
            WHEN c.reltuples = 0 AND current_setting('server_version_num')::int >= 140000 THEN 0
        END AS rows,
        c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
        coalesce(own.pages, 0) * current_setting('block_size')::bigint AS index_bytes,
        (toast.relpages::bigint * current_setting('block_size')::bigint) AS toast_bytes,
        pg_stat_get_numscans(c.oid) AS scans,
        pg_stat_get_tuples_returned(c.oid) AS rows_scanned,
        own.scans AS index_scans,
        pg_stat_get_live_tuples(c.oid) AS live,
        pg_stat_get_dead_tuples(c.oid) AS dead,
        pg_stat_get_tuples_inserted(c.oid) AS inserted,
        pg_stat_get_tuples_deleted(c.oid) AS deleted,
        pg_stat_get_mod_since_analyze(c.oid) AS changed,
        greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS vacuumed,
        greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS analyzed,
        NOT coalesce(c.reloptions::text[] && ARRAY['autovacuum_enabled=false', 'autovacuum_enabled=off'], false)
            AS autovacuum,
        CASE WHEN c.relfrozenxid <> '0'::xid THEN age(c.relfrozenxid) END AS age
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_class AS toast ON toast.oid = c.reltoastrelid
    LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = c.oid AND c.relispartition
    LEFT JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
    LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
    LEFT JOIN (
        SELECT
            i.indrelid,
            sum(ic.relpages)::bigint AS pages,
            sum(pg_stat_get_numscans(i.indexrelid))::bigint AS scans
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
        GROUP BY i.indrelid
    ) AS own ON own.indrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND {OURS}
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        )
    ORDER BY 1 NULLS FIRST, 2
"""
"""Tables, partitions and their parents, without those of extensions. Sizes as of the last VACUUM or ANALYZE.

Counters by the functions that pg_stat_all_tables is made of, which groups all indexes of the database to sum its own.
"""

COLUMN_NAMES = f"""
    SELECT nullif(n.nspname, current_schema()) AS schema, t.relname AS table_name, array_agg(a.attname::text) AS names
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS t ON t.oid = a.attrelid AND t.relkind IN ('r', 'p')
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    WHERE a.attnum > 0 AND NOT a.attisdropped AND {OURS}
    GROUP BY 1, 2
"""

SINCE = """
    SELECT
        extract(epoch FROM now() - coalesce(d.stats_reset, pg_postmaster_start_time()))::float8 AS seconds,
        pg_is_in_recovery() AS is_standby,
        (SELECT count(*) FROM pg_catalog.pg_stat_replication) AS standbys
    FROM pg_catalog.pg_stat_database AS d
    WHERE d.datname = current_database()
"""
"""Without a reset on record: since the server's start, as a crash empties the statistics too."""
