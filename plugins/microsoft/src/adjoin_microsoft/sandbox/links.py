"""Signed links to result files, as a blob store gives them out: for five minutes, and without any of our headers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from adjoin_microsoft.sandbox.errors import RawRefusal

__all__ = ["Links", "refused_link"]

_LIFE = timedelta(minutes=5)
_EXPIRY = "%Y-%m-%dT%H:%M:%SZ"


def refused_link(reason: str) -> RawRefusal:
    """The blob store's refusal, in XML."""
    text = (
        '<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to '
        "authenticate the request. Make sure the value of Authorization header is formed correctly including the "
        f"signature.</Message><AuthenticationErrorDetail>{reason}</AuthenticationErrorDetail></Error>"
    )
    return RawRefusal(text, status=403, media_type="application/xml")


@dataclass(slots=True)
class Links:
    """Makes links and checks them. With `single_use` a link works once."""

    single_use: bool = False
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _used: set[str] = field(default_factory=set)

    def make(self, base: str, path: str, now: datetime) -> str:
        """Return a link to a path below the store."""
        expiry = (now + _LIFE).strftime(_EXPIRY)
        nonce = secrets.token_hex(4)
        query = {"skoid": nonce, "sp": "r", "se": expiry, "sig": self._signature(path, expiry, nonce)}
        return f"{base}/blob/{path}?{urlencode(query)}"

    def check(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> None:
        """Refuse a link that is not ours, that has expired or been used, or that comes with our credentials."""
        if "authorization" in headers:
            raise refused_link("The request has both a signature and an Authorization header.")
        expiry, nonce, signature = params.get("se", ""), params.get("skoid", ""), params.get("sig", "")
        if not hmac.compare_digest(signature, self._signature(path, expiry, nonce)):
            raise refused_link("Signature did not match.")
        if datetime.strptime(expiry, _EXPIRY).replace(tzinfo=UTC) <= now:
            raise refused_link(f"Signature not valid in the specified time frame: expired at {expiry}.")
        if self.single_use:
            if signature in self._used:
                raise refused_link("The link has been used.")
            self._used.add(signature)

    def _signature(self, path: str, expiry: str, nonce: str) -> str:
        return hmac.new(self._key, f"{path} {expiry} {nonce}".encode(), hashlib.sha256).hexdigest()
