"""`dbadmin status`: where the database stands, what is pending, and what does not fit."""

from dbadmin.render.document import Block, Callout, Cell, Column, Document, Heading, KeyValues, Table, Text, Tone
from dbadmin.render.layouts.graph import graph
from dbadmin.render.values import plural
from dbadmin.results import Revision, Status, UnknownRevision, loose, upgrade_target

TONES: dict[str, Tone] = {  # what needs most attention last
    "up-to-date": "good",
    "empty": "warn",
    "behind": "warn",
    "unmanaged": "warn",
    "multiple-heads": "bad",
    "unknown-revision": "bad",
}


def lay_out_status(result: Status, *, detail: bool = False) -> Document:
    """State, facts, pending revisions; with `detail` the whole history. Of several databases each, below all states."""
    blocks, main = blocks_of(result, detail)
    if result.others:
        blocks = [overall(result), Heading(heading(result)), *blocks]
    for other in result.others:
        blocks += [Heading(heading(other)), *blocks_of(other, detail)[0]]
    return Document(f"Status of {result.database.name}", tuple(blocks), main)


def overall(result: Status) -> Callout:
    """The state of several databases: of the one that needs most attention, and each one's."""
    every = (result, *result.others)
    worst = max(every, key=lambda one: list(TONES).index(one.state))
    each = ", ".join(f"{one.database_key or one.database.name} {spoken(one)}" for one in every)
    return Callout(spoken(worst).upper(), f"{plural(len(every), 'database')}: {each}", TONES[worst.state])


def heading(result: Status) -> str:
    """What stands above one database of several."""
    return f"Database {result.database_key or result.database.name}"


def spoken(result: Status) -> str:
    """The state in words.

    >>> from types import SimpleNamespace
    >>> spoken(SimpleNamespace(state="up-to-date"))
    'up to date'
    """
    return result.state.replace("-", " ")


def blocks_of(result: Status, detail: bool) -> tuple[list[Block], Table]:
    """The blocks of one database, and the table among them that CSV gives."""
    blocks: list[Block] = [Callout(spoken(result).upper(), reason(result), TONES[result.state])]
    if step := next_step(result):
        blocks.append(Text(step))
    blocks.append(facts(result))
    blocks += [Text(unknown_line(unknown), "bad") for unknown in result.unknown]
    main = pending(result)
    if not result.unknown:  # nobody can tell what is
        blocks.append(main)
    if detail:
        main = history(result)
        blocks.append(main)
    if result.likely:
        blocks.append(likely(result))
    if result.drift is not None:
        main = drift(result) if result.drift and not detail else main
        blocks.append(drift(result))
    elif result.drift_skipped:
        blocks.append(Text(f"drift was not looked for: {result.drift_skipped}", "dim"))
    return blocks, main


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
    upgrade = f"alembic upgrade {upgrade_target(result.heads)}"
    match result.state:
        case "behind":
            if len(separate := loose(result.heads, result.history)) > 1:
                return (
                    f"next: dbadmin verify-rollback --upgrade-to {separate[0]} rehearses one of {len(separate)} heads "
                    f"on a copy; {upgrade} applies all"
                )
            return f"next: dbadmin verify-rollback rehearses it on a copy; {upgrade} applies it"
        case "empty":
            return f"next: {upgrade if result.total else 'alembic revision --autogenerate writes the first revision'}"
        case "unmanaged":
            same = same_schema(result)
            if same is not None:
                return f"next: alembic stamp {same}, which makes the same schema"
            return f"next: alembic stamp REVISION records which revision these tables stand at{by_drift(result)}"
        case "multiple-heads":
            return "next: alembic merge heads"
        case "unknown-revision":
            same = same_schema(result)
            if same is not None:
                stamp = f", for the same schema: alembic stamp --purge {same}"
            else:
                stamp = f" alembic stamp --purge REVISION, one that exists{by_drift(result)}"
            there = [unknown.found_in for unknown in result.unknown if unknown.found_in]
            fetch = f"git show {there[0]} has this script" if there else "fetch the branch that has this script"
            return f"next: {fetch}; or{stamp}"
    return None


def same_schema(result: Status) -> str | None:
    """The only revision that makes the schema that the database has; None where there is none, or several."""
    same = [candidate.revision for candidate in result.likely if candidate.differences == 0]
    return same[0] if len(same) == 1 else None


def by_drift(result: Status) -> str:
    """How to find out which revision is meant."""
    return "" if result.likely else "; dbadmin status --drift finds the nearest"


