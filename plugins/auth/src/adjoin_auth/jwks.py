"""Signed tokens (JWT) and the keys that their issuers publish (JWKS).

Only the signature is checked here; what a token says is for its reader to judge. Symmetric algorithms and `none` do
not exist here, so a published key can never be taken for a shared secret.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from adjoin_auth.asking import NoAnswer

__all__ = ["ALGORITHMS", "BadToken", "KeySet", "Signed", "verified"]

#: What a token may be signed with: an algorithm, and the kind of key and the curve that belong to it.
ALGORITHMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    **{f"{kind}{bits}": ("RSA", ()) for kind in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
}

_LONGEST = 32 * 1024
_MOST_KEYS = 100
_SMALLEST_RSA = 2048


class BadToken(Exception):
    """A token is not to be believed. The message says why, for the operator, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What stands in a token whose signature is right."""

    algorithm: str
    claims: Mapping[str, Any]


class KeySet:
    """The keys of an issuer, fetched when needed and kept for a while.

    A key that is not among them has them fetched again, as it may be new: at most every `pause`, so that made-up names
    of keys cost the issuer nothing. What cannot be fetched again stays good for `stale`. Safe from any thread and
    event loop; two that fetch at once do it both.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        lasting: timedelta = timedelta(minutes=15),
        stale: timedelta = timedelta(hours=24),
        pause: timedelta = timedelta(seconds=30),
    ) -> None:
        self._fetch = fetch
        self._lasting, self._stale, self._pause = lasting, stale, pause
        self._keys: Sequence[Mapping[str, Any]] = ()
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None

    async def fitting(self, kid: str | None, algorithm: str, now: datetime) -> list[jwt.PyJWK]:
        """Return the keys that a token may be signed with. Raises NoAnswer where none can be fetched."""
        await self._refresh(now, self._lasting)
        found = _fitting(self._keys, kid, algorithm)
        if not found and self._fetched_at != now and await self._refresh(now, self._pause):
            found = _fitting(self._keys, kid, algorithm)
        return found

    async def _refresh(self, now: datetime, age: timedelta) -> bool:
        """Fetch the keys where they are older than `age`; say whether that was done."""
        fetched, tried = self._fetched_at, self._tried_at
        if fetched is not None and now - fetched < age:
            return False
        usable = fetched is not None and now - fetched < self._stale
        if usable and tried is not None and now - tried < self._pause:
            return False
        self._tried_at = now
        try:
            keys = _read(await self._fetch())
        except NoAnswer:
            if not usable:
                raise
            return False
        self._keys, self._fetched_at = keys, now
        return True


async def verified(
    token: str, keys: KeySet, *, algorithms: Collection[str] = tuple(ALGORITHMS), now: datetime
) -> Signed:
    """Check a token's signature and return what it says. Raises BadToken, and NoAnswer where the keys cannot be had.

    `algorithms` are those that the issuer says it uses; what is not in ALGORITHMS does not count.
    """
    if len(token) > _LONGEST:
        raise BadToken(f"the token is longer than {_LONGEST:,} signs")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise BadToken("the token is malformed") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or algorithm not in algorithms:
        raise BadToken(f"the token is signed with {str(algorithm)[:20]!r}, which is not allowed")
    if "crit" in header or header.get("b64") is False:
        raise BadToken("the token demands an extension that is not known here")
    if kid is not None and not isinstance(kid, str):
        raise BadToken("the token names its key in a way that is not allowed")
    candidates = await keys.fitting(kid, algorithm, now)
    if not candidates:
        raise BadToken("the token is signed with a key that the issuer does not publish")
    if kid is None and len(candidates) > 1:
        raise BadToken("the token does not say which of the issuer's keys it is signed with")
    for key in candidates:
        try:
            payload = jwt.PyJWS().decode(token, key, algorithms=[algorithm])
        except (jwt.PyJWTError, ValueError):
            continue
        return Signed(algorithm, _claims(payload))
    raise BadToken("the signature is wrong")


def _claims(payload: bytes) -> Mapping[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BadToken("the token holds no JSON") from error
    if not isinstance(claims, dict):
        raise BadToken("the token holds no JSON object")
    return claims


def _read(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    keys = answer.get("keys")
    if not isinstance(keys, list):
        raise NoAnswer("the issuer publishes no list of keys")
    return [key for key in keys[:_MOST_KEYS] if isinstance(key, dict)]


def _fitting(keys: Sequence[Mapping[str, Any]], kid: str | None, algorithm: str) -> list[jwt.PyJWK]:
    kind, curves = ALGORITHMS[algorithm]
    found = []
    for key in keys:
        fits = key.get("kty") == kind and (not curves or key.get("crv") in curves)
        for_this = key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
        if fits and for_this and (kid is None or key.get("kid") == kid) and (made := _key(key, algorithm)) is not None:
            found.append(made)
    return found


def _key(key: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    public = {name: value for name, value in key.items() if name not in {"d", "p", "q", "dp", "dq", "qi", "k"}}
    try:
        made = jwt.PyJWK(public, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    weak = key.get("kty") == "RSA" and made.key.key_size < _SMALLEST_RSA
    return None if weak else made
