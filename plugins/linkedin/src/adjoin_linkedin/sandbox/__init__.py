"""A local stand-in of LinkedIn's versioned REST API: its wire format, on the made-up advertiser's results."""

from __future__ import annotations

from adjoin_linkedin.sandbox.app import make_app
from adjoin_linkedin.sandbox.limits import Limits

__all__ = ["Limits", "make_app"]