def unknown_line(unknown: UnknownRevision) -> str:
    """One unknown revision and the names closest to it."""
    nearest = f"; nearest by name: {', '.join(unknown.nearest)}" if unknown.nearest else ""
    return f"unknown revision {unknown.revision}{nearest}"


def facts(result: Status) -> KeyValues:
    """The database and its place in the history."""
    database = result.database
    pairs: list[tuple[str, object]] = [
        *([("name", result.database_key)] if result.database_key else []),
        ("database", database.url),
        ("engine", database.server),
        ("current", ", ".join(result.current) or None),
        ("head" if len(result.heads) == 1 else "heads", ", ".join(result.heads) or None),
        ("applied", f"{result.applied} of {result.total}" if result.applied is not None else "not known"),
    ]
    if result.made_by:
        pairs.append(("made by", MADE_BY.get(result.made_by, result.made_by)))
    if result.point_of_no_return:
        pairs.append(("no return below", result.point_of_no_return))
    return KeyValues(tuple(pairs))


PENDING_COLUMNS = (
    Column("revision", whole=True),
    Column("message", wrap=True, yields=3),
    Column("date", whole=True, yields=1),
    Column("follows", wrap=True, yields=2),
    Column("downgrade", wrap=True, yields=2),
    Column("file", below=True, path=True),
)
HISTORY_COLUMNS = (Column("", whole=True), Column("state", whole=True), *PENDING_COLUMNS[:-1])
"""Beside the graph."""


def revision_cells(revision: Revision, result: Status) -> tuple[object, ...]:
    """The cells of one revision, as PENDING_COLUMNS without the file."""
    names = [
        *revision.branch_labels,
        *["head"] * revision.is_head,
        *["current"] * (revision.revision in result.current),
    ]
    return (
        revision.revision,
        revision.message + (f" ({', '.join(names)})" if names else ""),
        revision.date.strftime("%Y-%m-%d") if revision.date else None,
        follows(revision),
        way_back(revision, result),
    )


def follows(revision: Revision) -> str:
    """What a revision builds on: its parents, and what it depends on besides."""
    parents = ", ".join(revision.down_revisions) or "base"
    return parents + (f"; needs {', '.join(revision.depends_on)}" if revision.depends_on else "")


def way_back(revision: Revision, result: Status) -> object:
    """Whether a revision can be rolled back, the newest that cannot being the point of no return."""
    if revision.irreversible is None:
        return "yes"
    if revision.revision == result.point_of_no_return:
        return Cell(f"point of no return: {revision.irreversible}", "bad")
    return Cell(revision.irreversible, "warn")


def pending(result: Status) -> Table:
    """What is to be applied, in the order in which it would run."""
    rows = [(*revision_cells(r, result), r.file) for r in result.pending]
    return Table(PENDING_COLUMNS, rows, title="Pending")


def history(result: Status) -> Table:
    """Every revision, newest first, as a graph, and whether the database has it."""
    states = {True: Cell("applied", "good"), False: Cell("pending", "warn"), None: Cell("not known", "dim")}
    tones: dict[bool | None, Tone] = {True: "good", False: "warn"}
    lines, rails = graph(result.history)
    rows = [
        (Cell(line, tones.get(r.applied)), states[r.applied], *revision_cells(r, result))
        for line, r in zip(lines, result.history, strict=True)
    ]
    return Table(HISTORY_COLUMNS, rows, title="History", empty="no revisions", rail=rails)


MADE_BY = {
    "create_all": "create_all() and a stamp: where models and migrations differ, it is as the models say",
    "migrations": "the migrations",
}


def likely(result: Status) -> Table:
    """Revisions whose schema is nearest to the database's."""
    rows = [(c.revision, c.differences, "the same schema" if not c.differences else None) for c in result.likely]
    columns = (
        Column("revision", whole=True),
        Column("objects that differ", align="right"),
        Column("likely", wrap=True),
    )
    return Table(columns, rows, title="By its schema it may stand at")


def drift(result: Status) -> Table:
    """Differences between what should be there and what is, each with what mends it."""
    columns = (
        Column("against", whole=True), Column("kind", whole=True), Column("object", wrap=True, yields=1),
        Column("detail", wrap=True), Column("remedy", wrap=True, below=True),
    )  # fmt: skip
    rows = [(d.against, d.kind, d.object, d.detail, d.remedy) for d in result.drift or ()]
    return Table(columns, rows, title="Drift", empty="no drift", note=result.drift_skipped and unlooked(result))


def unlooked(result: Status) -> str:
    """What of drift was not looked for."""
    return f"not looked for: {result.drift_skipped}"
