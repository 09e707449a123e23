"""What stands in the rows: credentials in plain text, rows without a parent, a damaged file, unproven constraints."""

import re
from collections.abc import Iterator, Sequence

from dbadmin.dialects.facts import CannotTell, TextColumn
from dbadmin.dialects.health import Mend
from dbadmin.health.check import Found, check
from dbadmin.health.look import Look
from dbadmin.render.values import plural
from dbadmin.secrets import is_sensitive

PASSWORDS = ("password", "passwd", "pwd", "passphrase", "pin")
"""Words of columns whose values must be hashed; a token may be random text, which nobody can tell from a hash."""
AT_ONCE = 200
"""Columns that one statement looks at."""
HASHED = re.compile(
    r"""^(?:
        \$[\w-]{1,20}\$.{10,}                  # crypt: $2b$, $argon2id$, $6$, $pbkdf2-sha256$
      | \$2[abxy]?\$\d\d\$.{53}
      | (?:pbkdf2|scrypt|argon2|bcrypt)\w*[:$].{10,}   # Django, Werkzeug
      | \{\w+\}.{10,}                          # LDAP: {SSHA}
      | SCRAM-SHA-256\$.{20,}
      | md5[0-9a-f]{32} | \*[0-9A-F]{40}
      | [0-9a-fA-F]{32,}                       # a digest in hex
      | (?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/_-]{40,}={0,2}
      | gAAAAA[\w=-]{20,} | vault:v\d+:.+ | enc[:\[].+
    )$""",
    re.VERBOSE,
)
PLAIN_KEY = re.compile(
    r"^(?:sk_(?:live|test)_|rk_live_|gh[pousr]_|github_pat_|xox[abprs]-|AKIA[0-9A-Z]{12}|AIza|glpat-|eyJ[\w-]+\.eyJ)"
)
"""How keys of well-known services begin, and signed tokens: these are not hashed."""


def is_plain(column: str, value: str) -> bool:
    """Whether a value of a column with such a name is a credential that anybody can use who reads it.

    >>> is_plain("password", "hunter2"), is_plain("hashed_password", "$2b$12$" + "x" * 53)
    (True, False)
    >>> is_plain("api_token", "f3a9"), is_plain("api_token", "ghp_" + "a" * 36)
    (False, True)
    """
    if PLAIN_KEY.match(value):
        return True
    return is_sensitive(column, PASSWORDS) and not HASHED.match(value)


@check(
    "plain-text-credential",
    "error",
    "text_columns",
    reads="up to 50 values of each text column whose name is that of a credential; no value is shown",
    why="whoever reads the table, a backup or a log of it can use them",
    mend="store a hash (argon2, bcrypt) of what is only compared, encrypt what has to be read again",
)
def plain_text_credential(look: Look) -> Iterator[Found]:
    """A column that looks like a credential and holds values that are neither hashed nor encrypted."""
    words = (*look.sensitive, *PASSWORDS)
    named = [c for c in look.health.text_columns(look.connection) if is_sensitive(c.name, words)]
    columns = [column for column in named if column.sample is not None]
    if named and not columns:
        reason = f"this login may not read {plural(len(named), 'column')} named like that"
        raise CannotTell(reason, "GRANT SELECT ON those tables TO the login")
    for start in range(0, len(columns), AT_ONCE):
        chosen = columns[start : start + AT_ONCE]
        values: dict[int, list[str]] = {}
        for number, value in look.connection.exec_driver_sql(sampling(chosen)):
            values.setdefault(int(number), []).append(str(value))
        for number, column in enumerate(chosen):
            seen = values.get(number, [])
            plain = sum(is_plain(column.name, value) for value in seen)
            if plain:
                told = f"{plain} of the {len(seen)} values looked at are neither hashed nor encrypted"
                object, remedy = f"{column.table}.{column.name}", "store a hash, or encrypt it"
                about = look.about(column.table)
                yield Found(object, told, remedy, about=about)


def sampling(columns: Sequence[TextColumn]) -> str:
    """One statement that reads some values of several columns, each with the column's number."""
    return "\nUNION ALL\n".join(
        f"SELECT {number} AS n, v FROM ({column.sample}) AS s{number}" for number, column in enumerate(columns)
    )


@check(
    "orphaned-rows",
    "error",
    "orphans",
    reads="every row with a foreign key (PRAGMA foreign_key_check)",
    why="joins lose them, and they make the next migration of the table fail",
    mend="delete them or give them their parents back; then enforce foreign keys",
)
def orphaned_rows(look: Look) -> Iterator[Found]:
    """Rows whose parent is not there."""
    for damage in look.health.orphans(look.connection):
        remedy = "PRAGMA foreign_key_check lists them: delete them, or add their parents"
        yield Found(damage.object, damage.detail, remedy)


@check(
    "integrity",
    "error",
    "integrity",
    reads="the whole file (PRAGMA integrity_check)",
    why="a damaged page spreads into every copy and backup",
    mend="REINDEX where only an index is wrong, else restore a backup",
)
def integrity(look: Look) -> Iterator[Found]:
    """Damage of the file."""
    for number, damage in enumerate(look.health.integrity(look.connection)):
        mend = Mend(damage.sql, outside=True, lasting=False)
        remedy = "REINDEX" if damage.sql else "restore a backup, or .recover with the sqlite3 program"
        yield Found(damage.object, damage.detail, remedy, mend, key=str(number))


@check(
    "not-validated",
    "warning",
    "unvalidated",
    reads="constraints that are NOT VALID in the catalog",
    why="rows that were there before may break it, and the planner cannot rely on it",
    mend="VALIDATE CONSTRAINT, which holds up nobody",
)
def not_validated(look: Look) -> Iterator[Found]:
    """A constraint that existing rows were never held to."""
    for found in look.health.unvalidated(look.connection):
        told = f"{found.definition}: rows that were there before it were never looked at"
        mend, about = Mend((found.validate,), found.undo), look.about(found.table)
        yield Found(f"{found.table}.{found.name}", told, "validate it", mend, about=about)
