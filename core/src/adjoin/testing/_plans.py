"""The accounts of a made-up advertiser, and how many campaigns each of them gets."""

from __future__ import annotations

from dataclasses import dataclass

from adjoin.ads.v2 import AccountStatus

__all__ = ["PLANS", "SPAIN", "Plan", "turns"]

#: At scale 1.
_CAMPAIGNS = 58
_WITHOUT_ADS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """An account as it is to be made, with its share of the campaigns."""

    name: str
    currency: str
    time_zone: str
    units_per_euro: int
    share: float
    status: AccountStatus = AccountStatus.ACTIVE


PLANS = (
    Plan("Nordlicht Outdoor – EU", "EUR", "Europe/Berlin", 100, 0.34),
    Plan("Northern Light US 🏕️", "USD", "America/New_York", 110, 0.30),
    Plan("ノルトリヒト 日本", "JPY", "Asia/Tokyo", 160, 0.22),
    Plan("Nordlicht_España & Portugal", "EUR", "Europe/Madrid", 100, 0.14),
    Plan("Northern Light (old)", "USD", "America/Chicago", 110, 0.0, AccountStatus.DISABLED),
    Plan("Nordlicht leer / empty", "EUR", "Europe/Berlin", 100, 0.0),
)
SPAIN = 3
_DISABLED = 4


def turns(scale: float) -> list[tuple[int, bool]]:
    """The accounts (by position) that campaigns are made for, in turn, and whether it is one without ads."""
    return [
        *(
            (at, False)
            for at, plan in enumerate(PLANS)
            if plan.share
            for _ in range(max(1, round(_CAMPAIGNS * scale * plan.share)))
        ),
        *((number % 3, True) for number in range(max(1, round(_WITHOUT_ADS * scale)))),
        (_DISABLED, False),
    ]
