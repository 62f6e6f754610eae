"""What each platform's wire can carry, so that the truth of a world is what the platform can show to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Channel", "Habits", "Objective", "habits_of"]

Channel = Literal["search", "shopping", "display", "video", "performance_max"]
Objective = Literal["sales", "leads", "traffic", "awareness"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """One platform's ways. The defaults are Meta's, and those of a platform that the world does not know."""

    account_digits: int = 18
    cost_step_micros: int | None = None  #: what every cost is a multiple of; None: the currency's smallest unit
    value_step_micros: int | None = None  #: likewise for the value of conversions
    conversion_nanos: int | None = None  #: billionths that every conversion count is a multiple of; None: as asked
    time_zone: str | None = None  #: the zone that all accounts live in; None: each in its own
    actions: frozenset[str] | None = None  #: the only actions there are; None: all
    action_grain: Literal["ad", "ad_group"] = "ad"  #: the finest level of `conversion_daily`
    without_ads: bool = True  #: there are campaigns without ads
    keywords: bool = False  #: there are keywords and search terms
    shared_keyword_numbers: bool = False  #: a keyword is its ad group's id, ~, and a number that equal texts share
    uncounted_rows: bool = True  #: an object has a row where nothing happened but actions that do not count
    zero_views: bool = False  #: no video views are 0, not null
    objectives: tuple[Objective, ...] = ("sales",)  #: of the first campaigns; the others' are drawn
    channels: Mapping[Channel, float] = field(default_factory=lambda: {"display": 0.7, "video": 0.3})  #: and how often


def habits_of(platform: str) -> Habits:
    """Return the ways of a platform."""
    return _HABITS.get(platform, Habits())


_HABITS: Mapping[str, Habits] = {
    # Doubles carry six decimals of what the world holds, and back again, without loss.
    "google": Habits(
        account_digits=10,
        cost_step_micros=1,
        value_step_micros=1,
        conversion_nanos=1_000,
        keywords=True,
        shared_keyword_numbers=True,
        uncounted_rows=False,
        zero_views=True,
        objectives=("sales", "leads"),
        channels={"search": 0.45, "display": 0.25, "shopping": 0.15, "video": 0.15},
    ),
    # Money is decimal strings of up to five decimals; days begin at midnight UTC.
    "linkedin": Habits(
        cost_step_micros=10,
        value_step_micros=10,
        conversion_nanos=1_000_000_000,
        time_zone="UTC",
        actions=frozenset({"leads", "purchases", "registrations"}),
        action_grain="ad_group",
        without_ads=False,
        uncounted_rows=False,
        zero_views=True,
        objectives=("sales", "leads"),
    ),
    # Reports round money to the smallest unit and attributed conversions to hundredths.
    "microsoft": Habits(
        conversion_nanos=10_000_000,
        keywords=True,
        uncounted_rows=False,
        zero_views=True,
        objectives=("sales", "leads"),
        channels={"search": 0.55, "display": 0.25, "shopping": 0.2},
    ),
}
