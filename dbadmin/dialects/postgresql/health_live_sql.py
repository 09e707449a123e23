"""Queries on what changes by itself, for PostgreSQL 12 and later; see `health_sql` for schemas that are NULL."""

from dbadmin.dialects.postgresql.health_sql import OURS

SEQUENCES = f"""
    SELECT
        nullif(n.nspname, current_schema()) AS schema,
        c.relname AS name,
        nullif(tn.nspname, current_schema()) AS table_schema,
        t.relname AS table_name,
        a.attname AS column_name,
        format_type(q.seqtypid, NULL) AS type,
        format_type(a.atttypid, NULL) AS column_type,
        coalesce(a.attidentity <> '', false) AS is_identity,
        q.seqmax AS largest,
        pg_sequence_last_value(c.oid) AS last
    FROM pg_catalog.pg_sequence AS q
    JOIN pg_catalog.pg_class AS c ON c.oid = q.seqrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    LEFT JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE {OURS} AND q.seqincrement > 0 AND NOT q.seqcycle
        AND CASE WHEN c.relkind <> 'S' OR NOT has_sequence_privilege(c.oid, 'SELECT, USAGE') THEN false
            ELSE pg_sequence_last_value(c.oid) IS NOT NULL END
    ORDER BY 1 NULLS FIRST, 2
"""
"""Sequences that were used, with the column that owns each; those that this role may not read are left out."""

UNVALIDATED = f"""
    SELECT
        nullif(n.nspname, current_schema()) AS schema,
        t.relname AS table_name,
        k.conname AS name,
        pg_get_constraintdef(k.oid) AS definition
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS t ON t.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    WHERE NOT k.convalidated AND k.conparentid = 0 AND {{enforced}} AND {OURS}
    ORDER BY 1 NULLS FIRST, 2, 3
"""

BLOAT = f"""
    SELECT schema, name, pages * size AS bytes, greatest(pages - needed, 0) * size AS wasted
    FROM (
        SELECT
            nullif(n.nspname, current_schema()) AS schema,
            c.relname AS name,
            c.relpages::numeric AS pages,
            current_setting('block_size')::numeric AS size,
            ceil(
                c.reltuples::numeric * (28 + 8 * ceil(w.width / 8.0))
                / ((current_setting('block_size')::numeric - 24) * fill.factor / 100)
            ) AS needed
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (
            SELECT sum((1 - s.null_frac) * s.avg_width)::numeric AS width, count(*) AS columns
            FROM pg_catalog.pg_stats AS s
            WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND NOT s.inherited
        ) AS w
        CROSS JOIN LATERAL (
            SELECT coalesce(max(split_part(o, '=', 2)::numeric), 100) AS factor
            FROM unnest(c.reloptions) AS o WHERE starts_with(o, 'fillfactor=')
        ) AS fill
        WHERE c.relkind IN ('r', 'm') AND c.relpages * current_setting('block_size')::bigint > 1048576
            AND c.reltuples >= 0 AND w.columns > 0 AND {OURS}
    ) AS estimated
"""
"""A tuple's header and line pointer take 28 bytes, its values the average of pg_stats, aligned."""

AGES = f"""
    SELECT NULL AS schema, datname AS name, false AS is_table, datname = current_database() AS is_here,
        'transaction ids' AS kind, age(datfrozenxid)::bigint AS age
    FROM pg_catalog.pg_database WHERE datallowconn
    UNION ALL
    SELECT NULL, datname, false, datname = current_database(), 'multixacts', mxid_age(datminmxid)::bigint
    FROM pg_catalog.pg_database WHERE datallowconn
    UNION ALL
    (
        SELECT nullif(n.nspname, current_schema()), c.relname, true, true, 'transaction ids',
            age(c.relfrozenxid)::bigint
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm') AND {OURS}
        ORDER BY age(c.relfrozenxid) DESC, 2 LIMIT 5
    )
"""

SESSIONS = """
    SELECT
        a.pid,
        a.usename,
        a.application_name,
        coalesce(a.client_addr::text, 'local') AS client,
        a.state,
        a.query,
        CASE WHEN a.state = 'active' THEN extract(epoch FROM clock_timestamp() - a.query_start) END::float8
            AS query_seconds,
        extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_seconds,
        CASE WHEN a.state <> 'active' THEN extract(epoch FROM clock_timestamp() - a.state_change) END::float8
            AS idle_seconds,
        CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}'::int[] END AS blocked_by,
        CASE WHEN a.wait_event_type = 'Lock' THEN (
            SELECT concat_ws(' on ', l.mode, coalesce(l.relation::regclass::text, l.locktype))
            FROM pg_catalog.pg_locks AS l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1
        ) END AS waits_for
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
    ORDER BY a.pid
"""

CONNECTIONS = """
    SELECT
        (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') AS used,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0) AS most
"""

CACHE = """
    SELECT blks_hit AS hits, blks_read AS reads, current_setting('shared_buffers') AS buffers
    FROM pg_catalog.pg_stat_database WHERE datname = current_database()
"""

STATEMENTS_SCHEMA = """
    SELECT n.nspname FROM pg_catalog.pg_extension AS e
    JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements'
"""

STATEMENTS_LOADED = "SELECT count(*) FROM pg_catalog.pg_settings WHERE name = 'pg_stat_statements.max'"

STATEMENTS = """
    SELECT query, calls, total_{time} / 1000 AS total, mean_{time} / 1000 AS mean, rows
    FROM {schema}.pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        AND (
            query = '<insufficient privilege>'
            OR query ~* '^\\s*(/\\*.*\\*/\\s*)?(select|insert|update|delete|with|merge|values)\\M'
            AND query !~ '\\m(pg_catalog|information_schema)\\.'
        )
    ORDER BY total_{time} DESC
    LIMIT 50
"""
"""Without the questions that tools like this one ask of the catalog. The text of other roles' statements is hidden from
a login that is no member of pg_read_all_stats.
"""

SETTINGS = """
    SELECT name, coalesce(reset_val, setting) AS setting, unit, context, source
    FROM pg_catalog.pg_settings
"""
"""reset_val: what a session begins with, not what this one has set."""

PAGES = "SELECT sum(relpages) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'i', 't', 'm')"

TEXT_COLUMNS = f"""
    SELECT nullif(n.nspname, current_schema()) AS schema, c.relname AS table_name, a.attname AS name,
        has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
            AND NOT row_security_active(c.oid) AS readable
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid AND t.typcategory = 'S'
    WHERE a.attnum > 0 AND NOT a.attisdropped AND {OURS}
    ORDER BY 1 NULLS FIRST, 2, a.attnum
"""
