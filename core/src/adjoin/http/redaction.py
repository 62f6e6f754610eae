"""Keeping secrets out of everything that people and log files see."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["HIDDEN", "Redactor", "is_secret_name", "redact_text", "remember_secrets"]

HIDDEN = "***"

# Below these lengths a "secret" would blank out innocent words: of one client's own texts, and of the whole process's.
_SHORTEST_SECRET = 6
_SHORTEST_REMEMBERED = 12
_MOST_REMEMBERED = 20_000
_FEW = 200  # so many are looked for one by one faster than the text is gone through

#: Names whose value is secret wherever they stand: as a query parameter, a form or JSON field, a header, a log key.
_SECRET_NAMES = frozenset(
    {
        "access_token", "apikey", "api_key", "access_key", "app_secret", "appsecret", "appsecret_proof", "assertion",
        "auth", "authorization", "client_assertion", "client_secret", "code", "code_verifier", "cookie", "credential",
        "developer_token", "fb_exchange_token", "id_token", "input_token", "key", "oauth_token", "otp", "passphrase",
        "passwd", "password", "private_key", "proxy_authorization", "pwd", "recovery_code", "refresh_token", "secret",
        "secret_key", "session_id", "sessionid", "set_cookie", "sig", "signature", "signing_key", "token", "totp",
        "x_amz_signature", "x_api_key",
    }
)  # fmt: skip
_SECRET_WORDS = frozenset(
    {"apikey", "authorization", "cookie", "credential", "passphrase", "passwd", "password", "secret", "token"}
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_NAME = r"[A-Za-z][A-Za-z0-9_.\-]{1,60}"
# Where a named value begins, and what belongs to it. Names are looked at one by one, as a value may hold named values.
_NAMED = tuple(
    (re.compile(name), re.compile(value, re.DOTALL))
    for name, value in (
        (rf"(?<![A-Za-z0-9_.\-])({_NAME})=", r"[^\s&#\"'<>;,)\]}]+"),
        (rf"%(?:3[Ff]|26)({_NAME})%3[Dd]", r"(?:(?!%26)[^\s&\"'<>])+"),
        (rf"[\"']({_NAME})[\"']\s*:\s*\"", r"(?:\\.|[^\"\\])+"),
        (rf"[\"']({_NAME})[\"']\s*:\s*'", r"(?:\\.|[^'\\])+"),
        (rf"\\\"({_NAME})\\\"\s*:\s*\\\"", r"(?:(?!\\\").)+"),
    )
)
_STATE = re.compile(r"([?&]state=)[^\s&#\"'<>]+")  # elsewhere "state" is an innocent word
# "basic" is also a plain word, so it needs its capital and a longer value.
_SCHEME = re.compile(r"\b((?i:Bearer)(?=.{7})|Basic(?=.{17}))(\s+|%20|\+)[A-Za-z0-9\-._~+/|=%]{6,}")
_HEADER = re.compile(r"\b((?:proxy-)?authorization|cookie|set-cookie)(\s*:\s*)[^\r\n\"']+", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/@:?#]*):([^\s/@?#]+)@")
# Tokens that give themselves away: ours, JWT, Meta, Google, Stripe, Supabase, LinkedIn.
_KNOWN = re.compile(
    r"adj_[a-z]{1,8}_[0-9A-Za-z]{16,}|\beyJ[\w\-]{8,}\.[\w\-]{4,}\.[\w\-]*|\bEAA[A-Za-z0-9]{20,}|\bya29\.[\w\-.]{10,}|\b1//[\w\-]{20,}"
    r"|\b(?:sk|rk|pk)_(?:live|test)_\w{8,}|\bwhsec_\w{8,}|\bsb_secret_\w{8,}|\bGOCSPX-[\w\-]{10,}|\bAQ[TXUV][\w\-]{40,}"
)


def is_secret_name(name: str) -> bool:
    """Say whether a value under this name must not be shown: `access_token`, `clientSecret`, `X-Api-Key`."""
    plain = _CAMEL.sub("_", name).replace("-", "_").replace(".", "_").lower()
    return plain in _SECRET_NAMES or not _SECRET_WORDS.isdisjoint(plain.split("_"))


def remember_secrets(values: Iterable[str]) -> None:
    """Have `redact_text` hide these values wherever they turn up in this process, whatever stands around them.

    Values shorter than twelve characters are ignored, and the newest 20,000 count. Safe from any thread.
    """
    _remembered.add(values)


def redact_text(text: str) -> str:
    """Blank out secrets: the remembered, values of telling names, Authorization values, passwords in URLs, tokens.

    `code` counts as a telling name, so `code=17` becomes `code=***`; write `code 17`.
    """
    text = _remembered.hide(text)
    text = _HEADER.sub(lambda m: f"{m[1]}{m[2]}{HIDDEN}", text)
    text = _SCHEME.sub(lambda m: f"{m[1]}{m[2]}{HIDDEN}", text)
    for name, value in _NAMED:
        text = _hide_named(text, name, value)
    text = _STATE.sub(lambda m: f"{m[1]}{HIDDEN}", text)
    text = _PASSWORD_IN_URL.sub(lambda m: f"{m[1]}:{HIDDEN}@", text)
    return _KNOWN.sub(HIDDEN, text)


def _hide_named(text: str, name: re.Pattern[str], value: re.Pattern[str]) -> str:
    pieces: list[str] = []
    done = 0
    for found in name.finditer(text):
        if found.start() < done or not is_secret_name(found[1]):
            continue
        if hidden := value.match(text, found.end()):
            pieces += [text[done : found.end()], HIDDEN]
            done = hidden.end()
    return "".join([*pieces, text[done:]])


class _Remembered:
    """Known secret values, looked up by how they start: a text takes about as long with thousands as with one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, None] = {}  # in the order they came
        self._lengths: dict[str, dict[int, int]] = {}  # start: how many values of which length start so

    def add(self, values: Iterable[str]) -> None:
        with self._lock:
            for value in values:
                if len(value) >= _SHORTEST_REMEMBERED and value not in self._values:
                    for spelling in _spellings(value) - self._values.keys():
                        self._values[spelling] = None
                        lengths = self._lengths.setdefault(spelling[:_SHORTEST_REMEMBERED], {})
                        lengths[len(spelling)] = lengths.get(len(spelling), 0) + 1
            while len(self._values) > _MOST_REMEMBERED:
                self._forget(next(iter(self._values)))

    def hide(self, text: str) -> str:
        starts = tuple(self._lengths)
        if len(starts) <= _FEW and not any(start in text for start in starts):
            return text
        pieces: list[str] = []
        done = at = 0
        last = len(text) - _SHORTEST_REMEMBERED
        while at <= last:
            if text[at : at + _SHORTEST_REMEMBERED] in self._lengths and (length := self._at(text, at)):
                pieces += [text[done:at], HIDDEN]
                done = at = at + length
            else:
                at += 1
        return "".join([*pieces, text[done:]]) if pieces else text

    def _at(self, text: str, at: int) -> int:
        """How long the value is that stands there, 0 if there is none. Of two that begin alike, the longer one."""
        with self._lock:
            lengths = sorted(self._lengths.get(text[at : at + _SHORTEST_REMEMBERED], ()), reverse=True)
            return next((length for length in lengths if text[at : at + length] in self._values), 0)

    def _forget(self, value: str) -> None:
        start = value[:_SHORTEST_REMEMBERED]
        del self._values[value]
        lengths = self._lengths[start]
        lengths[len(value)] -= 1
        if not lengths[len(value)]:
            del lengths[len(value)]
        if not lengths:
            del self._lengths[start]


class Redactor:
    """Blanks out known secret values, in plain and in URL-encoded form, besides what `redact_text` finds.

    Values may be added while it is in use, from any thread. Values shorter than six characters are ignored.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: tuple[str, ...] = ()
        self.add(secrets)

    def __repr__(self) -> str:
        return f"Redactor(<{len(self._values)} hidden>)"

    def add(self, secrets: Iterable[str]) -> None:
        """Learn more values that must not be shown, and have the whole process remember the longer ones."""
        found = set(self._values)
        learnt = tuple(secrets)
        remember_secrets(learnt)
        for secret in learnt:
            if len(secret) >= _SHORTEST_SECRET:
                found |= _spellings(secret)
        # Longest first: a value that contains another must not leave its tail behind.
        self._values = tuple(sorted(found, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return redact_text(text)


def _spellings(secret: str) -> set[str]:
    """A value as it is, and as it looks within a URL or a JSON text."""
    return {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}


#: Of this process, as its logs are: whoever shows a text need not know whose secret it might quote.
_remembered = _Remembered()
