"""Numbers and days are written as their reader has them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from adjoin.writing import DateFormat, NumberFormat, Writer, duration

PLAIN = Writer()


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
    assert PLAIN.money(micros, currency, compact=compact) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(58_064, "58,064"), (Decimal("12.5"), "12.5"), (Decimal("12.0"), "12"), (Decimal("1234.5"), "1,234"), (None, "–")],
)
def test_counts(value: int | Decimal | None, written: str) -> None:
    """Counts show a fraction only where it matters."""
    assert PLAIN.count(value) == written


@pytest.mark.parametrize(
    ("now", "before", "written"),
    [(105, 100, "+5.0%"), (95, 100, "−5.0%"), (100, 100, "±0.0%"), (5, 0, None), (None, 3, None), (3, None, None)],
)
def test_changes_have_a_sign(now: int | None, before: int | None, written: str | None) -> None:
    """A change shows its sign; without anything to compare with there is none."""
    assert PLAIN.change(now, before) == written


def test_ratios_change_in_percentage_points() -> None:
    """From 1.70% to 1.66% is four hundredths of a point, not 2.4 percent."""
    assert PLAIN.points(Decimal("0.0166"), Decimal("0.0170")) == "−0.04\N{NARROW NO-BREAK SPACE}pp"


def test_ratios() -> None:
    """Rates have two decimals and multiples their sign."""
    assert PLAIN.percent(Decimal("0.01662")) == "1.66%"
    assert PLAIN.times(Decimal("5.5449")) == "5.54×"
    assert PLAIN.times(None) == "–"


def test_stamps_name_their_zone() -> None:
    """An instant is shown in the zone that it names."""
    assert Writer(time_zone="Europe/Berlin").stamp(datetime(2026, 11, 20, 5, 14, tzinfo=UTC)) == (
        "20 Nov 2026, 06:14 (Europe/Berlin)"
    )


@pytest.mark.parametrize(
    ("first", "last", "written"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), "20 Nov 2026"),
        (date(2026, 11, 1), date(2026, 11, 20), "1–20 Nov 2026"),
        (date(2026, 10, 22), date(2026, 11, 20), "22 Oct – 20 Nov 2026"),
        (date(2025, 12, 22), date(2026, 1, 3), "22 Dec 2025 – 3 Jan 2026"),
    ],
)
def test_ranges_of_days_do_not_repeat_themselves(first: date, last: date, written: str) -> None:
    """The month and the year are written once when they are the same."""
    assert PLAIN.days(first, last) == written


@pytest.mark.parametrize(
    ("length", "written"),
    [(0.42, "0.4 s"), (59, "59 s"), (125, "2 min 05 s"), (3840, "1 h 04 min"), (-5, "0.0 s")],
)
def test_durations(length: float, written: str) -> None:
    """A duration has its two largest units."""
    assert duration(timedelta(seconds=length)) == written


@pytest.mark.parametrize(
    ("locale", "amount", "day", "days", "typed"),
    [
        ("en", "€1,234,568", "1 Nov 2026", "1–20 Nov 2026", "YYYY-MM-DD"),
        ("en-US", "€1,234,568", "Nov 1, 2026", "Nov 1 – 20, 2026", "MM/DD/YYYY"),
        ("en-GB", "€1,234,568", "1 Nov 2026", "1–20 Nov 2026", "DD/MM/YYYY"),
        ("de", "€1.234.568", "1. Nov. 2026", "1.–20. Nov. 2026", "DD.MM.YYYY"),
        ("de-CH", "€1’234’568", "1. Nov. 2026", "1.–20. Nov. 2026", "DD.MM.YYYY"),
        ("fr", "€1\u202f234\u202f568", "1 nov. 2026", "1–20 nov. 2026", "DD/MM/YYYY"),
        ("sv", "€1\xa0234\xa0568", "1 nov. 2026", "1–20 nov. 2026", "YYYY-MM-DD"),
        ("ja", "€1,234,568", "2026年11月1日", "2026年11月1日～20日", "YYYY/MM/DD"),
        ("xx-XX", "€1,234,568", "1 Nov 2026", "1–20 Nov 2026", "YYYY-MM-DD"),
    ],
)
def test_a_country_has_its_way_of_writing(locale: str, amount: str, day: str, days: str, typed: str) -> None:
    """Symbols, months and their order are those of the locale; one that is not known reads as English."""
    write = Writer(locale=locale)
    first, last = date(2026, 11, 1), date(2026, 11, 20)
    assert write.money(1_234_568_000_000, "EUR") == amount
    assert (write.day(first), write.days(first, last)) == (day, days)
    assert write.date_order == typed


@pytest.mark.parametrize(
    ("chosen", "number", "percentage", "change"),
    [
        (NumberFormat.COMMA_POINT, "1,234.50", "1.66%", "+1,900.0%"),
        (NumberFormat.POINT_COMMA, "1.234,50", "1,66%", "+1.900,0%"),
        (NumberFormat.SPACE_COMMA, "1\u202f234,50", "1,66%", "+1\u202f900,0%"),
        (NumberFormat.APOSTROPHE_POINT, "1'234.50", "1.66%", "+1'900.0%"),
    ],
)
def test_a_chosen_format_wins(chosen: NumberFormat, number: str, percentage: str, change: str) -> None:
    """Somebody in one country may have numbers written as in another."""
    write = Writer(locale="de", numbers=chosen)
    assert write.number(Decimal("1234.5"), 2) == number
    assert write.percent(Decimal("0.0166")) == percentage
    assert write.change(20, 1) == change
    assert write.counted(1, "day") == "1 day"


@pytest.mark.parametrize(
    ("chosen", "day", "days", "typed"),
    [
        (DateFormat.ISO, "2026-11-01", "2026-11-01 – 2026-11-20", "YYYY-MM-DD"),
        (DateFormat.POINTS, "01.11.2026", "01.11.2026 – 20.11.2026", "DD.MM.YYYY"),
        (DateFormat.DAY_FIRST, "01/11/2026", "01/11/2026 – 20/11/2026", "DD/MM/YYYY"),
        (DateFormat.MONTH_FIRST, "11/01/2026", "11/01/2026 – 11/20/2026", "MM/DD/YYYY"),
    ],
)
def test_chosen_dates_are_typed_alike(chosen: DateFormat, day: str, days: str, typed: str) -> None:
    """A day is written and typed in the same order."""
    write = Writer(dates=chosen)
    assert (write.day(date(2026, 11, 1)), write.days(date(2026, 11, 1), date(2026, 11, 20))) == (day, days)
    assert write.date_order == typed


def test_the_day_of_an_instant_is_the_readers() -> None:
    """Late in the evening in London it is tomorrow in Tokyo."""
    late = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
    assert Writer(time_zone="Asia/Tokyo").day(late) == "21 Nov 2026"
    assert PLAIN.moment(late, seconds=True) == "20 Nov 2026, 22:30:00"
