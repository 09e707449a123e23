"""docs/reference/findings.md: every finding of verify-rollback, with a migration that leads to it."""

from textwrap import dedent

from collection import Defect
from collection.cases import DEFECTS

from dbadmin.migrations.review import COMMENTS, RULES
from dbadmin.rollback.verdict import CODES, LEADS_TO, VERDICTS
from pages.about_findings import ABOUT, About
from pages.writing import code, table

HEAD = """# Findings

## What a finding has

| | |
| --- | --- |
| `code` | what it is called here |
| `severity` | `error`, `warning` or `note`; a note never changes the verdict |
| `phase`, `revision` | where it happened, and which script is to blame; `file` and `line` where they are known |
| `object`, `rows` | the table, column or other object, and the number of rows concerned |
| `by_design` | true where the migration could not do otherwise: what is dropped cannot be kept |
| `detail`, `remedy` | what was seen, and what to do |
| `sample` | keys of some of the rows; values with `--reveal` only |
| `accepted` | `--accept [REV:]CODE[:OBJECT]` or the configuration accepted it |

The verdict is the worst that any finding leads to. Accept what you mean to lose, with a reason that stays:

```toml
[tool.dbadmin.verify-rollback]
accept = [{revision = "a27f60c4b9e8", code = "values-changed", object = "users.*", reason = "states merged on purpose"}]
```

## Findings of verify-rollback

"""
NO_EFFECT = "No effect on the verdict, unless `--fail-on` names it."
REVIEW = """## Findings of review

Each with an example, the reason and what to write instead: [the rules](../review.md#the-rules).

"""


def page() -> str:
    """The page."""
    parts = [HEAD, table(("verdict", "findings that lead to it"), verdicts()), "\n"]
    parts += [section(name) for name in CODES]
    parts.append(REVIEW)
    parts.append(table(("rule", "level", "why"), ((linked(name), f"`{r.level}`", r.why) for name, r in RULES.items())))
    parts.append("\nAbout comments that accept findings: ")
    parts.append(", ".join(linked(name) for name in COMMENTS) + ". Besides, squawk's rules, as `squawk-…`.\n")
    return "".join(parts)


def linked(name: str) -> str:
    """A rule of review, as a link to it."""
    return f"[`{name}`](../review.md#{name})"


def verdicts() -> list[tuple[str, str]]:
    """From worst to best; then those without effect."""
    rows = [(f"`{verdict}`", leading_to(verdict)) for verdict in reversed(VERDICTS) if verdict != "safe"]
    return [*rows, ("no effect", " ".join(anchor(name) for name in CODES if name not in LEADS_TO))]


def leading_to(verdict: str) -> str:
    """Links to the findings of a verdict."""
    return " ".join(anchor(name) for name, leads in LEADS_TO.items() if leads == verdict)


def anchor(name: str) -> str:
    """A finding, as a link to it."""
    return f"[`{name}`](#{name})"


def section(name: str) -> str:
    """One finding."""
    about = ABOUT[name]
    leads = f"Leads to `{LEADS_TO[name]}`." if name in LEADS_TO else NO_EFFECT
    return f"### {name}\n\n{about.what} {leads}\n\n{example(about)}\nWhy: {about.why}  \nWhat to do: {about.do}\n\n"


def example(about: About) -> str:
    """A migration of the collection of known defects, whose test holds that it leads to this; or another."""
    if about.case is None:
        return code(dedent(about.example), about.language)
    defect = next(one for one in DEFECTS if one.name == about.case)
    return code(script(defect), "python") + f"\n*{defect.name}* ({defect.thread})\n"


def script(defect: Defect) -> str:
    """A defect's revision as its file has it."""
    parts = []
    for name, body in (("upgrade", defect.upgrade), ("downgrade", defect.downgrade)):
        lines = ["pass"] if body is None else dedent(body).strip("\n").splitlines()
        parts.append(f"def {name}() -> None:\n" + "\n".join(f"    {line}" for line in lines))
    return "\n\n".join(parts) if defect.downgrade is not None else parts[0]
