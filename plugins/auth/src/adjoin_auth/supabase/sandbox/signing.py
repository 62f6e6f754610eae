"""The keys of the stand-in: ES256 as a rule, RS256 or a shared secret (HS256) on demand, and the tokens they sign."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

__all__ = ["Keyring"]

_SECRET = "a-shared-secret-of-a-legacy-project-0123456789"  # noqa: S105 - the stand-in's


class Keyring:
    """Signs with the newest key; publishes all that it has not revoked."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, Any]] = {}
        self.current = ""
        self.rotate()

    def rotate(self, algorithm: str = "ES256", *, revoke: bool = False) -> str:
        """Sign with a new key from now on; the earlier ones are published on, or not. Return its id."""
        if revoke:
            self._keys.clear()
        self.current = str(uuid4())
        key: Any = _SECRET
        if algorithm == "ES256":
            key = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == "RS256":
            key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        self._keys[self.current] = (algorithm, key)
        return self.current

    def sign(self, claims: dict[str, Any]) -> str:
        """Make a token."""
        algorithm, key = self._keys[self.current]
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": self.current})

    def read(self, token: str) -> dict[str, Any] | None:
        """Return what a token says whose signature is right; None for any other. Times are not looked at."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            algorithm, key = self._keys[str(kid)]
            public = key if algorithm == "HS256" else key.public_key()
            unchecked = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
            found: dict[str, Any] = jwt.decode(token, public, algorithms=[algorithm], options=unchecked)  # type: ignore[arg-type]
        except (jwt.PyJWTError, KeyError):
            return None
        return found

    def published(self) -> list[dict[str, Any]]:
        """The public keys. A shared secret is never among them."""
        keys = []
        for kid, (algorithm, key) in self._keys.items():
            if algorithm != "HS256":
                made = jwt.get_algorithm_by_name(algorithm)
                found: dict[str, Any] = json.loads(made.to_jwk(key.public_key()))
                keys.append({**found, "kid": kid, "alg": algorithm, "use": "sig", "key_ops": ["verify"]})
        return keys
