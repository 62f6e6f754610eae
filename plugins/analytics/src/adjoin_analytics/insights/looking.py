"""Asks for what each analysis needs, looks, and ranks what was found.

Each looks at a bounded number of the costliest objects, so that the time it takes does not grow with the workspace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import TypeAlias

from adjoin.analytics import v1
from adjoin.errors import BadInput
from adjoin_analytics.analyses.anomalies import HISTORY, anomalies
from adjoin_analytics.analyses.asked_changes import comparison_question, members_of, parts_of
from adjoin_analytics.analyses.asked_signals import (
    ads_of,
    ads_question,
    daily_question,
    judged_by,
    keywords_of,
    keywords_question,
    search_terms_of,
    search_terms_question,
    series_of,
)
from adjoin_analytics.analyses.completeness import Curve
from adjoin_analytics.analyses.expected_days import ShownDay, days_around, shown_days
from adjoin_analytics.analyses.fatigue import AdHistory, fatigue
from adjoin_analytics.analyses.findings import (
    of_addition,
    of_anomaly,
    of_effect,
    of_exclusion,
    of_fatigue,
    of_wasted_words,
)
from adjoin_analytics.analyses.ranking import Finding, rank
from adjoin_analytics.analyses.search_terms import wasted_words, worth_adding, worth_excluding
from adjoin_analytics.analyses.series import Key, Series
from adjoin_analytics.insights.asked import Ask, Asked, open_day
from adjoin_analytics.insights.dismissals import dismissed
from adjoin_analytics.insights.figures import handed_over

__all__ = ["look"]

#: What draws a finding's days, called for those that are told.
Drawing: TypeAlias = Callable[[], tuple[ShownDay, ...]]

_MOST_OF_A_KIND = 30
_MOST_JUDGED = timedelta(days=35)
_SHOWN_BEFORE = timedelta(days=28)
#: What is judged by itself, and how many of each; 0 for all.
_LEVELS: Mapping[str, int] = {"platform": 0, "account": 25, "campaign": 60}
_MOST_ADS = 300
_MOST_TERMS, _MOST_KEYWORDS = 4_000, 20_000
_TERM_DAYS, _TERM_DELAY = timedelta(days=90), timedelta(days=7)  # most conversions come within a week
_LEAST_SHARE = Fraction(1, 5)  # of a change, to be told as who made it
_LEAST_CHANGE = Fraction(1, 20)  # of the whole
_LEAST_KNOWN = Fraction(9, 10)  # of the days of a period that is compared

_METRICS = ("cost", "conversions", "conversion_value", "ctr", "cvr", "cpc")
#: What one count is worth: the usual cost of one.
_WORTH = {"conversions": "conversions", "cvr": "conversions", "ctr": "clicks"}


@dataclass(slots=True)
class _Found:
    """Findings with what draws their days, and the series that were judged by metric and key."""

    findings: list[Finding] = field(default_factory=list)
    drawings: dict[str, Drawing] = field(default_factory=dict)
    series: dict[tuple[str, Key], Series] = field(default_factory=dict)

    def add(self, finding: Finding, drawing: Drawing | None = None) -> None:
        self.findings.append(finding)
        if drawing is not None:
            self.drawings[finding.id] = drawing


def look(
    ask: Ask,
    context: v1.AnalyticsContext,
    definitions: v1.Definitions,
    *,
    since: date,
    until: date,
    currency: str,
    where: tuple[v1.Condition, ...] = (),
    curves: Sequence[Curve] = (),
) -> v1.Findings:
    """Return what is worth looking at from `since` to `until`, at most 30 of a kind.

    Anomalies of platforms, the 25 costliest accounts and 60 costliest campaigns in the last 35 of the days; campaigns
    that made much of a change of cost against the days before; among the 300 costliest ads those that tire; and among
    the 4,000 costliest search terms, of 90 days up to a week before the last one, those worth adding or excluding.
    `curves` say how much of recent conversions has arrived; without them these are not judged.
    """
    if until < since:
        raise BadInput(f"The days {since} to {until} are the wrong way round.")
    today = open_day(context)
    last = min(until, today - timedelta(1))
    if last < since:
        note = "None of these days is over yet in every account."
        return v1.Findings(since=since, until=until, currency=currency, found=(), notes=(note,))
    here = Asked(ask, definitions, since, last, today, currency, where)
    found = _Found()
    _anomalies(here, found, curves)
    for name, analysis in (("Changes", _changes), ("Ads that tire", _tired), ("Search terms", _terms)):
        try:
            analysis(here, found)
        except BadInput as error:  # no dataset carries it for these conditions
            here.notes.append(f"{name} were not looked for. {error}")
    aside = {one.finding: one for one in dismissed(context)}
    units = {one.name: one.unit for one in definitions.metrics}
    told = []
    of_kind: Counter[str] = Counter()
    for one in rank(found.findings):
        of_kind[one.kind] += one.id not in aside
        if of_kind[one.kind] > _MOST_OF_A_KIND:
            continue
        drawing = found.drawings.get(one.id)
        days = () if drawing is None else drawing()
        told.append(handed_over(one, units=units, names=here.names, days=days, dismissed=aside.get(one.id)))
    cut = sum(max(0, count - _MOST_OF_A_KIND) for count in of_kind.values())
    if cut:
        here.notes.append(f"{cut} more of less weight are not told.")
    return v1.Findings(
        since=since, until=last, currency=currency, found=tuple(told), notes=tuple(dict.fromkeys(here.notes))
    )


def _anomalies(here: Asked, found: _Found, curves: Sequence[Curve]) -> None:
    judged = {name: judged_by(name, here.definitions) for name in _METRICS}
    sums = tuple(dict.fromkeys(name for one in judged.values() for name in one.metrics))
    first = max(here.since, here.until - _MOST_JUDGED + timedelta(1))
    if first > here.since:
        here.notes.append(f"Unusual days were looked for in the last {_MOST_JUDGED.days} days.")
    worth: dict[str, int] = {}
    for level, most in _LEVELS.items():
        more = here.costliest(level, most) if most else ()
        question = daily_question(
            judged["cost"],
            here.dimension(level),
            since=first - timedelta(HISTORY),
            until=here.until,
            currency=here.currency,
            where=(*here.where, *more),
        )
        answer = here.answer(replace(question, metrics=sums), *(() if level == "platform" else (level,)))
        if level == "platform":
            worth = _worth(answer)
            here.notes += answer.notes
            here.notes += _arrival_notes(answer, here, curves)
        for name, one in judged.items():
            # Rows are read in Python: without what this metric does not need that takes half as long.
            needed = {*here.dimension(level).columns[:-1], "platform", "day", "currency", *one.metrics}
            columns = [column for column in answer.rows.column_names if column in needed]
            part = replace(answer, rows=answer.rows.select(columns))
            for each in series_of(part, one, here.dimension(level), today=here.today, curves=curves):
                found.series[name, each.key] = each
    for anomaly in anomalies(list(found.series.values()), since=first, until=here.until):
        series, one = found.series[anomaly.metric, anomaly.key], judged[anomaly.metric]
        # From the first day that was judged on, unless that is too little before it.
        shown_since = max(first, anomaly.since - _SHOWN_BEFORE)
        if anomaly.since - first < _SHOWN_BEFORE / 2:
            shown_since = anomaly.since - _SHOWN_BEFORE
        found.add(
            of_anomaly(anomaly, money=one.money, currency=here.currency, worth_micros=worth.get(anomaly.metric)),
            partial(days_around, series, anomaly, since=shown_since, until=here.until),
        )


def _arrival_notes(answer: v1.Answer, here: Asked, curves: Sequence[Curve]) -> list[str]:
    """Say how conversions of days that platforms may still change are judged, if there are such days."""
    open_ones = {name for name, day in answer.changing_since.items() if day <= here.until}
    if not open_ones:
        return []
    told = {
        one.platform
        for one in curves
        if one.metric == "conversions" and any(each.complete is not None for each in one.ages[:-1])
    }
    notes = []
    if open_ones & told:
        notes.append(
            "Conversions of days that platforms may still change were judged by the share that has usually arrived by "
            "then; where less than half has, or it is not known, they were not judged."
        )
    if open_ones - told:
        whose = "" if not told else f" on {', '.join(sorted(open_ones - told))}"
        notes.append(f"Conversions of days that platforms may still change were not judged{whose}.")
    return notes


def _worth(answer: v1.Answer) -> dict[str, int]:
    """Return what one count usually costs, by metric."""
    cost = answer.totals.get("cost")
    counts = {metric: answer.totals.get(counted) for metric, counted in _WORTH.items()}
    return {metric: round(Fraction(cost) / Fraction(count)) for metric, count in counts.items() if cost and count}


def _changes(here: Asked, found: _Found) -> None:
    """Look for campaigns that made much of a change of cost: what is spent is whole on the next day."""
    length = here.until - here.since + timedelta(1)
    compared = here.since - length
    by_day = here.ask(
        v1.Question(
            since=compared,
            until=here.until,
            metrics=("cost",),
            dimensions=("day",),
            where=here.where,
            currency=here.currency,
        )
    )
    known = [row["day"] for row in by_day.rows.to_pylist() if row["cost"] is not None]
    before, now = sum(day < here.since for day in known), sum(day >= here.since for day in known)
    if min(before, now) < _LEAST_KNOWN * length.days:
        here.notes.append(
            f"Changes were not looked for: of these {length.days} days {now} have figures, of as many before {before}."
        )
        return
    parts, campaign = parts_of("cost", here.definitions, behind=""), here.dimension("campaign")
    question = v1.Question(
        since=here.since,
        until=here.until,
        metrics=("cost",),
        where=here.where,
        currency=here.currency,
        compare=v1.Compare.PREVIOUS_PERIOD,
    )
    answer = here.answer(comparison_question(question, parts, campaign), "campaign")
    comparison = parts.compare(members_of(answer, parts, campaign))
    whole, change = comparison.before, comparison.change
    if not whole or change is None or abs(Fraction(change)) < abs(Fraction(whole)) * _LEAST_CHANGE:
        return
    for effect in comparison.effects:
        if effect.share is None or Fraction(effect.share) < _LEAST_SHARE:
            continue
        series = found.series.get(("cost", effect.key))
        found.add(
            of_effect(effect, metric="cost", since=here.since, until=here.until, money=True, currency=here.currency),
            None if series is None else partial(shown_days, series, since=compared, until=here.until),
        )


def _tired(here: Asked, found: _Found) -> None:
    where = (*here.where, *here.costliest("ad", _MOST_ADS))
    answer = here.answer(ads_question(until=here.until, currency=here.currency, where=where), "ad")
    ads = {one.key: one for one in ads_of(answer)}
    for tired in fatigue(list(ads.values()), until=here.until):
        found.add(
            of_fatigue(tired, currency=here.currency),
            partial(_click_rates, ads[tired.key], expected=tired.expected, since=tired.recent_since),
        )


def _click_rates(ad: AdHistory, *, expected: Decimal, since: date) -> tuple[ShownDay, ...]:
    """Return the click rate of each day, and from `since` on the one that its siblings let expect."""
    return tuple(
        ShownDay(
            day=each.day,
            value=round(Decimal(each.clicks) / each.impressions, 6) if each.impressions else None,
            expected=expected if each.day >= since else None,
        )
        for each in sorted(ad.days, key=lambda one: one.day)
    )


def _terms(here: Asked, found: _Found) -> None:
    until = here.until - _TERM_DELAY
    since = until - _TERM_DAYS + timedelta(1)
    question = search_terms_question(since=since, until=until, currency=here.currency, where=here.where)
    answer = here.answer(replace(question, order_by=("-cost",), limit=_MOST_TERMS), "campaign")
    terms = search_terms_of(answer)
    if not terms:
        return
    if answer.total_rows > _MOST_TERMS:
        here.notes.append(f"Of {answer.total_rows} search terms the {_MOST_TERMS} that cost most were looked at.")
    asked = replace(keywords_question(since=since, until=until, where=here.where), limit=_MOST_KEYWORDS)
    keywords = keywords_of(here.ask(asked))
    told: Mapping[str, date] = {"since": since, "until": until}
    found_terms: Iterable[Finding] = (
        *(of_addition(one, currency=here.currency, **told) for one in worth_adding(terms, keywords=keywords)),
        *(of_exclusion(one, currency=here.currency, **told) for one in worth_excluding(terms, keywords=keywords)),
        *(of_wasted_words(one, currency=here.currency, **told) for one in wasted_words(terms, keep=keywords)),
    )
    for one in found_terms:
        found.add(one)
