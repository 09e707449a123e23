"""What in a copy could reach beyond it, and why it does not: listed for the report."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbadmin.dialects.mysql.look import quote
from dbadmin.dialects.mysql.surroundings import Surroundings

if TYPE_CHECKING:
    from sqlalchemy import Connection


def neutralised(facts: Surroundings) -> tuple[str, ...]:
    """What was made harmless, by the private server's own settings and by what was left out.

    The copy's definitions stay as they are, so that migrations find what they expect: the server's event scheduler
    is off, and it has no network, no other databases, and no files but its own.
    """
    done = [f"event {code.name} does not run" for code in facts.code if code.kind == "event"]
    for code in facts.code:
        if code.kind != "view" and code.others:
            named = ", ".join(code.others)
            done.append(f"{code.kind} {code.name} names the database {named}, which does not exist here")
    for name, reason in facts.left_out.items():
        if "reaches another server" in reason:
            done.append(f"table {name} left out: it reaches another server")
    return tuple(done)


def disable_events(copy: "Connection", facts: Surroundings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """In a database that is itself the copy, on a server that others may use: what was done, and what was not."""
    from sqlalchemy.exc import DBAPIError

    done, left = [], []
    for code in facts.code:
        if code.kind == "event":
            try:
                copy.exec_driver_sql(f"ALTER EVENT {quote(code.name)} DISABLE".replace("%", "%%"))
                done.append(f"event {code.name} disabled")
            except DBAPIError as error:
                left.append(f"event {code.name} may run: {error.orig}")
        elif code.kind != "view" and code.others:
            left.append(f"{code.kind} {code.name} names the database {', '.join(code.others)}, and reaches it here")
    for name, reason in facts.left_out.items():
        if "reaches another server" in reason:
            left.append(f"table {name} reaches another server: what is done to it here is done there")
    return tuple(done), tuple(left)


def owned(facts: Surroundings, account: str, definers: Iterable[str]) -> tuple[str, ...]:
    """What it means that one account, limited to the copy, is the definer of all that runs in it."""
    others = ", ".join(sorted(definers))
    done = [f"views, triggers and routines run as {account}, limited to the copy, not as {others}"] if others else []
    for code in facts.code:
        if code.kind != "view" and code.others:
            done.append(f"{code.kind} {code.name} names the database {', '.join(code.others)}, and is denied it")
    for name, reason in facts.left_out.items():
        if "reaches another server" in reason:
            done.append(f"table {name} left out: it reaches another server")
    return tuple(done)
