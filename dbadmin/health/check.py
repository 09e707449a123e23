"""What a check is: a function that looks, with everything that somebody has to know who meets what it found."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbadmin.dialects import Dialect, every
from dbadmin.dialects.health import NO_MEND, Mend
from dbadmin.results import CheckInfo, HealthFinding, Severity

if TYPE_CHECKING:
    from dbadmin.health.look import Look

Find = Callable[["Look"], Iterable["Found"]]
CHECKS: "dict[str, Check]" = {}
"""Every check by its name, in the order in which they run."""


@dataclass(frozen=True)
class Found:
    """What a check found; the check itself adds its name.

    `level` is the check's own where it is None. `key`, if the object alone does not tell it tomorrow, is what tells it;
    `about` are fields of `HealthFinding` that say where the model stands.
    """

    object: str
    detail: str
    remedy: str | None = None
    mend: Mend | None = None
    level: Severity | None = None
    key: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A named question.

    `level` is that of its worst finding. `asks` are the methods of the engine's `Health` that it needs: it runs on the
    engines that have them all. `default` is its threshold, said in words by `threshold` ({} is the number). `live`: the
    answer changes from second to second (`--watch`). `models`: it needs an application's models.
    `ranked`: it finds the worst first, and its findings stay in that order.
    """

    name: str
    level: Severity
    asks: tuple[str, ...]
    reads: str
    why: str
    mend: str
    find: Find
    threshold: str | None = None
    default: float = 0.0
    live: bool = False
    models: bool = False
    ranked: bool = False

    def runs_on(self, dialect: Dialect) -> bool:
        """Whether this engine can be asked at all."""
        return dialect.health.tells(*self.asks)

    def run(self, look: "Look") -> list[HealthFinding]:
        """What it finds, under its name."""
        look.running = self
        return [self.named(found) for found in self.find(look)]

    def named(self, found: Found) -> HealthFinding:
        """A finding whose key is its check and what tells it from the others."""
        mend = found.mend or NO_MEND
        return HealthFinding(
            self.name,
            found.level or self.level,
            found.object,
            found.detail,
            found.remedy,
            key=f"{self.name}:{found.key or found.object}",
            sql=mend.sql,
            undo=mend.undo,
            outside=mend.outside,
            lasting=mend.lasting and bool(mend.sql),
            up=mend.up,
            down=mend.down,
            **found.about,
        )

    def info(self) -> CheckInfo:
        """What `--list` shows."""
        engines = tuple(ENGINES.get(d.name, d.name) for d in every() if self.runs_on(d))
        threshold = self.threshold.format(f"{self.default:g}") if self.threshold else None
        return CheckInfo(self.name, self.level, engines, self.reads, self.why, threshold, self.mend, self.live)


ENGINES = {"mysql": "mariadb"}
"""Dialects that are called otherwise by those who use them: MySQL is answered for by the same package."""


def check(name: str, level: Severity, *asks: str, **about: Any) -> Callable[[Find], Find]:
    """Register a function as a check; see `Check` for what is said about it."""

    def register(find: Find) -> Find:
        CHECKS[name] = Check(name, level, asks, find=find, **about)
        return find

    return register
