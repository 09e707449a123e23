"""Results as text: one layout per result, one writer per format, the same cells in all of them.

>>> from dbadmin.results import Counts, TableCount
>>> print(render(Counts((TableCount("posts", 1000, exact=False),)), "markdown"))
### Row counts
<BLANKLINE>
| table | rows |
| --- | ---: |
| posts | ~1000 |
<BLANKLINE>
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dbadmin.errors import UsageError

if TYPE_CHECKING:
    from dbadmin.render.document import Document
    from dbadmin.results import Result

__all__ = ["DRAWN", "FILE_FORMATS", "FORMATS", "asides", "notebook_html", "render", "working_directory"]

FORMATS = ("table", "json", "csv", "markdown", "html")
DRAWN = ("mermaid", "dot", "svg")
"""What a diagram has besides."""
FILE_FORMATS = {
    ".json": "json", ".csv": "csv", ".md": "markdown", ".html": "html", ".xml": "junit", ".sarif": "sarif",
    ".mmd": "mermaid", ".dot": "dot", ".svg": "svg",
}  # fmt: skip
"""What a report file's suffix asks for."""
_WRITERS = {
    **{form: f"dbadmin.render.writers.{form}" for form in (*FORMATS, "junit", "sarif")},
    **dict.fromkeys(DRAWN, "dbadmin.render.diagram"),
}


def render(
    result: "Result",
    format: str,
    *,
    width: int | None = None,
    colour: bool = False,
    kind: str | None = None,
    detail: bool = False,
    here: str | None = None,
) -> str:
    """A result in one format, ending in a newline.

    Parameters: `format`, one of FORMATS, "junit" for a rollback report, "sarif" for findings, or one of DRAWN for
    a diagram; `kind`, the command's name, for JSON; `detail` adds what is shown on request only. For the table only:
    `width`, the terminal's width in columns (None: no limit), `colour`, and `here`, the directory that files below it
    are told from. Raises UsageError for a format that this result does not have.
    """
    kinds = {one.__name__ for one in type(result).__mro__}  # by name: the classes are loaded when first used
    writer = import_module(_WRITERS.get(format, "dbadmin.render.writers.table"))
    match format:
        case "table":
            return str(writer.write(laid_out(result, detail=detail), limit=width, colour=colour, here=here))
        case "json":
            return str(writer.write(result, kind))
        case "csv" | "markdown" | "html":
            return str(writer.write(laid_out(result, detail=detail)))
        case "junit" if "RollbackReport" in kinds:
            return str(writer.write(result))
        case "mermaid" | "dot" | "svg" if "Diagram" in kinds:
            return str(getattr(writer, format)(result))
        case "sarif" if kinds & {"Inspection", "Review"}:
            return str(writer.write(kind or result.kind, getattr(result, "findings", ())))
    raise UsageError(f"{kind or result.kind} has no {format} form", hint=f"formats: {', '.join(FORMATS)}")


def get_ready(kind: str, format: str) -> None:
    """Import what drawing such a result takes, for those who wait for something else."""
    from dbadmin.render.layouts import layout_of

    import_module(_WRITERS[format])
    layout_of(kind)
    if format == "table":
        import_module("tabulate")


def working_directory() -> str | None:
    """Where files are told from; None where that directory is gone."""
    try:
        return str(Path.cwd())
    except OSError:
        return None


def laid_out(result: "Result", *, detail: bool = False) -> "Document":
    """A result laid out; layouts are loaded with the first one, not with this package, whose `values` many use."""
    from dbadmin.render import layouts

    return layouts.document(result, detail=detail)


def asides(result: "Result") -> tuple[str, ...]:
    """Remarks that stand beside an answer: columns left out, rows not counted."""
    return laid_out(result).asides


def notebook_html(result: "Result") -> str:
    """A result as a fragment of HTML, for the output of a notebook cell."""
    from dbadmin.render.writers import html

    return html.fragment(laid_out(result))
