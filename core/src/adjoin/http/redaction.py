"""Keeping secrets out of everything that people and log files see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["HIDDEN", "Redactor", "is_secret_name", "redact_text"]

HIDDEN = "***"

# Below this length a "secret" would blank out innocent words.
_SHORTEST_SECRET = 6

#: Names whose value is secret wherever they stand: as a query parameter, a form or JSON field, a header, a log key.
_SECRET_NAMES = frozenset(
    {
        "access_token", "apikey", "api_key", "access_key", "app_secret", "appsecret", "appsecret_proof", "assertion",
        "auth", "authorization", "client_assertion", "client_secret", "code", "code_verifier", "cookie", "credential",
        "developer_token", "fb_exchange_token", "id_token", "input_token", "key", "oauth_token", "passphrase",
        "passwd", "password", "private_key", "proxy_authorization", "pwd", "refresh_token", "secret", "secret_key",
        "set_cookie", "sig", "signature", "signing_key", "token", "x_amz_signature", "x_api_key",
    }
)  # fmt: skip
_SECRET_WORDS = frozenset({"apikey", "authorization", "credential", "password", "secret", "token"})
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
# Tokens that give themselves away: JWT, Meta, Google, Stripe, Supabase, LinkedIn.
_KNOWN = re.compile(
    r"\beyJ[\w\-]{8,}\.[\w\-]{4,}\.[\w\-]*|\bEAA[A-Za-z0-9]{20,}|\bya29\.[\w\-.]{10,}|\b1//[\w\-]{20,}"
    r"|\b(?:sk|rk|pk)_(?:live|test)_\w{8,}|\bwhsec_\w{8,}|\bsb_secret_\w{8,}|\bGOCSPX-[\w\-]{10,}|\bAQ[TXUV][\w\-]{40,}"
)


def is_secret_name(name: str) -> bool:
    """Say whether a value under this name must not be shown: `access_token`, `clientSecret`, `X-Api-Key`."""
    plain = _CAMEL.sub("_", name).replace("-", "_").replace(".", "_").lower()
    return plain in _SECRET_NAMES or not _SECRET_WORDS.isdisjoint(plain.split("_"))


def redact_text(text: str) -> str:
    """Blank out what looks like a secret: values of telling names, Authorization values, passwords in URLs, tokens.

    `code` counts as a telling name, so `code=17` becomes `code=***`; write `code 17`.
    """
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
        """Learn more values that must not be shown."""
        found = set(self._values)
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                found |= {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
        # Longest first: a value that contains another must not leave its tail behind.
        self._values = tuple(sorted(found, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return redact_text(text)
