"""The Overview's figures follow from the rows, with answers worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from adjoin.writing import Writer
from adjoin_dashboard.overview.model import (
    DayRow,
    Figures,
    Kpi,
    Overview,
    Period,
    PeriodFigures,
    build,
    compared,
    default_period,
    rows_as_csv,
)

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
PERIOD = Period(MONDAY, TUESDAY)


def figures(
    cost: int, conversions: int | None = None, clicks: int = 0, impressions: int = 0, value: int = 0
) -> Figures:
    return Figures(
        impressions=impressions,
        clicks=clicks,
        cost_micros=cost * 1_000_000,
        conversions=None if conversions is None else Decimal(conversions),
        conversion_value_micros=value * 1_000_000,
    )


def period_figures(days: dict[tuple[str, date], Figures]) -> PeriodFigures:
    total = sum(days.values(), Figures())
    return PeriodFigures(
        totals=total, days=days, accounts={(platform, "1"): one for (platform, _), one in days.items()}
    )


def overview(before: PeriodFigures | None = None) -> Overview:
    now = period_figures(
        {
            ("meta", MONDAY): figures(100, 1, clicks=10, impressions=1000, value=300),
            ("google", MONDAY): figures(50, 9, clicks=40, impressions=1000, value=300),
        }
    )
    return build(period=PERIOD, currency="EUR", now=now, before=before, covered={("meta", TUESDAY)}, write=Writer())


def kpi(page: Overview, label: str) -> Kpi:
    return next(one for one in page.kpis if one.label == label)


def test_ratios_are_sums_divided_by_sums() -> None:
    """CPA is 150 / 10, not the average of 100 / 1 and 50 / 9."""
    page = overview()
    assert kpi(page, "CPA").value == "€15.00"
    assert kpi(page, "ROAS").value == "4.00×"
    assert kpi(page, "CTR").value == "2.50%"


def test_a_metric_that_nobody_gives_is_missing_not_zero() -> None:
    """Without conversions there is no CPA either."""
    now = period_figures({("meta", MONDAY): figures(100, None)})
    page = build(period=PERIOD, currency="EUR", now=now, before=None, write=Writer())
    assert [kpi(page, label).value for label in ("Conversions", "CPA")] == ["–", "–"]


def test_a_metric_that_one_platform_gives_is_its_sum() -> None:
    """None is skipped when figures are added."""
    assert (figures(1, None) + figures(1, 3)).conversions == 3
    assert (figures(1, None) + figures(1, None)).conversions is None


def test_good_and_bad_depend_on_the_metric() -> None:
    """More cost per conversion is bad, more return is good, and more spend is neither."""
    before = period_figures({("meta", MONDAY): figures(120, 10, clicks=50, impressions=2000, value=400)})
    page = overview(before)
    assert (kpi(page, "Spend").delta, kpi(page, "Spend").good, kpi(page, "Spend").direction) == ("+25.0%", None, "up")
    assert (kpi(page, "CPA").delta, kpi(page, "CPA").good) == ("+25.0%", False)
    assert (kpi(page, "ROAS").delta, kpi(page, "ROAS").good) == ("+20.0%", True)
    assert kpi(page, "Conversions").delta == "±0.0%"
    assert kpi(page, "Conversions").good is None


def test_without_a_compared_period_there_is_no_change() -> None:
    """No comparison means no delta, not a delta of zero."""
    assert {one.delta for one in overview().kpis} == {None}


def test_a_synced_day_without_rows_is_zero_and_another_is_missing() -> None:
    """A gap in the data is a gap in the drawing."""
    trends = {one.platform: one.trend for one in overview().platforms}
    assert trends == {"meta": (100.0, 0.0), "google": (50.0, None)}


def test_platforms_are_ordered_by_spend() -> None:
    """The largest comes first."""
    assert [one.platform for one in overview().platforms] == ["meta", "google"]


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ("Previous period", Period(date(2026, 11, 14), date(2026, 11, 15))),
        ("Previous year", Period(date(2025, 11, 17), date(2025, 11, 18))),
        ("Nothing", None),
    ],
)
def test_compared_periods(comparison: str, expected: Period | None) -> None:
    """The period before has the same length; the year before begins on the same weekday."""
    assert compared(PERIOD, comparison) == expected  # type: ignore[arg-type]


def test_the_default_is_the_last_30_full_days() -> None:
    """Today is not over and is left out."""
    assert default_period(date(2026, 11, 21), None) == Period(date(2026, 10, 22), date(2026, 11, 20))


def test_old_data_is_shown_by_default_when_there_is_no_newer() -> None:
    """An empty page helps nobody."""
    held = Period(date(2023, 8, 1), date(2023, 8, 31))
    assert default_period(date(2026, 11, 21), held) == Period(date(2023, 8, 2), date(2023, 8, 31))


def test_csv_is_exact_and_safe_to_open() -> None:
    """Amounts keep every digit, missing ones are empty, and a name cannot become a formula."""
    row = DayRow(
        day=MONDAY,
        platform="meta",
        account_id="1",
        currency="EUR",
        figures=Figures(impressions=3, cost_micros=1_234_567, conversions=Decimal("1.500000000")),
    )
    lines = rows_as_csv([row], {("meta", "1"): "=HYPERLINK(1)"}).splitlines()
    assert lines[1] == "2026-11-16,meta,1,'=HYPERLINK(1),EUR,3,,1.234567,1.5,"
