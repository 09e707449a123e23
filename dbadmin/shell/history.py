"""The shell's own history: a file that only its owner reads, without lines that hold a secret."""

import os
import re
from pathlib import Path

from dbadmin.secrets import mask

LEFT_OUT = "# a line with a secret was left out"
_SPOKEN = re.compile(
    r"\bpassword\b\s*(?:as\s+)?(?:e?'|\$\w*\$)"
    r"|\bidentified\b[^;]{0,80}?\b(?:by|as|using)\b[^;]{0,40}?[\"'$]"
    r"|\bauthorization\W{1,6}(?:bearer|basic|token)\s"
    r"|\b(?:mysql|mariadb)[\w-]*\s(?:[^|;]*\s)?-p\S"
    r"|(?:\bpw|password|passwd|passphrase|secret|token|(?:api|access|private)_?key)\w*[\"']?\]?"
    r"\s*(?::\s*\w+\s*=|=|:|\()\s*(?:str\()?[rbf]?[\"']",
    re.IGNORECASE,
)
"""A password in SQL, as in ALTER ROLE … PASSWORD '…', or for a program; or given to what is called so in Python."""


def has_secret(line: str) -> bool:
    """Whether a line holds something that looks like a secret, or one that is known.

    >>> has_secret("create_engine('postgresql://u:pw@h/d')")
    True
    >>> has_secret("text(\\"alter role a password 'x'\\")")
    True
    >>> has_secret("os.environ['DB_PASSWORD'] = 'x'"), has_secret("user.set_password('x')")
    (True, True)
    >>> has_secret("create user a identified with x by 'x'"), has_secret("!mysql -u a -px")
    (True, True)
    >>> has_secret("password: str = 'x'"), has_secret("{'Authorization': 'Bearer x'}"), has_secret("private_key = 'x'")
    (True, True, True)
    >>> has_secret("select(User).where(User.id == 1)")
    False
    """
    return mask(line) != line or _SPOKEN.search(line) is not None


def history_file() -> str:
    """The file, made private before anything is written; `:memory:` where there is no place for one."""
    from platformdirs import user_state_path

    file: Path = user_state_path("dbadmin") / "shell-history.sqlite"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        file.chmod(0o600)
    except OSError:
        return ":memory:"
    return str(file)
