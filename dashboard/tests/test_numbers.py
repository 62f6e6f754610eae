"""Numbers are written as the pages promise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from adjoin_dashboard import numbers


@pytest.mark.parametrize(
    ("micros", "currency", "compact", "written"),
    [
        (668_400_000_000, "EUR", True, "€668.4k"),
        (11_510_000, "EUR", False, "€11.51"),
        (99_994_999, "EUR", False, "€99.99"),
        (100_400_000, "USD", False, "$100"),
        (9_999_000_000, "EUR", True, "€9,999"),
        (999_960_000_000, "EUR", True, "€1.0M"),
        (1_234_567_000_000_000, "EUR", True, "€1.2bn"),
        (1_500_000, "JPY", False, "¥2"),
        (5_000_000, "CHF", False, "CHF\N{NO-BREAK SPACE}5.00"),
        (-2_500_000, "EUR", False, "−€2.50"),
        (0, "EUR", False, "€0.00"),
        (None, "EUR", True, "–"),
    ],
)
def test_amounts(micros: int | None, currency: str, compact: bool, written: str) -> None:
    """Amounts have no decimals from 100, the sign of the currency, and a dash when missing, never 0."""
    assert numbers.money(micros, currency, compact=compact) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(58_064, "58,064"), (Decimal("12.5"), "12.5"), (Decimal("12.0"), "12"), (Decimal("1234.5"), "1,234"), (None, "–")],
)
def test_counts(value: int | Decimal | None, written: str) -> None:
    """Counts show a fraction only where it matters."""
    assert numbers.count(value) == written


@pytest.mark.parametrize(
    ("now", "before", "written"),
    [(105, 100, "+5.0%"), (95, 100, "−5.0%"), (100, 100, "±0.0%"), (5, 0, None), (None, 3, None), (3, None, None)],
)
def test_changes_have_a_sign(now: int | None, before: int | None, written: str | None) -> None:
    """A change shows its sign; without anything to compare with there is none."""
    assert numbers.change(now, before) == written


def test_ratios_change_in_percentage_points() -> None:
    """From 1.70% to 1.66% is four hundredths of a point, not 2.4 percent."""
    assert numbers.points(Decimal("0.0166"), Decimal("0.0170")) == "−0.04\N{NARROW NO-BREAK SPACE}pp"


def test_ratios() -> None:
    """Rates have two decimals and multiples their sign."""
    assert numbers.percent(Decimal("0.01662")) == "1.66%"
    assert numbers.times(Decimal("5.5449")) == "5.54×"
    assert numbers.times(None) == "–"


def test_stamps_name_their_zone() -> None:
    """An instant is shown in the zone that it names."""
    assert numbers.stamp(datetime(2026, 11, 20, 5, 14, tzinfo=UTC), "Europe/Berlin") == (
        "20 Nov 2026, 06:14 (Europe/Berlin)"
    )


@pytest.mark.parametrize(
    ("first", "last", "written"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), "20 Nov 2026"),
        (date(2026, 11, 1), date(2026, 11, 20), "1 – 20 Nov 2026"),
        (date(2026, 10, 22), date(2026, 11, 20), "22 Oct – 20 Nov 2026"),
        (date(2025, 12, 22), date(2026, 1, 3), "22 Dec 2025 – 3 Jan 2026"),
    ],
)
def test_ranges_of_days_do_not_repeat_themselves(first: date, last: date, written: str) -> None:
    """The month and the year are written once when they are the same."""
    assert numbers.days(first, last) == written


@pytest.mark.parametrize(
    ("length", "written"),
    [(0.42, "0.4 s"), (59, "59 s"), (125, "2 min 05 s"), (3840, "1 h 04 min"), (-5, "0.0 s")],
)
def test_durations(length: float, written: str) -> None:
    """A duration has its two largest units."""
    assert numbers.duration(timedelta(seconds=length)) == written


def test_names_are_no_markdown() -> None:
    """A name from a platform is shown as it is: it makes no link, no formula and no emphasis."""
    assert numbers.escaped("a*b* [x](y) $1$") == r"a\*b\* \[x\]\(y\) \$1\$"
    assert numbers.escaped("www.a.org http://b a@c") == "www\u2060.a.org http\\:\u2060//b a@\u2060c"
