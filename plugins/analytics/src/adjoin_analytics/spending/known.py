"""What is known beside figures: accounts with their day, campaigns with the budgets that platforms tell, days read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session, col, select

from adjoin.analytics import v1
from adjoin.db.models import Account, Coverage, Entity, EntityKind
from adjoin_analytics.analyses.budgets import Budget, BudgetKind, Step
from adjoin_analytics.spending.budgets import Key

__all__ = ["KnownBudget", "budget_of", "known_accounts", "known_campaigns", "read_days"]

_ACTIVE = "active"
#: The datasets that campaigns' figures come from, and those of accounts'.
_OF_CAMPAIGNS = ("campaign_daily", "ad_group_daily", "ad_daily")
_OF_ACCOUNTS = ("account_daily", *_OF_CAMPAIGNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBudget:
    """What a platform says of a campaign: a budget for each day or for the whole run, and the days it runs."""

    name: str
    active: bool
    daily_micros: int | None = None
    lifetime_micros: int | None = None
    start: date | None = None
    end: date | None = None


def known_accounts(session: Session, context: v1.AnalyticsContext) -> Sequence[Account]:
    """Return the accounts that are read, by platform and name."""
    return session.exec(
        select(Account)
        .where(
            col(Account.workspace_id) == context.workspace_id,
            col(Account.readable).is_(True),
            col(Account.selected).is_(True),
            col(Account.gone_at).is_(None),
        )
        .order_by(col(Account.platform), col(Account.name), col(Account.id))
    ).all()


def known_campaigns(session: Session, context: v1.AnalyticsContext, keys: Collection[Key]) -> Mapping[Key, KnownBudget]:
    """Return what platforms say of campaigns. Where ad groups hold the budgets, those of the active ones are added."""
    ids = {key[2] for key in keys}
    found = {}
    for row in _entities(session, context, EntityKind.CAMPAIGN, keys, col(Entity.id).in_(ids)):
        key: Key = (row.platform, row.account_id, row.id)
        if key in keys:
            found[key] = KnownBudget(
                name=row.name,
                active=row.status == _ACTIVE and row.gone_at is None,
                daily_micros=_micros(row.detail, "daily_budget_micros"),
                lifetime_micros=_micros(row.detail, "lifetime_budget_micros"),
                start=_day(row.detail, "start_date"),
                end=_day(row.detail, "end_date"),
            )
    without = {key for key, one in found.items() if one.daily_micros is None and one.lifetime_micros is None}
    groups = _daily_of_groups(session, context, without)
    return {
        key: one
        if key not in groups
        else KnownBudget(name=one.name, active=one.active, daily_micros=groups[key], start=one.start, end=one.end)
        for key, one in found.items()
    }


def budget_of(known: KnownBudget | None, first: date, last: date) -> Budget | None:
    """Return the budget that a platform tells, for the days of a month in which the campaign runs; None for none.

    Of one for the whole run it is the whole run, if both its ends are known. One that is not delivered has none: what
    it had is not meant to be spent.
    """
    if known is None or not known.active:
        return None
    start, end = known.start or first, known.end or last
    if start > last or end < first:
        return None
    if known.daily_micros is not None:
        since = max(start, first)
        step = Step(since=since, micros=known.daily_micros)
        return Budget(since=since, until=min(end, last), steps=(step,), kind=BudgetKind.DAILY)
    if known.lifetime_micros is None or known.start is None or known.end is None or known.end < known.start:
        return None
    return Budget(since=known.start, until=known.end, steps=(Step(since=known.start, micros=known.lifetime_micros),))


def read_days(
    session: Session, context: v1.AnalyticsContext, since: date, until: date, *, campaigns: bool
) -> Mapping[Key, set[date]]:
    """Return by account the days whose figures were fetched; with `campaigns` those by campaign."""
    rows = session.exec(
        select(col(Coverage.platform), col(Coverage.account_id), col(Coverage.day))
        .where(
            col(Coverage.workspace_id) == context.workspace_id,
            col(Coverage.dataset).in_(_OF_CAMPAIGNS if campaigns else _OF_ACCOUNTS),
            col(Coverage.day).between(since, until),
        )
        .distinct()
    ).all()
    found: dict[Key, set[date]] = defaultdict(set)
    for platform, account_id, day in rows:
        found[platform, account_id].add(day)
    return found


def _daily_of_groups(session: Session, context: v1.AnalyticsContext, keys: Collection[Key]) -> Mapping[Key, int]:
    """Return the daily budgets of active ad groups together, of the campaigns all of whose active ones have one."""
    if not keys:
        return {}
    amounts: dict[Key, list[int | None]] = defaultdict(list)
    wanted = col(Entity.campaign_id).in_({key[2] for key in keys})
    for row in _entities(session, context, EntityKind.AD_GROUP, keys, wanted):
        key: Key = (row.platform, row.account_id, row.campaign_id or "")
        if key in keys and row.status == _ACTIVE and row.gone_at is None:
            amounts[key].append(_micros(row.detail, "daily_budget_micros"))
    return {
        key: sum(one for one in some if one is not None) for key, some in amounts.items() if some and None not in some
    }


def _entities(
    session: Session, context: v1.AnalyticsContext, kind: EntityKind, keys: Collection[Key], wanted: Any
) -> Sequence[Entity]:
    return session.exec(
        select(Entity).where(
            col(Entity.workspace_id) == context.workspace_id,
            col(Entity.kind) == kind,
            col(Entity.platform).in_({key[0] for key in keys}),
            col(Entity.account_id).in_({key[1] for key in keys}),
            wanted,
        )
    ).all()


def _micros(detail: Mapping[str, Any], name: str) -> int | None:
    found = detail.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


def _day(detail: Mapping[str, Any], name: str) -> date | None:
    try:
        return date.fromisoformat(str(detail[name]))
    except (KeyError, ValueError):
        return None
