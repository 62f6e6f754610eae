"""Which passwords are refused: short ones, common ones, and those that somebody who knows the person would try."""

from __future__ import annotations

import re
import threading
from datetime import datetime

from adjoin_auth.local.common_passwords import OWN_WORDS, is_common
from adjoin_auth.local.hashing import MOST_BYTES, prepared
from adjoin_auth.local.refusals import weak_password

__all__ = ["SHORTEST", "strong_password"]

#: In characters.
SHORTEST = 12
#: Powers of ten. zxcvbn's own bar, 8, lets a season with its year pass, as it knows English words best.
_FEWEST_GUESSES = 9.0
_SHORTEST_REST = 6
_LOOKED_AT = 48  # characters; the work grows with the square
#: Signs that zxcvbn takes for letters. It tries their meanings in all combinations, seconds of work for 20 of them.
_AMBIGUOUS = frozenset("4@8({[<3691!|0$5+7%2")
_MOST_AMBIGUOUS = 10
_LONGEST_WORD = 64

_one_at_a_time = threading.Lock()  # zxcvbn keeps the words of the person it judges in a global


def strong_password(password: str, *, email: str, name: str, now: datetime) -> bytes:
    """Return the password as it is hashed. Raises AuthError of kind `weak_password`.

    Its reasons are of: `long`, `short`, `common`, `guessable`.
    """
    ready = prepared(password)
    if ready is None:
        raise weak_password(f"The password cannot be used: it has more than {MOST_BYTES:,} bytes.", "long")
    text = ready.decode()
    if len(text) < SHORTEST:
        raise weak_password(f"The password is too short: use at least {SHORTEST} characters.", "short")
    if is_common(text):
        raise weak_password("The password is one of those that are tried first. Use another one.", "common")
    words = _words(email, name, now)
    if _rest(text, words) < _SHORTEST_REST or _guesses(text, words) < _FEWEST_GUESSES:
        raise weak_password(
            "The password is easy to guess. Use several words that have nothing to do with each other, or with you.",
            "guessable",
        )
    return ready


def _words(email: str, name: str, now: datetime) -> list[str]:
    own = [word for word in re.split(r"[\W_]+", f"{email} {name}"[:500]) if len(word) > 2]
    years = [str(year) for year in range(now.year - 2, now.year + 2)]
    whole = ["".join(own[:2]), "".join(reversed(own[:2])), email]
    return [word[:_LONGEST_WORD].lower() for word in [*own, *whole, *OWN_WORDS, *years] if word]


def _rest(password: str, words: list[str]) -> int:
    """Count the letters and digits that are no word on the list and no year."""
    joined = re.sub(r"[\W_]", "", password.lower())
    for word in sorted({*words}, key=len, reverse=True):
        joined = joined.replace(word, " ")
    return len(re.sub(r" |(?:19|20)[0-9]{2}", "", joined))


def _guesses(password: str, words: list[str]) -> float:
    from zxcvbn import zxcvbn

    with _one_at_a_time:
        return float(zxcvbn(_beginning(password), user_inputs=words)["guesses_log10"])


def _beginning(password: str) -> str:
    """Return as much of a password as can be judged in a moment. The whole is never easier to guess than that."""
    seen: set[str] = set()
    for place, sign in enumerate(password[:_LOOKED_AT]):
        seen |= {sign} & _AMBIGUOUS
        if len(seen) > _MOST_AMBIGUOUS and place >= SHORTEST:
            return password[:place]
    return password[:_LOOKED_AT]
