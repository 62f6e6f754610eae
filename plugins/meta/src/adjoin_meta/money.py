"""Meta's two ways to write money, both turned into integer micros without floats.

Budgets and bids are integers in the smallest unit, insights are decimals in major units.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

__all__ = ["major_to_micros", "minor_from_micros", "minor_to_micros", "offset"]

MICROS = 1_000_000

#: Currencies that Meta counts in whole units. Its own table: ISO 4217 gives HUF, COP, IDR, TWD and CRC two digits, and
#: BHD and JOD three, where Meta has none and two.
_WHOLE_UNITS = frozenset({"CLP", "COP", "CRC", "HUF", "ISK", "IDR", "JPY", "KRW", "PYG", "TWD", "VND"})


def offset(currency: str) -> int:
    """Return how many of Meta's smallest units make one unit of the currency."""
    return 1 if currency in _WHOLE_UNITS else 100


def minor_to_micros(amount: str | int | None, currency: str) -> int | None:
    """Turn a budget or bid into micros. Absent and "0" both mean that there is none."""
    if amount is None or amount == "":
        return None
    return int(amount) * (MICROS // offset(currency)) or None


def minor_from_micros(micros: int, currency: str) -> int:
    """Turn micros into Meta's smallest units. ValueError for an amount that they cannot express."""
    units, rest = divmod(micros, MICROS // offset(currency))
    if rest:
        raise ValueError(f"{micros} micros of {currency} is no whole number of Meta's smallest units")
    return units


def major_to_micros(amount: str) -> int:
    """Turn a decimal in major units ("12.37") into micros; beyond six digits it rounds half to even.

    The usual two digits take a short cut, since this runs once per row. ValueError if it is no number.
    """
    if amount[-3:-2] == "." and amount[:-3].isdecimal():
        return int(amount[:-3] + amount[-2:]) * 10_000
    if amount.isdecimal():
        return int(amount) * MICROS
    try:
        return int((Decimal(amount) * MICROS).to_integral_value(ROUND_HALF_EVEN))
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"{amount!r} is no amount of money") from error
