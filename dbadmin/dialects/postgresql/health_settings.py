"""Settings of PostgreSQL that matter, each rule with why; from https://www.postgresql.org/docs/current/runtime-config.html."""

from collections.abc import Callable, Mapping
from typing import Any

from dbadmin.dialects.facts import Advice
from dbadmin.render.values import size
from dbadmin.results import Severity

Rule = Callable[[Mapping[str, Any], int], Advice | None]
PAGE = 8192
DEFAULT_BUFFERS = 128 * 2**20


def should_be(name: str, wanted: str, level: Severity, detail: str) -> Rule:
    """A switch that has one right position."""

    def rule(known: Mapping[str, Any], pages: int) -> Advice | None:
        row = known.get(name)
        if row is None or row.setting == wanted:
            return None
        sql, undo, how = change(row, wanted)
        return Advice(name, row.setting, level, detail, f"set {name} = {wanted}{how}", sql, undo)

    return rule


def change(row: Any, wanted: str) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Statements that change a setting and put it back, and what besides them is needed."""
    if row.context == "internal":
        return (), (), " when the cluster is made"
    reload = () if row.context == "postmaster" else ("SELECT pg_reload_conf()",)
    how = ", and restart the server" if row.context == "postmaster" else ""
    sql = (f"ALTER SYSTEM SET {row.name} = '{wanted}'", *reload)
    return sql, (f"ALTER SYSTEM SET {row.name} = '{row.setting}'", *reload), how


def _checksums(known: Mapping[str, Any], pages: int) -> Advice | None:
    row = known.get("data_checksums")
    if row is None or row.setting != "off":
        return None
    remedy = "stop the server and run pg_checksums --enable"
    return Advice("data_checksums", "off", "note", "damage of the disk is not noticed when it is read", remedy)


def _buffers(known: Mapping[str, Any], pages: int) -> Advice | None:
    row = known["shared_buffers"]
    held, data = int(row.setting) * PAGE, pages * PAGE
    if held > DEFAULT_BUFFERS or data < 4 * held:
        return None
    detail = f"the default of {size(held)} beside {size(data)} of data"
    return Advice(row.name, str(size(held)), "note", detail, "a quarter of the machine's memory is where to begin")


def _idle(known: Mapping[str, Any], pages: int) -> Advice | None:
    row = known["idle_in_transaction_session_timeout"]
    if row.setting != "0":
        return None
    detail = "a forgotten transaction holds its locks, and keeps VACUUM from removing dead rows, for ever"
    sql, undo, how = change(row, "10min")
    return Advice(row.name, "off", "note", detail, f"set {row.name} = '10min'{how}", sql, undo)


def _many(known: Mapping[str, Any], pages: int) -> Advice | None:
    row = known["max_connections"]
    if int(row.setting) <= 500:
        return None
    detail = "each connection is a process with memory of its own"
    return Advice(row.name, row.setting, "note", detail, "put a pooler such as PgBouncer in front, and allow fewer")


def _plain_network(known: Mapping[str, Any], pages: int) -> Advice | None:
    row, listens = known.get("ssl"), known["listen_addresses"].setting
    if row is None or row.setting == "on" or listens in ("", "localhost", "127.0.0.1", "::1"):
        return None
    detail = f"the server listens on {listens}, and what is sent to it can be read on the way"
    return Advice("ssl", "off", "warning", detail, "set ssl = on with a certificate, and hostssl in pg_hba.conf")


RULES: tuple[Rule, ...] = (
    should_be("fsync", "on", "error", "a crash of the machine may destroy every database of the server"),
    should_be("full_page_writes", "on", "error", "a crash while a page is written leaves it torn"),
    should_be("zero_damaged_pages", "off", "error", "damaged pages are emptied instead of reported"),
    should_be("ignore_checksum_failure", "off", "error", "damaged pages are read instead of reported"),
    should_be("autovacuum", "on", "error", "dead rows stay, statistics age, and transaction numbers run out"),
    should_be("track_counts", "on", "warning", "without counters autovacuum does not know what to do"),
    should_be("password_encryption", "scram-sha-256", "warning", "passwords are kept as MD5, which is quickly guessed"),
    _plain_network,
    _checksums,
    _buffers,
    _idle,
    _many,
)
