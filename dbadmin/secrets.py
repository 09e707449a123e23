"""One place that knows secrets: what to hide, and how it looks when hidden."""

import re
from collections.abc import Iterable
from functools import cache
from urllib.parse import quote, quote_plus, unquote_plus

HIDDEN = "***"
SENSITIVE_WORDS = ("password", "passwd", "secret", "token", "api_key", "hash")

_known: set[str] = set()
_SECRET_KEY = r"(?:sslpassword|password|passwd|pwd|secret|token|api_key)"
_URL_PASSWORD = re.compile(r"(?P<head>\b[A-Za-z][\w+.-]*://[^\s:/@'\"]*:)(?P<secret>[^\s'\"]*)@(?=[^\s@'\"]*)")
_KEY_VALUE = re.compile(rf"(?P<head>\b{_SECRET_KEY}\s*=\s*)(?P<secret>'[^']*'|\"[^\"]*\"|[^\s&;,)'\"]+)", re.IGNORECASE)


def remember(secret: str | None) -> None:
    """Hide this text wherever `mask` meets it from now on, also url-encoded or with doubled percents.

    Texts under four characters are only hidden by pattern: they would blank out ordinary words.
    """
    if secret and len(secret) >= 4:
        plain = unquote_plus(secret) if "%" in secret else secret
        for text in {secret, plain}:
            _known.update({text, quote(text, safe=""), quote_plus(text), text.replace("%", "%%")})
            _known.add(quote(text, safe="").replace("%", "%%"))


def mask(text: str) -> str:
    """`text` without passwords: URLs show ***, so do password=… pairs and every remembered secret.

    >>> mask("postgresql://app:s3cret@db/prod?sslpassword=x1")
    'postgresql://app:***@db/prod?sslpassword=***'
    """
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = _as_secret(secret).sub(HIDDEN, text)
    text = _URL_PASSWORD.sub(rf"\g<head>{HIDDEN}@", text)
    return _KEY_VALUE.sub(rf"\g<head>{HIDDEN}", text)


@cache
def _as_secret(secret: str) -> re.Pattern[str]:
    # A short password such as "pass" is hidden as a word of its own, not inside "password".
    edge = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])" if len(secret) < 8 else "{}"
    return re.compile(edge.format(re.escape(secret)))


def is_sensitive(column: str, words: Iterable[str] = SENSITIVE_WORDS) -> bool:
    """Whether a column's name contains one of `words` as a whole word (parts split at _ and case).

    >>> [is_sensitive(n) for n in ("hashed_password", "reset_token", "apiKey", "passwordless", "tokens_used")]
    [True, True, True, False, False]
    """
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()
    return any(re.search(rf"(?:^|_){re.escape(word.lower())}(?:$|_)", spelled) for word in words)
