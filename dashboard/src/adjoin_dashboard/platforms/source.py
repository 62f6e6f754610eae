"""Brings what the page Platforms shows: figures from the metric layer, freshness from what was read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.analytics.v1 import Answer, Question
from adjoin.db.models import Account, Coverage
from adjoin_dashboard.context import Context
from adjoin_dashboard.filters import Filters
from adjoin_dashboard.overview.status import Status, missing_days

__all__ = ["Freshness", "actions_question", "ask_mix", "load_freshness", "side_by_side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How fresh and how complete a platform is. `as_of` is the end of its slowest connection's last good sync.

    `missing` counts the days of accounts in the period that were not read, `last_day` is the last one that was.
    """

    platform: str
    accounts: int
    as_of: datetime | None
    last_day: date | None
    missing: int
    changing_since: date | None
    currencies: tuple[str, ...]
    time_zones: tuple[str, ...]


def side_by_side(filters: Filters, metrics: tuple[str, ...]) -> Question:
    """Return the question by platform; it is also what the downloads hold."""
    return filters.question(metrics, ("platform",))


def actions_question(filters: Filters) -> Question:
    """Return the question for conversions by action, as the platforms name and count them."""
    return filters.question(("conversions", "conversion_value", "aov"), ("platform", "action"))


def ask_mix(context: Context, filters: Filters, *, weeks: bool) -> Answer:
    """Return the spend by platform and day or week. Errors as in `adjoin.analytics.v1.Analytics.ask`."""
    return context.ask(filters.question(("cost",), ("platform", "week" if weeks else "day"), compare=False))


def load_freshness(
    context: Context, status: Status, filters: Filters, changing: Mapping[str, date]
) -> tuple[Freshness, ...]:
    """Return how fresh each platform that is looked at is, by its accounts that are looked at."""
    accounts = [one for one in status.accounts if filters.shows((one.platform, one.account_id))]
    here = context.workspace_id
    with context.store.read() as session:
        missing = missing_days(session, here, accounts, filters.period)
        zones: dict[str, set[str]] = defaultdict(set)
        for platform, own, zone in session.exec(
            select(col(Account.platform), col(Account.id), col(Account.time_zone)).where(Account.workspace_id == here)
        ):
            if filters.shows((platform, own)):
                zones[platform].add(zone)
        last: dict[str, date] = {}
        for platform, own, day in session.exec(
            select(col(Coverage.platform), col(Coverage.account_id), sa.func.max(col(Coverage.day)))
            .where(Coverage.workspace_id == here)
            .group_by(col(Coverage.platform), col(Coverage.account_id))
        ):
            if filters.shows((platform, own)):
                last[platform] = max(last.get(platform, day), day)
    return tuple(
        Freshness(
            platform=platform,
            accounts=sum(one.platform == platform for one in accounts),
            as_of=status.as_of.get(platform),
            last_day=last.get(platform),
            missing=sum(days for (of, _), days in missing.items() if of == platform),
            changing_since=changing.get(platform),
            currencies=tuple(sorted({one.currency for one in accounts if one.platform == platform})),
            time_zones=tuple(sorted(zones[platform])),
        )
        for platform in filters.platforms
        if any(one.platform == platform for one in accounts)
    )
