"""How numbers are written on the pages. A missing number is "–", never 0."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

__all__ = [
    "MISSING",
    "change",
    "count",
    "currency_sign",
    "day",
    "days",
    "decimals",
    "duration",
    "escaped",
    "money",
    "percent",
    "points",
    "stamp",
    "times",
]

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
_LINKED = re.compile(r"(?:www(?=\.)|:(?=//)|(?<=\S)@(?=\S))", re.IGNORECASE)
_WITHOUT_CENTS = frozenset({"CLP", "JPY", "KRW", "VND"})
_STEPS = ((Decimal(10**9), "bn"), (Decimal(10**6), "M"), (Decimal(10**3), "k"))
_MICROS = Decimal(10**6)


def currency_sign(currency: str) -> str:
    """Return what stands before an amount: "€", or the code and a space where the sign is not known to everyone."""
    return _SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}")


def money(micros: int | Decimal | None, currency: str, *, compact: bool = False) -> str:
    """Write an amount: no decimals from 100, else two; `compact` shortens from 10,000 ("€668.4k")."""
    if micros is None:
        return MISSING
    amount = Decimal(micros) / _MICROS
    sign = "−" if amount < 0 else ""
    digits = 0 if abs(amount) >= 100 or currency in _WITHOUT_CENTS else 2
    return f"{sign}{currency_sign(currency)}{_number(abs(amount), digits, compact=compact)}"


def decimals(largest: float, currency: str) -> int:
    """Return how many decimals a column of amounts needs whose largest is given."""
    return 0 if currency in _WITHOUT_CENTS or largest >= 100 else 2


def count(value: int | Decimal | None, *, compact: bool = False) -> str:
    """Write a count; conversions may have a fraction, which is shown with one digit below 1,000."""
    if value is None:
        return MISSING
    exact = Decimal(value)
    whole = exact == exact.to_integral_value() or abs(exact) >= 1000
    return _number(exact, 0 if whole else 1, compact=compact)


def percent(ratio: Decimal | None, digits: int = 2) -> str:
    """Write a ratio as percent: 0.0166 is "1.66%"."""
    return MISSING if ratio is None else f"{_rounded(ratio * 100, digits):,.{digits}f}%"


def times(ratio: Decimal | None) -> str:
    """Write a ratio as a multiple: "5.54×"."""
    return MISSING if ratio is None else f"{_rounded(ratio, 2):,.2f}×"


def change(now: int | Decimal | None, before: int | Decimal | None) -> str | None:
    """Write the relative change with its sign, "+2.6%"; None where there is nothing to compare with."""
    if now is None or before is None or before == 0:
        return None
    return _signed((Decimal(now) - Decimal(before)) / abs(Decimal(before)) * 100, 1, "%")


def points(now: Decimal | None, before: Decimal | None) -> str | None:
    """Write the change of a percentage in percentage points, "−0.12 pp"; None where one is missing."""
    return None if now is None or before is None else _signed((now - before) * 100, 2, "\N{NARROW NO-BREAK SPACE}pp")


def day(value: date) -> str:
    """Write a day: "20 Nov 2026"."""
    return f"{value.day} {value:%b %Y}"


def days(first: date, last: date) -> str:
    """Write a range of days without repeating what both share: "22 Oct – 20 Nov 2026"."""
    if first == last:
        return day(first)
    if first.year != last.year:
        return f"{day(first)} – {day(last)}"
    start = str(first.day) if first.month == last.month else f"{first.day} {first:%b}"
    return f"{start} – {day(last)}"


def stamp(instant: datetime, zone: str) -> str:
    """Write an instant in a zone: "20 Nov 2026, 06:14 (Europe/Berlin)"."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{day(local.date())}, {local:%H:%M} ({zone})"


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


def escaped(text: str) -> str:
    """Return text so that Streamlit's Markdown shows it as it is: names come from platforms, "$" begins a formula.

    What looks like an address would become a link whoever wrote it; a sign that is not seen keeps it from that.
    """
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:])", r"\\\1", _LINKED.sub("\\g<0>\u2060", text))


def _number(value: Decimal, digits: int, *, compact: bool) -> str:
    if compact and abs(value) >= 10_000:
        for size, letter in _STEPS:
            # 999,950 would round to 1,000.0k, so the next step begins where the rounding does.
            if abs(value) >= size * Decimal("0.99995"):
                return f"{_rounded(value / size, 1):,.1f}{letter}"
    return f"{_rounded(value, digits):,.{digits}f}"


def _signed(value: Decimal, digits: int, unit: str) -> str:
    rounded = _rounded(value, digits)
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{abs(rounded):,.{digits}f}{unit}"


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
