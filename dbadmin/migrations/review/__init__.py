"""What is risky in migration scripts before they run.

Scripts are read, not run (`read`, `operations`, `sql`); what only running would tell is written as SQL by Alembic's
offline mode in a process that can reach nothing (`offline`). Rules stand in one module for each family; a rule is a
function with a code, a level, why it matters, what to write instead, and the engines that it is for (`rule`).
"""

from dbadmin.migrations.review.choose import choose
from dbadmin.migrations.review.comments import COMMENTS
from dbadmin.migrations.review.measured import NONE, Measurements, read_report
from dbadmin.migrations.review.rule import RULES, Size
from dbadmin.migrations.review.run import Around, review
from dbadmin.results import RuleList

__all__ = ["COMMENTS", "NONE", "RULES", "Around", "Measurements", "Size", "choose", "read_report", "review", "rules"]


def rules() -> RuleList:
    """Every rule of dbadmin's own, in the order of the docs."""
    return RuleList(tuple(rule.info() for rule in RULES.values()))
