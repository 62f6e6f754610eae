"""What the figures say: metrics and dimensions defined once, questions answered from them, and analyses."""

from __future__ import annotations

from adjoin_analytics._plugin import Analyst

__all__ = ["Analyst", "plugin"]

#: What the entry point `analytics` names.
plugin = Analyst()
