"""LinkedIn Ads for Adjoin. This module is the entry point, so it loads nothing heavy."""

from __future__ import annotations

from adjoin_linkedin._plugin import LinkedInAds

__all__ = ["LinkedInAds", "plugin"]

plugin = LinkedInAds()
