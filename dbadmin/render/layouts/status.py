"""`dbadmin status`: where the database stands, what is pending, and what does not fit."""

from dbadmin.render.document import Block, Callout, Cell, Column, Document, KeyValues, Table, Text, Tone
from dbadmin.render.values import plural
from dbadmin.results import Revision, Status

TONES: dict[str, Tone] = {
    "up-to-date": "good",
    "empty": "warn",
    "behind": "warn",
    "unmanaged": "warn",
    "multiple-heads": "bad",
    "unknown-revision": "bad",
}


def lay_out_status(result: Status, *, detail: bool = False) -> Document:
    """State, facts, pending revisions; with `detail` the whole history."""
    blocks: list[Block] = [Callout(result.state.replace("-", " ").upper(), reason(result), TONES[result.state])]
    if step := next_step(result):
        blocks.append(Text(step))
    blocks.append(facts(result))
    blocks += [Text(unknown_line(u.revision, u.nearest), "bad") for u in result.unknown]
    main = pending(result)
    blocks.append(main)
    if detail:
        main = history(result)
        blocks.append(main)
    if result.drift is not None:
        blocks.append(drift(result))
    elif result.drift_skipped:
        blocks.append(Text(f"drift was not looked for: {result.drift_skipped}", "dim"))
    return Document(f"Status of {result.database.name}", tuple(blocks), main)


def reason(result: Status) -> str:
    """One line: why the state is what it is."""
    waiting = f"{plural(len(result.pending), 'revision')} pending"
    match result.state:
        case "up-to-date":
            return f"{result.applied} of {plural(result.total, 'revision')} applied"
        case "behind":
            return waiting
        case "empty":
            return f"no tables; {waiting}"
        case "unmanaged":
            return f"there are tables, but no revision in {result.version_table}"
        case "multiple-heads":
            return f"{len(result.heads)} heads that no revision merges: {', '.join(result.heads)}"
        case "unknown-revision":
            names = ", ".join(unknown.revision for unknown in result.unknown)
            return f"{result.version_table} holds {names}, which no script has"


def next_step(result: Status) -> str | None:
    """What to type next."""
    match result.state:
        case "behind":
            return "next: dbadmin verify-rollback rehearses it on a copy; alembic upgrade head applies it"
        case "empty":
            return "next: alembic upgrade head"
        case "unmanaged":
            return "next: alembic stamp REVISION records which revision these tables stand at"
        case "multiple-heads":
            return "next: alembic merge heads"
        case "unknown-revision":
            return "next: fetch the branch that has this script, or stamp a revision that exists"
    return None


def unknown_line(revision: str, nearest: tuple[str, ...]) -> str:
    """One unknown revision and the scripts closest to it."""
    return f"unknown revision {revision}" + (f"; nearest: {', '.join(nearest)}" if nearest else "")


def facts(result: Status) -> KeyValues:
    """The database and its place in the history."""
    database = result.database
    pairs = [
        ("database", database.url),
        ("engine", f"{database.engine} {database.version}"),
        ("current", ", ".join(result.current) or None),
        ("head" if len(result.heads) == 1 else "heads", ", ".join(result.heads) or None),
        ("applied", f"{result.applied} of {result.total}"),
    ]
    if result.point_of_no_return:
        pairs.append(("no return below", result.point_of_no_return))
    return KeyValues(tuple(pairs))


REVISION_COLUMNS = (
    Column("revision"),
    Column("message", wrap=True),
    Column("date"),
    Column("follows"),
    Column("downgrade", wrap=True),
    Column("file", below=True),
)


def revision_cells(revision: Revision) -> tuple[object, ...]:
    """The cells of one revision, as REVISION_COLUMNS."""
    names = "".join(f" ({label})" for label in revision.branch_labels)
    return (
        revision.revision,
        revision.message + names,
        revision.date.strftime("%Y-%m-%d") if revision.date else None,
        ", ".join(revision.down_revisions) or "base",
        Cell(revision.irreversible, "warn") if revision.irreversible else "yes",
        revision.file,
    )


def pending(result: Status) -> Table:
    """What is to be applied."""
    return Table(REVISION_COLUMNS, [revision_cells(r) for r in result.pending], title="Pending")


def history(result: Status) -> Table:
    """Every revision, and whether the database has it."""
    marks = {True: Cell("applied", "good"), False: Cell("pending", "warn"), None: None}
    rows = [(marks[r.applied], *revision_cells(r)) for r in result.history]
    return Table((Column("state"), *REVISION_COLUMNS), rows, title="History", empty="no revisions")


def drift(result: Status) -> Table:
    """Differences between what should be there and what is."""
    columns = (Column("kind"), Column("object"), Column("detail", wrap=True))
    rows = [(d.kind, d.object, d.detail) for d in result.drift or ()]
    return Table(columns, rows, title="Drift", empty="no drift")
