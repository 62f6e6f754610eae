"""The fields of analytics, worked out from what the world knows of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from adjoin_linkedin.sandbox.amounts import cost_text

__all__ = ["COUNTS", "FIELDS", "MONEY", "Figures", "column", "usd_micros"]

Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What happened, by row. Money is micros; `website` and `leads` are the conversions, `value` is the former's."""

    impressions: Ints
    clicks: Ints
    cost: Ints
    cost_usd: Ints
    views: Ints
    website: Ints
    leads: Ints
    value: Ints


#: Counts. Those that the world does not know follow from those that it does.
COUNTS: Mapping[str, Callable[[Figures], Ints]] = {
    "impressions": lambda of: of.impressions,
    "clicks": lambda of: of.clicks,
    "landingPageClicks": lambda of: of.clicks - of.clicks // 8,
    "companyPageClicks": lambda of: of.clicks // 12,
    "adUnitClicks": lambda of: of.clicks * 0,
    "actionClicks": lambda of: of.clicks // 20,
    "textUrlClicks": lambda of: of.clicks // 30,
    "otherEngagements": lambda of: of.clicks // 15,
    "likes": lambda of: of.impressions // 900,
    "reactions": lambda of: of.impressions // 800,
    "comments": lambda of: of.impressions // 6_000,
    "commentLikes": lambda of: of.impressions // 20_000,
    "shares": lambda of: of.impressions // 9_000,
    "follows": lambda of: of.clicks // 40,
    "totalEngagements": lambda of: (
        of.clicks + of.impressions // 800 + of.impressions // 6_000 + of.impressions // 9_000
    ),
    "externalWebsiteConversions": lambda of: of.website,
    "externalWebsitePostClickConversions": lambda of: of.website - of.website // 4,
    "externalWebsitePostViewConversions": lambda of: of.website // 4,
    "oneClickLeads": lambda of: of.leads,
    "oneClickLeadFormOpens": lambda of: of.leads * 3,
    "qualifiedLeads": lambda of: of.leads // 2,
    "videoViews": lambda of: of.views,
    "videoStarts": lambda of: of.views * 2,
    "videoFirstQuartileCompletions": lambda of: of.views // 2,
    "videoMidpointCompletions": lambda of: of.views // 3,
    "videoThirdQuartileCompletions": lambda of: of.views // 4,
    "videoCompletions": lambda of: of.views // 5,
    "fullScreenPlays": lambda of: of.views // 9,
    "sends": lambda of: of.impressions * 0,
    "opens": lambda of: of.impressions * 0,
    "approximateMemberReach": lambda of: (of.impressions + 2) // 3,
    "viralImpressions": lambda of: of.impressions * 0,
    "viralClicks": lambda of: of.impressions * 0,
    "viralLikes": lambda of: of.impressions * 0,
    "viralShares": lambda of: of.impressions * 0,
    "viralComments": lambda of: of.impressions * 0,
    "viralFollows": lambda of: of.impressions * 0,
    "viralVideoViews": lambda of: of.impressions * 0,
    "viralTotalEngagements": lambda of: of.impressions * 0,
    "viralExternalWebsiteConversions": lambda of: of.impressions * 0,
    "viralOneClickLeads": lambda of: of.impressions * 0,
}

#: Money, written as decimal strings.
MONEY: Mapping[str, Callable[[Figures], Ints]] = {
    "costInLocalCurrency": lambda of: of.cost,
    "costInUsd": lambda of: of.cost_usd,
    "conversionValueInLocalCurrency": lambda of: of.value,
}

#: Everything that `fields` may name.
FIELDS = frozenset({"dateRange", "pivotValues", *COUNTS, *MONEY})

#: US cents for so many units of a currency, at made-up rates; others cost what a dollar costs.
_USD = {"EUR": (110, 100), "JPY": (110, 16_000), "GBP": (130, 100)}


def usd_micros(micros: Ints, currency: str) -> Ints:
    """Return money in US dollars, in the steps of analytics."""
    numerator, denominator = _USD.get(currency, (1, 1))
    return micros * numerator // denominator // 10 * 10


def column(name: str, figures: Figures) -> tuple[Ints, list[str]]:
    """Return a field's figures and how they are written."""
    if name in MONEY:
        values = MONEY[name](figures)
        return values, [f'"{name}":"{cost_text(value)}"' for value in values.tolist()]
    values = COUNTS[name](figures)
    return values, [f'"{name}":{value}' for value in values.tolist()]
