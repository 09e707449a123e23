"""Parts of an engine that are loaded when somebody first asks for them.

    class Parts:
        name: str
        health: Part[Health] = Part("health.Health")

`health` of the engine named `sqlite` is the one `SqliteHealth` of `dialects/sqlite/health.py`: whoever asks
for the session's rules alone has loaded nothing else.
"""

from importlib import import_module
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Part(Generic[T]):
    """A part, by the file of the engine's package that it is in and the class there, less the engine's name.

    It is made once for each engine; `T` is what it is made as.
    """

    def __init__(self, place: str) -> None:
        self.file, _, self.kind = place.partition(".")

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, dialect: Any, owner: type) -> T:
        module = import_module(f"{__package__}.{dialect.name}.{self.file}")
        made: T = getattr(module, dialect.name.capitalize() + self.kind)()
        # From now on found there, before this is asked; of two threads that ask at once, both get the same.
        kept: T = vars(dialect).setdefault(self.name, made)
        return kept
