"""How a shell looks while an application is open in it: outputs, `?` and Tab; `take_off` leaves it as it was."""

import shutil
from collections.abc import Sequence
from typing import Any

from dbadmin.render.values import visible_lines
from dbadmin.shell import showing
from dbadmin.shell.completing import matcher
from dbadmin.shell.help import with_models
from dbadmin.shell.live import Live
from dbadmin.shell.masking import mask_output

FORMS = ("text/plain", "text/html")
COLUMNS = 20
"""Of a DataFrame that are shown."""


class Dress:
    """What is put on one shell."""

    def __init__(self, shell: Any, live: Live) -> None:
        self.shell, self.live = shell, live
        self._before: dict[str, tuple[dict[Any, Any], dict[Any, Any]]] = {}
        self._matcher: Any = None

    def put_on(self, models: Sequence[type]) -> None:
        """Draw statements and objects of these models as tables, as results draw themselves; Tab and `?` know the
        database.
        """
        formatter = self.shell.display_formatter
        for form in FORMS:
            one = formatter.formatters[form]
            self._before[form] = (dict(one.type_printers), dict(one.deferred_printers))
        self._draw(models)
        formatted = formatter.format

        def format_masked(*args: Any, **more: Any) -> Any:
            data, metadata = formatted(*args, **more)
            return mask_output(data), metadata

        formatter.format = format_masked
        self._matcher = matcher(self.live, lambda: self.shell.user_ns)
        self.shell.Completer.custom_matchers.insert(0, self._matcher)
        inspector = self.shell.inspector
        if hasattr(inspector, "_make_info_unformatted"):
            inspector._make_info_unformatted = with_models(inspector._make_info_unformatted)

    def _draw(self, models: Sequence[type]) -> None:
        formatters = self.shell.display_formatter.formatters
        showing.install(formatters, self.live, models)
        plain = formatters["text/plain"]
        for name in ("DataFrame", "Series"):  # by name: pandas is imported when it is first used
            for module in ("pandas", f"pandas.core.{'frame' if name == 'DataFrame' else 'series'}"):
                plain.for_type_by_name(module, name, show_frame)

    def take_off(self) -> None:
        """As it was before."""
        formatter = self.shell.display_formatter
        for form, (by_type, by_name) in self._before.items():
            one = formatter.formatters[form]
            one.type_printers, one.deferred_printers = by_type, by_name
        self._before = {}
        vars(formatter).pop("format", None)
        vars(self.shell.inspector).pop("_make_info_unformatted", None)
        if self._matcher in self.shell.Completer.custom_matchers:
            self.shell.Completer.custom_matchers.remove(self._matcher)


def show_frame(frame: Any, printer: Any, cycle: bool) -> None:
    """What pandas draws, in which values steer no terminal.

    A narrow terminal gets the columns below each other; letters that are twice as wide keep them aligned. Options
    that the user has set hold.
    """
    import pandas as pd

    options: dict[str, Any] = {"display.unicode.east_asian_width": True}
    if pd.get_option("display.max_columns") == 0:  # as many as fit, the others left out
        options |= {"display.max_columns": COLUMNS, "display.width": shutil.get_terminal_size().columns}
    with pd.option_context(*(part for option in options.items() for part in option)):
        printer.text(visible_lines(repr(frame)))
