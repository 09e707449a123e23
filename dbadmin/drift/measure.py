"""Where drift is looked for: the database is read, and what it should be is made beside it, on empty databases."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from dbadmin.copies.make import connect
from dbadmin.dialects import ObjectKey, Place, Progress, Schema
from dbadmin.drift import begun, compare
from dbadmin.drift.left_out import left_out, shown
from dbadmin.drift.models import make_models
from dbadmin.errors import DbadminError
from dbadmin.migrations.process import nursery
from dbadmin.results import Candidate, Drift, Status
from dbadmin.rollback.blame import Facet, Leg, first_appearance
from dbadmin.rollback.evidence import without_spelling
from dbadmin.rollback.options import Options
from dbadmin.rollback.reference import climb, ready
from dbadmin.rollback.source import Rehearsed, named_database
from dbadmin.state import Difference, Snapshot, snapshot
from dbadmin.state.compare import schemas

if TYPE_CHECKING:
    from sqlalchemy import URL, MetaData

MIGRATIONS, MODELS = "dbadmin_migrations", "dbadmin_models"
MOST_LIKELY = 3


@dataclass(frozen=True)
class Measured:
    """What was found; `skipped` says what could not be looked for and why."""

    drift: tuple[Drift, ...] | None
    skipped: str | None = None
    likely: tuple[Candidate, ...] = ()
    made_by: str | None = None

    def told(self, status: Status) -> Status:
        """The status with it."""
        return replace(status, drift=self.drift, drift_skipped=self.skipped, likely=self.likely, made_by=self.made_by)


def measure(
    source: Rehearsed, status: Status, metadata: "Sequence[MetaData]", *, progress: Progress, allow: Sequence[str] = ()
) -> Measured:
    """Compare the database with what its own revision makes, and what the newest one makes with the models.

    The database is read in one look; everything else happens in a private place that is gone afterwards. Where no place
    can be made, or the migrations make nothing comparable, that is told in `skipped`.
    """
    database = named_database(source)
    try:
        facts = database.run(database.dialect.copying.facts)
        now = database.run(lambda connection: snapshot(connection, exclude=(source.version_name,), data=False))
        with nursery(source.environment), database.dialect.copying.place(facts) as place:
            return _Measuring(source, status, place, now, metadata, Options(allow_connect=tuple(allow)), progress).all()
    except DbadminError as error:
        return Measured(None, f"{error.message} ({error.hint})" if error.hint else error.message)


@dataclass
class _Measuring:
    source: Rehearsed
    status: Status
    place: Place
    now: Snapshot
    metadata: "Sequence[MetaData]"
    options: Options
    progress: Progress
    from_migrations: tuple[Difference, ...] = ()
    models_url: "URL | None" = None
    others: frozenset[Difference] = frozenset()

    def all(self) -> Measured:
        """Build, compare, and say what could not be."""
        self.mending = named_database(self.source).dialect.mending
        drift: list[Drift] = []
        skipped: list[str] = []
        known = self.status.state not in ("unknown-revision", "unmanaged")
        url = self.place.empty(MIGRATIONS)
        legs = self._legs(url, known)
        if isinstance(legs, str):
            skipped.append(legs)
        elif known:
            skipped += [leg for leg in legs[1:] if isinstance(leg, str)]
        head = legs[-1] if not isinstance(legs, str) and isinstance(legs[-1], Leg) else None
        models = self._models(head)
        if known and not isinstance(legs, str):
            drift += self._from_revision(legs[0], models.schema if isinstance(models, Snapshot) else None)
        if isinstance(models, str):
            skipped.append(models)
        elif models is not None:
            drift += self._from_models(url, models, head)
        by_models = isinstance(models, Snapshot) and (head is not None or self._at_head)
        if not known and not by_models:
            skipped.append("it is not known which revision the database is to be compared with")
        if self.others:
            skipped.append(f"what env.py leaves out of autogenerate: {', '.join(shown(self.others))}")
        measured = by_models or (known and not isinstance(legs, str))
        return Measured(
            tuple(drift) if measured else None,
            "; ".join(skipped) or None,
            () if known or head is None else self._likely(head),
            self._made_by(models, head) if isinstance(models, Snapshot) else None,
        )

    @property
    def _at_head(self) -> bool:
        return not self.status.pending and not self.status.unknown

    def _legs(self, url: "URL", known: bool) -> "list[Leg | str] | str":
        """The way up to where the database stands (where that is known), and on to the heads; a reason for none."""
        state = ready(self.source, url)
        legs: list[Leg | str] = []
        if known and self.status.current:
            self.progress("the migrations up to where the database stands", 0, None)
            first = climb(self.source, url, self.status.current, state, self.options)
            if isinstance(first, str):
                return first
            legs.append(first)
            state = first.after
            if not any(key.kind == "table" for key in state.schema):
                return "the migrations create no table on an empty database"
            self.from_migrations = self._spelled(url, self.now.schema, state.schema)
        elif known:
            legs.append(Leg("upgrade", state, (), state))
            self.from_migrations = self._spelled(url, self.now.schema, state.schema)
        if self.status.current != self.status.heads or not known:
            self.progress("the migrations up to the newest", 0, None)
            legs.append(climb(self.source, url, self.status.heads, state, self.options))
            if not known and isinstance(legs[-1], str):
                return legs[-1]
        return legs

    def _spelled(self, url: "URL", database: Schema, migrated: Schema) -> tuple[Difference, ...]:
        """Differences of the migrations' schema (before) and the database's, while the scratch database holds it."""
        found = schemas(compare.of_migrations(database), compare.of_migrations(migrated))
        with connect(url) as connection:
            found = without_spelling(connection, found)
        return compare.without_names(compare.flipped(found))

    def _from_revision(self, leg: "Leg | str", models: Schema | None) -> list[Drift]:
        assert isinstance(leg, Leg)

        def maker(key: ObjectKey) -> str | None:
            return first_appearance(leg, Facet(key=key))

        at = ", ".join(self.status.current) or "base"
        dialect = named_database(self.source).dialect
        found = self._ours(self.from_migrations)
        pending = partial(begun.maker, found=begun.begun(self.status.pending, dialect.name))
        return compare.from_revision(found, at, maker, self.mending, leg.after.schema, models, pending)

    def _models(self, head: Leg | None) -> "Snapshot | str | None":
        if not any(one.tables for one in self.metadata):
            return None
        self.progress("the models", 0, None)
        like = head.after.schema if head is not None else self.now.schema
        self.models_url = self.place.empty(MODELS)
        return make_models(self.models_url, self.metadata, like, self.source.version_name)

    def _from_models(self, url: "URL", models: Snapshot, head: Leg | None) -> list[Drift]:
        """The models against what the newest revision makes; against the database where that cannot be had."""
        stands, of = (head.after.schema, "the migrations") if head is not None else (self.now.schema, "the database")
        if head is None and not self._at_head:
            return []
        tables = frozenset(key for key in models.schema if key.kind == "table")
        mine, theirs = compare.of_models(models.schema, tables), compare.of_models(stands, tables)
        found = schemas(mine, theirs)
        assert self.models_url is not None
        with connect(url if head is not None else self.models_url) as connection:
            found = without_spelling(connection, found)
        return compare.from_models(self._ours(compare.without_names(found)), self.mending, of=of)

    def _ours(self, found: tuple[Difference, ...]) -> tuple[Difference, ...]:
        """Without what env.py leaves out of autogenerate; that is remembered, to be told."""
        others = frozenset(left_out(self.source, found))
        self.others |= others
        return tuple(one for one in found if one not in others)

    def _likely(self, head: Leg) -> tuple[Candidate, ...]:
        candidates = {m.revision: m.snapshot.schema for m in head.moments if m.snapshot is not None}
        found = compare.likely(self.now.schema, candidates)[:MOST_LIKELY]
        return tuple(Candidate(revision, count) for revision, count in found)

    def _made_by(self, models: Snapshot, head: Leg | None) -> str | None:
        if head is None or self.status.state != "up-to-date":
            return None
        found = compare.made_by_create_all(self.now.schema, models.schema, head.after.schema)
        return found[0] if found else None
