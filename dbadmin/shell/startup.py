"""Start-up files of the application: `startup = ["scripts/shell.py"]` in [tool.dbadmin.shell]."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dbadmin.app import Settings
from dbadmin.shell.talk import tell


def configured(settings: Settings) -> tuple[Path, ...]:
    """The files that the configuration names, seen from where it stands."""
    setting = settings.commands.get("shell", {}).get("startup")
    value = () if setting is None else setting.value
    names = [value] if isinstance(value, str) else list(value)
    return tuple(settings.directory / Path(name).expanduser() for name in names)


def run_startup(shell: Any, files: Sequence[Path]) -> None:
    """Run files among the names at the prompt; one that fails tells where, and the session goes on."""
    for file in files:
        if not file.is_file():
            tell(f"startup: there is no file {file}")
            continue
        try:
            shell.safe_execfile(str(file), shell.user_ns, raise_exceptions=True)
        except SystemExit:
            tell(f"startup: {file} called sys.exit, which ends nothing here")
        except Exception as error:
            line = next((f"{file}:{n}" for n in reversed(lines_of(error, file))), str(file))
            tell(f"startup: {line}: {type(error).__name__}: {error}")


def lines_of(error: BaseException, file: Path) -> list[int]:
    """The lines of a file that an error came through."""
    import traceback

    return [f.lineno or 0 for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
