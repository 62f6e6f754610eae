"""What a source of a world yields for one platform: accounts, objects and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adjoin.testing._objects import WorldAccount, WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword

if TYPE_CHECKING:
    from adjoin.testing._figures import Figures

__all__ = ["Portfolio"]


@dataclass(slots=True, kw_only=True)
class Portfolio:
    """Everything the advertiser has on one platform; objects by id, in the order of their creation."""

    accounts: tuple[WorldAccount, ...]
    figures: Figures
    campaigns: dict[str, WorldCampaign] = field(default_factory=dict)
    ad_groups: dict[str, WorldAdGroup] = field(default_factory=dict)
    ads: dict[str, WorldAd] = field(default_factory=dict)
    keywords: dict[str, WorldKeyword] = field(default_factory=dict)
