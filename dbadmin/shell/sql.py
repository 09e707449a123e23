"""SQL at the prompt: parameters from the namespace, statements in the session's own transaction.

What reads statements is loaded with the first one, and not with the prompt.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from dbadmin.errors import UsageError
from dbadmin.results import QueryPlan
from dbadmin.shell.live import Live
from dbadmin.shell.uncommitted import UNDONE

if TYPE_CHECKING:
    import pandas as pd

    from dbadmin.dialects.sandboxes import Sandboxing

_TARGET = re.compile(r"\s*(?P<name>[^\W\d]\w*)\s*<<\s*(?P<rest>.*)", re.DOTALL)
ENDS = {"COMMIT": "commit", "END": "commit", "ROLLBACK": "rollback", "ABORT": "rollback"}


def target(text: str) -> tuple[str | None, str]:
    """The variable that a result goes to, where the text begins with one, and the rest.

    >>> target("posts << select 1"), target("select 1 << 2")
    (('posts', 'select 1'), (None, 'select 1 << 2'))
    """
    found = _TARGET.match(text)
    return (found["name"], found["rest"]) if found else (None, text)


def parameters(statement: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the `:name` parameters of a statement, from the namespace.

    Numbers of numpy and pandas become Python's, which every driver takes. Raises UsageError where one has no value.
    """
    from dbadmin.queries.written import tokens

    wanted = list(dict.fromkeys(token.name for token in tokens(statement) if token.name))
    missing = [name for name in wanted if name not in names]
    if missing:
        raise UsageError(
            f"no value for {', '.join(f':{name}' for name in missing)}", hint=f"give it one first: {missing[0]} = …"
        )
    return {name: plain(names[name]) for name in wanted}


class Explained(Executable, ClauseElement):
    """A statement with EXPLAIN before it, its parameters bound."""

    inherit_cache = False

    def __init__(self, before: str, statement: ClauseElement) -> None:
        self.before, self.statement = before, statement


@compiles(Explained)
def _compile(element: Explained, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.before} {compiler.process(element.statement, **options)}"


def explain(live: Live, text: str, names: Mapping[str, Any], *, analyze: bool) -> QueryPlan:
    """The plan of one statement: SQL, or Python that gives a statement of SQLAlchemy's.

    What is run for `analyze` in a session that writes is rolled back. Raises UsageError where it could not be.
    """
    from dbadmin.queries.written import Written, split_statements

    held = in_python(text, names)
    statements = [held] if held is not None else split_statements(text)
    if len(statements) != 1:
        raise UsageError("give one statement", hint="%explain select …")
    statement: Any = statements[0]
    if isinstance(statement, str):
        statement = Written(statement, parameters(statement, names))
    explaining = live.database.dialect.explain
    asked = Explained(explaining.statement("", analyze=analyze).strip(), statement)

    def work(session: Any) -> QueryPlan:
        connection = session.connection()
        if live.mode == "read-only":
            return QueryPlan(shown(statement, connection), analyze, explaining.plan(list(connection.execute(asked))))
        if analyze and live.mode == "write":
            refuse_lasting(live.database.dialect.sandbox, connection, shown(statement, connection))
        undone = connection.begin_nested()
        try:
            found = connection.execute(asked, execution_options={UNDONE: True})
            return QueryPlan(shown(statement, connection), analyze, explaining.plan(list(found)))
        finally:
            undone.rollback()

    return live.within(work)


def refuse_lasting(sandboxing: "Sandboxing", connection: Any, statement: str) -> None:
    """Raise UsageError where a rollback would not take back what a statement does, by the rules of a sandbox."""
    from dbadmin.dialects.sandboxes import Mark

    reason = sandboxing.refused(statement, Mark(None, sandboxing.kept(connection)))
    if reason is not None:
        raise UsageError(
            f"not run, it could not be rolled back: {reason}", hint="%explain without --analyze shows its plan"
        )


def in_python(text: str, names: Mapping[str, Any]) -> ClauseElement | None:
    """The statement that a text gives as Python, `select(User).limit(3)` or a variable's name; None where it is SQL.

    >>> from sqlalchemy import select, literal
    >>> str(in_python("select(x)", {"select": select, "x": literal(1)})), in_python("select * from t", {})
    ('SELECT :param_1 AS anon_1', None)
    """
    try:
        found = eval(text.strip(), dict(names))  # its user types it at a prompt of Python's
    except Exception:
        return None
    return found if isinstance(found, ClauseElement) else None


def shown(statement: Any, connection: Any) -> str:
    """A statement's SQL with placeholders."""
    from dbadmin.queries.written import Written

    return statement.sql if isinstance(statement, Written) else str(statement.compile(dialect=connection.dialect))


def plain(value: Any) -> Any:
    """A value as drivers take it.

    >>> plain("a"), plain(3)
    ('a', 3)
    """
    item = getattr(value, "item", None)
    if callable(item) and type(value).__module__.partition(".")[0] == "numpy":
        return item()
    convert = getattr(value, "to_pydatetime", None) or getattr(value, "to_pytimedelta", None)
    return convert() if callable(convert) else value


def run(live: Live, text: str, names: Mapping[str, Any]) -> "Iterator[tuple[str, pd.DataFrame | None]]":
    """Run the statements of a text one after the other: what came of each is had before the next one runs.

    COMMIT and ROLLBACK are the session's own. A frame with no columns is that of a statement without rows; its
    `attrs["rows_changed"]` says how many it changed, None where that is not told.
    """
    from dbadmin.frames import frame  # with what it needs of numpy and Arrow, when a result is first wanted
    from dbadmin.queries.written import split_statements, tokens

    statements = split_statements(text)
    if not statements:
        raise UsageError("there is no statement to run", hint="%sql select …")
    for statement in statements:
        words = [token.word for token in tokens(statement) if token.kind not in ("space", "comment")]
        if words[0] in ENDS and set(words[1:]) <= {"WORK", "TRANSACTION"}:
            ending = ENDS[words[0]]
            live.within(lambda session, ending=ending: getattr(session, ending)())  # type: ignore[misc]
            yield statement, None
            continue
        given = parameters(statement, names)
        yield (
            statement,
            live.within(lambda session, s=statement, g=given: frame(session.connection(), s, params=g)),  # type: ignore[misc]
        )
