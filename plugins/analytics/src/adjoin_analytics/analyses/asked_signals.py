"""Which questions bring what anomalies, forecasts, fatigue and search terms are computed from, and reading the answers.

judged = judged_by("cpa", definitions)
answer = ask(daily_question(judged, campaign, since=..., until=..., currency="EUR"))
anomalies(series_of(answer, judged, campaign, today=today), since=..., until=...)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from adjoin.analytics.v1 import Answer, Condition, Definitions, Dimension, Question, Unit
from adjoin.errors import BadInput
from adjoin_analytics.analyses.asked_changes import parts_of
from adjoin_analytics.analyses.completeness import Curve
from adjoin_analytics.analyses.fatigue import AdDay, AdHistory
from adjoin_analytics.analyses.search_terms import SearchTerm
from adjoin_analytics.analyses.series import Amount, Day, Key, Series

__all__ = [
    "Judged",
    "ads_of",
    "ads_question",
    "daily_question",
    "judged_by",
    "keywords_of",
    "keywords_question",
    "search_terms_of",
    "search_terms_question",
    "series_of",
]

#: The count that an amount hangs on.
_EVENTS = {"cost": "clicks", "conversion_value": "conversions"}

#: What arrives for weeks; other figures move by little after their day.
_LATE = frozenset({"conversions", "conversion_value"})

_AD = ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id")
_CAMPAIGN = _AD[:3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The metrics through which one is judged: a ratio through a count against what it is counted per.

    `money` says that `amount` is in micros; `inverse` and `times` are as in a series; `amounts` that one of the metrics
    is in a currency.
    """

    metric: str
    amount: str
    per: str | None
    events: str | None
    money: bool
    inverse: bool
    times: int
    amounts: bool

    @property
    def metrics(self) -> tuple[str, ...]:
        """What to ask for."""
        return tuple(dict.fromkeys(each for each in (self.amount, self.per, self.events) if each is not None))


def judged_by(metric: str, definitions: Definitions) -> Judged:
    """Say through which sums a metric is judged: CPA through conversions against cost, ROAS through value against cost.

    Raises UnknownName for a metric that is not there, BadInput for one that is neither a sum nor a sum divided by one.
    """
    parts = parts_of(metric, definitions, behind="")
    units = {each.name: each.unit for each in definitions.metrics}
    amount, per = parts.amount, parts.volume
    inverse = per is not None and units[amount] is Unit.MONEY and units[per] is Unit.COUNT
    if inverse and per is not None:
        amount, per = per, amount
    money = units[amount] is Unit.MONEY
    events = _EVENTS.get(amount)
    return Judged(
        metric=metric,
        amount=amount,
        per=per,
        events=events if events in units else None,
        money=money,
        inverse=inverse,
        times=parts.times,
        amounts=parts.money,
    )


def daily_question(
    judged: Judged,
    dimension: Dimension | None,
    *,
    since: date,
    until: date,
    currency: str | None = None,
    where: tuple[Condition, ...] = (),
) -> Question:
    """Return the question whose answer `series_of` reads: the sums by day and by a dimension, or of all together.

    Anomalies want 16 weeks before the first day that is judged, forecasts a year.
    """
    dimensions = ("day",) if dimension is None else (dimension.name, "day")
    return Question(
        since=since, until=until, metrics=judged.metrics, dimensions=dimensions, currency=currency, where=where
    )


def series_of(
    answer: Answer, judged: Judged, dimension: Dimension | None, *, today: date, curves: Iterable[Curve] = ()
) -> tuple[Series, ...]:
    """Read the series of each member of the dimension; without one there is a single series with the key ().

    A day without a row is nothing (0) where the member's account has other rows on it, so that it was read, and not
    known otherwise; so are days before a member's first row. Of texts, which have no account, any row of the day will
    do. Days from `today` on are only part of a day and have not arrived. How much of the conversions of the days before
    has arrived is said by the platform's curve, if there is one; without, the days that may still change
    (`changing_since`) have not. Raises BadInput for amounts in several currencies.
    """
    _check_currency(answer, money=judged.amounts)
    ids = [] if dimension is None else _ids(dimension)
    rows: dict[Key, dict[date, Mapping[str, Any]]] = defaultdict(dict)
    read: dict[Key, set[date]] = defaultdict(set)
    for row in _rows(answer):
        key = tuple("" if row[column] is None else str(row[column]) for column in ids)
        rows[key][row["day"]] = row
        read[_group(key, ids)].add(row["day"])
    known = {(curve.platform, curve.metric): curve for curve in curves}
    made = []
    for key in sorted(rows):
        first = min(rows[key])
        days = [day for day in sorted(read[_group(key, ids)]) if day >= first]
        platform = key[0] if ids[:1] == ["platform"] else None
        curve = known.get((platform, judged.amount)) if platform is not None else None
        late = (
            [day for name, day in answer.changing_since.items() if platform is None or name == platform]
            if judged.amount in _LATE
            else []
        )
        made.append(
            Series(
                key=key,
                metric=judged.metric,
                days=tuple(
                    _day(day, rows[key].get(day), judged, _arrived(day, today=today, curve=curve, late=late))
                    for day in days
                ),
                money=judged.money,
                inverse=judged.inverse,
                times=judged.times,
            )
        )
    return tuple(made)


