"""What a script leans on: the application's code, and revisions on other branches."""

from collections.abc import Iterator

from dbadmin.migrations.review.rule import Found, Look, named, rule

_CHANGES_WITH_CODE = {
    "models", "model", "settings", "config", "conf", "main", "app", "application", "schemas", "database", "db",
    "session", "crud", "services", "orm",
}  # fmt: skip


@rule(
    "name-undefined", "error",
    why="the script ends there with a NameError, on every database: autogenerate writes the name of a type of the "
    "application's, and no import",
    instead="import it at the top of the script; or let env.py's render_item write the plain type instead",
)  # fmt: skip
def name_undefined(look: Look) -> Iterator[Found]:
    """A name that nothing in the script defines."""
    for name, line in look.script.undefined:
        yield Found(named(look.script.path), f"{name} is not defined", line)


@rule(
    "application-imported", "warning",
    why="the script must run as it was written for years, and the application changes: a model that has a column more "
    "makes an old revision fail on a new database; settings make it depend on the machine",
    instead="describe the tables in the script: users = sa.table('users', sa.column('id'), …)",
)  # fmt: skip
def application_imported(look: Look) -> Iterator[Found]:
    """A module of the application is imported by the script; a note where its name is not one of models or settings."""
    own = [one for one in look.script.imports if look.own(one.module)]
    for module in dict.fromkeys(one.module for one in own):
        imports = [one for one in own if one.module == module]
        names = [name for one in imports for name in one.names]
        certain = bool({*module.strip(".").split("."), *names} & _CHANGES_WITH_CODE)
        detail = f"imports {module}" + (f" ({', '.join(names)})" if names else "")
        yield Found(named(look.script.path), detail, imports[0].line, severity=None if certain else "note")


_ASIDE = ("insert", "lock_table", "sql")
"""What changes no table."""


@rule(
    "branches-change-one-table", "warning",
    why="the two can be applied in either order, so that databases end up different, and one may fail after the other",
    instead="let one follow the other: change its down_revision, or depends_on",
)  # fmt: skip
def branches_change_one_table(look: Look) -> Iterator[Found]:
    """Two revisions on branches that were not merged before change the same table."""
    mine: dict[str, int] = {}
    for change in look.script.upgrade:
        if change.full_table is not None and change.kind not in _ASIDE:
            mine.setdefault(change.full_table, change.line)
    for other in look.others:
        changed = {c.full_table or "" for c in other.changes if c.kind not in _ASIDE}
        for table in sorted(changed & set(mine)):
            detail = f"also changed by {other.revision} ({named(other.file)}) on another branch"
            yield Found(table, detail, mine[table])
