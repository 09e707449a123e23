"""One place that knows secrets: what to hide, and how it looks when hidden."""

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from urllib.parse import quote, quote_plus, unquote_plus

HIDDEN = "***"
SENSITIVE_WORDS = ("password", "passwd", "secret", "token", "api_key", "hash")
SHORTEST = 4
"""Texts of fewer characters are hidden by pattern only: they would blank out ordinary words."""
SHORTEST_OF_A_VARIABLE = 6
"""As long must a variable's value be that is hidden for the variable's name alone."""

_known: set[str] = set()
_WORD = r"(?:password|passwd|secret|token|api_?key)"
_SECRET_KEY = rf"(?:\w{{0,40}}{_WORD}|pwd)"
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_URL_PASSWORD = re.compile(r"(?P<head>\b[A-Za-z][\w+.-]*://[^\s:/@'\"]*:)(?P<secret>[^\s'\"]{0,2000})@(?=[^\s@'\"]*)")
_NO_PORT = r"(?!\d{1,5}(?:[/?#\s'\",;)\]]|$))(?!\*\*\*)"
_OPEN_URL = rf"(?P<head>\b[A-Za-z][\w+.-]*://[^\s:/@'\"\[\]]*:){_NO_PORT}"
_SPACED_URL = re.compile(rf"{_OPEN_URL}(?P<secret>[^\s'\"@]+(?: [^\s'\"@]+){{1,3}})@")
"""A URL as SQLAlchemy writes it: blanks of a password stay blanks."""
_CUT_URL = re.compile(rf"{_OPEN_URL}(?P<secret>[^\s'\"@]+)")
"""A URL that somebody cut short before its host, as pydantic does: what follows the colon is no port."""
_KEY_VALUE = re.compile(
    rf"(?P<head>(?<![A-Za-z0-9]){_SECRET_KEY}\s*=\s*)(?P<secret>{_QUOTED}|[^\s&;,)'\"]+)", re.IGNORECASE
)
_ITEM = re.compile(rf"(?P<head>(?P<quote>['\"]){_SECRET_KEY}(?P=quote)\s*:\s*)(?P<secret>{_QUOTED})", re.IGNORECASE)
"""An entry of a dict or of JSON, as in a printed environment."""
_STATEMENT = re.compile(
    r"(?P<head>\b(?:password(?:\s+|\s*\(\s*)|identified\s+(?:(?:with|via)\s+\w+\s+)?(?:by|as|using)\s+)e?)"
    r"(?P<secret>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)",
    re.IGNORECASE | re.DOTALL,
)
"""A statement that gives an account its password."""
_VARIABLE = re.compile(rf"(?:^|_|PG|MYSQL_){_WORD}S?(?:$|_)|^MYSQL_PWD$|_PWD$", re.IGNORECASE)
_IN_URL = re.compile(r"\b[A-Za-z][\w+.-]*://[^\s:/@]*:(?P<secret>\S+)@")
_DETAILS = (
    (re.compile(r"^(\s*DETAIL:).*$", re.MULTILINE), rf"\1 {HIDDEN}"),
    (re.compile(rf"('D':\s*)(?:{_QUOTED})"), rf"\1'{HIDDEN}'"),
    (re.compile(r"(Duplicate entry )'.*?' (for key)", re.DOTALL), rf"\1{HIDDEN} \2"),
    (re.compile(r"(Failing row contains ).*$", re.MULTILINE), rf"\1{HIDDEN}"),
    (re.compile(r"(invalid input (?:syntax|value) for [^:\n]+: )\"[^\n]*\""), rf"\1{HIDDEN}"),
)


def remember(secret: str | None) -> None:
    """Hide this text wherever `mask` meets it from now on, in every spelling that texts carry it in."""
    if secret and len(secret) >= SHORTEST:
        plain = unquote_plus(secret) if "%" in secret else secret
        for text in {secret, plain}:
            _known.update(form for form in _spellings(text) if len(form) >= SHORTEST)


def remember_variables(environment: Mapping[str, str]) -> None:
    """Hide the values of variables that are named like secrets, and the passwords of URLs among the others."""
    for name, value in environment.items():
        if "://" in value:
            for found in _IN_URL.finditer(value):
                remember(found["secret"])
        elif _VARIABLE.search(name) and len(value) >= SHORTEST_OF_A_VARIABLE and not value.startswith(("/", ".", "~")):
            remember(value)  # a path is where a secret lies, and would be hidden in ordinary messages


