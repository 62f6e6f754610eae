"""The canonical words of campaigns: what every platform's own names for objectives and channels come to.

A platform without the notion leaves the field None; a word of its own that fits none of these is `other`. The tables
are in docs/metrics.md.
"""

from __future__ import annotations

__all__ = ["CHANNELS", "OBJECTIVES"]

#: What a campaign is for (`Campaign.objective`).
OBJECTIVES = frozenset(
    {
        "sales",  #: purchases and other conversions of value
        "leads",
        "traffic",  #: visits to a website
        "awareness",  #: being seen: reach, brand
        "engagement",  #: reactions, messages, event replies
        "video_views",
        "app",  #: installs and use of an app
        "jobs",  #: applications
        "other",
    }
)

#: Where a campaign's ads appear (`Campaign.channel`).
CHANNELS = frozenset(
    {
        "search",
        "shopping",
        "display",  #: banners and native ads on websites
        "video",
        "social",  #: the feeds of a social network
        "performance_max",  #: wherever the platform likes, without ads of one's own choice
        "demand_gen",
        "app",
        "hotel",
        "local",
        "other",
    }
)
