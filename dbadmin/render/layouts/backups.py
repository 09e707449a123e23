"""`dbadmin backup` and `dbadmin restore`: what was written where, and what is known of it."""

from typing import Any

from dbadmin.render.document import Block, Callout, Column, Document, KeyValues, Table, Text
from dbadmin.render.values import duration, plural, size
from dbadmin.results import BackupReport, RestoreReport


def lay_out_backup(result: BackupReport, *, detail: bool = False) -> Document:
    """The file, its hash, and how far it is proven."""
    proof = result.proof
    facts = KeyValues(
        (
            ("file", result.path),
            ("format", result.format),
            ("size", size(result.bytes)),
            ("sha256", result.sha256),
            ("database", f"{result.database.url} ({result.database.server})"),
            ("time", duration(result.seconds)),
            ("restored", _proven(result)),
        )
    )
    blocks: list[Block] = [_answer(result), facts]
    table = None
    if proof and proof.not_proven:
        rows = [(one.table, one.reason) for one in proof.not_proven]
        table = Table(
            (Column("table", whole=True), Column("why it is not proven", wrap=True, yields=1)),
            rows,
            title="Not proven",
        )
        blocks.append(table)
    blocks += [Text(f"not covered: {note}") for note in result.not_covered]
    return Document("Backup", tuple(blocks), table)


def _answer(result: BackupReport) -> Callout:
    if result.incomplete:
        return Callout("NOT PROVEN", f"written, but nobody can say whether it is whole: {result.incomplete}", "warn")
    if result.proof and result.proof.not_proven:
        missing = plural(len(result.proof.not_proven), "table")
        return Callout("NOT PROVEN", f"written and whole, but {missing} could not be compared", "warn")
    told = "written, read to its end, restored and compared" if result.proof else "written, and read to its end"
    return Callout("WHOLE", told, "good")


def _proven(result: BackupReport) -> str | None:
    proof: Any = result.proof
    if proof is None:
        return "not tried (--verify restores it in private, and compares)"
    equal = proof.tables - len(proof.not_proven)
    return (
        f"{plural(equal, 'table')} equal to the database ({plural(proof.rows, 'row')}), "
        f"{plural(proof.objects, 'object')} of the schema there, {duration(proof.seconds)}"
    )


def lay_out_restore(result: RestoreReport, *, detail: bool = False) -> Document:
    """Where it went, and what it was."""
    if result.incomplete:
        answer = Callout("NOT PROVEN", f"restored, but nobody can say whether it is whole: {result.incomplete}", "warn")
    else:
        answer = Callout("RESTORED", f"all of {result.path}", "good")
    facts = KeyValues(
        (
            ("database", f"{result.database.url} ({result.database.server})"),
            ("it held before", "things that were removed" if result.emptied else "nothing"),
            ("tables", result.tables),
            ("size", size(result.bytes)),
            ("backup", f"{result.format}, sha256 {result.sha256}"),
            ("time", duration(result.seconds)),
        )
    )
    notes = [Text(f"not covered: {note}") for note in result.not_covered]
    return Document("Restore", (answer, facts, *notes))
