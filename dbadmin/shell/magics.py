"""`%sql` and its kin: commands that IPython reads, tied to the open application."""

from typing import TYPE_CHECKING, Any, get_args

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, needs_local_scope, no_var_expand
from IPython.core.page import page
from IPython.display import display

from dbadmin import protected
from dbadmin.database import Mode
from dbadmin.errors import UsageError
from dbadmin.render.values import visible_lines
from dbadmin.shell.talk import answer

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

        `name <<` puts the result into a variable instead of showing it; --page shows all rows in a pager. Several
        statements, separated by semicolons, run one after the other in the session's transaction. COMMIT and ROLLBACK
        are those of the session.
        """
        from dbadmin.shell import sql

        name, first = sql.target(line)
        text = first if cell is None else f"{first}\n{cell}"
        paged = text.lstrip().startswith("--page")
        text = text.lstrip().removeprefix("--page") if paged else text
        names = {**self.namespace, **(local_ns or {})}
        last = None
        for _, found in sql.run(self.attached.live, text, names):
            if last is not None:
                display(last)  # type: ignore[no-untyped-call]
            last = found if found is not None and len(found.columns) else None
            if found is not None and last is None and found.attrs.get("rows_changed") is not None:
                answer(str(found))
        if paged and last is not None:
            page(visible_lines(last.to_string()))
            return None
        if name is None:
            return last
        self.namespace[name] = last
        return None

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def explain(self, line: str, cell: str | None = None, local_ns: Any = None) -> Any:
        """Draw the plan of a statement; --analyze runs it, and tells what it took.

            %explain select * from users where id = :user_id
            %explain --analyze select count(*) from users
            %explain select(User).where(User.id == user_id)

        What is Python and gives a statement of SQLAlchemy's is explained as that; a variable may hold it.
        """
        from dbadmin.shell import sql

        words = line.split(maxsplit=1)
        analyze = bool(words) and words[0] == "--analyze"
        rest = " ".join(words[1:]) if analyze else line
        text = rest if cell is None else f"{rest}\n{cell}"
        return sql.explain(self.attached.live, text, {**self.namespace, **(local_ns or {})}, analyze=analyze)

    @no_var_expand
    @line_magic
    def set(self, line: str) -> None:
        """Keep a harmless setting of the database's for this session; without a value it is taken back.

        %set
        %set timezone Europe/Zurich
        %set timezone
        """
        live = self.attached.live
        words = line.replace("=", " ", 1).split(maxsplit=1)
        if not words:
            known = ", ".join(sorted(live.database.dialect.settings.names))
            kept = ", ".join(f"{name} = {value}" for name, value in live.settings.items())
            answer(f"set: {kept or 'nothing'}\nharmless settings: {known}")
            return
        value = words[1].strip().strip("'\"") if len(words) > 1 else None
        name = live.set(words[0], value)
        answer(f"{name} = {value}, in this session" if value is not None else f"{name} is as the server has it")

    @line_magic
    def reload(self, line: str) -> None:
        """Import the application anew, from the next prompt on. Read-only sessions do so when its files change."""
        self.attached.reload_wanted = True

    @no_var_expand
    @line_magic
    def mode(self, line: str) -> None:
        """Tell the session's mode, or go on in another one, from the next prompt on.

            %mode
            %mode read-only
            %mode sandbox NAME
            %mode write NAME

        NAME is the name of the database that is to be written to, as the prompt shows it. A new session begins: what
        was not committed is rolled back, and objects of the old one are detached.
        """
        live = self.attached.live
        words = line.split()
        if not words:
            answer(f"{live.database.shown_url}: the mode of this session is {live.mode}")
            return
        mode = asked(words[0])
        name = protected.name_of(live.database.place)
        if mode != "read-only":
            if words[1:] != [name]:
                raise UsageError(
                    f"%mode {mode} takes the name of the database that is to be written to",
                    hint=f"if you mean {live.database.shown_url}: %mode {mode} {name}",
                )
            patterns = live.admin.settings.get("protected", ())
            protected.refuse_write(live.database.place, patterns, confirmed=name)
        self.attached.wanted = (mode, name)


def asked(word: str) -> Mode:
    """The mode that a word means, also one that is written like the option of `dbadmin shell`.

    >>> asked("read-only"), asked("--write")
    ('read-only', 'write')
    """
    word = word.removeprefix("--")
    if word not in get_args(Mode):
        raise UsageError(f"no mode {word!r}", hint=f"known: {', '.join(get_args(Mode))}")
    found: Mode = word  # type: ignore[assignment]
    return found
