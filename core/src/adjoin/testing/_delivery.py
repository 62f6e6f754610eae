"""What ads deliver: a campaign's spend of a day is shared among its running ads and brings results by its curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from adjoin.testing._figures import Conversions, Figures, Leaves
from adjoin.testing._habits import Habits
from adjoin.testing._objects import ACTIONS, CONVERSIONS, ResponseCurve

__all__ = ["AccountMoney", "CampaignDelivery", "LeafDelivery", "deliver"]

Floats: TypeAlias = npt.NDArray[np.float64]

#: How many conversions and carts a campaign brings beside what its curve says, by its objective.
_CONVERSION_FACTOR = {"sales": 1.0, "leads": 1.0, "traffic": 0.08, "awareness": 0.03}
_CART_FACTOR = {"sales": 1.0, "leads": 0.0, "traffic": 0.3, "awareness": 0.05}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMoney:
    """An account's zone, the micros of its currency's smallest unit, and how many of those units a euro is worth."""

    time_zone: str
    unit_micros: int
    units_per_euro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDelivery:
    """What decides a campaign's results: its curve, its usual spend of a day in minor units, its objective."""

    curve: ResponseCurve
    daily_units: int
    money: AccountMoney
    objective: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafDelivery:
    """From which to which day (since 1970) an ad runs, and how strongly it draws on its campaign's spend.

    `path` holds the ids of account, campaign, ad group and ad; `campaign` is the campaign's position.
    """

    path: tuple[str, str, str, str]
    campaign: int
    first: int
    last: int
    weight: float
    video: bool


