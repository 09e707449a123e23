"""The part of docs/review.md that is made of the rules and their first cases: `python -m tests.review --page`."""

from pathlib import Path

from dbadmin.migrations.review import COMMENTS, RULES
from review import Case, cases, part

FILE = Path(__file__).resolve().parents[2] / "docs" / "review.md"
BEGIN, END = "<!-- rules -->\n", "<!-- end of rules -->\n"


def section() -> str:
    """Every rule with an example that it finds, why it matters, and what to write instead."""
    first: dict[str, Case] = {}
    for case in cases():
        first.setdefault(case.code, case)
    parts = []
    for code, rule in RULES.items():
        info = rule.info()
        what = " ".join((rule.find.__doc__ or "").split())
        parts.append(
            f"### {code}\n\n`{rule.level}`{' (by time)' if rule.timed else ''} · {', '.join(info.engines)}. {what}\n\n"
            f"```python\n{example(first[code])}\n```\n\nWhy: {rule.why}.  \nInstead: {rule.instead}.\n"
        )
    for code, (why, instead) in COMMENTS.items():
        parts.append(f"### {code}\n\n`warning` · every engine.\n\nWhy: {why}.  \nInstead: {instead}.\n")
    return "\n".join(parts)


def example(case: Case) -> str:
    """A case as it would stand in a script."""
    lines = case.script.strip("\n").splitlines()
    marks = ("top| ", "down| ", "branch| ")
    upgrade = [line for line in lines if not line.startswith(marks) and line != "nodown|"]
    written = [part(case.script, "top| ") + "\n\n"] if "top| " in case.script else []
    written += ["def upgrade():", *(f"    {line}" for line in upgrade or ["pass"])]
    for mark, head in (("down| ", "\n\ndef downgrade():"), ("branch| ", "\n\n# on another branch\ndef upgrade():")):
        if any(line.startswith(mark) for line in lines):
            written += [head, *(f"    {line}" for line in part(case.script, mark).splitlines())]
    return "\n".join(written)


def write() -> None:
    """Put the section into the page."""
    page = FILE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    FILE.write_text(before + BEGIN + section() + END + rest.partition(END)[2], encoding="utf-8")
