"""How numbers, amounts, days and instants are written for somebody. What is missing is "–", never 0.

Figures and days follow the reader's language and country, or what they chose instead; hours are written from 0 to 24.
Symbols, months and the order of dates come from the Unicode CLDR, by way of Babel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from babel import Locale

__all__ = ["MISSING", "DateFormat", "NumberFormat", "Writer", "currency_sign", "decimals", "duration"]

MISSING = "–"

_SIGNS = {
    "AUD": "A$",
    "BRL": "R$",
    "CAD": "CA$",
    "CNY": "CN¥",
    "EUR": "€",
    "GBP": "£",
    "HKD": "HK$",
    "ILS": "₪",
    "INR": "₹",
    "JPY": "¥",
    "KRW": "₩",
    "MXN": "MX$",
    "NZD": "NZ$",
    "TRY": "₺",
    "USD": "$",
}
_WITHOUT_CENTS = frozenset({"CLP", "JPY", "KRW", "VND"})
_STEPS = ((Decimal(10**9), "bn"), (Decimal(10**6), "M"), (Decimal(10**3), "k"))
_MICROS = Decimal(10**6)


class NumberFormat(StrEnum):
    """How numbers are written, shown by example; the empty one goes by the locale."""

    LOCALE = ""
    COMMA_POINT = "1,234.5"
    POINT_COMMA = "1.234,5"
    SPACE_COMMA = "1 234,5"
    APOSTROPHE_POINT = "1'234.5"


class DateFormat(StrEnum):
    """How days are written; the empty one goes by the locale."""

    LOCALE = ""
    ISO = "yyyy-mm-dd"
    POINTS = "dd.mm.yyyy"
    DAY_FIRST = "dd/mm/yyyy"
    MONTH_FIRST = "mm/dd/yyyy"


#: What separates thousands, and what the decimals.
_SYMBOLS = {
    NumberFormat.COMMA_POINT: (",", "."),
    NumberFormat.POINT_COMMA: (".", ","),
    NumberFormat.SPACE_COMMA: ("\N{NARROW NO-BREAK SPACE}", ","),
    NumberFormat.APOSTROPHE_POINT: ("'", "."),
}
_PATTERNS = {
    DateFormat.ISO: "%Y-%m-%d",
    DateFormat.POINTS: "%d.%m.%Y",
    DateFormat.DAY_FIRST: "%d/%m/%Y",
    DateFormat.MONTH_FIRST: "%m/%d/%Y",
}
#: English of no country: what everybody who reads English takes for the same day and the same number.
_WORLD = "en_001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes for one reader; equal ones write alike, so that what they wrote can be kept.

    `locale` is a language with or without a country ("de-CH"); one that is not known counts as "en". `time_zone` is an
    IANA name, the zone that instants are told in.
    """

    locale: str = "en"
    numbers: NumberFormat = NumberFormat.LOCALE
    dates: DateFormat = DateFormat.LOCALE
    time_zone: str = "UTC"

    def money(self, micros: int | Decimal | None, currency: str, *, compact: bool = False) -> str:
        """Write an amount: no decimals from 100, else two; `compact` shortens from 10,000 ("€668.4k")."""
        if micros is None:
            return MISSING
        amount = Decimal(micros) / _MICROS
        sign = "−" if amount < 0 else ""
        digits = 0 if abs(amount) >= 100 or currency in _WITHOUT_CENTS else 2
        return f"{sign}{currency_sign(currency)}{self._compact(abs(amount), digits, compact=compact)}"

    def count(self, value: int | Decimal | None, *, compact: bool = False) -> str:
        """Write a count; conversions may have a fraction, which is shown with one digit below 1,000."""
        if value is None:
            return MISSING
        exact = Decimal(value)
        whole = exact == exact.to_integral_value() or abs(exact) >= 1000
        return self._compact(exact, 0 if whole else 1, compact=compact)

    def counted(self, value: int, one: str, many: str = "") -> str:
        """Write a count with its noun: "1 member", "2 members"."""
        return f"{self.count(value)} {one if value == 1 else many or f'{one}s'}"

    def percent(self, ratio: Decimal | None, digits: int = 2) -> str:
        """Write a ratio as percent: 0.0166 is "1.66%"."""
        return MISSING if ratio is None else f"{self.number(ratio * 100, digits)}%"

    def times(self, ratio: Decimal | None) -> str:
        """Write a ratio as a multiple: "5.54×"."""
        return MISSING if ratio is None else f"{self.number(ratio, 2)}×"

    def change(self, now: int | Decimal | None, before: int | Decimal | None) -> str | None:
        """Write the relative change with its sign, "+2.6%"; None where there is nothing to compare with."""
        if now is None or before is None or before == 0:
            return None
        return self.signed((Decimal(now) - Decimal(before)) / abs(Decimal(before)) * 100, 1, "%")

    def points(self, now: Decimal | None, before: Decimal | None) -> str | None:
        """Write the change of a percentage in percentage points, "−0.12 pp"; None where one is missing."""
        if now is None or before is None:
            return None
        return self.signed((now - before) * 100, 2, "\N{NARROW NO-BREAK SPACE}pp")

    def signed(self, value: Decimal, digits: int, unit: str = "") -> str:
        """Write a number with its sign also where it is positive: "+2.6", "±0.0"."""
        rounded = _rounded(value, digits)
        sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
        return f"{sign}{self.number(abs(rounded), digits)}{unit}"

    def number(self, value: Decimal, digits: int) -> str:
        """Write a number with so many decimals, rounded half to even."""
        group, point = self.symbols
        return f"{_rounded(value, digits):,.{digits}f}".translate({ord(","): group, ord("."): point})

    def day(self, value: date) -> str:
        """Write a day: "20 Nov 2026". Of an instant it is the day in the reader's zone."""
        if isinstance(value, datetime):
            value = value.astimezone(ZoneInfo(self.time_zone)).date()
        if self.dates:
            return value.strftime(_PATTERNS[self.dates])
        return _day(self.locale, value.year, value.month, value.day)

    def days(self, first: date, last: date) -> str:
        """Write a range of days, without repeating what both share: "22 Oct – 20 Nov 2026"."""
        if first == last:
            return self.day(first)
        if self.dates:
            return f"{self.day(first)} – {self.day(last)}"
        from babel.dates import format_interval

        told = format_interval(first, last, skeleton="yMMMd", locale=_locale(self.locale))
        return told.replace("\N{THIN SPACE}", " ")  # which not every font has

    def moment(self, instant: datetime, *, seconds: bool = False) -> str:
        """Write an instant to the minute or the second, in the reader's zone: "20 Nov 2026, 06:14"."""
        clock = "%H:%M:%S" if seconds else "%H:%M"
        return f"{self.day(instant)}, {instant.astimezone(ZoneInfo(self.time_zone)):{clock}}"

    def stamp(self, instant: datetime) -> str:
        """Write an instant with the zone it is told in: "20 Nov 2026, 06:14 (Europe/Berlin)"."""
        return f"{self.moment(instant)} ({self.time_zone})"

    @property
    def symbols(self) -> tuple[str, str]:
        """What separates thousands, and what the decimals."""
        return _SYMBOLS[self.numbers] if self.numbers else _symbols(self.locale)

    @property
    def date_order(self) -> str:
        """How a day is typed: "YYYY-MM-DD", or the parts in another order, between ".", "/" or "-"."""
        if self.dates:
            return self.dates.value.upper()
        return _date_order(self.locale)

    def _compact(self, value: Decimal, digits: int, *, compact: bool) -> str:
        if compact and abs(value) >= 10_000:
            for size, letter in _STEPS:
                # 999,950 would round to 1,000.0k, so the next step begins where the rounding does.
                if abs(value) >= size * Decimal("0.99995"):
                    return f"{self.number(value / size, 1)}{letter}"
        return self.number(value, digits)


