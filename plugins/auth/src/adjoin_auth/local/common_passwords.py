"""Passwords that are tried first, as a sorted file of shortened SHA-1 hashes.

Written by `python -m adjoin_auth.local.common_passwords`: from the 30,000 most common passwords of leaks that zxcvbn
ships (MIT licence) those that are long enough to be asked about, and from the words below with years and what people
add to them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

__all__ = ["OWN_WORDS", "is_common", "render"]

#: Words that passwords of offices are made of: the product and its field, seasons and months in several languages.
OWN_WORDS = (
    "adjoin", "admin", "administrator", "welcome", "willkommen", "bienvenue", "bienvenido", "passwort", "kennwort",
    "password", "motdepasse", "contraseña", "wachtwoord", "geheim", "changeme", "letmein", "company", "firma",
    "marketing", "campaign", "kampagne", "google", "facebook", "linkedin", "microsoft", "instagram",
    "spring", "summer", "autumn", "winter", "frühling", "fruehling", "frühjahr", "sommer", "herbst",
    "printemps", "été", "automne", "hiver", "primavera", "verano", "estate", "otoño", "autunno", "invierno", "inverno",
    "january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december",
    "januar", "jänner", "februar", "märz", "juni", "juli", "oktober", "dezember",
)  # fmt: skip

_YEARS = range(2020, 2036)
_BETWEEN = ("", "-", "_", ".", "@")
_ENDINGS = ("", "!", "!!", "1", "123", "123!", "?", ".", "#", "$")
_FILE = Path(__file__).with_name("common_passwords.sha1")
_SHORTEST = 8  # characters
_BYTES = 6  # of each hash: of 100,000 hashes one in three billion passwords meets one by chance


def is_common(password: str) -> bool:
    """Whether a password is on the list, whatever its capitals."""
    hashes, wanted = _hashes(), _shortened(password)
    low, high = 0, len(hashes) // _BYTES
    while low < high:
        middle = (low + high) // 2
        if hashes[middle * _BYTES : (middle + 1) * _BYTES] < wanted:
            low = middle + 1
        else:
            high = middle
    return hashes[low * _BYTES : (low + 1) * _BYTES] == wanted


def render() -> bytes:
    """Return the file."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    passwords = {*FREQUENCY_LISTS["passwords"], *_made_up()}
    return b"".join(sorted({_shortened(one) for one in passwords if len(one) >= _SHORTEST}))


def _made_up() -> Iterator[str]:
    for word, between, year, ending in product(OWN_WORDS, _BETWEEN, _YEARS, _ENDINGS):
        yield f"{word}{between}{year}{ending}"
    for word, ending in product(OWN_WORDS, _ENDINGS):
        yield f"{word}{ending}"
        yield f"{word}{word}{ending}"


def _shortened(password: str) -> bytes:
    return hashlib.sha1(password.casefold().encode(), usedforsecurity=False).digest()[:_BYTES]


@cache
def _hashes() -> bytes:
    return _FILE.read_bytes()


if __name__ == "__main__":
    _FILE.write_bytes(render())
