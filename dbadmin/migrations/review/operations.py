"""Calls of Alembic's operations (`op.add_column(…)`, and those of batch mode) as changes."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dbadmin.dialects.changes import Change, ColumnText
from dbadmin.migrations.review.built import built
from dbadmin.migrations.review.columns import column_of, keywords, server_default, type_of
from dbadmin.migrations.review.sql import changes_of
from dbadmin.migrations.review.values import Scope, TableValue, called, text_of

_SIGNATURES: dict[str, tuple[str, ...]] = {
    "create_table": ("table",),
    "drop_table": ("table",),
    "rename_table": ("table", "new"),
    "add_column": ("table", "column"),
    "drop_column": ("table", "column"),
    "alter_column": ("table", "column"),
    "create_index": ("name", "table", "columns"),
    "drop_index": ("name", "table"),
    "create_unique_constraint": ("name", "table", "columns"),
    "create_check_constraint": ("name", "table", "condition"),
    "create_foreign_key": ("name", "table", "referred", "columns", "remote"),
    "create_primary_key": ("name", "table", "columns"),
    "create_exclude_constraint": ("name", "table"),
    "drop_constraint": ("name", "table", "type_"),
    "execute": ("sql",),
    "bulk_insert": ("table",),
    "create_table_comment": ("table", "comment"),
    "drop_table_comment": ("table",),
}
"""Positional parameters of `alembic.op`; in batch mode the table is left out."""
_SPELLINGS = {
    "table_name": "table", "source_table": "table", "old_table_name": "table", "new_table_name": "new",
    "column_name": "column", "index_name": "name", "constraint_name": "name", "referent_table": "referred",
    "local_cols": "columns", "remote_cols": "remote", "sqltext": "sql", "source_schema": "schema",
}  # fmt: skip
_CONSTRAINTS = {
    "create_unique_constraint": "unique", "create_check_constraint": "check", "create_foreign_key": "foreign",
    "create_primary_key": "primary", "create_exclude_constraint": "exclude",
}  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """`with op.batch_alter_table("users") as batch_op`."""

    table: str | None
    schema: str | None


@dataclass(frozen=True)
class Call:
    """A call of an operation with its arguments by name, as expressions."""

    name: str
    line: int
    given: dict[str, ast.expr]
    scope: Scope
    batch: Batch | None = None
    rest: tuple[ast.expr, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        """The value of an argument; None where it is not given."""
        return self.scope.value(self.given.get(name))

    def text(self, name: str) -> str | None:
        """The text of an argument; None where it cannot be read."""
        value = self.value(name)
        return text_of(value.name if isinstance(value, TableValue) else value)

    def flag(self, *names: str) -> bool:
        """Whether one of these arguments is true."""
        return any(self.value(name) is True for name in names)

    def change(self, kind: Any, **fields: Any) -> Change:
        """A change of this call's table."""
        table = self.batch.table if self.batch else self.text("table")
        schema = self.batch.schema if self.batch else self.text("schema")
        unnamed = "name" in self.given and self.value("name") is None
        base = Change(kind, self.line, table, schema, self.text("name"), unnamed=unnamed, **self.more)
        return replace(base, batch=self.batch is not None, **fields)


def call_of(node: ast.Call, scope: Scope, batch: Batch | None, more: dict[str, Any]) -> Call:
    """The call with its arguments named."""
    name = called(node.func)
    positions = tuple(p for p in _SIGNATURES[name] if not (batch is not None and p == "table"))
    given = {_SPELLINGS.get(key, key): value for key, value in keywords(node).items()}
    given |= dict(zip(positions, node.args, strict=False))
    return Call(name, node.lineno, given, scope, batch, tuple(node.args[len(positions) :]), more)


def is_operation(name: str) -> bool:
    """Whether Alembic has an operation of this name that changes something."""
    return name in _SIGNATURES


def operation(call: Call) -> Iterator[Change]:
    """The changes that a call makes."""
    if call.name in _CONSTRAINTS:
        return _add_constraint(call)
    if call.name == "rename_table":
        return iter([call.change("rename_table", name=call.text("new"))])
    if call.name in ("drop_table", "drop_constraint"):
        return iter([call.change(call.name)])
    return _MAKERS[call.name](call)


def _create_table(call: Call) -> Iterator[Change]:
    columns = tuple(found for part in call.rest if (found := column_of(part, call.scope)) is not None)
    yield call.change("create_table", columns=columns)
    for part in call.rest:
        yield from _inner_constraint(part, call)


