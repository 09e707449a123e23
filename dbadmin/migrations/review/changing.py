"""What the rules look at: each revision with the tables before it, and what else is known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from dbadmin.dialects import Dialect
from dbadmin.migrations.review.history import History
from dbadmin.migrations.review.offline import Rendered
from dbadmin.migrations.review.read import ReadScript, read
from dbadmin.migrations.review.rule import Look, Other, Size
from dbadmin.migrations.review.shown import completed
from dbadmin.migrations.scripts import Scripts
from dbadmin.results import Revision, ancestors

NEVER_OWN = frozenset({"alembic", "sqlalchemy", "__future__"})


@dataclass(frozen=True)
class Changing:
    """One revision to be reviewed, with its source."""

    look: Look
    path: Path
    source: bytes


def changing(
    scripts: Scripts,
    chosen: Sequence[Revision],
    dialect: Dialect | None,
    sizes: Mapping[str, Size] | None,
    naming: Callable[[], frozenset[str]] = frozenset,
    rendered: Mapping[Path, Rendered] = MappingProxyType({}),
) -> Iterator[Changing]:
    """Every chosen revision, in the order in which they run. All scripts are read for what the tables look like.

    `rendered` is the SQL of those that were chosen, by their files.
    """
    wanted = {revision.revision for revision in chosen}
    engine = dialect.name if dialect is not None else None
    sources = {r.revision: Path(r.file).read_bytes() for r in scripts.revisions}
    read_all = {
        r.revision: completed(read(Path(r.file), sources[r.revision], engine), rendered.get(Path(r.file)))
        for r in scripts.revisions
    }
    others = _Branches(scripts, wanted, read_all)
    history, made = History(), set[str]()
    for revision in reversed(scripts.revisions):
        script = read_all[revision.revision]
        if revision.revision in wanted:
            here = {c.full_table for c in script.upgrade if c.kind == "create_table" and c.full_table}
            absent = {table for table in made if sizes is not None and table not in sizes}
            new = frozenset(here | absent)
            made |= here
            besides = tuple(others.of(revision.revision))
            look = Look(revision, script, history, dialect, sizes, new, partial(is_own, scripts), besides, naming)
            yield Changing(look, Path(revision.file), sources[revision.revision])
        history = history.after(script.upgrade)


class _Branches:
    """Revisions on branches that were not merged before, or are merged only by what is reviewed."""

    def __init__(self, scripts: Scripts, wanted: set[str], read_all: Mapping[str, ReadScript]) -> None:
        self._revisions, self._wanted, self._read = scripts.revisions, wanted, read_all
        self._below: dict[str, frozenset[str]] = {}

    def of(self, revision: str) -> Iterator[Other]:
        """Those beside a revision; of two that are both reviewed, the later one by name is told of the other."""
        if self._one_head() and not any(len(r.down_revisions) > 1 for r in self._revisions):
            return
        for other in self._revisions:
            name = other.revision
            twice = name in self._wanted and name > revision
            if twice or name in self._under(revision) or revision in self._under(name):
                continue
            merges = [
                r.revision
                for r in self._revisions
                if len(r.down_revisions) > 1 and {revision, name} <= self._under(r.revision)
            ]
            if set(merges) <= self._wanted:
                yield Other(name, other.file, self._read[name].upgrade)

    def _one_head(self) -> bool:
        return sum(r.is_head for r in self._revisions) == 1

    def _under(self, revision: str) -> frozenset[str]:
        if revision not in self._below:
            self._below[revision] = ancestors(self._revisions, [revision])
        return self._below[revision]


def is_own(scripts: Scripts, module: str) -> bool:
    """Whether a module is the application's: relative, or found where the project is, or around the scripts."""
    if module.startswith("."):
        return True
    top = module.partition(".")[0]
    if top in NEVER_OWN:
        return False
    project = scripts.project
    places = {Path(entry) for entry in (*project.sys_path, str(project.directory))}
    if any((place / f"{top}.py").is_file() or (place / top).is_dir() for place in places):
        return True
    return any(parent.name == top and (parent / "__init__.py").is_file() for parent in scripts.path.resolve().parents)
