"""A long script, read in pieces as its statements are told apart; memory holds one statement at a time."""

from collections.abc import Callable

PIECE = 1 << 20


class Text:
    """What was read of a script and not taken yet: `buffer` from `at` on. `line` is the line at `at`, from 1."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.buffer = b""
        self.at = 0
        self.line = 1
        self.ended = False

    def more(self) -> bool:
        """Read on, twice as much as is held, so that a long statement is not looked through too often."""
        if self.ended:
            return False
        rest = self.buffer[self.at :]
        pieces, wanted = [rest], max(PIECE, len(rest))
        while wanted > 0:
            piece = self._read(wanted)
            if not piece:
                self.ended = True
                break
            pieces.append(piece)
            wanted -= len(piece)
        self.buffer, self.at = b"".join(pieces), 0
        return len(self.buffer) > len(rest)

    def take(self, end: int) -> bytes:
        """The bytes up to `end`, which are done with."""
        taken = self.buffer[self.at : end]
        self.line += taken.count(b"\n")
        self.at = end
        return taken

    def rest_of_line(self) -> int:
        """The end of the line that begins at `at`, after its line feed."""
        while True:
            found = self.buffer.find(b"\n", self.at)
            if found >= 0:
                return found + 1
            if not self.more():
                return len(self.buffer)
