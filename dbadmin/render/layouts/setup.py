"""`dbadmin init`, `doctor`, `demo`, `notebook` and `copies`: what was found, what is missing, what was made."""

import shlex

from dbadmin.render.document import Block, Callout, Cell, Code, Column, Document, KeyValues, Table, Text, Tone
from dbadmin.render.values import plural, size
from dbadmin.results import Copies, Demo, Doctor, Init, Notebooks

CHECK_TONES: dict[str, Tone] = {"ok": "good", "warning": "warn", "failed": "bad", "skipped": "dim"}


def lay_out_doctor(result: Doctor, *, detail: bool = False) -> Document:
    """Every check with its origin and remedy."""
    states = [check.state for check in result.checks]
    counted = [f"{states.count(state)} {state}" for state in CHECK_TONES if state in states]
    line = f"{plural(len(states), 'check')}: {', '.join(counted)}" if states else "nothing to check"
    rows = [(c.name, Cell(c.state, CHECK_TONES[c.state]), c.value, c.origin, c.detail, c.remedy) for c in result.checks]
    columns = (
        Column("check", wrap=True),
        Column("state", whole=True),
        Column("value", wrap=True, yields=1),
        Column("origin", wrap=True, yields=1),
        Column("detail", wrap=True, below=True),
        Column("remedy", wrap=True, below=True),
    )
    table = Table(columns, rows)
    answer = Callout("READY", line, "good") if result.ok else Callout("NOT READY", line, "bad")
    return Document("Doctor", (answer, table), table)


def lay_out_init(result: Init, *, detail: bool = False) -> Document:
    """What was found and where, and the text that was or would be written."""
    columns = (Column("setting", whole=True), Column("value", wrap=True), Column("found in", wrap=True, yields=1))
    rows: list[tuple[object, ...]] = [
        (key, value if isinstance(value, str) else ", ".join(value), result.origins.get(key))
        for key, value in result.values.items()
    ]
    rows += [(key, "already set", result.file) for key in result.already]
    table = Table(columns, rows)
    blocks: list[Block] = [init_answer(result), table]
    if result.text:
        blocks.append(Code(result.text.rstrip("\n"), "toml"))
    return Document("Init", tuple(blocks), table)


def init_answer(result: Init) -> Callout:
    """One line: found or not, written or not."""
    if not result.ok:
        return Callout("NOTHING FOUND", "no models, session or Alembic project here", "bad")
    found = plural(len(result.values), "setting")
    if result.written:
        return Callout("WRITTEN", f"{found} to {result.file}", "good")
    if not result.values:
        return Callout("COMPLETE", f"nothing to add to {result.file or 'the configuration'}", "good")
    return Callout("NOT WRITTEN", f"{found} would go to {result.file}", "warn")


def lay_out_demo(result: Demo, *, detail: bool = False) -> Document:
    """What was made, and what to try."""
    if result.stopped:
        return Document("Demo", (Text(f"the server in {result.directory} is stopped"),))
    facts = KeyValues(
        (
            ("directory", result.directory),
            ("engine", result.engine),
            ("database", result.database),
            ("rows", f"{plural(result.users, 'user')}, {plural(result.posts, 'post')}"),
            ("current", result.current),
            ("pending", ", ".join(result.pending) or None),
        )
    )
    commands = (
        f"cd {shlex.quote(result.directory)}",
        "dbadmin status               # one migration is pending",
        "dbadmin verify-rollback      # rehearse it on a copy: up, down, up",
        "dbadmin group blog_posts --by author",
        "dbadmin shell",
    )
    return Document("Demo", (facts, Text("try next:"), Code("\n".join(commands), "sh")))


def lay_out_notebooks(result: Notebooks, *, detail: bool = False) -> Document:
    """The notebooks, and which of them were there before."""
    rows = [(name, "copied") for name in result.copied] + [(name, "kept as it was") for name in result.kept]
    table = Table(
        (Column("notebook", whole=True), Column("state", whole=True, yields=1)),
        sorted(rows),
        title=f"Notebooks in {result.directory}",
    )
    return Document("Notebooks", (table,), table)


def lay_out_copies(result: Copies, *, detail: bool = False) -> Document:
    """The copies that exist, with their owners; what was removed just now."""
    owners = {True: "running", False: Cell("dead", "warn"), None: "on another host"}
    rows = [
        (
            copy.name,
            copy.engine,
            size(copy.bytes),
            copy.started_at,
            copy.owner_pid,
            owners[copy.owner_alive],
            "yes" if copy.kept else "no",
            copy.directory,
        )
        for copy in result.copies
    ]
    columns = (
        Column("copy", whole=True),
        Column("engine", whole=True),
        Column("size", "right", yields=1),
        Column("started", whole=True, yields=1),
        Column("pid", "right", yields=1),
        Column("owner", whole=True, yields=1),
        Column("kept", whole=True, yields=1),
        Column("directory", wrap=True, below=True),
    )
    table = Table(columns, rows, empty="no copies")
    removed = tuple(Text(f"removed {name}") for name in result.removed)
    return Document("Copies", (*removed, table), table)
