"""Random tokens that whoever holds them may use: sessions, invitations, API tokens, links in mails.

A token is `adj_KIND_` and 49 letters and digits: 256 random bits (43) and a checksum (6). The prefix tells people and
secret scanners what they have found, the checksum tells a typing error from a token that is unknown.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib

from adjoin.errors import UsageError

__all__ = [
    "API",
    "CONSENT",
    "INVITATION",
    "RESET",
    "SESSION",
    "VERIFICATION",
    "hash_token",
    "kind_of",
    "matches",
    "new_token",
]

#: The kinds of the core. Others take a short word of their own: 1 to 8 small letters.
SESSION = "s"
API = "t"
INVITATION = "i"
VERIFICATION = "v"
RESET = "r"
CONSENT = "c"

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_BITS = 256
_RANDOM_LENGTH = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
_KIND = re.compile(r"[a-z]{1,8}")
_TOKEN = re.compile(rf"adj_([a-z]{{1,8}})_[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}")


def new_token(kind: str) -> str:
    """Make a token of 256 random bits. UsageError if `kind` is not 1 to 8 small letters."""
    if not _KIND.fullmatch(kind):
        raise UsageError(f"A kind of token is 1 to 8 small letters, not {kind!r}")
    body = f"adj_{kind}_{_text(secrets.randbits(_RANDOM_BITS), _RANDOM_LENGTH)}"
    return body + _checksum(body)


def kind_of(token: str) -> str | None:
    """Say of which kind a token is; None if it is malformed or its checksum is wrong. It may still be unknown."""
    found = _TOKEN.fullmatch(token)
    if found is None or token[-_CHECKSUM_LENGTH:] != _checksum(token[:-_CHECKSUM_LENGTH]):
        return None
    return found[1]


def hash_token(token: str) -> bytes:
    """Return the 32 bytes to store and to look a token up by: its SHA-256. Any text is taken, of any length.

    No salt and no slow hash are needed: nobody can try out 2**256 tokens, and no two people have the same one.
    Looking up by the hash tells nothing by its duration, as the hash of a guess cannot be steered.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def matches(token: str, stored: bytes) -> bool:
    """Compare a token with a stored hash, taking as long for a wrong one as for the right one."""
    return hmac.compare_digest(hash_token(token), stored)


def _checksum(body: str) -> str:
    return _text(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _text(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
