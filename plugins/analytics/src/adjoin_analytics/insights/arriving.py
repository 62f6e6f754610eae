"""How much of recent days has arrived, told from how past days have moved; kept until the workspace's data change."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from threading import Lock
from typing import TypeAlias

from sqlmodel import col, select

from adjoin.analytics import v1
from adjoin.db.models import Account
from adjoin.errors import StoreDamaged
from adjoin.facts.history import KeptSums, Moved, restated
from adjoin.facts.manifest import AccountKey
from adjoin_analytics.analyses.asked_days import changing_days, histories_of
from adjoin_analytics.analyses.completeness import Curve, completeness
from adjoin_analytics.insights.asked import open_day

__all__ = ["Curves"]

_Known: TypeAlias = tuple[str, date]

#: Of each platform the accounts with the most facts: buyers of others take as long to decide.
_MOST_ACCOUNTS = 3
#: Days beside those that may still change: enough to have seen each step.
_BEFORE = timedelta(days=14)
_AMOUNTS = frozenset({"cost_micros", "conversion_value_micros"})
_SUMS = _AMOUNTS | {"conversions"}
_MOST_WORKSPACES = 64


class Curves:
    """The curves of workspaces, kept until data or the day change. Usable from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sums = KeptSums()
        self._kept: OrderedDict[str, tuple[_Known, tuple[Curve, ...]]] = OrderedDict()

    def of(self, context: v1.AnalyticsContext, definitions: v1.Definitions) -> tuple[Curve, ...]:
        """Return the curves of cost, conversions and their value, by platform; none for figures as they once stood.

        Those of amounts are told from accounts in the commonest currency. A platform of which a version is broken has
        none.
        """
        if context.facts.as_of is not None:
            return ()
        listing, today = context.facts.listing(), open_day(context)
        known = (listing.version, today)
        with self._lock:
            kept = self._kept.get(context.workspace_id)
            if kept is not None and kept[0] == known:
                return kept[1]
        found = self._told(context, definitions, today)
        with self._lock:
            self._kept[context.workspace_id] = (known, found)
            self._kept.move_to_end(context.workspace_id)
            while len(self._kept) > _MOST_WORKSPACES:
                self._kept.popitem(last=False)
        return found

    def _told(self, context: v1.AnalyticsContext, definitions: v1.Definitions, today: date) -> tuple[Curve, ...]:
        windows = changing_days(context.platforms)
        zones = _zones(context)
        rows: list[Moved] = []
        for platform, accounts in _largest(context, windows).items():
            try:
                rows += restated(
                    context.facts,
                    since=today - timedelta(windows[platform]) - _BEFORE,
                    until=today - timedelta(1),
                    platforms=[platform],
                    accounts=accounts,
                    unmoved=True,
                    kept=self._sums,
                ).rows
            except StoreDamaged:  # `adjoin facts verify` tells of it; what is asked may not need this version at all
                continue
        # A metric of the workspace's own may have the formula of one that is built in.
        built_in = replace(definitions, metrics=tuple(one for one in definitions.metrics if not one.custom))
        histories = histories_of(_in_one_currency(rows), built_in, zones=zones)
        return completeness(histories, today=today, final_after=windows)


def _largest(context: v1.AnalyticsContext, platforms: Collection[str]) -> Mapping[str, list[AccountKey]]:
    sizes: Counter[AccountKey] = Counter()
    for files in context.facts.listing().files.values():
        for file in files:
            if file.platform in platforms:
                sizes[file.account] += file.bytes
    found: dict[str, list[AccountKey]] = defaultdict(list)
    for account, _ in sorted(sizes.items(), key=lambda one: (-one[1], one[0])):
        if len(found[account.platform]) < _MOST_ACCOUNTS:
            found[account.platform].append(account)
    return found


def _zones(context: v1.AnalyticsContext) -> Mapping[tuple[str, str], str]:
    from zoneinfo import available_timezones

    known = available_timezones()
    with context.read() as session:
        rows = session.exec(
            select(Account.platform, Account.id, Account.time_zone).where(
                col(Account.workspace_id) == context.workspace_id
            )
        ).all()
    return {(platform, own): zone for platform, own, zone in rows if zone in known}


def _in_one_currency(rows: Sequence[Moved]) -> Iterable[Moved]:
    """Keep the sums that arrive late, without amounts that cannot be added to the others of their platform."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counted[row.platform][row.currency] += 1
    usual = {platform: min(some, key=lambda name: (-some[name], name)) for platform, some in counted.items()}
    return [
        row
        for row in rows
        if row.metric in _SUMS and (row.metric not in _AMOUNTS or row.currency == usual[row.platform])
    ]
