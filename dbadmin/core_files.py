"""Core files, of which none is written: passwords and rows stand in a process's memory."""

from contextlib import suppress


def leave_no_core_file() -> None:
    """Neither this process nor its children write one, from now on; where there are no limits of processes, nothing."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
