"""Findings as the body of an Alembic revision: what mends them in `upgrade`, what takes that back in `downgrade`.

Pure text. Names come from a database and may hold anything: they stand in Python literals, or spelled out in comments.
"""

import re
from collections.abc import Iterable, Sequence

from dbadmin.render.values import visible
from dbadmin.results import HealthFinding

AUTOCOMMIT = "with op.get_context().autocommit_block():"
INDENT = "    "
SAME_INDEX = ("model-unique", "model-index", "fk-without-index")
"""Checks that may ask for an index over the same columns; the first one's is made."""
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)")


def lasting(findings: Iterable[HealthFinding], named: Sequence[str]) -> tuple[HealthFinding, ...]:
    """Findings that a revision can mend: they change the schema, and can be taken back.

    Notes are taken only where their check was `named`. What two findings ask for is done once.
    """
    chosen: list[HealthFinding] = []
    done: set[tuple[str, ...]] = set()
    for finding in findings:
        wanted = finding.severity != "note" or finding.code in named
        if not (finding.lasting and finding.undo and wanted) or finding.ignored is not None or finding.sql in done:
            continue
        done.add(finding.sql)
        chosen.append(finding)
    indexed = {
        finding.object: code for code in reversed(SAME_INDEX) for finding in chosen if finding.code == code
    }  # fmt: skip
    return tuple(f for f in chosen if f.code not in SAME_INDEX or indexed[f.object] == f.code)


def body(findings: Sequence[HealthFinding]) -> tuple[str, str]:
    """The bodies of `upgrade` and `downgrade`, as Alembic's template takes them: every line but the first indented.

    What may not run inside a transaction stands together, last in the upgrade and first in the downgrade.
    """
    inside = [finding for finding in findings if not finding.outside]
    outside = [finding for finding in findings if finding.outside]
    up = [*steps(inside, down=False), *block(steps(outside, down=False))]
    down = [*block(steps(outside[::-1], down=True)), *steps(inside[::-1], down=True)]
    return f"\n{INDENT}".join(up), f"\n{INDENT}".join(down)


def block(lines: Sequence[str]) -> Sequence[str]:
    """Lines inside of an autocommit block; nothing where there are none."""
    return [AUTOCOMMIT, *(f"{INDENT}{line}" for line in lines)] if lines else []


def steps(findings: Iterable[HealthFinding], *, down: bool) -> list[str]:
    """A comment and the statements of each finding."""
    lines: list[str] = []
    for finding in findings:
        lines.append(f"# {visible(finding.key)}")
        operations = finding.down if down else finding.up
        lines += operations or [execute(sql) for sql in (finding.undo if down else finding.sql)]
    return lines


def execute(sql: str) -> str:
    r"""One statement as an operation; a colon before a word would be taken for a parameter.

    >>> print(execute("CREATE INDEX \":b\" ON t ((c::text))"))
    op.execute('CREATE INDEX "\\:b" ON t ((c::text))')
    """
    escaped = _BIND.sub(r"\\:", sql)
    return f"op.execute({escaped!r})"
