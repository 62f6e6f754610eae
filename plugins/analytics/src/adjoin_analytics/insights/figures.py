"""Findings as the contract hands them over: their numbers with titles and units, their objects with names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from adjoin.analytics import v1
from adjoin_analytics.analyses.expected_days import ShownDay
from adjoin_analytics.analyses.ranking import Finding
from adjoin_analytics.analyses.series import Key

__all__ = ["exactly", "handed_over"]

#: What a key is about, by its length.
_DIMENSIONS = ("", "platform", "account", "campaign", "ad_group", "ad")

#: Numbers in the unit of the finding's own metric.
_OF_METRIC = {
    "actual": "Actual",
    "expected": "Expected",
    "low": "At least expected",
    "high": "At most expected",
    "before": "Before",
    "now": "Now",
    "change": "Change",
}

_OTHERS: Mapping[str, tuple[str, v1.Unit]] = {
    "score": ("Deviations", v1.Unit.COUNT),
    "days": ("Days", v1.Unit.COUNT),
    "share": ("Part of the change", v1.Unit.SHARE),
    "ctr_first": ("CTR in the first weeks", v1.Unit.SHARE),
    "ctr_now": ("CTR now", v1.Unit.SHARE),
    "ctr_expected": ("CTR expected", v1.Unit.SHARE),
    "siblings": ("Siblings' CTR against then", v1.Unit.MULTIPLE),
    "impressions": ("Impressions", v1.Unit.COUNT),
    "clicks": ("Clicks", v1.Unit.COUNT),
    "missing_clicks": ("Missing clicks", v1.Unit.COUNT),
    "frequency_first": ("Frequency in the first weeks", v1.Unit.COUNT),
    "frequency_now": ("Frequency now", v1.Unit.COUNT),
    "chance": ("Probability of chance", v1.Unit.SHARE),
    "cost_micros": ("Spend", v1.Unit.MONEY),
    "conversions": ("Conversions", v1.Unit.COUNT),
    "conversions_expected": ("Conversions expected", v1.Unit.COUNT),
    "cpa_micros": ("CPA", v1.Unit.MONEY),
    "goal_micros": ("Goal for the CPA", v1.Unit.MONEY),
    "certainty": ("Certainty", v1.Unit.SHARE),
    "terms": ("Search terms", v1.Unit.COUNT),
}

#: What analyses of other things than the finding's metric call "expected".
_EXPECTED = {
    v1.FindingKind.FATIGUE: "ctr_expected",
    v1.FindingKind.TERM_TO_EXCLUDE: "conversions_expected",
    v1.FindingKind.WASTED_WORDS: "conversions_expected",
}


def exactly(value: int | float | Decimal) -> Decimal:
    """Return a number as a decimal with the digits that it is written with."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def handed_over(
    finding: Finding,
    *,
    units: Mapping[str, v1.Unit],
    names: Mapping[Key, str],
    days: Iterable[ShownDay] = (),
    dismissed: v1.Dismissal | None = None,
) -> v1.Finding:
    """Return a finding in the form of the contract; `units` are those of metrics, `names` those of objects.

    Numbers that are not known are left out.
    """
    kind = v1.FindingKind(finding.kind.value)
    figures = []
    for told, value in finding.evidence.items():
        if value is None:
            continue
        name = _EXPECTED.get(kind, told) if told == "expected" else told
        title, unit = (_OF_METRIC[name], units[finding.metric]) if name in _OF_METRIC else _OTHERS[name]
        figures.append(v1.Figure(name=name, title=title, unit=unit, value=exactly(value)))
    return v1.Finding(
        id=finding.id,
        kind=kind,
        title=finding.title,
        metric=finding.metric,
        dimension=_DIMENSIONS[len(finding.key)],
        key=finding.key,
        since=finding.since,
        until=finding.until,
        severity=float(finding.severity),
        name=names.get(finding.key, ""),
        subject=finding.subject,
        side=finding.side,
        at_stake_micros=finding.at_stake_micros,
        figures=tuple(figures),
        days=tuple(_day(each) for each in days),
        covers=finding.covers,
        dismissed=dismissed,
    )


def _day(each: ShownDay) -> v1.FindingDay:
    value, expected, low, high = (
        None if one is None else exactly(one) for one in (each.value, each.expected, each.low, each.high)
    )
    return v1.FindingDay(day=each.day, value=value, expected=expected, low=low, high=high)
