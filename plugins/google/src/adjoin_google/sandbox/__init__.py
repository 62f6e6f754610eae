"""A local stand-in of the Google Ads API: its wire format, on the made-up advertiser's results."""

from __future__ import annotations

from adjoin_google.sandbox.app import make_app

__all__ = ["make_app"]
