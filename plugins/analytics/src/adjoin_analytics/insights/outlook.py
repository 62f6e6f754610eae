"""What a metric will come to until a day."""

from __future__ import annotations

from datetime import date, timedelta

from adjoin.analytics import v1
from adjoin.errors import BadInput
from adjoin_analytics.analyses.asked_signals import daily_question, judged_by, series_of
from adjoin_analytics.analyses.forecast import NoForecast, forecast
from adjoin_analytics.insights.asked import Ask, open_day
from adjoin_analytics.insights.figures import exactly

__all__ = ["foresee"]

_HISTORY = timedelta(days=365)


def foresee(
    ask: Ask,
    context: v1.AnalyticsContext,
    definitions: v1.Definitions,
    metric: str,
    *,
    until: date,
    currency: str | None = None,
    where: tuple[v1.Condition, ...] = (),
) -> v1.Forecast:
    """Return what the days after the last known one come to, from a year of days before.

    Raises UnknownName, and BadInput for a ratio, for a day that is over, and for more than 92 days ahead.
    """
    today = open_day(context)
    judged = judged_by(metric, definitions)
    if judged.per is not None:
        raise BadInput(f"{metric} is a ratio: ask for what is divided and for what it is divided by.")
    if until < today:
        raise BadInput(f"{until} is over: ask for its figures. A forecast reaches from {today} on.")
    last = today - timedelta(1)
    answer = ask(
        daily_question(judged, None, since=last - _HISTORY, until=last, currency=currency, where=where),
    )
    found = series_of(answer, judged, None, today=today)
    result = forecast(found[0], until=until) if found else None
    if result is None or isinstance(result, NoForecast):
        reason = "No day of it is known." if result is None else result.reason
        return v1.Forecast(metric=metric, until=until, reason=reason)
    return v1.Forecast(
        metric=metric,
        until=until,
        known_until=result.known_until,
        expected=exactly(result.expected),
        low=exactly(result.low),
        high=exactly(result.high),
        arriving=exactly(result.arriving),
        days=tuple(
            v1.ForecastDay(
                day=each.day, expected=exactly(each.expected), low=exactly(each.low), high=exactly(each.high)
            )
            for each in result.days
        ),
    )
