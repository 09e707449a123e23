"""What reading a script does not tell, and the SQL that it writes shows.

Wherever Alembic's offline mode writes SQL at a statement of the script that reading made nothing of (a helper of
another module, an operation under another name, a computed name), the SQL is read in its place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dbadmin.dialects.changes import Change
from dbadmin.migrations.review.offline import Rendered
from dbadmin.migrations.review.read import ReadScript
from dbadmin.migrations.review.sql import changes_of
from dbadmin.migrations.review.values import GAP

_BY_NAME = {"create_object", "drop_object", "create_type", "drop_type", "add_enum_value", "drop_index"}
_OF_COLUMNS = {"add_column", "drop_column", "rename_column", "alter_column"}


def completed(script: ReadScript, rendered: Rendered | None) -> ReadScript:
    """The script with what its SQL shows besides."""
    if rendered is None or rendered.back is None:
        return script
    up = _with(script, script.upgrade, rendered)
    down = _with(script, script.downgrade, rendered.back)
    unread = script.unread
    if rendered.back.stopped and up != script.upgrade:
        unread |= {"downgrade"}  # which may take back what only the SQL shows
    return replace(script, upgrade=up, downgrade=down, unread=unread)


def _with(script: ReadScript, read: Sequence[Change], rendered: Rendered) -> tuple[Change, ...]:
    """The changes of one direction, each where it stands among the others."""
    written = dict[int, list[Change]]()
    for change, line in _shown(rendered):
        written.setdefault(script.statement_of(line), []).append(change)
    hidden = {script.statement_of(c.line) for c in read if not _told(c)}
    told = {script.statement_of(c.line) for c in read} - hidden
    wanted = {at: changes for at, changes in written.items() if at not in told}
    if not wanted:
        return tuple(read)
    found = list[Change]()
    place = {at: number for number, at in enumerate(written)}
    waiting = [at for at in written if at in wanted]
    for change in read:
        at = script.statement_of(change.line)
        while waiting and at in place and place[waiting[0]] <= place[at]:
            found += wanted[waiting.pop(0)]
        if at not in wanted:
            found.append(change)
    return (*found, *(change for at in waiting for change in wanted[at]))


def _shown(rendered: Rendered) -> Iterator[tuple[Change, int]]:
    """The changes in the SQL, with the line of the script that writes them."""
    outside = False
    for statement in rendered.statements:
        if statement.line is None:
            continue
        if statement.sql.rstrip(";") in ("COMMIT", "BEGIN", "BEGIN TRANSACTION"):  # of an autocommit block
            outside = statement.sql.startswith("COMMIT")
            continue
        for change in changes_of(statement.sql, statement.line, outside=outside):
            yield change, statement.line


def _told(change: Change) -> bool:
    """Whether reading told what is changed."""
    if change.kind == "commit":
        return True
    if change.kind == "sql":
        return change.sql is not None and GAP not in change.sql
    if change.kind in _BY_NAME:
        return change.name is not None
    return change.full_table is not None and (change.kind not in _OF_COLUMNS or bool(change.names))