def _spellings(text: str) -> Iterator[str]:
    """A secret as URLs, configuration files, Python, JSON, HTML, SQL and HTTP headers spell it."""
    for url in (text, quote(text, safe=""), quote_plus(text), quote(text, safe=" +"), quote(text)):
        yield from (url, url.replace("%", "%%"), re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), url))
    yield from (repr(text)[1:-1], ascii(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield from (html.escape(text), html.escape(text, quote=False))
    yield from (text.replace("'", "''"), text.replace('"', '""'), text.replace("\\", "\\\\").replace("'", "\\'"))
    encoded = b64encode(text.encode("utf-8", "surrogateescape")).decode().rstrip("=")
    if len(encoded) >= 2 * SHORTEST:
        yield encoded


def mask(text: str) -> str:
    """`text` without passwords: URLs show ***, so do password=… pairs and every remembered secret.

    >>> mask("postgresql://app:s3cret@db/prod?sslpassword=x1")
    'postgresql://app:***@db/prod?sslpassword=***'
    >>> mask("input_value='postgresql://app:s3cr...ple', {'DB_PASSWORD': 'x'} http://localhost:8080/")
    "input_value='postgresql://app:***', {'DB_PASSWORD': ***} http://localhost:8080/"
    >>> mask("CREATE ROLE app LOGIN PASSWORD 's3cret'; ALTER USER app IDENTIFIED BY 's3cret'")
    'CREATE ROLE app LOGIN PASSWORD ***; ALTER USER app IDENTIFIED BY ***'
    """
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = _as_secret(secret).sub(HIDDEN, text)
    text = _URL_PASSWORD.sub(rf"\g<head>{HIDDEN}@", text)
    text = _SPACED_URL.sub(rf"\g<head>{HIDDEN}@", text)
    text = _CUT_URL.sub(rf"\g<head>{HIDDEN}", text)
    text = _ITEM.sub(rf"\g<head>{HIDDEN}", text)
    text = _STATEMENT.sub(rf"\g<head>{HIDDEN}", text)
    return _KEY_VALUE.sub(rf"\g<head>{HIDDEN}", text)


def first_line(error: BaseException | None) -> str:
    """The first line of what an error says, secrets hidden; of SQLAlchemy's errors what the driver said.

    >>> first_line(ValueError("bad\\nDETAIL: Key (email)=(a@b) exists"))
    'bad'
    """
    lines = str(getattr(error, "orig", None) or error or "").strip().splitlines()
    return mask(lines[0].strip()) if lines else type(error).__name__


def mask_known(text: str) -> str:
    """`text` without remembered secrets and passwords of URLs: for what people print, in which `token=…` is their data.

    >>> mask_known("postgresql://app:s3cret@db/prod token=x1")
    'postgresql://app:***@db/prod token=x1'
    """
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = _as_secret(secret).sub(HIDDEN, text)
    return _URL_PASSWORD.sub(rf"\g<head>{HIDDEN}@", text) if "://" in text else text


def without_values(text: str) -> str:
    """A traceback without those parts of databases' messages that repeat values of rows.

    >>> without_values("duplicate key\\nDETAIL:  Key (email)=(ann@example.com) already exists.")
    'duplicate key\\nDETAIL: ***'
    """
    for pattern, kept in _DETAILS:
        text = pattern.sub(kept, text)
    return text


@cache
def _as_secret(secret: str) -> re.Pattern[str]:
    # A short password such as "pass" is hidden as a word of its own, not inside "password".
    edge = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])" if len(secret) < 8 else "{}"
    return re.compile(edge.format(re.escape(secret)))


def is_sensitive(column: str, words: Iterable[str] = SENSITIVE_WORDS) -> bool:
    """Whether a column's name contains one of `words` as a whole word (parts split at case and signs).

    >>> [is_sensitive(n) for n in ("hashed_password", "reset_token", "apiKey", "passwordless", "tokens_used")]
    [True, True, True, False, False]
    >>> [is_sensitive(n) for n in ("Secret Word", "api-key", "user.password", "Secretary")]
    [True, True, True, False]
    """
    spelled = re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column)).lower()
    return any(re.search(rf"(?:^|_){re.escape(word.lower())}(?:$|_)", spelled) for word in words)
