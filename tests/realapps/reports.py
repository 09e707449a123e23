"""An installed application, and the questions that the tests ask of a report of verify-rollback."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realapps.environments import Environment
from servers import TestDatabase

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Installation:
    """An application with its database and the directory from which dbadmin is called."""

    environment: Environment
    database: TestDatabase
    project: Path

    @property
    def url(self) -> str:
        return self.database.url.render_as_string(hide_password=False)

    def fingerprint(self) -> object:
        """Whatever would differ if somebody wrote to the database: the file's hash, or that of each table's rows."""
        if self.database.kind == "sqlite":
            assert self.database.url.database
            return hashlib.sha256(Path(self.database.url.database).read_bytes()).hexdigest()
        if self.database.kind == "mariadb":
            names = ", ".join(f"`{name}`" for (name,) in self.database.rows("SHOW TABLES"))
            return self.database.rows(f"CHECKSUM TABLE {names}")
        tables = self.database.rows("SELECT quote_ident(relname) FROM pg_stat_user_tables ORDER BY 1")
        return [
            (
                name,
                self.database.rows(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t"),
            )
            for (name,) in tables
        ]


def findings(report: Report, code: str, **facts: Any) -> list[Mapping[str, Any]]:
    """The findings with this code and these facts; an object is named with or without its schema."""

    def fits(finding: Mapping[str, Any]) -> bool:
        wanted = facts.get("object")
        named = wanted is None or finding["object"] == wanted or finding["object"].endswith(f".{wanted}")
        return named and all(finding[key] == value for key, value in facts.items() if key != "object")

    return [finding for finding in report["findings"] if finding["code"] == code and fits(finding)]


def states(report: Report, phase: str) -> dict[str, str]:
    """revision → ok, failed or skipped."""
    return {step["revision"]: step["state"] for step in report["steps"] if step["phase"] == phase}


def step(report: Report, phase: str, revision: str) -> Mapping[str, Any]:
    """One step of the walk."""
    (found,) = [each for each in report["steps"] if (each["phase"], each["revision"]) == (phase, revision)]
    return found  # type: ignore[no-any-return]


def assert_broken(report: Report, code: str, phase: str, revision: str, *said: str) -> Mapping[str, Any]:
    """The verdict is broken, this revision is the only one to blame for it, and its error says `said`."""
    assert report["verdict"] == "broken", report["summary"]
    (blamed,) = findings(report, code)
    assert (blamed["phase"], blamed["revision"]) == (phase, revision)
    failed = step(report, phase, revision)
    assert failed["state"] == "failed"
    for words in said:
        assert words in failed["error"]
    return failed
