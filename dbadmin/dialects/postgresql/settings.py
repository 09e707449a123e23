"""Parameters of PostgreSQL that harm nobody."""

from typing import TYPE_CHECKING

from dbadmin.dialects.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection


class PostgresqlSettings(Settings):
    """How values look, where names are searched, how the planner chooses."""

    names = frozenset(
        {"application_name", "bytea_output", "client_min_messages", "cursor_tuple_fraction", "datestyle",
         "enable_bitmapscan", "enable_hashagg", "enable_hashjoin", "enable_indexonlyscan", "enable_indexscan",
         "enable_material", "enable_mergejoin", "enable_nestloop", "enable_parallel_hash", "enable_seqscan",
         "enable_sort", "extra_float_digits", "intervalstyle", "jit", "max_parallel_workers_per_gather",
         "plan_cache_mode", "random_page_cost", "search_path", "seq_page_cost", "timezone", "work_mem", "xmlbinary"}
    )  # fmt: skip

    def apply(self, connection: "Connection", name: str, value: str) -> None:
        """set_config for this transaction, its value bound."""
        from sqlalchemy import text

        connection.execute(text(f"SELECT set_config('{self.known(name)}', :value, true)"), {"value": value})
