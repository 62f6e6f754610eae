"""Recent days, whose conversions are still arriving, are judged by how past days have arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from adjoin.ads import v2
from adjoin.analytics import v1
from adjoin.facts import history
from adjoin.testing.fact_stage import FactStage
from adjoin_analytics import Analyst
from adjoin_analytics.insights.arriving import Curves

TODAY = date(2026, 6, 16)
M = 1_000_000
#: Which share of its conversions a day has, by its age.
ARRIVED = [Fraction(part, 10) for part in (5, 6, 7, 8, 9, 10)]
WINDOW = len(ARRIVED) - 1


def share(age: int) -> Fraction:
    return ARRIVED[min(age, WINDOW)]


def seen(stage: FactStage, last: Mapping[date, int], *, daily: bool = True) -> None:
    """Read 130 days at once, then each day the last ones again, at 06:00, as the clock goes on to today.

    A day has 2,000 clicks, costs 100 on its first three days and 90 later, and ends with 400 conversions, or those of
    `last`.
    """
    stage.platforms["meta"] = v2.Description(
        title="Meta",
        base_url="https://api.example.com",
        api_version="1",
        auth=v2.Auth(),
        streams=(v2.Stream(name="account_daily", kind="facts", look_back=(v2.LookBack(days=WINDOW + 1),)),),
    )

    def row(day: date, on: date) -> dict[str, Any]:
        age = (on - day).days
        conversions = Decimal(int(last.get(day, 400) * share(age)))
        return {
            "date": day,
            "clicks": 2000,
            "impressions": 100_000,
            "cost_micros": (100 if age < 3 else 90) * M,
            "conversions": conversions,
            "conversion_value_micros": int(conversions) * 50 * M,
        }

    def read(first: date, on: date) -> None:
        wanted = (datetime(on.year, on.month, on.day, 6, tzinfo=UTC) - stage.clock.now()).total_seconds()
        stage.clock.advance(max(wanted, 0))
        days = [first + timedelta(number) for number in range((on - first).days)]
        stage.put("account_daily", *(row(day, on) for day in days), days=(days[0], days[-1]))

    begun = TODAY - timedelta(24)
    read(begun - timedelta(130), begun)
    for number in range(1, 25):
        on = begun + timedelta(number)
        if daily or on == TODAY:
            read(on - timedelta(WINDOW + 1), on)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, empty_database: bytes) -> FactStage:
    """A fall of conversions by half on the last two days; the days before are as ever."""
    stage = FactStage(tmp_path_factory.mktemp("known"), database=empty_database, now=datetime(2026, 5, 1, tzinfo=UTC))
    seen(stage, {TODAY - timedelta(1): 200, TODAY - timedelta(2): 200})
    return stage


def curves_of(stage: FactStage, curves: Curves | None = None) -> Mapping[str, Sequence[Fraction | None]]:
    context = stage.context()
    found = (curves or Curves()).of(context, Analyst().definitions(context))
    return {one.metric: [each.complete for each in one.ages] for one in found}


def found_days(stage: FactStage) -> set[tuple[str, str, date, date]]:
    found = Analyst().findings(stage.context(), TODAY - timedelta(28), TODAY, "EUR", ())
    return {(one.metric, one.side, one.since, one.until) for one in found.found}


def test_curves_are_those_that_days_followed(known: FactStage) -> None:
    """No day was read on itself, so nothing is known of that age; of the others exactly what was planted."""
    found = curves_of(known)
    assert found["conversions"][1:] == ARRIVED[1:]
    assert found["conversion_value"][1:] == ARRIVED[1:]
    assert found["cost"][1:] == [round(Fraction(10, 9), 12)] * 2 + [1] * 3
    assert set(found) == {"cost", "conversions", "conversion_value"}


def test_a_fall_is_found_before_all_has_arrived(known: FactStage) -> None:
    """The last two days have 120 and 140 conversions, where 240 and 280 should have arrived."""
    fall = (TODAY - timedelta(2), TODAY - timedelta(1))
    told = {one for one in found_days(known) if one[0] in ("conversions", "conversion_value")}
    assert {one[1:] for one in told} == {("below", *fall)}  # one of them stands for the other
    notes = Analyst().findings(known.context(), TODAY - timedelta(28), TODAY, "EUR", ()).notes
    assert any("share that has usually arrived" in note for note in notes)


def test_what_is_still_to_come_is_no_fall(stage: FactStage) -> None:
    """Half of the conversions lack on the last day, as they always do."""
    seen(stage, {})
    assert not {one for one in found_days(stage) if one[0] in ("conversions", "conversion_value", "cvr")}


def test_without_versions_recent_days_are_not_judged(stage: FactStage) -> None:
    """Read once and once again, no step of a young day was seen seven times."""
    seen(stage, {TODAY - timedelta(1): 0, TODAY - timedelta(2): 0}, daily=False)
    assert not {one for one in found_days(stage) if one[0] == "conversions"}
    notes = Analyst().findings(stage.context(), TODAY - timedelta(28), TODAY, "EUR", ()).notes
    assert "Conversions of days that platforms may still change were not judged." in notes


def test_versions_are_read_once(known: FactStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as data stay the same nothing is computed, and what was read stays read when they change."""
    curves = Curves()
    first = curves_of(known, curves)
    reads = []
    sums = history._daily_sums
    monkeypatch.setattr(history, "_daily_sums", lambda *args, **more: reads.append(1) or sums(*args, **more))
    assert curves_of(known, curves) == first
    curves._kept.clear()
    assert curves_of(known, curves) == first
    assert reads == []
    assert curves_of(known) == first
    assert reads


def test_metrics_of_ones_own_are_no_matter(known: FactStage) -> None:
    """Not even one with the formula of conversions."""
    own = v1.CustomMetric(name="leads", title="Leads", unit=v1.Unit.COUNT, formula="conversions")
    Analyst().define_metric(known.context(), own, by="system")
    try:
        assert curves_of(known)["conversions"][1:] == ARRIVED[1:]
    finally:
        Analyst().forget_metric(known.context(), "leads", by="system")


def test_figures_of_the_past_have_no_curves(known: FactStage) -> None:
    """As they stood at an instant: later versions would know better."""
    context = known.context(as_of=known.clock.now() - timedelta(days=3))
    assert Curves().of(context, Analyst().definitions(context)) == ()


def test_a_projection_counts_days_at_what_they_will_cost(known: FactStage) -> None:
    """15 days of June have passed, of which the last two still say 100 and will say 90: 30 days of 90."""
    (pace,) = Analyst().pacing(known.context(), TODAY, ()).accounts
    assert pace.spent_micros == (13 * 90 + 2 * 100) * M
    assert pace.projected_micros == 30 * 90 * M
    assert isinstance(pace, v1.Pace)
