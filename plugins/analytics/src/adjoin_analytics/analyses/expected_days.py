"""The days around an anomaly as they are drawn: what there was, and what was expected of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from adjoin_analytics.analyses.anomalies import HISTORY, Anomaly, Judgement, judge, shown_ratio
from adjoin_analytics.analyses.series import Amount, Day, Series, columns, estimated

__all__ = ["ShownDay", "days_around", "shown_days"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDay:
    """A day of the shown metric; a value that is not known is None, as is what was expected where nothing was."""

    day: date
    value: Amount | None
    expected: Amount | None = None
    low: Amount | None = None
    high: Amount | None = None


def shown_days(series: Series, *, since: date, until: date) -> tuple[ShownDay, ...]:
    """Return the shown metric of the days of a series from `since` to `until`; those it does not have are not known."""
    of_day = {each.day: each for each in series.days}
    days = [since + timedelta(number) for number in range((until - since).days + 1)]
    return tuple(ShownDay(day=day, value=_value(series, of_day.get(day))) for day in days)


def days_around(series: Series, anomaly: Anomaly, *, since: date, until: date) -> tuple[ShownDay, ...]:
    """Return the days from `since` to `until` with what was expected of each and its 95% interval.

    On the days of the anomaly that is what the day before it let expect; on any other what the day before that day did.
    Nothing is expected before the series has enough history.
    """
    shown = shown_days(series, since=since, until=until)
    data = columns(series, since=since - timedelta(days=HISTORY), until=until)
    found = None if data is None else judge(series, data, since=since, left_out=())
    if found is None:
        return shown
    return tuple(_with_expected(found, day, anomaly) for day in shown)


def _with_expected(found: Judgement, shown: ShownDay, anomaly: Anomaly) -> ShownDay:
    place = (shown.day - found.data.first).days
    if shown.value is None or not found.start <= place < len(found.level):
        return shown
    within = anomaly.since <= shown.day <= anomaly.until
    level = found.level[(anomaly.since - found.data.first).days if within else place]
    expected = float(found.usual[place] * level - found.unit)
    spread = float(found.spread[place])
    if not (math.isfinite(expected) and math.isfinite(spread)):
        return shown
    expected = max(expected, 1e-9)
    spread += 1 / (expected + 1) if found.counted else 0.0
    reach = math.exp(1.96 * math.sqrt(spread))
    values = [value * found.size for value in (expected, expected / reach, expected * reach)]
    series, per = found.series, found.data.exact[shown.day].per
    told: list[Amount | None]
    if per is None:
        told = [estimated(value, money=series.money) for value in values]
    else:
        told = [shown_ratio(value, per, of=series) for value in values]
        if series.inverse:
            told[1], told[2] = told[2], told[1]
    return ShownDay(day=shown.day, value=shown.value, expected=told[0], low=told[1], high=told[2])


def _value(series: Series, day: Day | None) -> Amount | Decimal | None:
    if day is None or day.amount is None or day.arrived < 1:
        return None
    return day.amount if day.per is None else shown_ratio(day.amount, day.per, of=series)
