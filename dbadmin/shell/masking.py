"""What code prints, without passwords: on a terminal, in a pipe, in the outputs of a notebook."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbadmin.secrets import mask_known


class Masked:
    """A text stream that hides known secrets and passwords of URLs; all else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write without secrets; gives the length of what was asked."""
        self._stream.write(mask_known(text) if isinstance(text, str) else text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Each by itself."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def mask_streams() -> tuple[Any, Any]:
    """Mask stdout and stderr from now on; gives what `restore` takes."""
    before = (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = (one if isinstance(one, Masked) else Masked(one) for one in before)
    return before


def restore(before: tuple[Any, Any]) -> None:
    """Take it back, unless somebody has put others in their place."""
    if isinstance(sys.stdout, Masked):
        sys.stdout = before[0]
    if isinstance(sys.stderr, Masked):
        sys.stderr = before[1]


@contextmanager
def masked_streams() -> Iterator[None]:
    """Mask both within."""
    before = mask_streams()
    try:
        yield
    finally:
        restore(before)


def mask_output(format_dict: dict[str, Any]) -> dict[str, Any]:
    """The forms of one output, without secrets; pictures stay as they are."""
    return {
        kind: mask_known(data) if isinstance(data, str) and not is_encoded(kind) else data
        for kind, data in format_dict.items()
    }


def is_encoded(kind: str) -> bool:
    """Whether a form holds bytes as base64."""
    return kind.startswith(("image/png", "image/jpeg", "image/gif", "application/pdf"))
