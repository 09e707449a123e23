"""Cells run by a real kernel, as in a notebook."""

import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def run_cells(directory: Path, *cells: str) -> list[str]:
    """Run cells one after the other in `directory`; gives what each of them shows, errors included, as text."""
    return ["\n".join(map(shown, outputs)) for outputs in run_outputs(directory, *cells)]


def run_outputs(directory: Path, *cells: str) -> list[list[Any]]:
    """Run cells one after the other in `directory`; gives each one's outputs."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(book, allow_errors=True, resources={"metadata": {"path": str(directory)}}, timeout=60)
    client.execute()
    return [cell.outputs for cell in book.cells]


def shown(output: Any) -> str:
    """One output as text."""
    if output.output_type == "error":
        return COLOUR.sub("", "\n".join([f"{output.ename}: {output.evalue}", *output.traceback]))
    if output.output_type == "stream":
        return str(output.text)
    return str(output.data.get("text/plain", ""))
