"""A local stand-in of the Microsoft Advertising API: its wire format, on the made-up advertiser's results."""

from __future__ import annotations

from adjoin_microsoft.sandbox.app import make_app

__all__ = ["make_app"]
