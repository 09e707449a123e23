"""A project's env.py, asked while this process goes on: there SQLAlchemy is imported, and here the application."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property
from typing import Any, Self

from dbadmin.app import background
from dbadmin.app.config import Settings
from dbadmin.migrations.capture import Captured, begin, captured_of
from dbadmin.migrations.looked_at import LookedAt
from dbadmin.migrations.project import Project


class EnvPy:
    """What env.py says, asked once at most. `project` is None where there is none.

    `environment` is what a plain `alembic` would have. With `known` (see `capture`), what it said last time will do.
    With `elsewhere`, nobody waits for its process to start: nothing of the user's may run here before the answer.
    What is read of that meanwhile is no business of `looked_at`.
    """

    def __init__(
        self,
        project: Project | None,
        environment: Mapping[str, str],
        *,
        known: Mapping[str, str] | None = None,
        looked_at: LookedAt | None = None,
        elsewhere: bool = False,
    ) -> None:
        self._project, self._environment, self._known = project, environment, known
        self.looked_at, self._elsewhere = looked_at, elsewhere
        self._answer: Future[Mapping[str, Any]] | None = None

    @classmethod
    def begun(cls, settings: Settings) -> Self:
        """As `status` asks: what it said last time will do. It is asked now, before all that takes time is imported."""
        made = cls(
            settings.project, settings.of_alembic(), known=settings.environment, looked_at=LookedAt(), elsewhere=True
        )
        made.ask()
        return made

    def ask(self) -> None:
        """Begin; what goes wrong is raised by whoever wants the answer."""
        if self._answer is not None or self._project is None:
            return
        try:
            wait = begin(self._project, environment=self._environment, known=self._known, elsewhere=self._elsewhere)
        except Exception as error:
            self._answer = Future()
            self._answer.set_exception(error)
            return

        def listen() -> Mapping[str, Any]:
            if self.looked_at is not None:
                self.looked_at.not_those_of = threading.get_ident()
            try:
                return wait()
            finally:
                if self.looked_at is not None:
                    self.looked_at.not_those_of = None

        self._answer = background.begun(listen, "dbadmin-env.py")

    @property
    def answer(self) -> Mapping[str, Any] | None:
        """Its answer as plain data; None where there is no Alembic project. Raises as `capture` does, each time."""
        self.ask()
        return self._answer.result() if self._answer is not None else None

    @cached_property
    def captured(self) -> Captured | None:
        """Its answer. Raises as `capture` does, and ConfigError for what is no URL."""
        answer = self.answer
        return None if answer is None or self._project is None else captured_of(answer, self._project)

    @property
    def sys_path(self) -> tuple[str, ...]:
        """What env.py and Alembic have added to the module path; nothing where it was not asked, or that failed."""
        with suppress(Exception):
            answer = self.answer if self._answer is not None else None
            return () if answer is None else tuple(answer["sys_path"])
        return ()

    @property
    def told(self) -> Captured | None:
        """Its answer; None where it was not asked, and also where that failed."""
        with suppress(Exception):
            return self.captured if self._answer is not None else None
        return None