def _inner_constraint(part: ast.expr, call: Call) -> Iterator[Change]:
    """A constraint that stands in create_table."""
    words = {"UniqueConstraint": "unique", "CheckConstraint": "check", "ForeignKeyConstraint": "foreign"}
    words["PrimaryKeyConstraint"] = "primary"
    kind = words.get(called(part.func)) if isinstance(part, ast.Call) else None
    if kind is None or not isinstance(part, ast.Call):
        return
    name = keywords(part).get("name")
    values = [call.scope.value(argument) for argument in part.args]
    listed = values[0] if kind == "foreign" and values and isinstance(values[0], tuple) else values
    columns = tuple(ColumnText(value) for value in listed if isinstance(value, str)) if kind != "check" else ()
    referred = None
    if kind == "foreign" and len(values) > 1 and isinstance(values[1], tuple) and values[1]:
        target = text_of(values[1][0])
        referred = target.rpartition(".")[0] or None if target else None
    change = call.change("add_constraint", constraint=kind, columns=columns, referred=referred)
    text = text_of(call.scope.value(name)) if name is not None else None
    unnamed = name is None or call.scope.value(name) is None
    yield replace(change, name=text, unnamed=unnamed, line=part.lineno, inner=True)


def _add_column(call: Call) -> Iterator[Change]:
    column = column_of(call.given["column"], call.scope) if "column" in call.given else None
    given = {"inline"} if call.flag("inline_references") else ()
    yield call.change("add_column", columns=(column,) if column else (), given=frozenset(given))


def _drop_column(call: Call) -> Iterator[Change]:
    yield call.change("drop_column", columns=(ColumnText(call.text("column")),))


def _alter_column(call: Call) -> Iterator[Change]:
    new_name = call.text("new_column_name")
    column = call.text("column")
    if "new_column_name" in call.given:
        yield call.change("rename_column", name=new_name, columns=(ColumnText(column),))
    words = (("type", "type_"), ("nullable", "nullable"), ("comment", "comment"))
    given = {word for word, key in words if key in call.given}
    default = call.given.get("server_default")
    if default is not None and call.scope.value(default) is not False:
        given.add("default")
    if not given:
        return
    new = replace(
        type_of(call.given.get("type_"), call.scope), name=column, nullable=call.value("nullable") is not False
    )
    new = replace(new, default=server_default(default, call.scope)[0])
    existing = call.given.get("existing_type")
    old = replace(type_of(existing, call.scope), name=column) if existing is not None else None
    if old is not None and call.value("existing_nullable") is False:
        old = replace(old, nullable=False)
    yield call.change("alter_column", columns=(new,), old=old, given=frozenset(given))


def _create_index(call: Call) -> Iterator[Change]:
    yield call.change(
        "create_index", columns=_columns(call), unique=call.flag("unique"),
        concurrently=call.flag("postgresql_concurrently"), where=_has_where(call),
    )  # fmt: skip


def _has_where(call: Call) -> bool:
    return any(name.endswith("_where") for name in call.given)


def _drop_index(call: Call) -> Iterator[Change]:
    yield call.change("drop_index", concurrently=call.flag("postgresql_concurrently"))


def _add_constraint(call: Call) -> Iterator[Change]:
    referred = call.value("referred")
    yield call.change(
        "add_constraint", constraint=_CONSTRAINTS[call.name], columns=_columns(call), referred=text_of(referred),
        not_valid=call.flag("postgresql_not_valid"),
    )  # fmt: skip


def _columns(call: Call) -> tuple[ColumnText, ...]:
    """The columns of an index or a constraint; without a name where it is an expression."""
    listed = call.value("columns")
    if not isinstance(listed, tuple):
        return ()
    return tuple(ColumnText(text_of(value)) for value in listed)


def _execute(call: Call) -> Iterator[Change]:
    node = call.given.get("sql")
    if node is None:
        return
    value = call.scope.value(node)
    if isinstance(value, str):
        yield from changes_of(value, call.line, **call.more)
        return
    yield statement(node, call) or call.change("sql")


def statement(node: ast.expr, call: Call) -> Change | None:
    """A statement that SQLAlchemy builds: `users.update().where(…)`, `sa.insert(users)`; None for another."""
    found = built(node, call.scope)
    if found is None:
        return None
    return call.change(found.kind, table=found.table, schema=found.schema, where=found.where, writes=found.writes)


def _bulk_insert(call: Call) -> Iterator[Change]:
    table = call.value("table")
    yield call.change("insert", where=True, schema=table.schema if isinstance(table, TableValue) else None)


def _comment(call: Call) -> Iterator[Change]:
    yield call.change("comment_table")


_MAKERS: dict[str, Callable[[Call], Iterator[Change]]] = {
    "create_table": _create_table,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "alter_column": _alter_column,
    "create_index": _create_index,
    "drop_index": _drop_index,
    "execute": _execute,
    "bulk_insert": _bulk_insert,
    "create_table_comment": _comment,
    "drop_table_comment": _comment,
}
