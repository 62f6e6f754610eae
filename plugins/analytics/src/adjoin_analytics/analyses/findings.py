"""The results of each analysis as findings."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from adjoin_analytics.analyses.anomalies import Anomaly, Direction
from adjoin_analytics.analyses.contribution import Effect
from adjoin_analytics.analyses.exact import Exact, as_decimal
from adjoin_analytics.analyses.fatigue import Fatigue
from adjoin_analytics.analyses.ranking import Finding, Kind
from adjoin_analytics.analyses.search_terms import Addition, Exclusion, WastedWords

__all__ = [
    "of_addition",
    "of_anomaly",
    "of_effect",
    "of_exclusion",
    "of_fatigue",
    "of_wasted_words",
]

_SIDES = {Direction.ABOVE: "above", Direction.BELOW: "below"}
_TITLES = {Direction.ABOVE: "Well above what was expected", Direction.BELOW: "Well below what was expected"}


def of_anomaly(anomaly: Anomaly, *, money: bool, currency: str, worth_micros: int | None = None) -> Finding:
    """Return an anomaly as a finding; `money` says that its amounts are micros.

    What is at stake is the distance from what was expected: of money itself; of counts times `worth_micros`, what one
    of them is worth (for conversions their usual cost); of a cost per something times what that should have cost.
    Without `worth_micros` any other count cannot be told in money.
    """
    apart = abs(Decimal(anomaly.amount) - Decimal(anomaly.amount_expected))
    stake: int | None = None
    if money:
        stake = round(apart)
    elif worth_micros is not None:
        stake = round(apart * worth_micros)
    elif anomaly.inverse and anomaly.per is not None and anomaly.amount_expected:
        stake = round(apart * Decimal(anomaly.per) / Decimal(anomaly.amount_expected))
    return Finding(
        kind=Kind.ANOMALY,
        title=_TITLES[anomaly.direction],
        key=anomaly.key,
        metric=anomaly.metric,
        since=anomaly.since,
        until=anomaly.until,
        severity=anomaly.severity,
        evidence=anomaly.evidence,
        at_stake_micros=stake,
        currency=currency,
        side=_SIDES[anomaly.direction],
        occasion=anomaly.since.isoformat(),
    )


def of_effect(
    effect: Effect,
    *,
    metric: str,
    since: date,
    until: date,
    money: bool,
    currency: str,
    worth_micros: int | None = None,
) -> Finding:
    """Return what one member did to a whole as a finding of the period `since` to `until`.

    `money` says that the compared figure is a sum of micros; `worth_micros` is as for an anomaly, and of a ratio there
    is none. Its severity is its part of the whole change.
    """
    stake: int | None = None
    if money:
        stake = abs(round(effect.change))
    elif worth_micros is not None:
        stake = abs(round(effect.change * worth_micros))
    rising = effect.change > 0
    return Finding(
        kind=Kind.CONTRIBUTION,
        title="Made much of the rise" if rising else "Made much of the fall",
        key=effect.key,
        metric=metric,
        since=since,
        until=until,
        severity=0.0 if effect.share is None else min(1.0, abs(float(effect.share))),
        evidence={
            "before": _number(effect.before),
            "now": _number(effect.now),
            "change": _number(effect.change),
            "share": _number(effect.share),
        },
        at_stake_micros=stake,
        currency=currency,
        side="above" if rising else "below",
        occasion=since.isoformat(),
    )


def of_fatigue(found: Fatigue, *, currency: str) -> Finding:
    """Return a tired ad as a finding; at stake is what paid for the missing clicks in the recent days."""
    return Finding(
        kind=Kind.FATIGUE,
        title="Fewer people click than in this ad's first weeks",
        key=found.key,
        metric="ctr",
        since=found.recent_since,
        until=found.recent_until,
        severity=found.severity,
        evidence={**found.evidence, "cost_micros": found.cost_micros},
        at_stake_micros=found.wasted_micros,
        currency=currency,
        side="below",
    )


def of_addition(found: Addition, *, since: date, until: date, currency: str) -> Finding:
    """Return a search term worth a keyword as a finding; at stake is what it gains against the goal."""
    return Finding(
        kind=Kind.TERM_TO_ADD,
        title="This search term converts well and is no keyword yet",
        key=found.campaign,
        subject=found.text,
        metric="cpa",
        since=since,
        until=until,
        severity=found.certainty,
        evidence=found.evidence,
        at_stake_micros=max(0, found.gained_micros),
        currency=currency,
    )


def of_exclusion(found: Exclusion, *, since: date, until: date, currency: str) -> Finding:
    """Return a search term that only costs as a finding; at stake is its cost."""
    return Finding(
        kind=Kind.TERM_TO_EXCLUDE,
        title="This search term spends without converting",
        key=found.campaign,
        subject=found.text,
        metric="conversions",
        since=since,
        until=until,
        severity=round(1 - found.chance, 4),
        evidence=found.evidence,
        at_stake_micros=found.cost_micros,
        currency=currency,
    )


def of_wasted_words(found: WastedWords, *, since: date, until: date, currency: str) -> Finding:
    """Return words that waste over many search terms as a finding; at stake is their cost beyond the usual."""
    return Finding(
        kind=Kind.WASTED_WORDS,
        title="Search terms with these words cost more than they bring",
        key=found.account,
        subject=found.words,
        metric="conversions",
        since=since,
        until=until,
        severity=round(1 - found.chance, 4),
        evidence=found.evidence,
        at_stake_micros=found.wasted_micros,
        currency=currency,
    )


def _number(value: Exact | None) -> int | Decimal | None:
    return value if value is None or isinstance(value, int) else as_decimal(value)
