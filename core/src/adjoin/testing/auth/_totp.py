"""Codes of a second factor, as a device makes them (RFC 6238): six digits, 30 seconds, SHA-1."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from datetime import datetime

__all__ = ["STEP", "totp"]

#: Seconds that a code is shown.
STEP = 30


def totp(secret: str, at: datetime) -> str:
    """Return the code that a device with this Base32 secret shows at an instant."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(at.timestamp()) // STEP), hashlib.sha1)
    start = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[start : start + 4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06d}"
