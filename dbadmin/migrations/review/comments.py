"""Findings that a script's comments accept, and what is wrong with those comments."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dbadmin.migrations.review.ignores import Ignore, ignores
from dbadmin.results import ReviewFinding, Revision

WITHOUT_REASON, UNUSED = "ignore-without-reason", "ignore-unused"
COMMENTS = {
    WITHOUT_REASON: (
        "whoever meets the comment later cannot tell whether the reason still holds; it ignores nothing",
        "# dbadmin: ignore=CODE because …",
    ),
    UNUSED: ("it would hide the next finding of that name, which nobody has looked at", "remove the comment"),
}
"""What may be wrong with a comment: why it matters, and what to write instead."""


def ignored(found: Iterable[ReviewFinding], source: bytes, revision: Revision) -> Iterator[ReviewFinding]:
    """The findings, with the reason where a comment names them; and a warning for each comment that is no good."""
    comments, used = ignores(source), set[Ignore]()
    for finding in found:
        marked = finding
        for comment in comments:
            if comment.code == finding.code and (comment.about is None or finding.line in comment.about):
                used.add(comment)
                if comment.reason:
                    marked = replace(finding, ignored=comment.reason)
        yield marked
    for comment in comments:
        if not comment.reason:
            yield _finding(WITHOUT_REASON, "gives no reason", comment, revision)
        elif comment not in used:
            yield _finding(UNUSED, "met no finding", comment, revision)


def _finding(code: str, detail: str, comment: Ignore, revision: Revision) -> ReviewFinding:
    why, remedy = COMMENTS[code]
    return ReviewFinding(
        code, "warning", f"ignore={comment.code}", detail, remedy, revision.file, comment.line,
        revision=revision.revision, why=why,
    )  # fmt: skip
