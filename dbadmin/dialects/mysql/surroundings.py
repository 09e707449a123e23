"""What a database leans on that its dump does not hold: settings, accounts, engines; and what cannot come along."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbadmin.dialects.mysql import rights
from dbadmin.dialects.mysql.binaries import Family, series_of
from dbadmin.dialects.mysql.look import quote

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Size, character set and collation of the database.
DATABASE = """
SELECT DATABASE() AS name, s.default_character_set_name AS charset, s.default_collation_name AS collation,
       (SELECT SUM(t.data_length + t.index_length) FROM information_schema.tables AS t
         WHERE t.table_schema = DATABASE()) AS bytes
  FROM information_schema.schemata AS s
 WHERE s.schema_name = DATABASE()
"""
# Every table, view and sequence; the comment of a view that cannot be read any more says so.
_TABLES = """
SELECT table_name AS name, table_type AS kind, engine AS engine, table_comment AS comment, create_options AS options
  FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name
"""
# Text of what runs: views, triggers, routines, events, and as whom.
_CODE = """
SELECT 'view' AS kind, table_name AS name, definer AS definer, view_definition AS body
  FROM information_schema.views WHERE table_schema = DATABASE()
 UNION ALL
SELECT 'trigger', trigger_name, definer, action_statement
  FROM information_schema.triggers WHERE trigger_schema = DATABASE()
 UNION ALL
SELECT LOWER(routine_type), routine_name, definer, routine_definition
  FROM information_schema.routines WHERE routine_schema = DATABASE()
 UNION ALL
SELECT 'event', event_name, definer, event_definition
  FROM information_schema.events WHERE event_schema = DATABASE()
 ORDER BY 1, 2
"""
_OTHER_DATABASES = """
SELECT schema_name FROM information_schema.schemata
 WHERE schema_name <> DATABASE()
   AND schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
"""
# Foreign keys that lead out of this database.
_FOREIGN_KEYS = """
SELECT DISTINCT table_name AS name, constraint_name AS rule, referenced_table_schema AS other
  FROM information_schema.key_column_usage
 WHERE table_schema = DATABASE() AND referenced_table_schema <> DATABASE()