def deliver(
    campaigns: Sequence[CampaignDelivery],
    running: Sequence[LeafDelivery],
    *,
    accounts: Mapping[str, AccountMoney],
    first: int,
    last: int,
    habits: Habits,
    fractional: bool,
    rng: np.random.Generator,
) -> Figures:
    """Return the final results of all leaves from day `first` to day `last`."""
    invalid, curve = rng.integers(0, 31, len(running)), rng.integers(0, 3, len(running))
    leaves, place = Leaves.of([leaf.path for leaf in running], invalid=invalid, curve=curve)

    # One row per leaf and day, then sorted as the tables are.
    begin = np.array([leaf.first for leaf in running], dtype=np.int64)
    length = np.array([leaf.last for leaf in running], dtype=np.int64) - begin + 1
    source = np.repeat(np.arange(len(running)), length)
    day = np.arange(len(source)) - np.repeat(np.cumsum(length) - length - begin, length)
    order = np.lexsort((place[source], day))
    source, day = source[order], day[order]

    def per_row(values: Sequence[float] | Floats) -> Floats:
        return np.asarray(values, dtype=np.float64)[source]

    campaign_of = np.array([leaf.campaign for leaf in running], dtype=np.int64)
    cell = campaign_of[source] * (last - first + 1) + day - first
    spend, expected = _by_campaign(campaigns, first=first, last=last, rng=rng)
    weight = per_row([leaf.weight for leaf in running]) * rng.lognormal(0, 0.25, len(source))
    share = weight / np.bincount(cell, weight, spend.size)[cell]

    # Minor units per thousand impressions, clicks per impression, views per impression: habits of each ad.
    per_euro = np.array([campaigns[leaf.campaign].money.units_per_euro for leaf in running], dtype=np.float64)
    thousand = per_row(6 * per_euro * rng.lognormal(0, 0.4, len(running)))
    click_rate = per_row(np.minimum(0.2, 0.012 * rng.lognormal(0, 0.5, len(running))))
    view_rate = per_row([0.1 + 0.3 * rng.random() if leaf.video else 0.0 for leaf in running])
    paid = spend[cell] * share
    impressions = rng.poisson(paid / thousand * 1000 * rng.lognormal(0, 0.1, len(source)))
    impressions[rng.random(len(source)) < 0.02] = 0  # an ad that loses every auction of the day
    clicks = rng.binomial(impressions, click_rate)
    # Some days without a click cost nothing, and no day without impressions does.
    free = (impressions == 0) | ((clicks == 0) & (rng.random(len(source)) < 0.5))
    money = [accounts[account] for account in leaves.account_ids]
    unit_micros = np.array([account.unit_micros for account in money], dtype=np.int64)
    cost_step = unit_micros if habits.cost_step_micros is None else np.full(len(money), habits.cost_step_micros)
    value_step = unit_micros if habits.value_step_micros is None else np.full(len(money), habits.value_step_micros)
    account = leaves.account[place[source]]
    cost = np.where(free, 0, np.floor(paid * (unit_micros // cost_step)[account])).astype(np.int64)
    views = rng.binomial(impressions, view_rate)
    objective = np.array([campaigns[leaf.campaign].objective for leaf in running])[source]
    basket = per_row(60 * per_euro * rng.lognormal(0, 0.4, len(running))) * rng.lognormal(0, 0.2, len(source))

    kept = impressions > 0
    conversions = _conversions(
        expected[cell][kept] * share[kept],
        objective[kept],
        basket[kept] * (unit_micros // value_step)[account[kept]],
        actions=tuple(name for name in ACTIONS if habits.actions is None or name in habits.actions),
        step_nanos=habits.conversion_nanos or (10**7 if fractional else 10**9),
        rng=rng,
    )
    return Figures(
        leaves=leaves,
        time_zones=tuple(account.time_zone for account in money),
        cost_step=cost_step,
        value_step=value_step,
        habits=habits,
        restated=True,
        day=day[kept],
        leaf=place[source[kept]],
        impressions=impressions[kept],
        clicks=clicks[kept],
        cost=cost[kept],
        video_views=views[kept],
        conversions=conversions,
    )


def _by_campaign(
    campaigns: Sequence[CampaignDelivery], *, first: int, last: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Spend in minor units and expected conversions, flat by campaign and day."""
    days = np.arange(first, last + 1)
    weekday = (days + 3) % 7  # 1970 began on a Thursday
    of_year = days % 365.2425
    season = 1 + 0.2 * np.cos((of_year - 345) * 2 * np.pi / 365.2425)
    season += 0.5 * np.exp(-(((of_year - 331) / 4) ** 2))  # the sales at the end of November
    weekly = 1 + 0.18 * np.sin(rng.uniform(0, 2 * np.pi, (len(campaigns), 1)) + 2 * np.pi * weekday / 7)
    demand = weekly * season
    shape = (len(campaigns), len(days))
    usual = np.array([campaign.daily_units for campaign in campaigns], dtype=np.float64)[:, None]
    # A platform overspends a day's budget by a quarter at most.
    spend = usual * np.minimum(1.25, (0.4 + 0.5 * demand) * rng.lognormal(0, 0.12, shape))
    unit = np.array([campaign.money.unit_micros for campaign in campaigns], dtype=np.float64)[:, None]
    ceiling = np.array([campaign.curve.ceiling for campaign in campaigns])[:, None]
    scale = np.array([campaign.curve.scale_micros for campaign in campaigns], dtype=np.float64)[:, None]
    expected = ceiling * -np.expm1(-spend * unit / scale) * demand
    return spend.ravel(), expected.ravel()


def _conversions(
    expected: Floats,
    objective: npt.NDArray[np.str_],
    basket: Floats,
    *,
    actions: tuple[str, ...],
    step_nanos: int,
    rng: np.random.Generator,
) -> Conversions:
    """Draw conversions; `basket` is what one is worth in the steps of the account's values."""
    factor = np.zeros(len(expected))
    carts = np.zeros(len(expected))
    for name, of_curve in _CONVERSION_FACTOR.items():
        factor[objective == name] = of_curve
        carts[objective == name] = _CART_FACTOR[name]
    primary = rng.poisson(expected * factor)
    leads = np.where(objective == "leads", primary, 0)
    purchases = primary - leads
    checkouts = purchases + rng.poisson(0.7 * expected * carts)
    counts = {
        "add_to_cart": checkouts + rng.poisson(3 * expected * carts),
        "checkouts": checkouts,
        "leads": leads,
        "purchases": purchases,
        "registrations": rng.binomial(leads, 0.3),
    }
    by_action = np.stack([counts[name] for name in actions], axis=1)
    row, action = np.nonzero(by_action)
    count = by_action[row, action]
    worth = np.array([name not in ("leads", "registrations") for name in actions])[action]
    value = np.where(worth, np.floor(basket)[row], 0).astype(np.int64)
    if (steps := 10**9 // step_nanos) > 1:  # fractions, as attribution models give them
        count = count * steps - np.floor(count * steps * rng.uniform(0, 0.4, len(count))).astype(np.int64)
        value //= steps
    return Conversions(
        actions=actions,
        counted=np.array([name in CONVERSIONS for name in actions]),
        step_nanos=step_nanos,
        row=row,
        action=action,
        count=count,
        value=value,
        threshold=rng.integers(0, 1000, len(row)),
    )
