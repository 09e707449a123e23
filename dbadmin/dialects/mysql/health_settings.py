"""Settings of MySQL and MariaDB that matter, each rule with why; from the servers' manuals on system variables."""

from collections.abc import Callable, Mapping

from dbadmin.dialects.facts import Advice
from dbadmin.render.values import size
from dbadmin.results import Severity

Rule = Callable[[Mapping[str, str], int, tuple[str, ...]], Advice | None]
LASTS = "; and in my.cnf, or it is forgotten when the server restarts"


def should_be(
    name: str, wanted: str, level: Severity, detail: str, *, unless: tuple[str, ...] = (), running: bool = True
) -> Rule:  # fmt: skip
    """A variable that has one right value; `running`: every server lets it be changed while it runs."""

    def rule(known: Mapping[str, str], data: int, here: tuple[str, ...]) -> Advice | None:
        value = known.get(name)
        if value is None or value in (wanted, *unless):
            return None
        if not running:
            return Advice(name, value, level, detail, f"set {name} = {wanted} in my.cnf, and restart the server")
        sql, undo = (f"SET GLOBAL {name} = {wanted}",), (f"SET GLOBAL {name} = {value}",)
        return Advice(name, value, level, detail, f"set {name} = {wanted}{LASTS}", sql, undo)

    return rule


def _sync_binlog(known: Mapping[str, str], data: int, here: tuple[str, ...]) -> Advice | None:
    if known.get("log_bin") != "ON" or known.get("sync_binlog") == "1":
        return None
    value = known.get("sync_binlog", "0")
    detail = "after a crash replicas may have rows that this server lost, or the other way round"
    sql, undo = ("SET GLOBAL sync_binlog = 1",), (f"SET GLOBAL sync_binlog = {value}",)
    return Advice("sync_binlog", value, "note", detail, f"set sync_binlog = 1{LASTS}", sql, undo)


def _strict(known: Mapping[str, str], data: int, here: tuple[str, ...]) -> Advice | None:
    modes = known.get("sql_mode", "")
    if "STRICT_TRANS_TABLES" in modes or "STRICT_ALL_TABLES" in modes or "TRADITIONAL" in modes:
        return None
    detail = "values that do not fit are cut or turned into zeros, with a warning that nobody sees"
    wanted = ",".join(filter(None, [modes, "STRICT_TRANS_TABLES"]))
    sql, undo = (f"SET GLOBAL sql_mode = '{wanted}'",), (f"SET GLOBAL sql_mode = '{modes}'",)
    return Advice("sql_mode", modes, "warning", detail, f"add STRICT_TRANS_TABLES{LASTS}", sql, undo)


def _pool(known: Mapping[str, str], data: int, here: tuple[str, ...]) -> Advice | None:
    held = int(known.get("innodb_buffer_pool_size", "0"))
    if held > 128 * 2**20 or data < 4 * held:
        return None
    detail = f"the default of {size(held)} beside {size(data)} of data"
    remedy = "half of the machine's memory is where to begin"
    return Advice("innodb_buffer_pool_size", str(size(held)), "note", detail, remedy)


def _characters(known: Mapping[str, str], data: int, here: tuple[str, ...]) -> Advice | None:
    name, characters, collation = here
    if characters.startswith("utf8mb4"):
        return None
    detail = f"new tables of {name} cannot hold every character of Unicode"
    quoted = name.replace("`", "``")
    sql = (f"ALTER DATABASE `{quoted}` CHARACTER SET utf8mb4",)
    undo = (f"ALTER DATABASE `{quoted}` CHARACTER SET {characters} COLLATE {collation}",)
    remedy = "set utf8mb4 for the database, and convert its tables"
    return Advice("character_set_database", characters, "warning", detail, remedy, sql, undo)


RULES: tuple[Rule, ...] = (
    should_be("innodb_flush_log_at_trx_commit", "1", "warning", "a crash loses up to a second of what was committed"),
    should_be(
        "innodb_doublewrite",
        "ON",
        "warning",
        "a crash while a page is written leaves it torn",
        unless=("1",),
        running=False,
    ),
    should_be("foreign_key_checks", "ON", "error", "new sessions write rows whose parents are not there"),
    should_be("unique_checks", "ON", "error", "new sessions may write the same unique key twice"),
    _sync_binlog,
    _strict,
    _pool,
    _characters,
)
