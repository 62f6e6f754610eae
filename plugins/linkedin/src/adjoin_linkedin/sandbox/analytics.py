"""The answer of analytics: the world's results by pivot and period, written as the elements of the wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjoin.testing.world import Presence
from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.attribution import shared_out
from adjoin_linkedin.sandbox.conversions import LEADS, conversion_id
from adjoin_linkedin.sandbox.errors import not_found, throttled
from adjoin_linkedin.sandbox.limits import Limits
from adjoin_linkedin.sandbox.metrics import COUNTS, MONEY, Figures, Ints, column, usd_micros
from adjoin_linkedin.sandbox.questions import PIVOTS, Question

__all__ = ["Analytics", "Meter"]

_LEVELS = ("ACCOUNT", "CAMPAIGN_GROUP", "CAMPAIGN", "CREATIVE")
_DATASETS = ("account_daily", "campaign_daily", "ad_group_daily", "ad_daily")
_FACET_COLUMNS = {
    "accounts": "account_id",
    "campaignGroups": "campaign_id",
    "campaigns": "ad_group_id",
    "creatives": "ad_id",
}
_URNS = {
    "ACCOUNT": urns.ACCOUNT,
    "CAMPAIGN_GROUP": urns.GROUP,
    "CAMPAIGN": urns.CAMPAIGN,
    "CREATIVE": urns.CREATIVE,
}
_EPOCH = date(1970, 1, 1)


@dataclass(slots=True)
class Meter:
    """Counts the metric values that were read, and refuses when there were too many within a while."""

    limits: Limits
    timer: Callable[[], float]
    _read: deque[tuple[float, int]] = field(default_factory=deque)

    def count(self, values: int) -> None:
        now = self.timer()
        while self._read and self._read[0][0] <= now - self.limits.metric_seconds:
            self._read.popleft()
        if sum(read for _, read in self._read) + values > self.limits.metric_values:
            raise throttled()
        self._read.append((now, values))


@dataclass(slots=True)
class Analytics:
    """Answers questions from the truth of the world, as it is at the instant of asking."""

    world: Presence
    limits: Limits
    meter: Meter
    #: the campaigns (ad groups of the world) of given types
    of_types: Callable[[frozenset[str]], set[str]]

    def elements(self, question: Question, *, extra: str = "") -> list[str]:
        """Return the elements as JSON texts, the earliest days cut off without a word where there are too many.

        `extra` is put into each of them.
        """
        if question.nothing:
            return []
        rows = self._rows(question)
        metrics = [name for name in question.fields if name in COUNTS or name in MONEY]
        columns = {name: column(name, rows.figures) for name in metrics}
        # A row is there only if something asked for is not zero; if nothing is asked for, whatever happened counts.
        shown = [values for values, _ in columns.values()] or [
            getattr(rows.figures, name) for name in Figures.__dataclass_fields__
        ]
        kept = np.flatnonzero(np.any([values != 0 for values in shown], axis=0)) if len(rows.period) else rows.period
        if name := question.descending_by:
            values = column(name.removeprefix("-"), rows.figures)[0][kept]
            kept = kept[np.argsort(values if name[0] == "-" else -values, kind="stable")]
        kept = kept[-self.limits.analytics_rows :]
        self.meter.count(len(kept) * max(1, len(metrics)))
        texts = {name: written for name, (_, written) in columns.items()}
        parts: list[list[str]] = []
        for name in question.fields:
            if name == "dateRange":
                ranges = [_range_text(question, period) for period in rows.periods]
                parts.append([ranges[at] for at in rows.period[kept].tolist()])
            elif name == "pivotValues":
                parts.append([f'"pivotValues":[{rows.pivot_text(at)}]' for at in kept.tolist()])
            else:
                parts.append([texts[name][at] for at in kept.tolist()])
        if extra:
            parts.append([extra] * len(kept))
        return ["{" + ",".join(row) + "}" for row in zip(*parts, strict=True)]

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _rows(self, question: Question) -> _Rows:
        by_conversion = "CONVERSION" in question.pivots
        depth = max(
            [_LEVELS.index(pivot) for pivot in question.pivots if pivot != "CONVERSION"]
            + [list(_FACET_COLUMNS).index(name) for name in question.facets]
            + ([_LEVELS.index("CAMPAIGN")] if question.campaign_types else [0])
        )
        facts = self._table(_DATASETS[depth], question)
        actions = self._table("conversion_daily", question)
        if _LEVELS[depth] == "CREATIVE":
            if by_conversion:
                raise not_found("The sandbox does not know the conversions of single creatives by name")
            actions = shared_out(actions, facts)
        if by_conversion:
            # Leads come from forms on the platform itself: they are no conversion that someone has defined.
            facts = facts.slice(0, 0)
            actions = actions.filter(pc.invert(_equal(actions, "action", LEADS)))
        ids = [_ids(facts, actions, PIVOTS[pivot]) for pivot in question.pivots]
        days = np.concatenate([_days(facts), _days(actions)])
        periods, period = _periods(days, question)
        key = period
        for known, codes in ids:
            key = key * (len(known) + 1) + codes
        unique, place = np.unique(key, return_inverse=True)
        pivots: list[tuple[list[str], Ints]] = []
        rest = unique
        for pivot, (known, _) in reversed(list(zip(question.pivots, ids, strict=True))):
            rest, codes = np.divmod(rest, len(known) + 1)
            pivots.insert(0, ([self._urn(pivot, value) for value in known], codes))
        figures = self._figures(facts, actions, place, len(unique))
        return _Rows(periods=periods, period=rest, pivots=pivots, figures=figures)

    def _table(self, dataset: str, question: Question) -> pa.Table:
        accounts = question.facets.get("accounts")
        # One account is what is mostly asked for; what is not there has no results.
        known = {account.id for account in self.world.accounts}
        single = next(iter(accounts)) if accounts is not None and len(accounts) == 1 and accounts <= known else None
        table = self.world.truth(dataset, account_id=single, since=question.since, until=question.until)
        for facet, wanted in question.facets.items():
            table = _only(table, _FACET_COLUMNS[facet], wanted)
        if question.campaign_types:
            table = _only(table, "ad_group_id", self.of_types(question.campaign_types))
        return table

    def _figures(self, facts: pa.Table, actions: pa.Table, place: Ints, rows: int) -> Figures:
        split = facts.num_rows
        of_facts, of_actions = place[:split], place[split:]

        def summed(values: Ints, places: Ints) -> Ints:
            total = np.zeros(rows, dtype=np.int64)
            np.add.at(total, places, values)
            return total

        cost = _ints(facts, "cost_micros")
        usd = np.zeros_like(cost)
        for account in self.world.accounts:
            mine = _equal(facts, "account_id", account.id).to_numpy(zero_copy_only=False)
            usd[mine] = usd_micros(cost[mine], account.currency)
        leads = _equal(actions, "action", LEADS).to_numpy(zero_copy_only=False)
        counts = _ints(actions, "conversions")
        return Figures(
            impressions=summed(_ints(facts, "impressions"), of_facts),
            clicks=summed(_ints(facts, "clicks"), of_facts),
            cost=summed(cost, of_facts),
            cost_usd=summed(usd, of_facts),
            views=summed(_ints(facts, "video_views"), of_facts),
            website=summed(np.where(leads, 0, counts), of_actions),
            leads=summed(np.where(leads, counts, 0), of_actions),
            value=summed(_ints(actions, "conversion_value_micros"), of_actions),
        )

    def _urn(self, pivot: str, value: str) -> str:
        if pivot == "CONVERSION":
            return f"{urns.CONVERSION}{conversion_id(value)}"
        return f"{_URNS[pivot]}{value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Rows by period and pivots; `period` and the second of each pair of `pivots` are positions."""

    periods: list[tuple[date, date]]
    period: Ints
    pivots: list[tuple[list[str], Ints]]
    figures: Figures

    def pivot_text(self, at: int) -> str:
        return ",".join(f'"{known[codes[at]]}"' for known, codes in self.pivots)


