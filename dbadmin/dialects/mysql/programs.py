"""From rows of information_schema to definitions of views, triggers, routines and events: plain functions."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dbadmin.dialects.mysql.look import literal, quote
from dbadmin.dialects.names import join
from dbadmin.dialects.values import ObjectKey

Row = Mapping[str, Any]
Found = Iterator[tuple[ObjectKey, str]]

# Strings, which are passed over, and quoted names that qualify another one.
_QUALIFIER = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | (?P<name>`(?:[^`]|``)+`)\.(?=`)""", re.X | re.S
)


def without_database(text: str, database: str) -> str:
    """A statement whose names do not say the database that they are in.

    >>> without_database("select `app`.`t`.`a` AS `app` from `app`.`t` where `t`.`b` = '`app`.`x`'", "app")
    "select `t`.`a` AS `app` from `t` where `t`.`b` = '`app`.`x`'"
    """
    mine = quote(database)
    return _QUALIFIER.sub(lambda found: "" if found["name"] == mine else found.group(), text)


def views(listed: Iterable[Row], database: str) -> Found:
    """Views with the rights that they run with."""
    for row in listed:
        words = ["VIEW"]
        words += [f"ALGORITHM {row['algorithm']}"] if row["algorithm"] not in (None, "UNDEFINED") else []
        words += [f"DEFINER={row['definer']}", f"SQL SECURITY {row['security_type']}", "AS"]
        words.append(without_database(row["view_definition"] or "", database))
        words += [f"WITH {row['check_option']} CHECK OPTION"] if row["check_option"] != "NONE" else []
        yield ObjectKey("view", join([row["table_name"]])), " ".join(words)


def triggers(listed: Iterable[Row]) -> Found:
    """Triggers; the order among those of one event is told from the second on."""
    for row in listed:
        words = ["TRIGGER", row["action_timing"], row["event_manipulation"]]
        words += [f"ORDER {row['action_order']}"] if int(row["action_order"] or 1) > 1 else []
        words += _session(row)
        words.append(_body(row["action_statement"]))
        yield ObjectKey("trigger", join([row["event_object_table"], row["trigger_name"]])), " ".join(words)


def routines(listed: Iterable[Row], parameters: Iterable[Row]) -> Found:
    """Functions, procedures and packages, called by their bare names: there are no two of one name."""
    taken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in parameters:
        words = [row["parameter_mode"] if row["routine_type"] == "PROCEDURE" else None, row["parameter_name"]]
        taken[row["routine_type"], row["specific_name"]].append(" ".join(w for w in [*words, _type(row)] if w))
    for row in listed:
        kind, name = row["routine_type"], row["routine_name"]
        words = [kind, f"({', '.join(taken[kind, name])})"]
        words += [f"RETURNS {_type(row)}"] if kind == "FUNCTION" else []
        words += ["DETERMINISTIC"] if row["is_deterministic"] == "YES" else []
        words += [row["sql_data_access"], f"SQL SECURITY {row['security_type']}", *_session(row)]
        words += [f"COMMENT {literal(row['routine_comment'])}"] if row["routine_comment"] else []
        words.append(_body(row["routine_definition"]))
        yield ObjectKey(kind.lower().replace(" ", "-"), join([name])), " ".join(words)


def events(listed: Iterable[Row], *, disabled: bool = False) -> Found:
    """Events with their schedule; a start that was not asked for is not told.

    `disabled`: this is a copy in which none may run, so that nothing is said by their state.
    """
    for row in listed:
        words = ["EVENT"]
        if row["execute_at"] is not None:
            words.append(f"AT {row['execute_at']}")
        else:
            words.append(f"EVERY {row['interval_value']} {row['interval_field']}")
            words += [f"STARTS {row['starts']}"] if row["starts"] is not None and not row["starts_by_default"] else []
            words += [f"ENDS {row['ends']}"] if row["ends"] is not None else []
        words += [f"ON COMPLETION {row['on_completion']}", *([] if disabled else [row["status"]])]
        words += [f"TIME ZONE {row['time_zone']}"]
        words += [*_session(row)]
        words += [f"COMMENT {literal(row['event_comment'])}"] if row["event_comment"] else []
        words.append(_body(row["event_definition"]))
        yield ObjectKey("event", join([row["event_name"]])), " ".join(words)


def _session(row: Row) -> list[str]:
    """The account and the SQL mode that a program runs with."""
    return [f"DEFINER={row['definer']}", f"SQL_MODE {literal(row['sql_mode'] or '')}"]


def _type(row: Row) -> str:
    chosen = f" COLLATE {row['collation_name']}" if row["collation_name"] else ""
    return f"{row['dtd_identifier']}{chosen}"


def _body(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n").strip()
