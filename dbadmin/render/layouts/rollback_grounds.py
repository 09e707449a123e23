"""What the verdict of a rehearsal rests on: source, copy, comparison, scripts, time."""

import shlex

from dbadmin.render.document import Cell, KeyValues, Tone
from dbadmin.render.values import duration, plural, size
from dbadmin.results import AfterUpgrade, RollbackReport
from dbadmin.results.base import server_words


def grounds(result: RollbackReport) -> KeyValues:
    """What the verdict rests on: source, copy, comparison, scripts."""
    scripts = result.scripts
    commit = (
        f" at {scripts.git_commit[:12]}{' with local changes' if scripts.dirty else ''}" if scripts.git_commit else ""
    )
    pairs: list[tuple[str, object]] = [
        ("source", source_line(result)),
        ("copy", Cell(copy_line(result), "bad" if result.copy.left is not None else None)),
        *([("look into it", f"dbadmin shell --url {shlex.quote(result.copy.url)}")] if result.copy.url else []),
        ("compared", compared_line(result)),
    ]
    pairs += [("not compared", f"{e.object}: {e.reason}") for e in result.compared.excluded]
    if result.neutralised:
        pairs.append(("neutralised", ", ".join(result.neutralised)))
    if result.not_covered:
        pairs.append(("not covered", "; ".join(result.not_covered)))
    if result.after_upgrade is not None:
        pairs.append(("after upgrade", after_line(result.after_upgrade)))
    pairs.append(("scripts", f"{scripts.path}{commit}"))
    pairs.append(("time", time_line(result)))
    return KeyValues(tuple(pairs))


def source_line(result: RollbackReport) -> Cell:
    """Where the data came from, and whether it is proven that nothing there changed."""
    source = result.source
    name = source.url or str((result.backup or {}).get("path") or source.name)
    proof, tone = SOURCE_PROOF[result.source_unchanged]
    if source.kind == "in-place":
        proof, tone = "itself the copy: not what it was", "warn"
    return Cell(f"{name} ({server_words(source.engine, source.version)}), {proof}", tone)


def after_line(after: AfterUpgrade) -> str:
    """What `--after-upgrade` did, in a walk of its own."""
    if after.skipped is not None:
        return f"{after.file} was not run: {after.skipped}"
    wrote = "any table" if after.touched is None else ", ".join(after.touched) or "nothing"
    return f"{after.file} ({duration(after.seconds)}) wrote {wrote}, in a walk of its own"


SOURCE_PROOF: dict[bool | None, tuple[str, Tone | None]] = {
    True: ("unchanged: proven", None),
    False: ("CHANGED during the rehearsal", "bad"),
    None: ("never connected to", None),
}


def copy_line(result: RollbackReport) -> str:
    """How the copy was made, how big, and whether it is still there."""
    copy = result.copy
    made = [copy.method, *filter(None, (size(copy.bytes), duration(copy.seconds)))]
    if result.source.kind == "in-place":
        return ", ".join([*made, f"{copy.name} stays as it is now"])
    if copy.left is not None:
        return ", ".join([*made, f"{copy.name} is still there"])
    if not copy.kept:
        return ", ".join([*made, "removed"])
    ours = result.source.kind in ("database", "backup")
    return ", ".join([*made, f"kept until dbadmin copies --drop {copy.name}" if ours else f"kept as {copy.name}"])


def compared_line(result: RollbackReport) -> str:
    """How much was looked at."""
    compared = result.compared
    line = f"{plural(compared.tables, 'table')}, {plural(compared.rows, 'row')}"
    if compared.untouched and compared.looked_at is not None:
        looked = f"{plural(compared.looked_at, 'table')} ({plural(compared.rows, 'row')}) looked at"
        line = f"{looked}, {compared.untouched:,} proven untouched"
    if compared.empty:
        line += f"; touched, but without rows: {', '.join(compared.empty)}"
    return line


def time_line(result: RollbackReport) -> str:
    """The whole, and its parts where they were measured."""
    timings = result.timings
    parts = [
        f"{name} {duration(seconds)}"
        for name in ("copy", "snapshot", "upgrade", "downgrade", "reupgrade", "compare")
        if (seconds := getattr(timings, name)) is not None
    ]
    whole = str(duration(timings.total))
    return f"{whole} ({', '.join(parts)})" if parts else whole
