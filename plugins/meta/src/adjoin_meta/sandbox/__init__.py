"""A local stand-in of Meta's Graph API: its wire format, on the made-up advertiser's results."""

from __future__ import annotations

from adjoin_meta.sandbox.app import make_app

__all__ = ["make_app"]