def _day(day: date, row: Mapping[str, Any] | None, judged: Judged, arrived: float) -> Day:
    def value(name: str | None) -> Amount | None:
        found: Amount | None = None if name is None else 0 if row is None else row[name]
        return found

    per = value(judged.per)
    # A ratio without its second half says nothing.
    amount = None if judged.per is not None and per is None else value(judged.amount)
    return Day(day=day, amount=amount, per=per, events=value(judged.events), arrived=arrived)


def _arrived(day: date, *, today: date, curve: Curve | None, late: Sequence[date]) -> float:
    age = (today - day).days
    if age <= 0:
        return 0.0
    if curve is None:
        return 0.0 if late and day >= min(late) else 1.0
    if age > max((each.age for each in curve.ages), default=-1):
        return 1.0
    share = next((each.complete for each in curve.ages if each.age == age), None)
    if share is None:  # this step was never seen: as without a curve
        return 0.0 if late and day >= min(late) else 1.0
    return min(1.0, max(0.0, float(share)))


def ads_question(
    *, until: date, days: int = 180, currency: str | None = None, where: tuple[Condition, ...] = ()
) -> Question:
    """Return the question whose answer `ads_of` reads; `until` is yesterday at the latest.

    An ad that began before the days asked for has the first of them as its first weeks.
    """
    return Question(
        since=until - timedelta(days - 1),
        until=until,
        metrics=("impressions", "clicks", "cost"),
        dimensions=("ad", "day"),
        currency=currency,
        where=where,
    )


def ads_of(answer: Answer) -> tuple[AdHistory, ...]:
    """Read the days of each ad; results that belong to no ad are left out, as are days without knowledge of clicks.

    So are days with a figure below zero, which a late correction may leave.

    Raises BadInput for amounts in several currencies.
    """
    _check_currency(answer, money=True)
    found: dict[Key, list[AdDay]] = defaultdict(list)
    for row in _rows(answer):
        if row["ad_id"] is None or not _sound(row, "impressions", "clicks") or (row["cost"] or 0) < 0:
            continue
        found[tuple(str(row[column] or "") for column in _AD)].append(
            AdDay(
                day=row["day"],
                impressions=row["impressions"],
                clicks=row["clicks"],
                cost_micros=row["cost"] or 0,
            )
        )
    return tuple(AdHistory(key=key, days=tuple(found[key])) for key in sorted(found))


def search_terms_question(
    *, since: date, until: date, currency: str | None = None, where: tuple[Condition, ...] = ()
) -> Question:
    """Return the question whose answer `search_terms_of` reads.

    `until` should be a day by which nearly all conversions have arrived: a term must not look wasteful for being new.
    """
    return Question(
        since=since,
        until=until,
        metrics=("clicks", "impressions", "cost", "conversions"),
        dimensions=("campaign", "search_term"),
        currency=currency,
        where=where,
    )


def search_terms_of(answer: Answer) -> tuple[SearchTerm, ...]:
    """Read the search terms of each campaign; terms whose clicks, cost or conversions nobody knows, or are
    below zero, are left out.

    Raises BadInput for amounts in several currencies.
    """
    _check_currency(answer, money=True)
    return tuple(
        SearchTerm(
            campaign=tuple(str(row[column] or "") for column in _CAMPAIGN),
            text=row["search_term"],
            clicks=row["clicks"],
            cost_micros=row["cost"],
            conversions=Decimal(row["conversions"]),
            impressions=row["impressions"] or 0,
        )
        for row in _rows(answer)
        if row["search_term"] is not None and _sound(row, "clicks", "cost", "conversions")
    )


def keywords_question(*, since: date, until: date, where: tuple[Condition, ...] = ()) -> Question:
    """Return the question whose answer `keywords_of` reads: keywords with results in these days."""
    return Question(since=since, until=until, metrics=("impressions",), dimensions=("keyword",), where=where)


def keywords_of(answer: Answer) -> frozenset[str]:
    """Read the texts of keywords; those of which only the id is known are left out."""
    return frozenset(row["keyword"] for row in _rows(answer) if row["keyword"])


def _rows(answer: Answer) -> list[dict[str, Any]]:
    return [{name: _figure(value) for name, value in row.items()} for row in answer.rows.to_pylist()]


def _figure(value: Any) -> Any:
    """Write whole decimals without the digits after the point that their column has."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else value.normalize()


def _sound(row: Mapping[str, Any], *metrics: str) -> bool:
    """Whether metrics are known and none is below zero."""
    return all(row[metric] is not None and row[metric] >= 0 for metric in metrics)


def _ids(dimension: Dimension) -> list[str]:
    """The columns that identify a member: of an object all but its name, which is no part of its key."""
    return list(dimension.columns if len(dimension.columns) == 1 else dimension.columns[:-1])


def _group(key: Key, ids: Sequence[str]) -> Key:
    """What was read together with a member: its account, or of a text everything."""
    return key[:2] if "account_id" in ids else key if ids == ["platform"] else ()


def _check_currency(answer: Answer, *, money: bool) -> None:
    if not money or answer.currency is not None or not answer.rows.num_rows:
        return
    told = answer.rows.column("currency").to_pylist() if "currency" in answer.rows.schema.names else []
    names = ", ".join(sorted({each for each in told if each is not None})) or "several currencies"
    raise BadInput(f"Amounts in {names} cannot be compared; ask for all of them in one currency.")
