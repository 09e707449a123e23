"""`%explain`: a plan as a tree."""

from collections.abc import Iterator, Sequence

from dbadmin.render.document import Column, Document, Table
from dbadmin.render.values import duration
from dbadmin.results import PlanStep, QueryPlan

HEADS = (
    Column("detail", wrap=True, yields=1),
    *(Column(name, "right") for name in ("rows", "actual rows", "cost", "time")),
)


def lay_out_plan(result: QueryPlan, *, detail: bool = False) -> Document:
    """Each step under the one that it feeds; columns that no step has anything for are left out."""
    lines = [(tree, step.detail or None, *facts(step)) for tree, step in branches(result.steps)]
    kept = [at for at in range(1, len(HEADS) + 1) if any(line[at] is not None for line in lines)]
    columns = (Column("step", wrap=True), *(HEADS[at - 1] for at in kept))
    table = Table(
        columns,
        [(line[0], *(line[at] for at in kept)) for line in lines],
        empty="no plan",
        rail=[beside(tree) for tree, *_ in lines],
    )
    return Document("Plan", (table,), table)


def facts(step: PlanStep) -> tuple[str | None, str | None, str | None, str | None]:
    """What a step is expected to take and took: expected rows are marked as the estimate that they are."""
    expected = None if step.rows is None else f"~{step.rows:.0f}"
    actual = None if step.actual_rows is None else f"{step.actual_rows:.0f}"
    return expected, actual, None if step.cost is None else f"{step.cost:.1f}", duration(step.seconds)


def beside(tree: str) -> str:
    """What goes on of a step's lines of the tree beside further lines of it.

    >>> beside("│  ├─ scan a"), beside("·  └─ scan b"), beside("join")
    ('│  │', '·  ·', '')
    """
    lines = tree[: len(tree) - len(tree.lstrip("·│├└─ "))]
    return lines.replace("├─", "│").replace("└─", "·").rstrip()


def branches(steps: Sequence[PlanStep], before: str = "", depth: int = 0) -> Iterator[tuple[str, PlanStep]]:
    """Steps with the lines of the tree before them; a dot keeps the place of what has ended, where blanks would go.

    >>> plan = (PlanStep("join", steps=(PlanStep("scan a"), PlanStep("hash", steps=(PlanStep("scan b"),)))),)
    >>> [tree for tree, _ in branches(plan)]
    ['join', '├─ scan a', '└─ hash', '·  └─ scan b']
    """
    for number, step in enumerate(steps, start=1):
        last = number == len(steps)
        branch, below = ("", "") if not depth else ("└─ ", "·  ") if last else ("├─ ", "│  ")
        yield f"{before}{branch}{step.what}", step
        yield from branches(step.steps, before + below, depth + 1)
