"""Meta Ads (Facebook and Instagram) for Adjoin. This module is the entry point, so it loads nothing heavy."""

from __future__ import annotations

from adjoin_meta._plugin import MetaAds

__all__ = ["MetaAds", "plugin"]

plugin = MetaAds()
