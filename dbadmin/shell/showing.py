"""Which objects a shell draws in dbadmin's own way; what draws them is loaded with the first one that it draws."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from dbadmin.render.values import visible_lines
from dbadmin.shell.live import Live


def install(formatters: Any, live: Live, models: Sequence[type]) -> None:
    """Teach a shell's formatters."""
    from sqlalchemy import CompoundSelect, Select

    plain, rich = formatters["text/plain"], formatters["text/html"]
    select_text, select_html = drawn("select_text"), drawn("select_html")
    for kind in (Select, CompoundSelect):
        plain.for_type(kind, lambda statement, printer, cycle: printer.text(select_text(live, statement)))
        rich.for_type(kind, lambda statement: select_html(live, statement))
    for model in models:
        plain.for_type(model, printing(quietly(drawn("object_text"))))
        rich.for_type(model, quietly(drawn("object_html")))
    before, list_of = plain.for_type(list), quietly(drawn("list_text"))

    def list_text(objects: list[Any], printer: Any, cycle: bool) -> None:
        found = list_of(objects)
        if found is None:
            before(objects, printer, cycle)
        else:
            printer.text(found)

    if before is not None:
        plain.for_type(list, list_text)
    rich.for_type(list, quietly(drawn("list_html")))


def drawn(name: str) -> Callable[..., Any]:
    """A function of `drawing`."""
    return lambda *given: getattr(import_module("dbadmin.shell.drawing"), name)(*given)


def printing(draw: Callable[[Any], Any]) -> Callable[[Any, Any, bool], None]:
    """A function of IPython's plain text; what cannot be read shows as its class would."""

    def text(one: Any, printer: Any, cycle: bool) -> None:
        printer.text(draw(one) or visible_lines(object.__repr__(one)))

    return text


def quietly(draw: Callable[..., Any]) -> Callable[[Any], Any]:
    """None where an object cannot be read: it is detached, or the database is gone."""

    def asked(one: Any) -> Any:
        try:
            return draw(one)
        except Exception:
            return None

    return asked
