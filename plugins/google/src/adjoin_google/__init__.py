"""Google Ads for Adjoin. This module is the entry point, so it loads nothing heavy."""

from __future__ import annotations

from adjoin_google._plugin import GoogleAds

__all__ = ["GoogleAds", "plugin"]

plugin = GoogleAds()
