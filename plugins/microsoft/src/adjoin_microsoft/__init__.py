"""Microsoft Advertising for Adjoin. This module is the entry point, so it loads nothing heavy."""

from __future__ import annotations

from adjoin_microsoft._plugin import MicrosoftAds

__all__ = ["MicrosoftAds", "plugin"]

plugin = MicrosoftAds()
