"""The security headers of every answer."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType

__all__ = ["OWN_POLICY", "security_headers"]

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

#: For our own pages, which hold no script and no style in themselves.
OWN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def security_headers(*, secure: bool = False) -> Mapping[str, str]:
    """Return the headers that every response carries. `secure`: people reach the dashboard over https.

    Nothing may be loaded from another host, and no page may frame the dashboard. Vega's sparklines need
    'unsafe-eval'; the one inline script of Streamlit's page is allowed by its hash.
    """
    page = files("streamlit").joinpath("static/index.html").read_text(encoding="utf-8")
    hashes = "".join(f" 'sha256-{_digest(script)}'" for script in _INLINE_SCRIPT.findall(page))
    policy = (
        "default-src 'self'",
        f"script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval'{hashes}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    headers = {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return MappingProxyType(headers)


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