def _only(table: pa.Table, name: str, wanted: frozenset[str] | set[str]) -> pa.Table:
    if name not in table.column_names:
        return table
    return table.filter(pc.is_in(table[name], value_set=pa.array(sorted(wanted), pa.string())))


def _equal(table: pa.Table, name: str, value: str) -> Any:
    return pc.equal(table[name], pa.scalar(value))


def _ids(facts: pa.Table, actions: pa.Table, name: str) -> tuple[list[str], Ints]:
    """The different values of a key in both tables, and the position of each row's."""
    columns = [table[name].combine_chunks() for table in (facts, actions) if name in table.column_names]
    known = sorted({value for values in columns for value in pc.unique(values).to_pylist() if value is not None})
    codes = [pc.index_in(values, value_set=pa.array(known, pa.string())) for values in columns]
    if len(columns) == 1:  # an action is no key of the facts, of which there are none then
        return known, _numbers(codes[0])
    return known, np.concatenate([_numbers(each) for each in codes])


def _numbers(values: Any) -> Ints:
    # LinkedIn counts whole conversions; a world from a file may know parts of one, which are left out.
    found: Ints = pc.fill_null(pc.cast(values, pa.int64(), safe=False), 0).to_numpy(zero_copy_only=False)
    return found


def _ints(table: pa.Table, name: str) -> Ints:
    return _numbers(table[name])


def _days(table: pa.Table) -> Ints:
    return _numbers(pc.cast(table["date"], pa.int32()))


def _periods(days: Ints, question: Question) -> tuple[list[tuple[date, date]], Ints]:
    """The periods that are in use, in order, and the position of each day's."""
    if question.granularity == "ALL":
        return [(question.since, question.until)], np.zeros(len(days), dtype=np.int64)
    unique, place = np.unique(days, return_inverse=True)
    found: dict[tuple[date, date], int] = {}
    of_day = np.zeros(len(unique), dtype=np.int64)
    for at, number in enumerate(unique.tolist()):
        day = _EPOCH + timedelta(days=number)
        of_day[at] = found.setdefault(_period(day, question), len(found))
    return list(found), of_day[place]


def _period(day: date, question: Question) -> tuple[date, date]:
    if question.granularity == "DAILY":
        return day, day
    if question.granularity == "YEARLY":
        first, last = date(day.year, 1, 1), date(day.year, 12, 31)
    else:
        first = day.replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return max(first, question.since), min(last, question.until)


def _range_text(question: Question, period: tuple[date, date]) -> str:
    start, end = (f'{{"year":{day.year},"month":{day.month},"day":{day.day}}}' for day in period)
    return f'"dateRange":{{"start":{start},"end":{end}}}'
