"""Which questions bring what pacing and completeness are computed from, and reading the answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from adjoin.ads import v2 as ads
from adjoin.analytics.v1 import Answer, Condition, Definitions, Question
from adjoin.facts.history import Moved
from adjoin.sync.planner import look_back_horizon
from adjoin_analytics.analyses.asked_changes import check_currency, rows_of
from adjoin_analytics.analyses.completeness import Curve, expect
from adjoin_analytics.analyses.restatement import DayHistory, Known
from adjoin_analytics.analyses.spend_projection import Spent

__all__ = ["changing_days", "final_micros", "histories_of", "spending_question", "spent_of"]

_PATTERN_DAYS = 56  # what a pattern of the week and a level are told from


def spending_question(since: date, until: date, *, currency: str | None, where: tuple[Condition, ...] = ()) -> Question:
    """Return the question whose answer `spent_of` reads: cost by day and platform, from 56 days before a period on."""
    return Question(
        since=since - timedelta(days=_PATTERN_DAYS),
        until=until,
        metrics=("cost",),
        dimensions=("day", "platform"),
        where=where,
        currency=currency,
    )


def spent_of(answer: Answer, *, read: Collection[date], today: date, curves: Iterable[Curve] = ()) -> list[Spent]:
    """Read what was spent on each day that has been asked about, up to today.

    `read` are the days whose figures have been fetched: of these one without a row had no cost, while any other day
    without a row is missing. A day with an amount that is missing on one platform is missing. With curves of "cost" a
    day that may still change gets what it is expected to end at. Raises BadInput where amounts are in several
    currencies.
    """
    check_currency(answer, money=True)
    known = {curve.platform: curve for curve in curves if curve.metric == "cost"}
    amounts: dict[date, list[int | None]] = defaultdict(list)
    finals: dict[date, list[int]] = defaultdict(list)
    for row in rows_of(answer):
        day, cost = row["day"], row["cost"]
        amounts[day].append(cost)
        curve = known.get(row["platform"])
        final = final_micros(curve, cost, age=(today - day).days)
        finals[day].append(cost or 0 if final is None else final)
    found = []
    days = (answer.question.until - answer.question.since).days + 1
    for day in (answer.question.since + timedelta(days=at) for at in range(days)):
        if day > today:
            break
        if day in amounts:
            there = [amount for amount in amounts[day] if amount is not None]
            whole = sum(there) if len(there) == len(amounts[day]) else None
            final = sum(finals[day])
            moves = whole is not None and final != whole
            found.append(Spent(day=day, micros=whole, final_micros=final if moves else None))
        else:
            found.append(Spent(day=day, micros=0 if day in read else None))
    return found


def final_micros(curve: Curve | None, cost: int | None, *, age: int) -> int | None:
    """Return where the cost of a whole day is expected to end; None where nobody knows, or it will not move."""
    if curve is None or cost is None or age <= 0:
        return None
    found = expect(curve, cost, age=age)
    return None if found is None or found.expected == cost else int(found.expected)


def histories_of(
    rows: Iterable[Moved], definitions: Definitions, *, zones: Mapping[tuple[str, str], str] | None = None
) -> list[DayHistory]:
    """Read what `adjoin.facts.history.restated(..., unmoved=True)` returns; without `unmoved` shares come out too low.

    Metrics get the names under which they are asked for. `zones` are the time zones of accounts by platform and id, in
    which the day of a reading is told; of others it is UTC.
    """
    names = {one.formula: one.name for one in definitions.metrics}
    found = []
    for row in rows:
        zone = ZoneInfo((zones or {}).get((row.platform, row.account_id), "UTC"))
        steps = {step.at.astimezone(zone).date(): step.value for step in row.steps}  # the last of each day
        found.append(
            DayHistory(
                platform=row.platform,
                metric=names.get(row.metric, row.metric),
                day=row.day,
                known=tuple(Known(on=on, value=value) for on, value in steps.items()),
                owner=(row.platform, row.account_id),
            )
        )
    return found


def changing_days(platforms: Mapping[str, ads.Description]) -> dict[str, int]:
    """Return by platform for how many days after a day its results may change: the longest look-back of its facts."""
    return {
        name: max((look_back_horizon(one) for one in said.streams if one.kind == "facts"), default=1) - 1
        for name, said in platforms.items()
    }
