"""What is done with a whole database: its migrations, rehearsals and backups; results are frozen."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbadmin.admin.opened import Opened
from dbadmin.dialects import Progress
from dbadmin.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dbadmin.migrations.project import Project
    from dbadmin.migrations.scripts import Scripts
    from dbadmin.results import (
        BackupReport,
        Diagram,
        Inspection,
        Review,
        RollbackPlan,
        RollbackReport,
        Severity,
        Status,
    )
    from dbadmin.rollback import Options, Rehearsed


class Operations(Opened):
    """One short method per command; results draw themselves as tables in a notebook."""

    @property
    def project(self) -> "Project":
        """The Alembic project; ConfigError where there is none."""
        if self.application.project is None:
            raise ConfigError(
                f"no Alembic project found from {self.settings.start}",
                hint='set alembic = "path/to/alembic.ini" in [tool.dbadmin], or use --app DIR',
            )
        return self.application.project

    @property
    def scripts(self) -> "Scripts":
        """The project's revision scripts, as they are now: a session lives on while its user writes some."""
        from dbadmin.migrations.scripts import open_scripts

        return open_scripts(self.project, remember=self.remember)

    def status(self, *, check: bool = False, drift: bool = False, progress: Progress | None = None) -> "Status":
        """Where the database stands against its migrations; `check` makes being behind bad news.

        With `drift`, what its own revision makes and what the models make are built on private scratch databases and
        compared with it (`progress` is told of that). Where env.py migrates several databases, the application's own is
        told first, the rest is in `others`.
        """
        from dbadmin.app.databases import migrated
        from dbadmin.migrations.status import status

        with migrated(self.application, self.database) as databases:
            scripts = self.scripts
            first, *others = (
                status(
                    one.database,
                    scripts,
                    version_table=one.version_table,
                    version_table_schema=one.version_table_schema,
                    key=one.key,
                    checked=check,
                )
                for one in databases
            )
        if drift:
            first = self._with_drift(first, alone=not others, progress=progress or silent)
        return replace(first, others=tuple(others))

    def _with_drift(self, found: "Status", *, alone: bool, progress: Progress) -> "Status":
        from dbadmin.drift import measure
        from dbadmin.drift.models import unseen
        from dbadmin.rollback import ask

        if not alone or found.database_key is not None:
            name = found.database_key or "NAME"
            why = (
                "env.py migrates several databases at once, and a scratch database can stand in for one; "
                f"--config FILE, a copy of alembic.ini with databases = {name}, looks for this one's"
            )
            return replace(found, drift_skipped=why)
        source = ask.source_of(self.application, self.database)
        told = measure(source, found, self.application.metadata, progress=progress).told(found)
        models = tuple(unseen(self.application))
        return replace(told, drift=(*told.drift, *models)) if told.drift is not None else told

    def diagram(self, around: Any = None) -> "Diagram":
        """Models and their relations, which draw themselves in a notebook; without models, the database's tables.

        `around`, a model or a table, leaves those it has no relation with out. Where there are models the database is
        not asked. Raises UnknownName.
        """
        from dbadmin.queries.diagram import diagram

        return diagram(self.answers.known(around) if around is not None else self.answers.entities, around)

    def inspect(
        self,
        *checks: str,
        ignore: Sequence[str | Mapping[str, str]] = (),
        fail_on: "Severity | None" = None,
        thresholds: Mapping[str, float] | None = None,
        write_revision: "bool | str | os.PathLike[str]" = False,
        live: bool = False,
        progress: Progress | None = None,
    ) -> "Inspection":
        """Whether the database is well: findings, each with the SQL that mends it and that takes it back.

        `checks` by name (none: every one that this engine answers); `ignore`, keys, names of checks or globs, or
        {"key", "reason"}; `fail_on`, the level from which `ok` is False; `thresholds` by check. Each check may take
        as long as the statement timeout, 10 s where there is none; what cannot be looked at is `skipped`.
        `write_revision` (True, or a directory) writes an Alembic revision that mends what changes the schema: warnings
        and errors, and notes of checks that were named; the database has to stand at the head. `live`: only checks
        whose answer changes from second to second.
        """
        from dbadmin.admin.inspecting import inspect_application

        given: dict[str, Any] = {"ignore": ignore, "fail_on": fail_on, "thresholds": thresholds or {}}
        given |= {"write_revision": write_revision, "live": live}
        return inspect_application(self.application, self.database, checks, **given, progress=progress)

    def review(
        self,
        revision: str | None = None,
        *,
        pending: bool = False,
        all: bool = False,
        fail_on: "Severity" = "error",
        measured: "str | os.PathLike[str] | None" = None,
        progress: Progress | None = None,
    ) -> "Review":
        """What is risky in migration scripts before they run: by default in those that are pending.

        `revision` is one as Alembic takes it, or FROM:TO. Findings at or above `fail_on` make `ok` false. `measured` is
        a JSON report of verify-rollback, whose locks and times take the place of estimates. Where the database cannot
        be reached, the scripts that git's default branch does not have are reviewed (ConnectionFailed under `pending`).
        """
        from dbadmin.admin.reviewing import Asked, review_application

        asked = Asked(revision, pending, all, fail_on, measured)
        return review_application(self.application, self.database, self.scripts, asked, progress or silent)

    def verify_rollback(
        self,
        *,
        to: str | None = None,
        steps: int | None = None,
        upgrade_to: str = "heads",
        exclude: Sequence[Any] = (),
        no_data: bool = False,
        timeout: float | None = None,
        accept: Sequence[str | Mapping[str, str]] = (),
        fail_on: Sequence[str] = (),
        allow_connect: Sequence[str] = (),
        keep: bool = False,
        max_copy: int | None = None,
        backup: "str | os.PathLike[str] | None" = None,
        scratch: "str | URL | None" = None,
        in_place: bool = False,
        yes_this_is_a_copy: str | None = None,
        trust_backup: bool = False,
        copy_command: str | None = None,
        drop_command: str | None = None,
        to_git: str | None = None,
        after_upgrade: "str | os.PathLike[str] | None" = None,
        each: bool = False,
        reveal: bool = False,
        lock_budget: float | None = 2.0,
        progress: Progress | None = None,
    ) -> "RollbackReport":
        """Rehearse a rollback on a private copy: up, down, up again; the database itself is only read.

        Parameters are the options of `dbadmin verify-rollback`; times in seconds (None: no limit), `max_copy` in bytes.
        With `backup` this database is not connected to (`trust_backup`: what the backup holds may run as a superuser
        of the private server); with `in_place` it is itself the copy. `to_git` is a commit,
        tag or branch: the downgrade ends where its scripts end. `after_upgrade`, a .sql or .py file, writes as the new
        version would (in a walk of its own: what the downgrade then loses or fails on is found; a .py has `engine`,
        `connection` and `session`). `each` rehearses every revision by itself besides, `reveal` puts values into the
        samples of findings, where they hold keys only.
        """
        from dbadmin.rollback import rehearse

        asked = {name: value for name, value in locals().items() if name not in ("self", "progress", "rehearse")}
        return rehearse(*self._asked(asked), progress=progress or silent)

    def plan_rollback(self, *, progress: Progress | None = None, **options: Any) -> "RollbackPlan":
        """What `verify_rollback` would do: which revisions, how the copy is made, its size and the free space."""
        from dbadmin.rollback import plan_rehearsal

        return plan_rehearsal(*self._asked(options), progress=progress or silent)

    def backup(
        self,
        path: "str | os.PathLike[str]",
        *,
        verify: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> "BackupReport":
        """Back up the database to `path`, whose suffix says how; `verify` restores it in private, and compares.

        Nothing stands under that name unless it is whole. `force` replaces a file that is there.
        """
        from dbadmin.copies.backups.write import write_backup

        return write_backup(self.database, os.fspath(path), force=force, verify=verify, progress=progress or silent)

    def _asked(self, asked: Mapping[str, Any]) -> "tuple[Rehearsed, Options]":
        from dbadmin.rollback import ask

        if asked.get("backup") is not None:
            source = ask.source_without_database(self.settings, self.application.captured)
            return source, ask.options_of(self.settings, **asked)
        options = ask.options_of(self.settings, lambda table: self.answers.find(table).name, **asked)
        return ask.source_of(self.application, self.database), options


def silent(what: str, done: float, total: float | None) -> None:
    """Progress that nobody is told of."""
