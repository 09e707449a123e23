"""Session variables of MySQL and MariaDB that harm nobody."""

import re
from typing import TYPE_CHECKING

from dbadmin.dialects.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection


class MysqlSettings(Settings):
    """How values look, how the optimizer chooses, what a statement may use."""

    names = frozenset(
        {"div_precision_increment", "group_concat_max_len", "join_buffer_size", "lc_time_names", "max_join_size",
         "max_length_for_sort_data", "max_seeks_for_key", "max_sort_length", "optimizer_prune_level",
         "optimizer_search_depth", "optimizer_switch", "read_buffer_size", "sort_buffer_size", "sql_big_selects",
         "time_zone", "tmp_table_size"}
    )  # fmt: skip

    def apply(self, connection: "Connection", name: str, value: str) -> None:
        """SET SESSION, its value bound; a number as a number, since the server takes no text for one."""
        from sqlalchemy import text

        bound = int(value) if re.fullmatch(r"-?\d+", value) else value
        connection.execute(text(f"SET SESSION {self.known(name)} = :value"), {"value": bound})
