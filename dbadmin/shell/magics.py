"""`%sql` and its kin: commands that IPython reads, tied to the open application."""

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from IPython.display import display

from dbadmin.shell import sql
from dbadmin.shell.talk import tell

if TYPE_CHECKING:
    from dbadmin.shell.attach import Attached


def magics(attached: "Attached") -> Any:
    """The commands, for one shell."""
    return DatabaseMagics(attached.shell, attached)


@magics_class
class DatabaseMagics(Magics):
    """Commands about the database."""

    def __init__(self, shell: Any, attached: "Attached") -> None:
        super().__init__(shell)
        self.attached = attached

    @property
    def namespace(self) -> dict[str, Any]:
        """The names at the prompt."""
        found: dict[str, Any] = self.attached.shell.user_ns
        return found

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def sql(self, line: str, cell: str | None = None, local_ns: Any = None) -> Any:
        """Run SQL; `:name` takes the value of a variable. Gives a DataFrame.

            %sql select * from users where id = :user_id
            posts = %sql select * from blog_posts

            %%sql posts <<
            select * from blog_posts
            where author_id = :user_id

        `name <<` puts the result into a variable instead of showing it. Several statements, separated by semicolons,
        run one after the other in the session's transaction. COMMIT and ROLLBACK are those of the session.
        """
        name, first = sql.target(line)
        text = first if cell is None else f"{first}\n{cell}"
        names = {**self.namespace, **(local_ns or {})}
        last = None
        for _, found in sql.run(self.attached.live, text, names):
            if last is not None:
                display(last)  # type: ignore[no-untyped-call]
            last = found if found is not None and len(found.columns) else None
            if found is not None and last is None:
                tell_changed(found.attrs.get("rows_changed"))
        if name is None:
            return last
        self.namespace[name] = last
        return None


def tell_changed(rows: int | None) -> None:
    """How many rows a statement changed."""
    if rows is not None:
        tell(f"{rows} row{'' if rows == 1 else 's'} changed")
