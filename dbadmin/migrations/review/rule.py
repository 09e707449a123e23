"""What a rule is: a function that looks at one revision, with everything that somebody has to know who meets it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dbadmin.dialects import Dialect
from dbadmin.dialects.changes import Change, Changes, Effect
from dbadmin.migrations.review.history import History
from dbadmin.migrations.review.read import ReadScript
from dbadmin.results import Revision, RuleInfo, Severity
from dbadmin.results.review import Direction

RULES: "dict[str, Rule]" = {}
"""Every rule by its code, in the order of the docs."""


@dataclass(frozen=True)
class Size:
    """How large a table is: rows (`exact` where they were counted) and bytes, None where the engine does not tell."""

    rows: int | None
    exact: bool
    bytes: int | None


@dataclass(frozen=True)
class Other:
    """Another revision that neither stands before this one nor after it."""

    revision: str
    file: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Look:
    """What a rule sees: one revision, the tables before it, and the engine.

    `sizes` are the tables of the database, None where none was asked. `new` are tables that the revision itself makes,
    or one that was reviewed before it and the database does not have: nobody works with them yet. `own` tells whether
    a module is the application's. `dialect` is None where nothing tells the engine. `naming` tells which constraints
    ("uq", "ck", "fk", "pk") env.py's metadata names by a convention.
    """

    revision: Revision
    script: ReadScript
    before: History
    dialect: Dialect | None = None
    sizes: Mapping[str, Size] | None = None
    new: frozenset[str] = frozenset()
    own: Callable[[str], bool] = lambda _: False
    others: tuple[Other, ...] = ()
    naming: Callable[[], frozenset[str]] = frozenset

    @property
    def engine(self) -> Changes:
        """What the engine makes of changes."""
        return self.dialect.changes if self.dialect is not None else Changes()

    @property
    def transactional(self) -> bool:
        """Whether the engine can roll DDL back."""
        return self.dialect is None or self.dialect.transactional_ddl

    @property
    def upgrade(self) -> Iterator[Change]:
        """Changes of tables that are in use."""
        return (change for change in self.script.upgrade if not self.exempt(change))

    def exempt(self, change: Change) -> bool:
        """Whether the change is about a table that nobody works with yet, or that has gone within this revision."""
        return change.full_table in self.new

    def effect(self, change: Change) -> Effect | None:
        """The change's lock and work on this engine."""
        return self.engine.effect(change)

    def size(self, change: Change) -> Size | None:
        """The size of the change's table."""
        return (self.sizes or {}).get(change.full_table or "")


@dataclass(frozen=True)
class Found:
    """What a rule found. Where `change` is given, its lock, rows and time are told with it.

    `severity` and `remedy` are the rule's unless given.
    """

    object: str
    detail: str
    line: int | None
    change: Change | None = None
    severity: Severity | None = None
    remedy: str | None = None
    direction: Direction = "upgrade"


Find = Callable[[Look], Iterator[Found]]
ENGINES = ("sqlite", "postgresql", "mysql")


@dataclass(frozen=True)
class Rule:
    """A named rule. `level` is that of its findings; a `timed` one's is an error where others are kept out for long,
    and a note where that is known to be short. `engines` are SQLAlchemy's names of those that it is for; `elsewhere`
    has what to write instead on engines where that is another thing.
    """

    code: str
    level: Severity
    why: str
    instead: str
    find: Find
    timed: bool = False
    engines: tuple[str, ...] = field(default=ENGINES)
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def runs_on(self, dialect: Dialect | None) -> bool:
        """Whether the rule holds for this engine; where none is known, those that hold for all do."""
        return self.engines == ENGINES if dialect is None else dialect.name in self.engines

    def remedy(self, dialect: Dialect | None) -> str:
        """What to write instead on an engine."""
        return self.instead if dialect is None else self.elsewhere.get(dialect.name, self.instead)

    def info(self) -> RuleInfo:
        """What `--list` shows."""
        shown = tuple(SHOWN.get(name, name) for name in self.engines)
        return RuleInfo(self.code, self.level, shown, self.why, self.instead)


SHOWN = {"mysql": "mariadb"}
"""Dialects that are called otherwise by those who use them."""


def rule(
    code: str,
    level: Severity,
    *engines: str,
    why: str,
    instead: str,
    timed: bool = False,
    elsewhere: Mapping[str, str] | None = None,
) -> Callable[[Find], Find]:
    """Register a function as a rule, for some engines or (none named) for all; see `Rule`."""

    def register(find: Find) -> Find:
        RULES[code] = Rule(code, level, why, instead, find, timed, engines or ENGINES, elsewhere or {})
        return find

    return register


def about(change: Change, name: str | None = None) -> str:
    """`users.email`, or `users` alone; what cannot be read is shown as …

    >>> about(Change("drop_table", 3, "users")), about(Change("drop_index", 3, name="ix"), "ix")
    ('users', 'ix')
    """
    table = change.full_table
    if name is None:
        return table or "…"
    return f"{table}.{name}" if table else name


def named(path: str | Path) -> str:
    """A file's name alone."""
    return Path(path).name