"""
_SESSION = "SELECT VERSION(), CURRENT_USER(), TIMEDIFF(NOW(), UTC_TIMESTAMP())"

SETTINGS = (
    "sql_mode", "old_mode", "character_set_server", "collation_server", "explicit_defaults_for_timestamp",
    "innodb_strict_mode", "innodb_default_row_format", "default_storage_engine", "lower_case_table_names",
    "auto_increment_increment", "auto_increment_offset", "group_concat_max_len", "ft_min_word_len",
    "innodb_ft_min_token_size", "system_versioning_alter_history", "default_week_format", "div_precision_increment",
    "alter_algorithm", "max_sp_recursion_depth", "sql_generate_invisible_primary_key",
)  # fmt: skip
"""Settings of a server that change what a statement means; the copy's server gets the source's."""
_REACHING = frozenset({"FEDERATED", "CONNECT", "SPIDER", "S3", "SPHINX", "NDBCLUSTER"})
"""Engines whose tables live elsewhere: what is done to them is done there."""
PLUGINS = {"ARCHIVE": "ha_archive", "BLACKHOLE": "ha_blackhole", "ROCKSDB": "ha_rocksdb", "MROONGA": "ha_mroonga",
           "OQGRAPH": "ha_oqgraph", "COLUMNSTORE": "ha_columnstore"}  # fmt: skip
"""Engines that a MariaDB server has only when it is told to load them, by the library."""


@dataclass(frozen=True)
class Code:
    """A view, trigger, routine or event: as whom it runs, and which other databases it names."""

    kind: str
    name: str
    definer: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What a copy's server must offer, and what stays behind.

    `left_out` maps names of tables and views to the reason; `unseen` are kinds of objects that this account may
    not see; `only_some`: the tables too. `offset` is the source's distance from UTC ("+01:00").
    """

    family: Family
    version: str
    name: str
    charset: str
    collation: str
    bytes: int | None
    user: str
    offset: str
    settings: Mapping[str, str]
    page_size: int | None
    engines: frozenset[str] = frozenset()
    code: tuple[Code, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    not_innodb: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    foreign_keys: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    only_some: bool = False
    versioned: bool = False

    @property
    def series(self) -> tuple[int, ...]:
        """The release series, such as (10, 11)."""
        return series_of(self.version)

    @property
    def definers(self) -> tuple[str, ...]:
        """Accounts that something runs as, and the one that we connect as: `user@host`."""
        return tuple(sorted({self.user, *(code.definer for code in self.code if code.definer)}))


def read(connection: "Connection") -> Surroundings:
    """Ask the source for its surroundings; reads only."""
    name, charset, collation, size = connection.exec_driver_sql(DATABASE).one()
    version, user, offset = connection.exec_driver_sql(_SESSION).one()
    variables = {key.lower(): value for key, value in connection.exec_driver_sql("SHOW GLOBAL VARIABLES").all()}
    tables = connection.exec_driver_sql(_TABLES).all()
    others = tuple(str(found) for (found,) in connection.exec_driver_sql(_OTHER_DATABASES))
    bodies = connection.exec_driver_sql(_CODE).all()
    code = tuple(
        Code(row.kind, row.name, row.definer or "", named_databases(row.kind, row.body or "", others)) for row in bodies
    )
    hidden = any(row.body is None and row.kind in ("function", "procedure") for row in bodies)
    engines = {row.engine.upper() for row in tables if row.engine}
    own = [row for row in tables if (row.engine or "").upper() not in {"", *_REACHING}]
    return Surroundings(
        family="mariadb" if "mariadb" in version.lower() else "mysql",
        version=version.removeprefix("5.5.5-").split("-")[0],
        name=name,
        charset=charset,
        collation=collation,
        bytes=None if size is None else int(size),
        user=user,
        offset=_offset(offset),
        settings={key: variables[key] for key in SETTINGS if variables.get(key) is not None},
        page_size=int(variables["innodb_page_size"]) if "innodb_page_size" in variables else None,
        engines=frozenset(engines - _REACHING),
        code=code,
        left_out=_left_out(tables, code),
        not_innodb=tuple(row.name for row in own if row.engine.upper() != "INNODB" and row.kind != "SEQUENCE"),
        elsewhere=tuple(row.name for row in own if "DATA DIRECTORY" in (row.options or "").upper()),
        foreign_keys=tuple(
            f"{row.name}.{row.rule} ({row.other})" for row in connection.exec_driver_sql(_FOREIGN_KEYS).all()
        ),
        only_some=rights.only_some(connection, name),
        unseen=(*rights.unseen(connection, name), *(("routines",) if hidden else ())),
        versioned=any(row.kind == "SYSTEM VERSIONED" for row in tables),
    )


def named_databases(kind: str, body: str, others: Iterable[str]) -> tuple[str, ...]:
    """Which of the databases `others` a body names. A view's text is the server's own: only FROM and JOIN count.

    >>> named_databases("trigger", "INSERT INTO prod.audit VALUES (1)", ["prod", "test"])
    ('prod',)
    >>> named_databases("view", "select `u`.`id` AS `id` from `shop`.`users` `u`", ["u"])
    ()
    """
    found = []
    for other in others:
        quoted = re.escape(other.replace("`", "``"))
        if kind == "view":
            pattern = rf"\b(?:from|join) \(*`{quoted}`\.`"
        else:
            pattern = rf"(?:`{quoted}`|(?<![\w$`.]){re.escape(other)})\s*\.\s*[`\w]"
        if re.search(pattern, body, re.IGNORECASE):
            found.append(other)
    return tuple(found)


def server_settings(found: Surroundings, *, family: Family) -> dict[str, str]:
    """The options of a server that is to hold copies of this source."""
    # A later server may have dropped an option: loose means that it says so in its log and goes on.
    settings = {f"loose-{name.replace('_', '-')}": value for name, value in found.settings.items()}
    if settings.get("loose-lower-case-table-names") == "2":  # macOS; needs a file system that does not tell case
        settings["loose-lower-case-table-names"] = "1"
    settings["default-time-zone"] = found.offset
    plugins = [PLUGINS[engine] for engine in sorted(found.engines & PLUGINS.keys())]
    if plugins and family == "mariadb":
        settings["plugin-load-add"] = ";".join(["metadata_lock_info", *plugins])
    return settings


def make_accounts(admin: "Connection", found: Surroundings) -> None:
    """Make the accounts that objects run as, and the one that the source is used as: all may do everything.

    What an account may do is not rehearsed; that it exists is needed for every view and trigger of its own.
    """
    for account in found.definers:
        user, _, host = account.rpartition("@")
        if not user:  # a role has no host
            admin.exec_driver_sql(f"CREATE ROLE IF NOT EXISTS {_name(host)}")
            admin.exec_driver_sql(f"GRANT ALL PRIVILEGES ON *.* TO {_name(host)}")
            continue
        quoted = f"{_name(user)}@{_name(host)}"
        admin.exec_driver_sql(f"CREATE USER IF NOT EXISTS {quoted}")
        admin.exec_driver_sql(f"GRANT ALL PRIVILEGES ON *.* TO {quoted} WITH GRANT OPTION")


def login(found: Surroundings) -> str | None:
    """The user name to work on the copy as, so that what a migration makes has the owner it has at the source.

    None where the account cannot log in over a socket (its host is another machine).
    """
    user, _, host = found.user.rpartition("@")
    return user if user and host in ("%", "localhost") else None


def not_covered(found: Surroundings, version: str) -> tuple[str, ...]:
    """What the copy does otherwise than the source, for the report."""
    notes = []
    if series_of(version) != found.series:
        notes.append(f"the copy runs on {version}, the source on {found.version}")
    notes.append("what accounts may do: on the copy every account may do everything")
    notes += [f"{name}: {reason}" for name, reason in found.left_out.items()]
    if found.not_innodb:
        some = _some(found.not_innodb)
        notes.append(f"tables without transactions are not read at the same moment as the others: {some}")
    if found.elsewhere:
        notes.append(f"DATA DIRECTORY: these tables stand with the others in the copy: {_some(found.elsewhere)}")
    if found.foreign_keys:
        notes.append(f"foreign keys into other databases, which are not copied: {_some(found.foreign_keys)}")
    if found.unseen:
        notes.append(f"{', '.join(found.unseen)}: this account may not see all of them, so the copy has none")
    if found.only_some:
        notes.append(rights.ONLY_SOME)
    return tuple(notes)


def _left_out(tables: Iterable[object], code: Iterable[Code]) -> dict[str, str]:
    """Tables that reach other servers, views that the dump could not make."""
    left: dict[str, str] = {}
    for row in tables:
        name, engine, comment = row.name, row.engine, row.comment or ""  # type: ignore[attr-defined]
        if (engine or "").upper() in _REACHING:
            left[name] = f"a table of {engine}, which reaches another server, is left out of the copy"
        elif "references invalid table(s)" in comment:
            left[name] = "a view that the source itself cannot read is left out of the copy"
    for view in code:
        if view.kind == "view" and view.others:
            left[view.name] = f"a view on the database {', '.join(view.others)} is left out of the copy"
    return left


def _offset(difference: object) -> str:
    """The server's distance from UTC as an option takes it; drivers give a timedelta or text."""
    from datetime import timedelta

    if not isinstance(difference, timedelta):
        hours, minutes = re.findall(r"-?\d+", str(difference))[:2]
        sign = -1 if str(difference).startswith("-") else 1
        difference = timedelta(hours=abs(int(hours)), minutes=int(minutes)) * sign
    total = round(difference.total_seconds() / 60)
    return f"{'-' if total < 0 else '+'}{abs(total) // 60:02}:{abs(total) % 60:02}"


def _name(text: str) -> str:
    return quote(text).replace("%", "%%")


def _some(names: tuple[str, ...], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