def currency_sign(currency: str) -> str:
    """Return what stands before an amount: "€", or the code and a space where the sign is not known to everyone."""
    return _SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}")


def decimals(largest: float, currency: str) -> int:
    """Return how many decimals a column of amounts needs whose largest is given."""
    return 0 if currency in _WITHOUT_CENTS or largest >= 100 else 2


def duration(length: timedelta) -> str:
    """Write a duration with its two largest units: "1 h 04 min", "2 min 05 s", "0.4 s"."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


@lru_cache(maxsize=64)
def _locale(name: str) -> Locale:
    from babel import Locale, UnknownLocaleError

    language, *rest = name.replace("-", "_").split("_")
    for attempt in (name.replace("-", "_"), language):
        if attempt == "en" or (not rest and language == "en"):
            break
        try:
            return Locale.parse(attempt)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(_WORLD)


@lru_cache(maxsize=64)
def _symbols(name: str) -> tuple[str, str]:
    from babel.numbers import get_decimal_symbol, get_group_symbol

    locale = _locale(name)  # "latn": the digits are always 0 to 9
    return get_group_symbol(locale, numbering_system="latn"), get_decimal_symbol(locale, numbering_system="latn")


@lru_cache(maxsize=8192)
def _day(name: str, year: int, month: int, day: int) -> str:
    from babel.dates import format_skeleton

    return format_skeleton("yMMMd", date(year, month, day), locale=_locale(name))


@lru_cache(maxsize=64)
def _date_order(name: str) -> str:
    locale = _locale(name)
    if str(locale) == _WORLD:
        return "YYYY-MM-DD"
    pattern = locale.date_formats["short"].pattern
    parts = {"d": "DD", "M": "MM", "y": "YYYY"}
    order = list(dict.fromkeys(letter for letter in pattern if letter in parts))
    between = re.search(r"(?<=[dMy])[./-]", pattern)
    known = "".join(order) in {"dMy", "Mdy", "yMd"}
    return (between.group() if between else "/").join(parts[one] for one in (order if known else "yMd"))
