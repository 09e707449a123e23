"""squawk's rules for PostgreSQL, where its package is installed: `pip install squawk-cli` (extra `review`).

What dbadmin's own rules tell, with the table's size and lock, is not told twice; what is a matter of style is a note,
once for each revision.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dbadmin.errors import NotFinished
from dbadmin.migrations.review.offline import Rendered
from dbadmin.migrations.review.rule import Found

OWN = frozenset({
    "require-concurrent-index-creation", "constraint-missing-not-valid", "adding-foreign-key-constraint",
    "changing-column-type", "adding-not-nullable-field", "renaming-column", "renaming-table", "renaming-object",
    "ban-drop-column", "ban-drop-table", "adding-required-field", "adding-field-with-default",
    "disallowed-unique-constraint", "prefer-timestamp-tz", "ban-concurrent-index-creation-in-transaction",
    "identifier-too-long", "transaction-nesting", "ban-uncommitted-transaction", "ban-truncate-cascade",
    "require-lock-timeout", "require-statement-timeout", "require-timeout-settings",
})  # fmt: skip
"""Rules of squawk's that have one of ours in their place; those about transactions, which Alembic makes; and those
about timeouts, which env.py or the role sets."""
PREFIX = "squawk-"
_NOTES = ("prefer-", "require-", "ban-char-field", "ban-drop-not-null", "syntax-error")
"""Rules about style, and SQL that squawk cannot read: told once for each revision."""
_SECONDS = 60


def available() -> str | None:
    """The program: beside this Python, or on the path; None where it is not installed."""
    beside = Path(sys.executable).parent / "squawk"
    return str(beside) if beside.is_file() else shutil.which("squawk")


def findings(
    program: str, rendered: Rendered, version: str | None, directory: Path, name: str
) -> Iterator[tuple[str, Found]]:
    """What squawk says to a revision's SQL: its rule and the finding; settings from the project's .squawk.toml.

    `version` is the server's; None: squawk's own default.
    """
    lines: list[int | None] = []
    for statement in rendered.statements:
        lines += [statement.line] * (statement.sql.count("\n") + 1)
    told = _run(program, "\n".join(s.sql for s in rendered.statements), version, directory)
    times = Counter(one["rule_name"] for one in told)
    seen: set[str] = set()
    for one in told:
        code = str(one["rule_name"])
        style = code.startswith(_NOTES)
        if style and code in seen:
            continue
        seen.add(code)
        again = f" ({times[code]} times in this revision)" if style and times[code] > 1 else ""
        line = lines[one["line"]] if one["line"] < len(lines) else None
        remedy = one.get("help") or None
        yield code, Found(name, f"{one['message']}{again}", line, None, "note" if style else "warning", remedy)


def _run(program: str, sql: str, version: str | None, directory: Path) -> list[dict[str, Any]]:
    command = [program, "--reporter", "json", "--assume-in-transaction", "--stdin-filepath", "revision.sql"]
    if version is not None and version.split(".")[0].isdigit():
        command += ["--pg-version", version.split()[0]]
    try:
        done = subprocess.run(command, input=sql, capture_output=True, text=True, cwd=directory, timeout=_SECONDS)
        told = json.loads(done.stdout or "[]")
        return [one for one in told if one["rule_name"] not in OWN]  # --exclude would replace the project's own
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        raise NotFinished(
            f"squawk gave no answer ({type(error).__name__})", hint="try: squawk --version; or uninstall squawk-cli"
        ) from error
