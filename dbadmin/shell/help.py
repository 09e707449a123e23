"""`Model?`: columns and relations of a model, above what Python knows of the class."""

from html import escape
from typing import Any


def describe(model: Any) -> str | None:
    """Columns and relations of a mapped class; None for everything else."""
    from sqlalchemy import inspect
    from sqlalchemy.orm import Mapper

    mapper = inspect(model, raiseerr=False) if isinstance(model, type) else None
    if not isinstance(mapper, Mapper):
        return None
    from dbadmin.render.document import Column, Document, Table
    from dbadmin.render.writers import table
    from dbadmin.shell.drawing import width

    columns = tuple((attr.key, *facts(attr.columns[0])) for attr in mapper.column_attrs)
    heads = (Column("column"), Column("type"), Column("null"), Column("key"), Column("default", wrap=True))
    relations = tuple(
        (one.key, one.mapper.class_.__name__, "many" if one.uselist else "one", one.back_populates)
        for one in mapper.relationships
    )
    blocks = (
        Table(heads, columns, title=f"{model.__module__}.{model.__name__}, table {mapper.local_table}"),
        Table((Column("relation"), Column("to"), Column("how many"), Column("back by")), relations, title="Relations"),
    )
    return table.write(Document(model.__name__, blocks if relations else blocks[:1]), limit=width())


def _target(key: Any) -> str:
    """What a foreign key refers to; by its column, as SQLAlchemy writes no names with dots in them."""
    from sqlalchemy.exc import NoReferenceError

    try:
        return f"{key.column.table}.{key.column.name}"
    except NoReferenceError:
        return str(key.target_fullname)


def facts(column: Any) -> tuple[str, str, str | None, str | None]:
    """A column's type, whether it may be null, which key it is part of, and its default."""
    keys = [word for word, name in (("primary", "primary_key"), ("unique", "unique")) if getattr(column, name, False)]
    keys += [f"→ {_target(key)}" for key in getattr(column, "foreign_keys", ())]
    default = getattr(column, "server_default", None) or getattr(column, "default", None)
    shown = getattr(default, "arg", None)
    return (
        str(column.type),
        "yes" if getattr(column, "nullable", True) else "no",
        ", ".join(keys) or None,
        (None if default is None else getattr(shown, "__name__", None) or str(shown)),
    )


def with_models(make: Any) -> Any:
    """IPython's function that collects what `?` shows, with a model's columns and relations on top."""

    def made(obj: Any, *args: Any, **more: Any) -> Any:
        bundle = make(obj, *args, **more)
        found = describe(obj)
        if found and isinstance(bundle.get("text/plain"), list):
            bundle["text/plain"].insert(0, ("Model", found))
            if isinstance(bundle.get("text/html"), list):
                bundle["text/html"].insert(0, ("Model", f"<pre>{escape(found)}</pre>"))
        return bundle

    return made
